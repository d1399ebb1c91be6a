"""Synthesis is deterministic, keeps sides apart, survives a small device and warns of odd boxes."""

from dataclasses import replace

import numpy as np
import pytest
import runs

from CT2MRSynthLib.errors import Cancelled, CT2MRSynthError, InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.greylevels import CTWindow, to_grey_levels
from CT2MRSynthLib.volume import Volume

torch = pytest.importorskip("torch", reason="no torch")

from CT2MRSynthLib.bundle import load_bundle, save_bundle  # noqa: E402
from CT2MRSynthLib.device import Device  # noqa: E402
from CT2MRSynthLib.networks.generator import Generator  # noqa: E402
from CT2MRSynthLib.synthesis import Synthesizer, synthesize, synthesize_boxes  # noqa: E402

CARD = {"name": "johnson-resnet", "width": 4, "blocks": 1}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A generator of four channels."""
    return load_bundle(runs.write_bundle(tmp_path_factory.mktemp("tiny") / "bundle"))


@pytest.fixture
def synthesizer(tiny):
    return Synthesizer(tiny, "cpu", "float32")


@pytest.fixture
def slices():
    """Three CT-like slices in grey levels."""
    k = slice(30, 33)
    hu = np.repeat(np.repeat(runs.hounsfield()[k], 4, axis=1), 4, axis=2)[:, 32:288, 32:288]
    return to_grey_levels(hu, CTWindow(-200, 600))


def a_ct(array=None) -> Volume:
    return Volume(runs.hounsfield() if array is None else array, runs.geometry())


def a_box(center=(0, 0, 0), extent=(60, 60, 4)) -> DiscFrame:
    return DiscFrame(center, np.eye(3), extent, "L4-L5")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_same_input_same_bytes_on_the_cpu(tiny, slices, precision):
    first = Synthesizer(tiny, "cpu", precision).run(slices)
    assert first.dtype == np.uint8 and first.std() > 0
    np.testing.assert_array_equal(Synthesizer(tiny, "cpu", precision).run(slices), first)


def test_grouping_of_slices_does_not_matter_on_the_cpu(tiny, slices):
    synthesizer = Synthesizer(tiny, "cpu", "auto")
    together = synthesizer.run(slices)
    apart = np.concatenate([synthesizer.run(slices[k : k + 1]) for k in range(3)])
    np.testing.assert_array_equal(together, apart)


def test_the_fast_way_is_the_networks_own_result(tiny, synthesizer, slices):
    from CT2MRSynthLib.networks.scale import grey_to_tensor, tensor_to_grey

    with torch.inference_mode():
        plain = tensor_to_grey(tiny.generator()(grey_to_tensor(slices).contiguous()))
    assert np.abs(plain.astype(int) - synthesizer.run(slices)).max() <= 1


@pytest.mark.parametrize("precision", ["bfloat16"])
def test_half_precision_stays_within_two_grey_levels(tmp_path, slices, precision):
    torch.manual_seed(2)
    card = replace(load_bundle(runs.write_bundle(tmp_path / "a")).card, architecture={**CARD, "width": 12, "blocks": 9})
    bundle = save_bundle(tmp_path / "b", Generator(12, 9).state_dict(), card)
    exact, half = (Synthesizer(bundle, "cpu", name).run(slices).astype(float) for name in ("float32", precision))
    assert 0 < np.abs(exact - half).mean() < 2.0


def test_progress_counts_slices_and_ends_with_all(synthesizer, slices):
    heard = []
    synthesizer.run(slices, progress=lambda done, total: heard.append((done, total)))
    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_cancelling_stops_between_slices(synthesizer, slices):
    heard = []
    with pytest.raises(Cancelled):
        synthesizer.run(slices, lambda done, total: heard.append(done), cancelled=lambda: len(heard) > 1)
    assert heard == [0, 1]


@pytest.mark.parametrize(
    "wrong", [np.zeros((256, 256), np.uint8), np.zeros((1, 256, 256)), np.zeros((1, 128, 256), np.uint8)]
)
def test_slices_of_another_kind_are_refused(synthesizer, wrong):
    with pytest.raises(InputError, match="cannot be synthesized"):
        synthesizer.run(wrong)


class SmallCard(Synthesizer):
    """A synthesizer on a graphics card with room for so many slices; the arithmetic is done on the CPU."""

    def __init__(self, bundle, room: int) -> None:
        super().__init__(bundle, "cpu", "float32")
        self.device, self.batch, self.room, self.sizes = Device("cuda", "float32", "Small Card"), 8, room, []

    def _pass(self, grey):
        self.sizes.append(len(grey))
        if self.device.kind == "cuda":
            if len(grey) > self.room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.")
            card, self.device = self.device, Device("cpu", "float32")
            try:
                return super()._pass(grey)
            finally:
                self.device = card
        return super()._pass(grey)


@pytest.fixture(autouse=True)
def no_cuda_cache(monkeypatch):
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


def test_out_of_memory_halves_the_batch_and_says_so(tiny, synthesizer, slices):
    small = SmallCard(tiny, room=1)
    np.testing.assert_allclose(small.run(slices), synthesizer.run(slices), atol=1)
    assert small.sizes[:2] == [3, 1]
    assert small.device.kind == "cuda"
    assert "Small Card ran out of memory with 3 slices" in small.warnings[0]


def test_out_of_memory_with_one_slice_goes_to_the_cpu_and_says_so(tiny, synthesizer, slices):
    small = SmallCard(tiny, room=0)
    np.testing.assert_array_equal(small.run(slices), synthesizer.run(slices))
    assert small.description.startswith("CPU")
    assert "the CPU is used instead" in small.warnings[-1]


def test_out_of_memory_on_the_cpu_is_one_sentence(synthesizer, slices, monkeypatch):
    def fail(grey):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(synthesizer, "_pass", fail)
    with pytest.raises(CT2MRSynthError, match="not enough memory"):
        synthesizer.run(slices)


def test_other_errors_of_the_network_are_not_swallowed(synthesizer, slices, monkeypatch):
    def fail(grey):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(synthesizer, "_pass", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        synthesizer.run(slices)


def test_result_fills_the_box(synthesizer):
    result = synthesize(a_ct(), a_box(extent=(60, 60, 12)), synthesizer, slices=3)
    assert result.mr.shape == result.ct.shape == result.ct_grey.shape == (3, 256, 256)
    np.testing.assert_allclose(result.grid.spacing, [60 / 256, 60 / 256, 4.0])
    assert result.warnings == [] and result.outside_fraction == 0 and result.seconds > 0


def test_boxes_together_give_what_each_gives_alone(synthesizer):
    boxes = [a_box(), a_box(center=(3, 2, 6)), a_box(extent=(70, 70, 8))]
    together = synthesize_boxes(a_ct(), boxes, synthesizer, slices=2)
    for box, result in zip(boxes, together, strict=True):
        alone = synthesize(a_ct(), box, synthesizer, slices=2)
        np.testing.assert_array_equal(result.mr, alone.mr)
        np.testing.assert_array_equal(result.grid.ijk_to_ras, alone.grid.ijk_to_ras)
        assert result.frame is box and result.warnings == alone.warnings


def test_left_stays_left_and_front_stays_front(synthesizer):
    array = np.full((40, 40, 40), 50, np.int16)
    array[:, :, 30:] = 500  # index i runs to the patient's left
    array[:, :6, :] = -150  # index j runs to posterior
    result = synthesize(a_ct(np.pad(array, 20, mode="edge")), a_box(extent=(60, 60, 4)), synthesizer)
    grey = result.ct_grey[0].astype(int)
    assert grey[128, 250] > grey[128, 128] + 50
    assert grey[2, 128] < grey[128, 128] - 30


def test_nothing_is_invented_outside_the_ct(synthesizer):
    low, high = a_ct().corners().min(axis=0), a_ct().corners().max(axis=0)
    middle = (low + high) / 2
    result = synthesize(a_ct(), a_box(center=(low[0], middle[1], middle[2]), extent=(60, 60, 4)), synthesizer)
    assert (result.mr[0, :, 128:] == 0).all()  # the patient's left half lies beyond the left face
    assert (result.mr[0, :, :128] > 0).any()


def test_the_cards_window_is_used(tiny):
    shifted = Synthesizer(replace(tiny, card=replace(tiny.card, ct_window=(0.0, 100.0))), "cpu", "float32")
    result = synthesize(a_ct(), a_box(), shifted)
    np.testing.assert_array_equal(result.ct_grey, to_grey_levels(result.ct, CTWindow(0, 100)))


def test_a_box_outside_the_ct_is_refused(synthesizer):
    with pytest.raises(InputError, match="'L4-L5' lies outside the CT"):
        synthesize(a_ct(), a_box(center=(0, 0, 400)), synthesizer)


@pytest.mark.parametrize(
    "box, sentence",
    [
        (a_box(center=(0, 0, 63.5)), "partly"),
        (a_box(extent=(60, 70, 4)), "not square"),
        (a_box(extent=(60, 60, 20)), "20 mm deep"),
        (a_box(extent=(30, 30, 4)), "edges of 30 x 30 mm; the generator was trained on 50 to 120 mm"),
        (a_box(extent=(30, 30, 4)), "pixels of 0.117 x 0.117 mm"),
    ],
)
def test_odd_boxes_are_warned_of(tiny, box, sentence):
    card = replace(tiny.card, field_of_view=(50, 120), pixel_spacing=(50 / 256, 120 / 256), slice_thickness=(1, 5))
    result = synthesize(a_ct(), box, Synthesizer(replace(tiny, card=card), "cpu", "float32"))
    assert any(sentence in warning for warning in result.warnings), result.warnings


def test_a_thickness_beyond_the_training_is_warned_of(tiny):
    card = replace(tiny.card, slice_thickness=(1, 5))
    result = synthesize(a_ct(), a_box(), Synthesizer(replace(tiny, card=card), "cpu", "float32"), thickness=8.0)
    assert any("slice thickness of 8 mm" in warning for warning in result.warnings)
