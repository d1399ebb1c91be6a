import numpy as np
import pytest
from bodies import oblique_frame, tilted_axes

from CT2MRSynthLib.errors import InputError

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
import vtk
from scenes import farthest, put_under_grid_transform, put_under_linear_transform

from CT2MRSynthLib.scene.boxes import frame_from_node, roi_from_frame
from CT2MRSynthLib.scene.matrices import to_array, to_matrix

MOVED = np.eye(4)
MOVED[:3, :3] = tilted_axes(5, -12, 20).T
MOVED[:3, 3] = [40, -7, 12]


def drawn_corners(roi):
    """The corners of a ROI as Slicer draws them: by its own object-to-world matrix."""
    to_world, half = roi.GetObjectToWorldMatrix(), np.array(roi.GetSize()) / 2
    return np.array(
        [
            to_world.MultiplyPoint((x * half[0], y * half[1], z * half[2], 1))[:3]
            for x in (-1, 1)
            for y in (-1, 1)
            for z in (-1, 1)
        ]
    )


def plane_node(scene, center, axes, size, name="L3-L4"):
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsPlaneNode", name)
    node.SetPlaneType(node.PlaneTypePointNormal)
    node.SetCenter(*center)
    node.SetAxes(*[list(map(float, axis)) for axis in axes])
    node.SetSize(*size)
    return node


def test_a_rotated_roi_is_read_by_its_own_matrix(mrml_scene):
    frame = oblique_frame((90, 80, 5))
    roi = roi_from_frame(mrml_scene, frame)
    again = frame_from_node(roi)
    assert again.level == "L4-L5"
    np.testing.assert_allclose(again.corners(), frame.corners(), atol=1e-6)
    assert farthest(drawn_corners(roi), frame.corners()) < 1e-6


@pytest.mark.parametrize("scale", [1.0, 1.25])
def test_a_roi_under_linear_transforms_is_where_slicer_draws_it(mrml_scene, scale):
    roi = roi_from_frame(mrml_scene, oblique_frame((90, 80, 5)))
    put_under_linear_transform(roi, MOVED @ np.diag([scale, scale, scale, 1]))
    put_under_linear_transform(roi, MOVED)
    frame = frame_from_node(roi)
    assert farthest(frame.corners(), drawn_corners(roi)) < 1e-4
    assert frame.extent[0] == pytest.approx(90 * scale, abs=1e-4)


def test_a_roi_under_a_grid_transform_is_where_slicer_draws_it(mrml_scene):
    roi = roi_from_frame(mrml_scene, oblique_frame((90, 80, 5)))
    put_under_grid_transform(roi, lambda p: np.stack([6 * np.sin(p[:, 2] / 40), 4 + 0 * p[:, 0], p[:, 0] / 50], axis=1))
    frame = frame_from_node(roi)
    assert farthest(frame.corners(), drawn_corners(roi)) < 1e-4
    assert frame.center[1] == pytest.approx(oblique_frame().center[1] + 4, abs=1e-3)


def test_a_plane_is_a_box_of_the_depth_asked_for(mrml_scene):
    frame = oblique_frame((60, 70, 6))
    node = plane_node(mrml_scene, frame.center, frame.axes, (60, 70))
    again = frame_from_node(node, plane_depth=6)
    assert again.level == "L3-L4"
    np.testing.assert_allclose(again.corners(), frame.corners(), atol=1e-4)


def test_a_plane_with_bounds_beside_its_origin_keeps_slicers_corners(mrml_scene):
    frame = oblique_frame()
    node = plane_node(mrml_scene, frame.center, frame.axes, (60, 70))
    node.SetPlaneBounds(-10, 50, -45, 25)
    put_under_linear_transform(node, MOVED @ np.diag([1.1, 1.1, 1.1, 1]))
    corners = vtk.vtkPoints()
    node.GetPlaneCornerPointsWorld(corners)
    drawn = np.array([corners.GetPoint(n) for n in range(4)])
    again = frame_from_node(node, plane_depth=1e-3)
    assert farthest(drawn, again.corners()) < 1e-3
    assert farthest(again.corners(), drawn) < 1e-3


def mirrored():
    return np.diag([-1.0, 1.0, 1.0, 1.0])


def sheared():
    matrix = np.eye(4)
    matrix[0, 2] = 0.3
    return matrix


@pytest.mark.parametrize(("matrix", "words"), [(mirrored(), "left-handed"), (sheared(), "right angles")])
@pytest.mark.parametrize("where", ["own matrix", "transform above"])
def test_mirrored_and_sheared_boxes_are_refused(mrml_scene, matrix, words, where):
    roi = roi_from_frame(mrml_scene, oblique_frame())
    if where == "own matrix":
        roi.SetAndObserveObjectToNodeMatrix(to_matrix(to_array(roi.GetObjectToNodeMatrix()) @ matrix))
    else:
        put_under_linear_transform(roi, matrix)
    with pytest.raises(InputError, match=words):
        frame_from_node(roi)


def test_a_plane_not_yet_placed_is_refused(mrml_scene):
    with pytest.raises(InputError, match="not placed yet"):
        frame_from_node(mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsPlaneNode", "L3-L4"))


def test_a_roi_not_yet_placed_is_refused(mrml_scene):
    roi = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "L2-L3")
    with pytest.raises(InputError, match="L2-L3.*0 x 0 x 0 mm"):
        frame_from_node(roi)


@pytest.mark.parametrize("kind", ["vtkMRMLMarkupsFiducialNode", "vtkMRMLScalarVolumeNode", None])
def test_what_is_no_box_is_refused_by_name(mrml_scene, kind):
    node = mrml_scene.AddNewNodeByClass(kind, "Something") if kind else None
    with pytest.raises(InputError, match="Something|Nothing"):
        frame_from_node(node)
