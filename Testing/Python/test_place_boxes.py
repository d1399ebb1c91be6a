"""Boxes in a scene: listed however they come, corrected while they are dragged and only then."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="no MRML: install slicer-core")

import vtk  # noqa: E402
from bodies import tilted_axes  # noqa: E402
from scenes import put_under_grid_transform, put_under_linear_transform  # noqa: E402

from CT2MRSynthLib.errors import InputError  # noqa: E402
from CT2MRSynthLib.frame import DiscFrame  # noqa: E402
from CT2MRSynthLib.markups import write_box  # noqa: E402
from CT2MRSynthLib.placing import is_same, on_plane, outside_share, squared, with_width  # noqa: E402
from CT2MRSynthLib.scene.box_guard import BoxGuard, show_handles  # noqa: E402
from CT2MRSynthLib.scene.box_list import BoxList  # noqa: E402
from CT2MRSynthLib.scene.boxes import (  # noqa: E402
    box_nodes,
    find_box,
    frame_from_node,
    level_of,
    roi_from_frame,
    set_frame,
    set_level,
)
from CT2MRSynthLib.volume import Volume  # noqa: E402


def frame(level="L4-L5", width=90.0, depth=4.0, center=(5.0, -20.0, 60.0)):
    return DiscFrame(center, tilted_axes(14, -6, 4), [width, width, depth], level)


def drag(node, change, steps=5):
    """What the application does while a handle is dragged."""
    node.InvokeCustomModifiedEvent(node.PointStartInteractionEvent)
    for step in range(steps):
        change(step)
    node.InvokeCustomModifiedEvent(node.PointEndInteractionEvent)


@pytest.fixture
def guarded(mrml_scene):
    node, settled = roi_from_frame(mrml_scene, frame()), []
    guard = BoxGuard(settled.append)
    guard.watch(node)
    yield guard, node, settled
    guard.watch(None)


# -- frames of nodes


def test_a_set_box_is_read_back_below_transforms(mrml_scene):
    node = roi_from_frame(mrml_scene, frame())
    matrix = np.eye(4)
    matrix[:3, :3] = 1.2 * tilted_axes(30, 20, -40).T
    matrix[:3, 3] = [10, 20, 30]
    put_under_linear_transform(node, matrix)
    wanted = frame(width=70.0, center=(0.0, 1.0, 2.0))
    set_frame(node, wanted)
    np.testing.assert_allclose(frame_from_node(node).corners(), wanted.corners(), atol=1e-6)


def test_the_handles_of_a_box_keep_their_sides_when_it_is_set_anew(mrml_scene):
    """A ROI drawn by hand can have its x axis to the left; a handle in use must not jump to the other side."""
    node = roi_from_frame(mrml_scene, frame())
    turned = vtk.vtkMatrix4x4()
    turned.DeepCopy(node.GetObjectToNodeMatrix())
    for row in range(3):
        for column in (0, 1):
            turned.SetElement(row, column, -turned.GetElement(row, column))
    node.SetAndObserveObjectToNodeMatrix(turned)
    set_frame(node, frame(width=60.0))
    left = [node.GetObjectToNodeMatrix().GetElement(row, 0) for row in range(3)]
    np.testing.assert_allclose(left, -frame().axes[0], atol=1e-6)
    np.testing.assert_allclose(frame_from_node(node).extent, [60.0, 60.0, 4.0], atol=1e-6)


def test_a_box_that_would_be_bent_or_sheared_is_refused(mrml_scene):
    node = roi_from_frame(mrml_scene, frame())
    put_under_grid_transform(node, lambda points: 0.01 * points[:, [1, 2, 0]])
    with pytest.raises(InputError, match="non-linear"):
        set_frame(node, frame(width=70.0))
    other = roi_from_frame(mrml_scene, frame())
    sheared = np.eye(4)
    sheared[0, 1] = 0.5
    put_under_linear_transform(other, sheared)
    with pytest.raises(InputError, match="shears"):
        set_frame(other, frame(width=70.0))


def test_the_level_is_what_the_name_tells_and_else_what_was_given(mrml_scene):
    node = roi_from_frame(mrml_scene, frame())
    node.SetName("my own box")
    assert level_of(node) == frame_from_node(node).level == "L4-L5"
    node.SetName("L2-L3 again")
    assert level_of(node) == frame_from_node(node).level == "L2-L3"
    set_level(node, "Th12 / L1")
    assert node.GetName() == level_of(node) == "Th12_L1"


def test_boxes_are_in_order_of_level_and_other_rois_are_none(mrml_scene):
    for level in ("free", "L5-S1", "L1-L2", "L3-L4"):
        roi_from_frame(mrml_scene, frame(level))
    hidden = roi_from_frame(mrml_scene, frame("L2-L3"))
    hidden.SetHideFromEditors(True)
    region = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Crop Volume ROI")
    mrml_scene.RegisterNodeClass(slicer.vtkMRMLCropVolumeParametersNode())
    cropping = mrml_scene.AddNewNodeByClass("vtkMRMLCropVolumeParametersNode")
    cropping.SetROINodeID(region.GetID())
    assert [level_of(node) for node in box_nodes(mrml_scene)] == ["L1-L2", "L3-L4", "L5-S1", "free"]


def test_a_box_without_level_is_never_a_region_drawn_for_something_else(mrml_scene):
    region = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Region")
    assert find_box([region], "free") is None
    assert find_box([region], "free", preferred=region) is region
    placed = roi_from_frame(mrml_scene, frame("free"))
    assert find_box([region, placed], "free") is placed
    assert find_box([region, placed], "L4-L5", preferred=placed) is None


# -- the list


def test_the_list_follows_boxes_however_they_come_and_go(mrml_scene, tmp_path):
    listed, changed = [], []
    boxes = BoxList(mrml_scene, lambda: listed.append(len(boxes.nodes)), changed.append)
    try:
        first = roi_from_frame(mrml_scene, frame())
        path = write_box(tmp_path / "L2-L3.mrk.json", frame("L2-L3"))
        storage = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsROIJsonStorageNode")
        storage.SetFileName(str(path))
        loaded = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
        assert storage.ReadData(loaded)
        assert boxes.nodes == [loaded, first]
        set_frame(loaded, frame("L2-L3", width=50.0))
        assert changed[-1] is loaded
        assert boxes.frame(loaded).extent[0] == pytest.approx(50.0)
        set_level(loaded, "L5-S1")
        assert boxes.nodes == [first, loaded]
        mrml_scene.RemoveNode(first)
        assert boxes.nodes == [loaded]
        mrml_scene.Clear(0)
        assert boxes.nodes == []
        assert listed[-1] == 0
    finally:
        boxes.stop()


def test_what_changes_no_corner_is_not_told(mrml_scene):
    changed = []
    node = roi_from_frame(mrml_scene, frame())
    boxes = BoxList(mrml_scene, lambda: None, changed.append)
    node.SetDescription("looked at")
    node.Modified()
    set_frame(node, frame())
    assert changed == []
    boxes.stop()
    set_frame(node, frame(width=50.0))
    assert changed == []


def test_a_box_that_moves_with_its_transform_is_told(mrml_scene):
    changed = []
    node = roi_from_frame(mrml_scene, frame())
    boxes = BoxList(mrml_scene, lambda: None, changed.append)
    shifted = np.eye(4)
    shifted[2, 3] = 5.0
    put_under_linear_transform(node, shifted)
    assert changed == [node]
    boxes.stop()


# -- the guard


def test_a_dragged_edge_takes_the_other_one_along(guarded):
    _, node, settled = guarded

    def widen(step):
        node.SetSize(90.0 + step, node.GetSize()[1], 4.0)

    drag(node, widen)
    np.testing.assert_allclose(frame_from_node(node).extent, [94.0, 94.0, 4.0], atol=1e-6)
    assert settled == [node]


def test_a_locked_box_stays_in_its_plane_and_slides_and_turns_within(guarded):
    _, node, _ = guarded
    before = frame()

    def move(step):
        """As the application's handles do; turning about the right axis is what the plane forbids."""
        turn = vtk.vtkTransform()
        turn.Translate(*(1.0 * before.axes[0] + 2.0 * before.axes[2]).tolist())
        turn.Translate(*before.center.tolist())
        turn.RotateWXYZ(2.0, *before.axes[2].tolist())
        turn.RotateWXYZ(3.0, *before.axes[0].tolist())
        turn.Translate(*(-before.center).tolist())
        node.ApplyTransform(turn, False)

    drag(node, move)
    after = frame_from_node(node)
    np.testing.assert_allclose(after.axes[2], before.axes[2], atol=1e-6)
    assert abs((after.center - before.center) @ before.axes[2]) < 1e-6
    assert np.linalg.norm(after.center - before.center) > 2.0
    assert after.axes[0] @ before.axes[0] < np.cos(np.radians(5.0))


