"""Slices without discs: registered within their plane, and kept only where the MR follows from the CT."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from CT2MRSynthLib.curation.agreement import correlation_ratio
from CT2MRSynthLib.curation.checks import check_agreement
from CT2MRSynthLib.curation.planes import planes_of_overlap, sample_ct, sample_mr
from CT2MRSynthLib.curation.registration_slice import refine_in_plane
from CT2MRSynthLib.volume import Volume


def limb(seed: int = 0) -> tuple[Volume, Volume]:
    """CT (HU) and T1 of a leg of 140 mm, 5 slices of 3 mm: fat, lumps of muscle, a bone with marrow."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-70:71, -70:71].astype(float)
    labels = np.zeros(y.shape, int)
    labels[np.hypot(x, 1.2 * y) < 52] = 1
    for _ in range(7):
        place = rng.uniform(-26, 26, 2)
        labels[np.hypot((x - place[0]) * rng.uniform(0.7, 1.3), y - place[1]) < rng.uniform(8, 15)] = 2
    labels[np.hypot(x - 8, y + 5) < 11], labels[np.hypot(x - 8, y + 5) < 7] = 3, 4
    hu = ndimage.gaussian_filter(np.array([-1000.0, -100, 55, 1000, 20])[labels], 0.7)
    t1 = ndimage.gaussian_filter(np.array([0.0, 900, 300, 30, 800])[labels], 0.7)
    matrix = np.diag([1.0, -1.0, 3.0, 1.0])
    matrix[:3, 3] = -70, 70, 0
    volumes = [
        Volume((np.stack([picture] * 5) + rng.normal(0, noise, (5, *y.shape))).astype(np.float32), matrix)
        for picture, noise in ((hu, 25), (t1, 10))
    ]
    return volumes[0], volumes[1]


def shifted(right: float, anterior: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:2, 3] = right, anterior
    return matrix


@pytest.mark.parametrize(("right", "anterior"), [(6.0, -4.0), (-7.5, 3.0)])
def test_a_slice_that_has_shifted_is_brought_back_and_its_box_moves_along(right, anterior):
    ct, mr = limb()
    off = shifted(right, anterior)
    plane = list(planes_of_overlap(ct, [mr], [off], 2))[1]
    fit = refine_in_plane(ct, mr, off, plane)
    assert not fit.numbers["kept_start"]
    # of the picture's middle, in the MR's world
    middle = np.array([0.0, 0.0, plane.frame.center[2], 1.0])
    assert np.abs((fit.mr_to_ct @ middle - middle)[:3]).max() < 0.8
    assert sample_mr(mr, fit.mr_to_ct, fit.plane).outside_fraction == 0
    before = correlation_ratio(sample_ct(ct, plane).array[0], sample_mr(mr, off, plane).array[0])
    after = correlation_ratio(sample_ct(ct, fit.plane).array[0], sample_mr(mr, fit.mr_to_ct, fit.plane).array[0])
    assert after > before + 0.1


def test_a_box_that_moves_out_of_the_ct_shrinks_to_what_both_show():
    ct, mr = limb()
    matrix = ct.ijk_to_ras.copy()
    matrix[0, 3] += 15
    ct = Volume(ct.array[:, :, 15:], matrix)  # ends just beside the leg
    off = shifted(6.0, -4.0)
    plane = list(planes_of_overlap(ct, [mr], [off], 2))[1]
    fit = refine_in_plane(ct, mr, off, plane)
    assert not fit.numbers["kept_start"] and fit.plane.frame.extent[0] == fit.plane.frame.extent[1]
    assert plane.frame.extent[0] - 16 < fit.plane.frame.extent[0] < plane.frame.extent[0]
    assert sample_ct(ct, fit.plane).outside_fraction < 0.005 > sample_mr(mr, fit.mr_to_ct, fit.plane).outside_fraction


def test_a_slice_that_lies_right_is_left_exactly_as_it_is():
    ct, mr = limb()
    plane = next(planes_of_overlap(ct, [mr], [np.eye(4)], 2))
    fit = refine_in_plane(ct, mr, np.eye(4), plane)
    assert fit.numbers["kept_start"] and fit.plane is plane and np.array_equal(fit.mr_to_ct, np.eye(4))


def test_a_slice_is_not_moved_farther_than_bodies_shift():
    ct, mr = limb()
    off = shifted(30.0, 0.0)
    plane = next(planes_of_overlap(ct, [mr], [off], 2))
    assert refine_in_plane(ct, mr, off, plane).numbers["kept_start"]


def test_agreement_is_high_where_the_mr_follows_from_the_ct_whatever_its_contrast():
    ct, mr = limb()
    ct, mr = ct.array[2], mr.array[2]
    assert correlation_ratio(ct, mr) > 0.7
    assert correlation_ratio(ct, 3000 - 2 * mr) == pytest.approx(correlation_ratio(ct, mr), abs=1e-6)
    assert correlation_ratio(ct, np.roll(mr, 25, axis=1)) < 0.5
    assert correlation_ratio(ct, np.full_like(mr, 7)) == 0.0


def test_a_pair_of_two_limbs_is_excluded_with_the_number():
    ct, _ = limb(0)
    _, other = limb(5)
    check = check_agreement(ct.array[2], other.array[2])
    own = check_agreement(ct.array[2], limb(0)[1].array[2])
    assert own.passed and not check.passed and "needed" in check.reason
