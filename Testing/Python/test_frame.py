from itertools import permutations, product

import numpy as np
import pytest
from bodies import oblique_frame, tilted_axes

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import DiscFrame


def sorted_corners(points):
    return points[np.lexsort(points.round(6).T)]


@pytest.mark.parametrize("slices", [1, 5, 40])
def test_voxel_corners_are_the_box_corners(slices):
    frame = oblique_frame((80.0, 80.0, 20.0))
    grid = frame.grid(slices)
    ends = np.array(list(product(*[(-0.5, n - 0.5) for n in grid.size])))
    corners = ends @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    assert np.abs(sorted_corners(corners) - sorted_corners(frame.corners())).max() < 1e-9
    assert grid.size == (256, 256, slices)


def test_rows_run_to_posterior_and_columns_to_the_patients_left():
    grid = DiscFrame([0, 0, 0], np.eye(3), [10.0, 10.0, 4.0]).grid(2, 10)
    first, last = grid.ijk_to_ras @ [0, 0, 0, 1], grid.ijk_to_ras @ [9, 9, 1, 1]
    assert first[0] > last[0]  # right to left
    assert first[1] > last[1]  # anterior to posterior
    assert first[2] < last[2]  # inferior to superior


def test_axes_are_named_alike_however_a_box_was_drawn():
    axes, size = tilted_axes(7, 30, -8), np.array([90.0, 80.0, 4.0])
    reference = DiscFrame.from_box([1, 2, 3], axes, size)
    for signs in product((1, -1), repeat=3):
        for order in permutations(range(3)):
            turned = axes[list(order)] * np.array(signs)[:, None]
            if np.linalg.det(turned) < 0 or order[2] != 2:
                continue
            box = DiscFrame.from_box([1, 2, 3], turned, size[list(order)])
            np.testing.assert_allclose(box.axes, reference.axes, atol=1e-12)
            np.testing.assert_allclose(box.extent, reference.extent)


def test_a_steep_lumbosacral_disc_keeps_its_own_normal():
    steep = tilted_axes(0, 52, 0)
    frame = DiscFrame.from_box([0, 0, 0], steep, [80.0, 70.0, 4.0])
    np.testing.assert_allclose(frame.extent, [80.0, 70.0, 4.0])
    assert frame.axes[2] @ [0, 0, 1] == pytest.approx(np.cos(np.radians(52)))


def test_a_box_standing_on_its_side_takes_the_axis_nearest_to_superior():
    on_its_side = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    frame = DiscFrame.from_box([0, 0, 0], on_its_side, [80.0, 4.0, 70.0])
    np.testing.assert_allclose(frame.extent, [80.0, 70.0, 4.0])
    np.testing.assert_allclose(frame.axes, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    ("axes", "size", "words"),
    [
        (np.diag([-1.0, 1, 1]), [9, 9, 4], "left-handed"),
        (np.eye(3), [9, 0, 4], "9 x 0 x 4 mm"),
        (np.eye(3), [9, -9, 4], "longer than zero"),
        (np.array([[1, 0, 0], [0.5, 1, 0], [0, 0, 1]]), [9, 9, 4], "not a box"),
        (np.eye(3), [9, np.nan, 4], "no usable extent"),
    ],
)
def test_what_is_not_a_box_is_refused_in_words(axes, size, words):
    with pytest.raises(InputError, match=words):
        DiscFrame.from_box([0, 0, 0], axes, size)