def test_an_unlocked_box_can_be_tilted_and_stays_square(guarded):
    guard, node, _ = guarded
    guard.lock_to_plane = False
    wanted = DiscFrame([0.0, 0.0, 50.0], tilted_axes(-10, 3, 8), [90.0, 90.0, 4.0], "L4-L5")

    def tilt(step):
        set_frame(node, wanted)
        node.SetSize(80.0, 90.0, 4.0)

    drag(node, tilt, steps=1)
    after = frame_from_node(node)
    np.testing.assert_allclose(after.axes, wanted.axes, atol=1e-6)
    np.testing.assert_allclose(after.extent, [80.0, 80.0, 4.0], atol=1e-6)


def test_a_dragged_box_is_never_shallower_than_its_slices(guarded):
    guard, node, _ = guarded
    guard.slices, guard.thickness = 3, 4.0
    drag(node, lambda step: node.SetSize(90.0, 90.0, 1.0), steps=1)
    assert frame_from_node(node).extent[2] == pytest.approx(12.0)


def test_a_box_that_nobody_drags_is_left_alone(guarded):
    _, node, settled = guarded
    node.SetSize(100.0, 60.0, 4.0)
    node.SetCenter(0.0, 0.0, 0.0)
    np.testing.assert_allclose(frame_from_node(node).extent, [100.0, 60.0, 4.0], atol=1e-6)
    assert settled == []


