"""Side by side: the same plane, the same scale, the radiologist's way around, and labeled wherever it is seen."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
import slicer
from bodies import body, oblique_frame, tilted_axes
from made import make_result
from scenes import add_ct, put_under_linear_transform

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.scene import views
from CT2MRSynthLib.scene.layout import LAYOUT, register_layout
from CT2MRSynthLib.scene.matrices import to_array
from CT2MRSynthLib.scene.synthetic import annotation, provenance_of, results_in, shown_in

FRAME = oblique_frame()
SIZES = {"Red": (640, 480), "CT2MRSynth": (600, 480), "Yellow": (640, 240), "Green": (600, 240)}


@pytest.fixture
def scene(mrml_scene):
    """A scene with the four slice views, as the layout makes them, and the logic that links them."""
    application = slicer.vtkMRMLApplicationLogic()
    application.SetMRMLScene(mrml_scene)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(mrml_scene)
    logics = []
    for name, size in SIZES.items():
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLScene(mrml_scene)
        node = logic.AddSliceNode(name)
        node.SetOrientation({"Yellow": "Sagittal", "Green": "Coronal"}.get(name, "Axial"))
        node.SetDimensions(*size, 1)
        logics.append(logic)
    mrml_scene.kept += tuple(logics)
    yield mrml_scene
    application.SetMRMLScene(None)
    for logic in logics:
        logic.SetMRMLScene(None)


def slice_node(scene, name):
    return views._slice_nodes(scene, [name])[0]


def composite(scene, name):
    return views._composites(scene, [name])[0]


def to_world(node, x, y):
    """World point of a pixel of a view; x to the right of the screen, y up."""
    return np.array(node.GetXYToRAS().MultiplyPoint((x, y, 0, 1))[:3])


@pytest.fixture
def ct(scene):
    return add_ct(scene, body(), "Abdomen")


@pytest.fixture
def mr(scene, ct):
    return make_result(scene, ct, FRAME)


def test_both_views_show_the_plane_of_the_box_with_its_center_in_the_middle(scene, ct, mr):
    views.show_side_by_side(scene, ct, mr)
    for name in ("Red", "CT2MRSynth"):
        node, (width, height) = slice_node(scene, name), SIZES[name]
        np.testing.assert_allclose(to_world(node, width / 2, height / 2), FRAME.center, atol=1e-4)
        right, up = to_world(node, width, height / 2), to_world(node, width / 2, height)
        assert (right - FRAME.center) @ FRAME.axes[0] < -20  # the patient's left is on the right of the screen
        assert (up - FRAME.center) @ FRAME.axes[1] > 20  # anterior is up
        assert abs((right - FRAME.center) @ FRAME.axes[2]) < 1e-3
        assert abs((up - FRAME.center) @ FRAME.axes[2]) < 1e-3


def test_both_views_have_one_scale_and_hold_the_whole_box(scene, ct, mr):
    views.show_side_by_side(scene, ct, mr)
    scales = []
    for name in ("Red", "CT2MRSynth"):
        field, size = slice_node(scene, name).GetFieldOfView(), SIZES[name]
        scales += [field[0] / size[0], field[1] / size[1]]
        assert min(field[:2]) >= FRAME.extent[0]
    np.testing.assert_allclose(scales, scales[0], rtol=1e-9)
    assert slice_node(scene, "Red").GetFieldOfView()[1] < 1.1 * FRAME.extent[0]


def test_the_ct_is_in_the_red_view_and_the_mr_in_its_own(scene, ct, mr):
    views.show_side_by_side(scene, ct, mr)
    assert composite(scene, "Red").GetBackgroundVolumeID() == ct.GetID()
    assert composite(scene, "CT2MRSynth").GetBackgroundVolumeID() == mr.GetID()
    assert not composite(scene, "Red").GetForegroundVolumeID()
    assert not composite(scene, "CT2MRSynth").GetDoPropagateVolumeSelection()
    for name in ("Yellow", "Green"):
        assert composite(scene, name).GetBackgroundVolumeID() == ct.GetID()
        matrix = to_array(slice_node(scene, name).GetSliceToRAS())
        np.testing.assert_allclose(matrix[:3, 3], FRAME.center, atol=1e-6)


def test_the_lower_views_keep_their_orientation(scene, ct, mr):
    views.show_side_by_side(scene, ct, mr)
    assert slice_node(scene, "Yellow").GetOrientation() == "Sagittal"
    assert slice_node(scene, "Green").GetOrientation() == "Coronal"


@pytest.mark.parametrize("slices", [1, 3, 4])
def test_the_plane_lies_on_voxels_of_the_result(scene, ct, slices):
    node = make_result(scene, ct, FRAME.with_depth(16), slices)
    matrix = views.plane_of(node)
    depth = (matrix[:3, 3] - FRAME.center) @ FRAME.axes[2]
    heights = (np.arange(slices) - (slices - 1) / 2) * 16 / slices
    assert np.abs(heights - depth).min() < 1e-6


def test_the_plane_follows_the_transform_of_the_ct(scene, ct):
    moved = np.eye(4)
    moved[:3, :3], moved[:3, 3] = tilted_axes(10, -20, 30).T, [30, 4, -12]
    put_under_linear_transform(ct, moved)
    frame = DiscFrame(moved[:3, :3] @ FRAME.center + moved[:3, 3], FRAME.axes @ moved[:3, :3].T, FRAME.extent, "L4-L5")
    matrix = views.plane_of(make_result(scene, ct, frame))
    np.testing.assert_allclose(matrix[:3, 3], frame.center, atol=1e-6)
    np.testing.assert_allclose(matrix[:3, :3].T, frame.axes * [[-1], [1], [1]], atol=1e-6)


def test_a_window_set_by_the_user_stays_and_an_automatic_one_gives_way(scene, ct, mr):
    mr.GetDisplayNode().SetWindowLevel(90, 60)
    views.show_side_by_side(scene, ct, mr)
    display = ct.GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == views.SOFT_TISSUE
    assert mr.GetDisplayNode().GetWindow() == 90
    display.SetWindowLevel(1800, 400)
    views.show_side_by_side(scene, ct, mr)
    assert display.GetWindow() == 1800


def test_blending_lays_the_mr_over_the_ct_and_takes_it_away_again(scene, ct, mr):
    views.show_side_by_side(scene, ct, mr)
    views.blend(scene, mr, 0.3)
    red = composite(scene, "Red")
    assert (red.GetForegroundVolumeID(), red.GetForegroundOpacity()) == (mr.GetID(), 0.3)
    views.blend(scene, mr, None)
    assert not red.GetForegroundVolumeID()


def test_taking_away_leaves_what_the_user_has_laid_over(scene, ct, mr):
    other = add_ct(scene, body(), "PET")
    composite(scene, "Red").SetForegroundVolumeID(other.GetID())
    views.blend(scene, None, None)
    assert composite(scene, "Red").GetForegroundVolumeID() == other.GetID()


def test_linked_views_go_along_with_a_pan_and_keep_their_volumes(scene, ct, mr):
    views.show_side_by_side(scene, ct, mr)
    views.link(scene)
    red, beside = slice_node(scene, "Red"), slice_node(scene, "CT2MRSynth")
    logic = scene.kept[-4]
    assert logic.GetSliceNode() is red
    logic.StartSliceNodeInteraction(red.XYZOriginFlag)
    red.SetXYZOrigin(7, -3, 0)
    logic.EndSliceNodeInteraction()
    assert beside.GetXYZOrigin()[:2] == (7, -3)
    logic.StartSliceCompositeNodeInteraction(composite(scene, "Red").BackgroundVolumeFlag)
    composite(scene, "Red").SetBackgroundVolumeID(None)
    logic.EndSliceCompositeNodeInteraction()
    assert composite(scene, "CT2MRSynth").GetBackgroundVolumeID() == mr.GetID()
    views.unlink(scene)
    assert views.is_linked(scene) == (False, False)
    logic.StartSliceNodeInteraction(red.XYZOriginFlag)
    red.SetXYZOrigin(1, 1, 0)
    logic.EndSliceNodeInteraction()
    assert beside.GetXYZOrigin()[:2] == (7, -3)


def test_the_layout_is_registered_once_and_makes_its_view(scene):
    assert not register_layout(scene)  # no layout node: no main window
    logic = slicer.vtkMRMLLayoutLogic()
    logic.SetMRMLScene(scene)
    node = logic.GetLayoutNode()
    assert register_layout(scene)
    assert register_layout(scene)
    scene.RemoveNode(slice_node(scene, "CT2MRSynth"))
    node.SetViewArrangement(LAYOUT)
    assert slice_node(scene, "CT2MRSynth").GetLayoutLabel() == "MR"
    assert {logic.GetViewNodes().GetItemAsObject(n).GetLayoutName() for n in range(4)} == set(SIZES)
    logic.SetMRMLScene(None)


def test_views_that_are_absent_are_left_alone(mrml_scene):
    ct = add_ct(mrml_scene, body())
    node = make_result(mrml_scene, ct, FRAME)
    views.show_side_by_side(mrml_scene, ct, node)
    views.blend(mrml_scene, node, 0.5)
    views.link(mrml_scene)
    views.unlink(mrml_scene, *views.is_linked(mrml_scene))


def test_a_view_is_labeled_while_it_shows_a_synthetic_volume(scene, ct, mr):
    red = composite(scene, "Red")
    red.SetBackgroundVolumeID(ct.GetID())
    assert shown_in(red) == []
    red.SetForegroundVolumeID(mr.GetID())
    red.SetForegroundOpacity(0.0)
    assert shown_in(red) == []
    red.SetForegroundOpacity(0.01)
    assert shown_in(red) == [mr]
    red.SetForegroundVolumeID(None)
    red.SetBackgroundVolumeID(mr.GetID())
    assert shown_in(red) == [mr]
    assert annotation([mr]) == "SYNTHETIC - not for diagnosis"
    assert annotation([]) == ""


def test_the_annotation_names_the_reason_when_not_all_is_well(scene, ct):
    node = make_result(scene, ct, FRAME, outside=0.4)
    first, second, *_ = annotation([node]).splitlines()
    assert first == "SYNTHETIC - not for diagnosis"
    assert second.startswith("RED: 40.0 % of the box lies outside")


def test_simulated_volumes_are_labeled_and_are_no_results(scene, ct):
    ct.SetAttribute("CT2MRSynth.Label", "SIMULATED, SYNTHETIC - not for diagnosis")
    red = composite(scene, "Red")
    red.SetBackgroundVolumeID(ct.GetID())
    assert annotation(shown_in(red)) == "SIMULATED, SYNTHETIC - not for diagnosis"
    assert results_in(scene) == []


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000])
def test_a_record_that_cannot_be_read_is_none_and_red(scene, mr, text):
    mr.SetAttribute("CT2MRSynth.Provenance", text or None)
    assert provenance_of(mr) is None
    assert ("RED" in annotation([mr])) == bool(text)
