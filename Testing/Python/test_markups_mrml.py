"""Slicer's own Markups code opens our files, and we open its files."""

import numpy as np
import pytest
from bodies import oblique_frame, tilted_axes

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.markups import read_boxes, read_points, write_box, write_points

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
import slicer
from scenes import farthest

from CT2MRSynthLib.scene.boxes import frame_from_node, roi_from_frame

SYSTEMS = {"LPS": slicer.vtkMRMLMarkupsStorageNode.LPS, "RAS": slicer.vtkMRMLMarkupsStorageNode.RAS}


def storage(scene, kind="vtkMRMLMarkupsJsonStorageNode"):
    return scene.AddNewNodeByClass(kind)


def opened_by_slicer(scene, path, node_class, storage_class="vtkMRMLMarkupsJsonStorageNode"):
    node = scene.AddNewNodeByClass(node_class)
    reader = storage(scene, storage_class)
    reader.SetFileName(str(path))
    assert reader.ReadData(node) == 1
    return node


def saved_by_slicer(folder, node, system, storage_class="vtkMRMLMarkupsJsonStorageNode"):
    """Slicer names the file after the node; the file itself does not hold the name."""
    path = folder / f"{node.GetName()}.mrk.json"
    writer = storage(node.GetScene(), storage_class)
    writer.SetFileName(str(path))
    writer.SetCoordinateSystem(SYSTEMS[system])
    assert writer.WriteData(node) == 1
    assert f'"coordinateSystem": "{system}"' in path.read_text()
    return path


@pytest.mark.parametrize("tilt", [(0, 0, 0), (6, 28, -5), (-4, 40, 12)])
def test_slicer_opens_our_box_with_the_same_corners_and_name(mrml_scene, tmp_path, tilt):
    frame = DiscFrame([5.0, -60.5, 130.25], tilted_axes(*tilt), [92, 91, 4.5], "L5-S1")
    path = write_box(tmp_path / "box.mrk.json", frame)
    roi = opened_by_slicer(mrml_scene, path, "vtkMRMLMarkupsROINode", "vtkMRMLMarkupsROIJsonStorageNode")
    assert roi.GetName() == "L5-S1"
    assert farthest(frame_from_node(roi).corners(), frame.corners()) < 1e-4
    assert farthest(drawn(roi), frame.corners()) < 1e-4


def drawn(roi):
    """The corners as Slicer draws them, asked of the node alone."""
    to_world, half = roi.GetObjectToWorldMatrix(), np.array(roi.GetSize()) / 2
    signs = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), axis=-1).reshape(-1, 3)
    return np.array([to_world.MultiplyPoint((*(sign * half), 1))[:3] for sign in signs])


@pytest.mark.parametrize("system", ["LPS", "RAS"])
def test_we_open_slicers_roi_with_the_same_corners_and_name(mrml_scene, tmp_path, system):
    frame = oblique_frame((90, 85, 5))
    roi = roi_from_frame(mrml_scene, frame)
    path = saved_by_slicer(tmp_path, roi, system, "vtkMRMLMarkupsROIJsonStorageNode")
    (again,) = read_boxes(path)
    assert again.level == "L4-L5"
    np.testing.assert_allclose(again.corners(), frame.corners(), atol=1e-4)


@pytest.mark.parametrize("system", ["LPS", "RAS"])
@pytest.mark.parametrize("bounds", [(-30, 30, -35, 35), (-10, 50, -45, 25)], ids=["centered", "beside its origin"])
def test_we_open_slicers_plane_with_the_same_corners(mrml_scene, tmp_path, system, bounds):
    frame = oblique_frame()
    plane = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsPlaneNode", "L2-L3")
    plane.SetPlaneType(plane.PlaneTypePointNormal)
    plane.SetCenter(*frame.center)
    plane.SetAxes(*[list(map(float, axis)) for axis in frame.axes])
    plane.SetPlaneBounds(*bounds)
    path = saved_by_slicer(tmp_path, plane, system, "vtkMRMLMarkupsPlaneJsonStorageNode")
    (again,) = read_boxes(path, plane_depth=6.0)
    assert again.level == "L2-L3"
    np.testing.assert_allclose(again.corners(), frame_from_node(plane, plane_depth=6.0).corners(), atol=1e-4)
    assert again.extent[2] == 6.0


@pytest.mark.parametrize("system", ["LPS", "RAS"])
def test_we_open_slicers_point_list_and_leave_out_what_is_not_placed(mrml_scene, tmp_path, system):
    points = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "L4-L5 landmarks")
    points.AddControlPoint(12.5, -40, 130.0, "disc-1")
    points.AddControlPoint(-3, -71.25, 128.0, "sac")
    points.AddControlPoint(1, 2, 3, "ventral")
    points.UnsetNthControlPointPosition(2)
    (placed,) = read_points(saved_by_slicer(tmp_path, points, system)).values()
    assert [label for label, _ in placed] == ["disc-1", "sac"]
    np.testing.assert_allclose([place for _, place in placed], [[12.5, -40, 130], [-3, -71.25, 128]], atol=1e-4)


def test_slicer_opens_our_point_list(mrml_scene, tmp_path):
    path = write_points(tmp_path / "points.mrk.json", {"L3-L4": [("sac", np.array([1.5, -70.0, 33.25]))]})
    node = opened_by_slicer(mrml_scene, path, "vtkMRMLMarkupsFiducialNode")
    assert (node.GetName(), node.GetNthControlPointLabel(0)) == ("L3-L4", "sac")
    np.testing.assert_allclose(node.GetNthControlPointPositionWorld(0), [1.5, -70.0, 33.25], atol=1e-6)
