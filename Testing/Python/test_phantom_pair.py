"""Simulated pairs: reproducible, laid out by the crop rule, with tissues as they look in CT and T2."""

import numpy as np
import pytest
from scipy import ndimage

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.phantom.pair import Pair, render_pair
from CT2MRSynthLib.phantom.tissues import PARTNER, TABLE, Label

SEEDS = (1, 2, 3, 4, 5, 6)


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    # muscle in its band and its contrast: of subjects whose muscles are not replaced by fat
    lean = {"infiltration": 0.15}
    return [render_pair(seed, jitter=0.0, misalignment=0.0, severity=lean) for seed in SEEDS]


def _interior(pair: Pair, label: Label, margin: int = 3) -> np.ndarray:
    return ndimage.binary_erosion(pair.labels == label, iterations=margin)


def _medians(pairs, picture: str, *labels: Label, margin: int = 3) -> list[float]:
    """Median over each pair in the inside of some tissues, where there is enough of it."""
    values = []
    for pair in pairs:
        inside = np.any([_interior(pair, label, margin) for label in labels], axis=0)
        if inside.sum() > 60:
            values.append(float(np.median(getattr(pair, picture)[inside])))
    assert values, f"no pair shows {labels}"
    return values


def test_same_seed_same_bytes():
    first, second = render_pair(11), render_pair(11)
    assert first.ct.tobytes() == second.ct.tobytes()
    assert first.mr.tobytes() == second.mr.tobytes()
    assert first.truth == second.truth


def test_other_seed_other_subject():
    first, second = render_pair(11, "L3-L4"), render_pair(12, "L3-L4")
    assert np.abs(first.ct - second.ct).mean() > 20


def test_arrays_are_what_training_reads(pairs):
    for pair in pairs:
        assert pair.ct.shape == pair.mr.shape == (256, 256)
        assert pair.ct.dtype == np.float32 and pair.mr.dtype == np.uint8
        assert np.isfinite(pair.ct).all() and pair.ct.min() >= -1024 and pair.ct.max() <= 3071


def test_sac_lies_in_the_middle_of_the_box(pairs):
    for pair in pairs:
        sac = np.isin(pair.labels, (Label.CSF, Label.ROOT))
        row, column = pair.truth["sac_row_column"]
        assert abs(row - 127.5) < 1 and abs(column - 127.5) < 1
        rows, columns = np.nonzero(sac)
        pixel = pair.frame.extent[0] / 256
        assert np.hypot(rows.mean() - 127.5, columns.mean() - 127.5) * pixel < 4.0
        assert sac[122:134, 122:134].mean() > 0.5


def test_the_t2_lies_on_the_ct_but_for_the_recorded_shift():
    for seed in (2000, 2004, 2009, 2014):
        pair = render_pair(seed, misalignment=2.0)
        pixel = pair.frame.extent[0] / 256
        sac = np.isin(pair.labels, (Label.CSF, Label.ROOT)).astype(float)
        near = ndimage.binary_dilation(sac, iterations=20)
        bright = np.minimum(pair.mr, np.percentile(pair.mr, 97))

        def alike(posterior: float, left: float, sac=sac, near=near, bright=bright, pixel=pixel) -> float:
            there = ndimage.shift(sac, (posterior / pixel, left / pixel), order=1)
            return np.corrcoef(there[near], bright[near])[0, 1]

        posterior, left = (pair.truth["mr_shift_mm"][way] for way in ("posterior", "left"))
        assert np.hypot(posterior, left) > 1.0
        others = [alike(0, 0), alike(-posterior, left), alike(posterior, -left), alike(-posterior, -left)]
        assert alike(posterior, left) > max(others) - 0.02 and alike(posterior, left) > alike(0, 0), seed


def test_box_follows_the_crop_rule(pairs):
    for pair in pairs:
        right, anterior, depth = pair.frame.extent
        assert right == pytest.approx(anterior) and depth == pytest.approx(4.0)
        assert 65 < right < 115
        # the disc begins at the ventral cut and lies before the canal; beside the midline there may be sacrum behind
        middle = pair.labels[:, 108:148]
        rows = np.nonzero(np.isin(middle, (Label.ANNULUS, Label.OUTER_ANNULUS, Label.MARROW)))[0]
        assert np.percentile(rows, 1) < 20 and np.percentile(rows, 90) < 128


@pytest.mark.parametrize(
    ("label", "low", "high"),
    [
        (Label.MUSCLE, 15, 85),
        (Label.CSF, -15, 45),
        (Label.SUBCUTANEOUS_FAT, -125, -80),
        (Label.ANNULUS, 60, 190),
        (Label.ARCH_MARROW, 250, 1200),
    ],
)
def test_hounsfield_units_lie_in_their_band(pairs, label, low, high):
    for value in _medians(pairs, "ct", label, margin=4 if label == Label.CSF else 3):
        assert low < value < high


def test_t2_contrast_order(pairs):
    fluid = np.mean(_medians(pairs, "mr", Label.CSF))
    fat = np.mean(_medians(pairs, "mr", Label.FAT, Label.EPIDURAL_FAT, Label.SUBCUTANEOUS_FAT, margin=2))
    marrow = np.mean(_medians(pairs, "mr", Label.ARCH_MARROW))
    muscle = np.mean(_medians(pairs, "mr", Label.MUSCLE))
    vessel = np.mean(_medians(pairs, "mr", Label.ARTERY, Label.VEIN))
    assert fluid > fat > marrow > muscle > vessel
    assert 5 < fluid / muscle < 16


def test_jitter_moves_the_box_and_none_does_not():
    exact, moved = render_pair(3, "L4-L5", jitter=0.0), render_pair(3, "L4-L5")
    assert np.linalg.norm(exact.frame.center - moved.frame.center) > 0.1
    assert moved.frame.extent[0] == pytest.approx(moved.frame.extent[1])


def test_every_tissue_has_values():
    assert set(TABLE) == set(Label)
    assert set(PARTNER) | set(PARTNER.values()) <= set(Label)


def test_unknown_level_is_refused():
    with pytest.raises(UsageError, match="L9-L10"):
        render_pair(1, "L9-L10")


def test_negative_seed_is_refused():
    with pytest.raises(UsageError, match="-3"):
        render_pair(-3)
