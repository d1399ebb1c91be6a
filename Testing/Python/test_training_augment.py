"""Variation of pairs: both images move together, only the CT changes its values, and a draw is always the same."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

torch = pytest.importorskip("torch", reason="no torch")

from CT2MRSynthLib.greylevels import to_grey_levels  # noqa: E402
from CT2MRSynthLib.training.augment import Variation, apply, draw  # noqa: E402
from CT2MRSynthLib.training.batches import PairTensors  # noqa: E402
from CT2MRSynthLib.training.settings import PAPER, Augmentation  # noqa: E402

STILL = replace(PAPER, augmentation=Augmentation(flip=0, geometric=0, intensity=0))


class Pairs:
    """Three pairs of noise, shown in turn."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.ct = rng.integers(-1024, 3000, (3, 256, 256)).astype(np.int16)
        self.mr = rng.integers(0, 256, (3, 256, 256)).astype(np.uint8)

    def __len__(self):
        return 3

    def pair(self, index):
        return self.ct[index], self.mr[index]

    def index_at(self, seed, number):
        return (seed + number) % 3


def some_image(size=64, seed=0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 100, (size, size)).astype(np.float32))


def test_no_variation_leaves_a_pair_as_it_is():
    ct, mr = some_image(8), some_image(8, 1)
    for before, after in zip((ct, mr), apply(Variation(), ct, mr), strict=True):
        torch.testing.assert_close(after, before, atol=0, rtol=0)


def test_both_images_move_together_and_only_the_ct_changes_its_values():
    image = some_image()
    ct, mr = apply(Variation(flip=True, rotation=4.0, scale=1.04, shift=(2.0, -3.0)), image, image)
    assert torch.equal(ct, mr)
    assert (ct - image).abs().mean() > 1
    ct, mr = apply(Variation(hu_offset=10.0, hu_scale=1.02, noise=5.0, blur=-0.5), image, image)
    assert torch.equal(mr, image)
    assert float(ct.mean()) == pytest.approx(1.02 * float(image.mean()) + 10, abs=1)


def test_a_shift_moves_by_that_many_pixels():
    image = torch.zeros(32, 32)
    image[10, 20] = 1
    ct, _ = apply(Variation(shift=(3.0, -4.0)), image, image)
    assert np.unravel_index(int(ct.argmax()), ct.shape) == (13, 16)
    assert float(ct.max()) == pytest.approx(1, abs=1e-4)


def test_moving_is_linear_interpolation_about_the_center():
    image, variation = some_image(), Variation(rotation=5.0, scale=0.95, shift=(2.5, -1.0))
    angle, center = np.radians(5.0), (np.array(image.shape) - 1) / 2
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / 0.95
    offset = center - matrix @ (center + [2.5, -1.0])
    wanted = ndimage.affine_transform(image.numpy(), matrix, offset, order=1, mode="nearest")
    np.testing.assert_allclose(apply(variation, image, image)[0].numpy(), wanted, atol=0.05)


def test_smoothing_is_a_gaussian_of_that_deviation():
    image = some_image()
    wanted = ndimage.gaussian_filter(image.numpy(), 0.8, mode="nearest")
    np.testing.assert_allclose(apply(Variation(blur=0.8), image, image)[0].numpy(), wanted, atol=1e-3)
    sharper = apply(Variation(blur=-0.8), image, image)[0].numpy()
    np.testing.assert_allclose(sharper, 2 * image.numpy() - wanted, atol=2e-3)


@pytest.mark.parametrize("grain", [0.0, 1.2])
def test_noise_has_the_deviation_that_was_drawn(grain):
    image = torch.zeros(64, 64)
    ct, _ = apply(Variation(noise=12.0, noise_grain=grain, noise_seed=3), image, image)
    assert float(ct.std()) == pytest.approx(12.0, rel=1e-3)
    again, _ = apply(Variation(noise=12.0, noise_grain=grain, noise_seed=3), image, image)
    other, _ = apply(Variation(noise=12.0, noise_grain=grain, noise_seed=4), image, image)
    assert torch.equal(ct, again) and not torch.equal(ct, other)


def test_draws_follow_from_their_seed():
    drawn = [draw(Augmentation(), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_batch_without_variation_is_the_pairs_in_grey_levels():
    pairs = Pairs()
    ct, mr = PairTensors(pairs, torch.device("cpu")).batch([4, 2], STILL)
    assert ct.shape == mr.shape == (2, 1, 256, 256) and ct.dtype == mr.dtype == torch.float32
    for place, index in enumerate((1, 2)):
        grey = to_grey_levels(pairs.ct[index])
        assert np.abs(ct[place, 0].numpy() - (grey / 127.5 - 1)).max() <= 2 / 255 + 1e-6  # halves may round elsewhere
        assert (np.abs(ct[place, 0].numpy() - (grey / 127.5 - 1)) < 1e-6).mean() > 0.999
        np.testing.assert_allclose(mr[place, 0].numpy(), pairs.mr[index] / 127.5 - 1, atol=1e-6)


def test_a_draw_is_the_same_whatever_was_shown_before_or_beside_it():
    settings = replace(PAPER, seed=5)
    tensors = PairTensors(Pairs(), torch.device("cpu"))
    together = tensors.batch([7, 8, 9], settings)
    alone = PairTensors(Pairs(), torch.device("cpu")).batch([8], settings)
    for many, one in zip(together, alone, strict=True):
        assert torch.equal(many[1:2], one)
    assert not torch.equal(together[0][0], tensors.batch([10], settings)[0][0])  # same pair, another variation
