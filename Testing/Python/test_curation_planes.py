import numpy as np
import pytest
from bodies import all_orientations, tilted_axes
from curated import ct_of, frame_at, mr_of

from CT2MRSynthLib.curation.planes import plane_of_box, planes_of_overlap, sample_ct, sample_mr
from CT2MRSynthLib.curation.scans import slices_last
from CT2MRSynthLib.volume import Volume

HERE = np.eye(4)


def stack(center=(0.0, 0.0, 0.0), tilt: float = 0.0, slices: int = 7, spacing: float = 4.0, edge: int = 150) -> Volume:
    return mr_of(size=(edge, edge, slices), spacing=(1.0, 1.0, spacing), axes=tilted_axes(0, tilt, 0), center=center)


def test_a_pair_lies_in_the_plane_of_the_nearest_slice_and_says_how_far_that_is_off():
    plane = plane_of_box(frame_at(s=1.3), [stack(tilt=2.0)], [HERE])
    assert plane.slice == 3
    assert plane.angle == pytest.approx(2.0, abs=1e-6)
    assert plane.offset == pytest.approx(-1.3 * np.cos(np.radians(2)), abs=1e-6)
    assert plane.thickness == pytest.approx(4.0)
    assert abs(plane.frame.axes[2] @ tilted_axes(0, 2.0, 0)[2]) == pytest.approx(1)
    assert plane.frame.extent[0] == plane.frame.extent[1] == 80


def test_thick_slices_are_never_interpolated_across():
    mr = stack(center=(0, 0, 1.9))
    only = mr.array.copy()
    only[[k for k in range(7) if k != 3]] = 30000  # whatever the neighbors hold
    plane = plane_of_box(frame_at(), [mr], [HERE])
    one, other = (sample_mr(Volume(array, mr.ijk_to_ras), HERE, plane).array for array in (mr.array, only))
    assert plane.slice == 3 and np.array_equal(one, other) and one.std() > 50


def test_anterior_is_up_and_the_patients_right_on_the_left():
    mr = stack()
    array = np.zeros_like(mr.array)
    array[3, 100:, 100:] = 1000  # anterior right in a RAS grid
    plane = plane_of_box(frame_at(edge=120), [Volume(array, mr.ijk_to_ras)], [HERE])
    picture = sample_mr(Volume(array, mr.ijk_to_ras), HERE, plane).array[0]
    assert picture[:60, :60].mean() > 900 and picture[:, 128:].max() == 0 and picture[128:].max() == 0


def test_the_registration_moves_the_mr_and_not_the_ct():
    move = np.eye(4)
    move[:3, 3] = [7.0, -5.0, 2.0]
    back = np.linalg.inv(move)
    mr = stack()
    moved = Volume(mr.array, back @ mr.ijk_to_ras)
    plane, same = plane_of_box(frame_at(), [mr], [HERE]), plane_of_box(frame_at(), [moved], [move])
    np.testing.assert_allclose(same.grid.ijk_to_ras, plane.grid.ijk_to_ras, atol=1e-9)
    np.testing.assert_allclose(sample_mr(moved, move, same).array, sample_mr(mr, HERE, plane).array, atol=1e-3)


def test_of_several_stacks_the_one_of_the_disc_is_taken():
    stacks = [stack((0, 0, 30)), stack((0, 0, 0)), stack((0, 0, 1), tilt=20), stack((0, 0, -30))]
    assert plane_of_box(frame_at(), stacks, [HERE] * 4).mr == 1
    assert plane_of_box(frame_at(s=-28), stacks, [HERE] * 4).mr == 3


def test_an_mr_of_thin_slices_is_reformatted_to_the_plane_of_the_box():
    frame = frame_at(s=2.2, tilt=17)
    plane = plane_of_box(frame, [stack(slices=40, spacing=1.2)], [HERE])
    assert (plane.slice, plane.angle, plane.offset) == (None, 0.0, 0.0)
    np.testing.assert_allclose(plane.frame.axes, frame.axes)


def test_a_sagittal_stack_is_another_view():
    sagittal = mr_of(size=(100, 100, 9), spacing=(1, 1, 4), axes=np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]))
    assert plane_of_box(frame_at(), [sagittal], [HERE]).angle == pytest.approx(90)


def test_the_overlap_gives_every_nth_slice_as_the_largest_square_in_both():
    ct = ct_of(size=(60, 90, 20), spacing=(2, 1, 3), center=(20, 0, 0))  # right -40 to 80, anterior -45 to 45
    mr = stack(slices=11, spacing=5.0, edge=160)  # superior -27.5 to 27.5
    planes = list(planes_of_overlap(ct, [mr], [HERE], 3))
    assert [plane.slice for plane in planes] == [0, 3, 6, 9]
    assert {plane.frame.level for plane in planes} == {"slice-001", "slice-004", "slice-007", "slice-010"}
    for plane in planes:
        assert 86 <= plane.frame.extent[0] == plane.frame.extent[1] <= 90
        assert abs(plane.frame.center[0] - 20) <= 2 and plane.angle == 0
        assert sample_mr(mr, HERE, plane).outside_fraction == 0
    inner = planes[1]
    assert sample_ct(ct, inner).outside_fraction == 0


def test_the_order_in_which_voxels_are_stored_does_not_matter():
    frame, mr = frame_at(s=1.0, edge=60), stack(edge=70, slices=5, spacing=5.0)
    expected = plane_of_box(frame, [mr], [HERE])
    picture = sample_mr(mr, HERE, expected).array
    for _, _, other in all_orientations(mr):
        same = slices_last(other)
        plane = plane_of_box(frame, [same], [HERE])
        np.testing.assert_allclose(plane.grid.ijk_to_ras, expected.grid.ijk_to_ras, atol=1e-9)
        np.testing.assert_allclose(sample_mr(same, HERE, plane).array, picture, atol=1e-2)


def test_a_ct_stored_in_another_order_is_as_parallel():
    ct, mr = ct_of(size=(45, 45, 20)), stack(tilt=2.0)
    (angle,) = {round(plane.angle, 6) for plane in planes_of_overlap(ct, [mr], [HERE], 9)}
    assert angle == pytest.approx(2.0)
    for _, _, other in all_orientations(ct):
        assert {round(plane.angle, 6) for plane in planes_of_overlap(other, [mr], [HERE], 9)} == {angle}


def test_where_nothing_overlaps_there_is_no_slice():
    assert not list(planes_of_overlap(ct_of(), [stack((0, 0, 500))], [HERE], 1))