def test_a_box_no_longer_watched_is_left_alone(guarded):
    guard, node, settled = guarded
    guard.watch(None)
    drag(node, lambda step: node.SetSize(100.0, 60.0, 4.0), steps=1)
    np.testing.assert_allclose(frame_from_node(node).extent, [100.0, 60.0, 4.0], atol=1e-6)
    assert settled == []


def test_locked_handles_turn_in_the_plane_only(mrml_scene):
    node = roi_from_frame(mrml_scene, frame())
    show_handles(node, True, True)
    display = node.GetDisplayNode()
    assert display.GetHandlesInteractive()
    assert display.GetRotationHandleComponentVisibility() == (False, False, True, False)
    assert display.GetTranslationHandleComponentVisibility()[2] is False
    show_handles(node, True, False)
    assert display.GetRotationHandleComponentVisibility() == (True, True, True, False)
    show_handles(node, False, False)
    assert not display.GetHandlesInteractive()


# -- shapes


def test_a_width_is_kept_within_what_can_be_set():
    assert with_width(frame(), 5.0).extent.tolist() == [30.0, 30.0, 4.0]
    assert with_width(frame(), 900.0).extent.tolist() == [250.0, 250.0, 4.0]


def test_the_edge_that_was_changed_decides():
    narrow = DiscFrame(frame().center, frame().axes, [90.0, 70.0, 4.0], "L4-L5")
    assert squared(narrow, frame()).extent.tolist() == [70.0, 70.0, 4.0]


def test_a_box_in_its_plane_is_on_its_plane():
    assert is_same(on_plane(frame(), frame()), frame())


def test_the_share_outside_is_that_of_the_volume():
    matrix = np.eye(4)
    matrix[:3, 3] = -49.5
    volume = Volume(np.zeros((100, 100, 100), np.int16), matrix)  # -50 to 50 mm
    upright = DiscFrame([0, 0, 0], np.eye(3), [48.0, 48.0, 4.0])
    assert outside_share(upright, volume) == 0
    half = DiscFrame([50, 0, 0], np.eye(3), [48.0, 48.0, 4.0])
    assert outside_share(half, volume) == pytest.approx(0.5)
    assert outside_share(DiscFrame([200, 0, 0], np.eye(3), [48.0, 48.0, 4.0]), volume) == 1
