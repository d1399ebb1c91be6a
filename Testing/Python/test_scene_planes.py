"""The plane of a slice view as a box, and a box's plane in a slice view."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="no MRML: install slicer-core")

from bodies import tilted_axes  # noqa: E402

from CT2MRSynthLib.errors import InputError  # noqa: E402
from CT2MRSynthLib.frame import DiscFrame  # noqa: E402
from CT2MRSynthLib.scene.planes import (  # noqa: E402
    frame_of_view,
    show_frame,
    show_point,
    shows_plane,
    slice_to_ras,
    view_center,
)


@pytest.fixture
def red(mrml_scene):
    """A slice view of 300 x 200 pixels, axial as the application sets it up."""
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(mrml_scene)
    node = mrml_scene.AddNewNodeByClass("vtkMRMLSliceNode", "Red")
    node.SetOrientation("Axial")
    node.SetDimensions(300, 200, 1)
    node.SetFieldOfView(150.0, 100.0, 1.0)
    return node


@pytest.fixture
def oblique():
    return DiscFrame([12.0, -30.0, 85.0], tilted_axes(14, -6, 4), [80.0, 80.0, 8.0], "L4-L5")


def test_the_axial_orientation_of_the_application_is_that_of_a_box_without_tilt(red):
    upright = DiscFrame([0, 0, 0], np.eye(3), [80, 80, 4])
    matrix = red.GetSliceToRAS()
    ours = slice_to_ras(upright)
    assert [[matrix.GetElement(i, j) for j in range(3)] for i in range(3)] == ours[:3, :3].tolist()


def test_a_box_shown_in_a_view_is_the_box_of_that_view(red, oblique):
    show_frame(red, oblique)
    seen = frame_of_view(red, 80.0, 8.0, "L4-L5", oblique.center)
    np.testing.assert_allclose(seen.corners(), oblique.corners(), atol=1e-9)
    assert shows_plane(red, oblique)


def test_the_center_of_the_box_is_the_center_of_the_view_where_nothing_else_is_said(red, oblique):
    show_frame(red, oblique)
    red.SetXYZOrigin(7.0, -3.0, 0.0)  # dragged with the mouse
    to_world = red.GetXYToRAS()
    middle = np.array(to_world.MultiplyPoint([150.0, 100.0, 0.0, 1.0])[:3])
    np.testing.assert_allclose(view_center(red), middle, atol=1e-9)
    np.testing.assert_allclose(frame_of_view(red, 80.0, 4.0, "free").center, middle, atol=1e-9)


def test_a_point_beside_the_plane_is_projected_onto_it(red, oblique):
    show_frame(red, oblique)
    beside = oblique.center + 25.0 * oblique.axes[2] + 3.0 * oblique.axes[0]
    seen = frame_of_view(red, 80.0, 4.0, "free", beside)
    np.testing.assert_allclose(seen.center, oblique.center + 3.0 * oblique.axes[0], atol=1e-9)


@pytest.mark.parametrize("orientation", ["Sagittal", "Coronal"])
def test_a_view_that_is_not_axial_gives_no_box(red, orientation):
    red.SetOrientation(orientation)
    with pytest.raises(InputError, match="tilted by 90 degrees"):
        frame_of_view(red, 80.0, 4.0, "free")


def test_a_view_that_is_flipped_left_to_right_gives_the_same_box(red, oblique):
    show_frame(red, oblique)
    wanted = frame_of_view(red, 80.0, 8.0, "L4-L5", oblique.center)
    matrix = red.GetSliceToRAS()
    for row in range(3):
        matrix.SetElement(row, 0, -matrix.GetElement(row, 0))
    red.UpdateMatrices()
    seen = frame_of_view(red, 80.0, 8.0, "L4-L5", oblique.center)
    np.testing.assert_allclose(seen.corners(), wanted.corners(), atol=1e-9)


def test_a_box_that_fits_leaves_the_view_where_it_looks(red, oblique):
    near = DiscFrame(oblique.center + 4.0 * oblique.axes[0], oblique.axes, oblique.extent)
    show_frame(red, oblique)
    before, fov = view_center(red), red.GetFieldOfView()
    show_frame(red, near)
    np.testing.assert_allclose(view_center(red), before, atol=1e-9)
    assert red.GetFieldOfView() == fov


def test_a_box_that_does_not_fit_is_seen_as_a_whole_and_undistorted(red, oblique):
    wide = DiscFrame(oblique.center, oblique.axes, [140.0, 140.0, 4.0])
    show_frame(red, wide)
    fov = np.array(red.GetFieldOfView())
    assert (fov[:2] >= 140.0).all()
    assert fov[0] / fov[1] == pytest.approx(1.5)
    np.testing.assert_allclose(view_center(red), wide.center, atol=1e-9)


def test_a_view_passes_through_a_point_without_turning(red):
    red.SetOrientation("Sagittal")
    before = slice_matrix(red)
    show_point(red, np.array([9.0, 20.0, -40.0]))
    after = slice_matrix(red)
    np.testing.assert_array_equal(after[:3, :3], before[:3, :3])
    assert after[0, 3] == pytest.approx(9.0)


def slice_matrix(node) -> np.ndarray:
    matrix = node.GetSliceToRAS()
    return np.array([[matrix.GetElement(i, j) for j in range(4)] for i in range(4)])
