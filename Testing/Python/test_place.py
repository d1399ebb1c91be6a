"""The section that places crop boxes, in the stand-in of the application."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("PySide6", reason="no Qt: install PySide6-Essentials")

from bodies import tilted_axes  # noqa: E402
from scenes import add_ct  # noqa: E402

from CT2MRSynthLib.frame import DiscFrame  # noqa: E402
from CT2MRSynthLib.scene.boxes import frame_from_node, roi_from_frame, set_frame  # noqa: E402
from CT2MRSynthLib.scene.planes import show_frame, shows_plane  # noqa: E402
from CT2MRSynthLib.volume import Volume  # noqa: E402

AXES = tilted_axes(3, 12, 2)
CENTER = np.array([4.0, -10.0, 20.0])
PLACES = [CENTER + AXES[1] * forward for forward in (18.0, -17.0, 20.0, -24.0)]


def frame(level="L4-L5", width=90.0, depth=4.0, center=CENTER):
    return DiscFrame(center, AXES, [width, width, depth], level)


def volume():
    matrix = np.diag([4.0, 4.0, 4.0, 1.0])
    matrix[:3, 3] = -126.0
    return Volume(np.zeros((64, 64, 64), np.int16), matrix)


class Desk:
    """A section on a scene with a CT of 256 mm around the origin."""

    def __init__(self, app):
        from CT2MRSynthLib.panel.parameters import SynthesizeParameters, read_parameters
        from CT2MRSynthLib.panel.place_section import PlaceSection

        self.app, self.scene = app, slicer.mrmlScene
        self.ct = add_ct(self.scene, volume())
        self.section = PlaceSection()
        self.selected, self.changes = [], []
        self.section.selection_changed.connect(self.selected.append)
        self.section.boxes_changed.connect(lambda: self.changes.append(len(self.section.boxes)))
        self.node = self.scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
        self.parameters = read_parameters(SynthesizeParameters, self.node)
        self.section.set_parameters(self.parameters)
        self.section.set_ct(self.ct)

    @property
    def ui(self):
        return self.section.ui

    @property
    def red(self):
        return self.scene.GetNodeByID("vtkMRMLSliceNodeRed")

    def rows(self):
        table = self.ui.boxTable
        return [tuple(table.item(row, column).text() for column in range(3)) for row in range(table.rowCount)]

    def choose(self, level):
        self.ui.levelComboBox.setCurrentIndex(self.ui.levelComboBox.findData(level))


@pytest.fixture
def desk(slicer_app):
    desk = Desk(slicer_app)
    yield desk
    desk.section.cleanup()


def mode():
    return slicer.mrmlScene.GetNodeByID("vtkMRMLInteractionNodeSingleton").GetCurrentInteractionMode()


# -- from the slice


def test_the_plane_of_the_red_view_becomes_the_box_of_the_level(desk):
    show_frame(desk.red, frame())
    desk.choose("L4-L5")
    desk.parameters.boxWidth = 70.0
    desk.ui.useSliceButton.click()
    box = desk.section.selected_box
    made = frame_from_node(box)
    assert (box.GetName(), made.level) == ("L4-L5", "L4-L5")
    np.testing.assert_allclose(made.axes, AXES, atol=1e-9)
    np.testing.assert_allclose(made.extent, [70.0, 70.0, 4.0], atol=1e-9)
    assert desk.parameters.cropBox is box
    assert desk.selected[-1] is box
    assert desk.rows() == [("L4-L5", "70.0", "not made")]
    assert desk.section.box_reason() == ""


def test_using_another_slice_moves_the_box_of_the_level_and_makes_no_second(desk):
    show_frame(desk.red, frame())
    desk.section.use_this_slice()
    box = desk.section.selected_box
    desk.parameters.boxWidth = 60.0
    before = frame_from_node(box).center
    show_frame(desk.red, frame(center=CENTER + 10.0 * AXES[2]))
    desk.section.use_this_slice()
    assert desk.section.boxes == [box]
    np.testing.assert_allclose(frame_from_node(box).center, before + 10.0 * AXES[2], atol=1e-4)
    assert frame_from_node(box).extent[0] == pytest.approx(60.0)


def test_a_sagittal_red_view_is_refused_with_a_sentence(desk):
    desk.red.SetOrientation("Sagittal")
    desk.ui.useSliceButton.click()
    assert "tilted by 90 degrees" in desk.ui.messageLabel.text
    assert desk.section.boxes == []
    desk.red.SetOrientation("Axial")
    desk.ui.useSliceButton.click()
    assert "middle of the view" in desk.ui.messageLabel.text, "this CT has no spine"
    assert len(desk.section.boxes) == 1


# -- from points


def test_points_become_the_box_of_the_crop_rule(desk):
    from CT2MRSynthLib.crop import Landmarks, crop_box

    desk.choose("L4-L5")
    desk.ui.placePointsButton.click()
    assert desk.section.walk.is_active
    for place in PLACES:
        desk.section.walk.place(place)
    assert not desk.section.walk.is_active
    labels = ("disc front", "disc back", "ventral", "sac")
    wanted = crop_box(Landmarks.from_points(list(zip(labels, PLACES, strict=True))), "L4-L5", 4.0)
    np.testing.assert_allclose(frame_from_node(desk.section.selected_box).corners(), wanted.corners(), atol=1e-6)
    assert shows_plane(desk.red, wanted)
    assert desk.parameters.boxWidth == pytest.approx(wanted.extent[0], abs=0.051)
    assert desk.scene.GetFirstNodeByName("L4-L5 landmarks") is not None
    assert mode() != slicer.vtkMRMLInteractionNode.Place
    assert not desk.scene.GetFirstNodeByName("L4-L5 landmarks").GetDisplayNode().GetVisibility()


def test_each_point_is_asked_for_in_the_panel_and_in_the_views(desk):
    from CT2MRSynthLib.panel.box_views import POSITION

    corners = slicer.app.layoutManager().sliceWidget("Red").sliceView().cornerAnnotation()
    desk.ui.placePointsButton.click()
    for number, (place, words) in enumerate(
        zip(PLACES, ("front edge", "back edge", "ventral point", "thecal sac"), strict=True), 1
    ):
        assert f"Point {number} of 4" in desk.ui.instructionLabel.text
        assert words in desk.ui.instructionLabel.text
        assert words in corners.GetText(POSITION)
        desk.section.walk.place(place)
    assert corners.GetText(POSITION) == ""


def test_only_the_ventral_edge_can_be_skipped(desk):
    desk.ui.placePointsButton.click()
    allowed = []
    for place in PLACES:
        allowed.append(desk.ui.skipButton.enabled)
        desk.section.walk.place(place)
    assert allowed == [False, False, True, False]


def test_undo_asks_for_the_point_again(desk):
    desk.ui.placePointsButton.click()
    assert not desk.ui.undoButton.enabled
    desk.section.walk.place(PLACES[0])
    desk.ui.undoButton.click()
    assert "Point 1 of 4" in desk.ui.instructionLabel.text


def test_the_red_view_turns_to_the_disc_when_its_plane_is_known(desk):
    desk.ui.placePointsButton.click()
    desk.section.walk.place(PLACES[0])
    desk.section.walk.place(PLACES[1])
    disc = frame_of_disc()
    assert shows_plane(desk.red, disc)


def frame_of_disc():
    forward = (PLACES[0] - PLACES[1]) / np.linalg.norm(PLACES[0] - PLACES[1])
    up = np.cross([1.0, 0.0, 0.0], forward)
    up /= np.linalg.norm(up)
    return DiscFrame((PLACES[0] + PLACES[1]) / 2, np.stack([np.cross(forward, up), forward, up]), [90, 90, 4])


def test_points_no_spine_can_have_are_refused_and_kept(desk):
    desk.ui.placePointsButton.click()
    for place in (*PLACES[:3], PLACES[0]):
        desk.section.walk.place(place)
    assert "20 to 90 mm" in desk.ui.messageLabel.text
    assert desk.section.boxes == []
    points = desk.scene.GetFirstNodeByName("L4-L5 landmarks")
    assert points.GetDisplayNode().GetVisibility()
    points.SetNthControlPointPositionWorld(3, *PLACES[3].tolist())  # dragged to where it belongs
    desk.ui.scenePointsButton.click()
    assert len(desk.section.boxes) == 1


@pytest.mark.parametrize("way", ["cancel", "leave", "tool", "level"])
def test_the_walk_ends_without_a_trace_in_the_views(desk, way):
    from CT2MRSynthLib.panel.box_views import POSITION

    desk.ui.placePointsButton.click()
    desk.section.walk.place(PLACES[0])
    if way == "cancel":
        desk.ui.cancelButton.click()
    elif way == "leave":
        desk.section.set_parameters(None)
    elif way == "tool":
        desk.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton").SwitchToViewTransformMode()
    else:
        desk.choose("L1-L2")
    assert not desk.section.walk.is_active
    assert mode() != slicer.vtkMRMLInteractionNode.Place
    corners = slicer.app.layoutManager().sliceWidget("Red").sliceView().cornerAnnotation()
    assert corners.GetText(POSITION) == ""


def test_points_of_the_scene_become_a_box(desk):
    node = desk.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "L2-L3 landmarks")
    desk.choose("L2-L3")
    desk.ui.scenePointsButton.click()
    assert "no complete point list" in desk.ui.messageLabel.text
    for label, place in zip(("disc front", "disc back", "ventral", "sac"), PLACES, strict=True):
        node.AddControlPointWorld(*place.tolist(), label)
    desk.ui.scenePointsButton.click()
    assert desk.section.selected_box.GetName() == "L2-L3"


# -- the table


def test_boxes_of_the_scene_appear_and_one_is_selected(desk):
    first = roi_from_frame(desk.scene, frame("L5-S1"))
    second = roi_from_frame(desk.scene, frame("L1-L2", width=80.0))
    assert desk.section.boxes == [second, first]
    assert desk.section.selected_box is first
    assert [row[:2] for row in desk.rows()] == [("L1-L2", "80.0"), ("L5-S1", "90.0")]
    assert desk.parameters.level == "L5-S1"


def test_clicking_a_box_selects_it_and_turns_the_red_view(desk):
    roi_from_frame(desk.scene, frame("L5-S1", center=CENTER - 30.0 * AXES[2]))
    other = roi_from_frame(desk.scene, frame("L1-L2", width=80.0))
    desk.ui.boxTable.selectRow(0)
    assert desk.section.selected_box is other
    assert desk.parameters.cropBox is other
    assert (desk.parameters.level, desk.parameters.boxWidth) == ("L1-L2", 80.0)
    assert shows_plane(desk.red, frame_from_node(other))
    yellow = desk.scene.GetNodeByID("vtkMRMLSliceNodeYellow")
    assert yellow.GetSliceToRAS().GetElement(0, 3) == pytest.approx(CENTER[0], abs=0.01)


def test_a_region_of_another_module_is_listed_but_not_chosen_by_itself(desk):
    region = desk.scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Volume rendering ROI")
    assert desk.section.boxes == [region]
    assert desk.section.selected_box is None
    desk.scene.RegisterNodeClass(slicer.vtkMRMLCropVolumeParametersNode())
    desk.scene.AddNewNodeByClass("vtkMRMLCropVolumeParametersNode").SetROINodeID(region.GetID())
    region.SetSize(100.0, 100.0, 100.0)
    assert desk.section.boxes == []
    assert desk.rows() == []


def test_a_level_without_a_box_is_no_level_of_another_box(desk):
    roi_from_frame(desk.scene, frame("L5-S1"))
    desk.choose("L2-L3")
    assert desk.section.selected_box is None
    assert "L2-L3" in desk.section.box_reason()
    desk.choose("L5-S1")
    assert desk.section.selected_box is desk.section.boxes[0]


def test_a_box_is_renamed_to_a_level_in_the_table(desk):
    box = roi_from_frame(desk.scene, frame("L5-S1"))
    desk.ui.boxTable.item(0, 0).setText("l3/4")
    assert box.GetName() == "L3-L4"
    assert desk.rows()[0][0] == "L3-L4"
    assert desk.parameters.level == "L3-L4"
    desk.ui.boxTable.item(0, 0).setText("   ")
    assert box.GetName() == desk.rows()[0][0] == "L3-L4"


def test_a_deleted_box_is_gone_everywhere(desk):
    roi_from_frame(desk.scene, frame("L5-S1"))
    desk.ui.deleteBoxButton.click()
    assert desk.section.boxes == []
    assert desk.selected[-1] is None
    assert desk.parameters.cropBox is None
    assert desk.rows() == []
    assert desk.scene.GetNumberOfNodesByClass("vtkMRMLMarkupsROIDisplayNode") == 0
    assert not desk.ui.deleteBoxButton.enabled
    assert "Select a box" in desk.ui.deleteBoxButton.toolTip


def test_a_status_stays_until_the_box_is_changed(desk):
    box = roi_from_frame(desk.scene, frame())
    desk.section.set_status(box, "failed: no memory", "red")
    assert desk.rows()[0][2] == "failed: no memory"
    set_frame(box, frame(width=50.0))
    assert desk.rows()[0][2] == "not made"


def test_what_was_said_of_a_box_is_not_said_of_another(desk):
    desk.section.use_scene_points()
    assert desk.ui.messageLabel.text
    desk.section.select(roi_from_frame(desk.scene, frame()))
    assert not desk.ui.messageLabel.text


def test_what_was_made_of_a_box_shows_and_gets_out_of_date(desk):
    import json

    from CT2MRSynthLib.provenance import box as recorded
    from CT2MRSynthLib.scene.results import BOX_ROLE, CT_ROLE, PREFIX

    box = roi_from_frame(desk.scene, frame())
    result = desk.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "sMRT2")
    result.SetNodeReferenceID(CT_ROLE, desk.ct.GetID())
    result.SetNodeReferenceID(BOX_ROLE, box.GetID())
    result.SetAttribute(PREFIX + "Box", json.dumps(recorded(frame())))
    desk.section.set_status(box, "made")
    assert desk.rows()[0][2] == "made"
    assert not desk.ui.boxTable.item(0, 2).icon().isNull()
    set_frame(box, frame(width=50.0))
    assert desk.rows()[0][2] == "out of date"


# -- numbers and handles


def test_numbers_shape_the_box(desk):
    box = roi_from_frame(desk.scene, frame())
    desk.ui.boxWidthSlider.value = 64.0
    assert frame_from_node(box).extent[:2].tolist() == pytest.approx([64.0, 64.0])
    desk.ui.sliceCountSpinBox.value = 3
    assert frame_from_node(box).extent[2] == pytest.approx(12.0)
    desk.ui.sliceThicknessSpinBox.value = 2.0
    assert frame_from_node(box).extent[2] == pytest.approx(6.0)


def test_a_box_that_is_deeper_than_its_slices_stays_so(desk):
    box = roi_from_frame(desk.scene, frame(depth=30.0))
    desk.ui.sliceCountSpinBox.value = 3
    assert frame_from_node(box).extent[2] == pytest.approx(30.0)
    desk.ui.sliceCountSpinBox.value = 10
    assert frame_from_node(box).extent[2] == pytest.approx(40.0)


def test_opening_a_panel_changes_no_box_and_no_view(slicer_app):
    box = roi_from_frame(slicer.mrmlScene, DiscFrame(CENTER, AXES, [300.0, 290.0, 2.0], "L4-L5"))
    before = frame_from_node(box)
    desk = Desk(slicer_app)
    assert desk.section.selected_box is box
    np.testing.assert_array_equal(frame_from_node(box).corners(), before.corners())
    assert not shows_plane(desk.red, before)
    desk.section.cleanup()


def test_handles_show_while_a_box_is_edited(desk):
    first = roi_from_frame(desk.scene, frame("L1-L2"))
    second = roi_from_frame(desk.scene, frame("L5-S1"))
    desk.ui.editBoxButton.click()
    assert first.GetDisplayNode().GetHandlesInteractive()
    assert first.GetDisplayNode().GetRotationHandleComponentVisibility() == (False, False, True, False)
    desk.ui.lockToPlaneCheckBox.checked = False
    assert first.GetDisplayNode().GetRotationHandleComponentVisibility() == (True, True, True, False)
    desk.ui.boxTable.selectRow(1)
    assert not first.GetDisplayNode().GetHandlesInteractive()
    assert second.GetDisplayNode().GetHandlesInteractive()
    desk.section.set_parameters(None)
    assert not second.GetDisplayNode().GetHandlesInteractive()


def test_the_red_view_follows_when_a_drag_has_ended(desk):
    box = roi_from_frame(desk.scene, frame())
    desk.section.select(box)
    desk.ui.lockToPlaneCheckBox.checked = False
    moved = DiscFrame(CENTER, tilted_axes(0, -8, 0), [90.0, 90.0, 4.0], "L4-L5")
    box.InvokeCustomModifiedEvent(box.PointStartInteractionEvent)
    set_frame(box, moved)
    assert not shows_plane(desk.red, moved)
    box.InvokeCustomModifiedEvent(box.PointEndInteractionEvent)
    assert shows_plane(desk.red, moved)


def test_the_lines_of_the_plane_show_and_a_user_can_hide_them(desk):
    logic, lines = slicer.app.applicationLogic(), slicer.vtkMRMLApplicationLogic.IntersectingSlicesVisibility
    assert not logic.GetIntersectingSlicesEnabled(lines)
    desk.section.use_this_slice()
    assert logic.GetIntersectingSlicesEnabled(lines)
    logic.SetIntersectingSlicesEnabled(lines, False)
    desk.section.use_this_slice()
    assert not logic.GetIntersectingSlicesEnabled(lines)


# -- inside the CT


def test_a_box_outside_the_ct_is_said_and_one_partly_outside_is_warned_of(desk):
    box = roi_from_frame(desk.scene, frame(center=CENTER + [500.0, 0, 0]))
    assert "outside the CT" in desk.section.box_reason()
    set_frame(box, frame(center=np.array([126.0, 0.0, 0.0])))
    assert desk.section.box_reason() == ""
    assert "% of the box is outside" in desk.ui.hintLabel.text
    set_frame(box, frame())
    assert "outside" not in desk.ui.hintLabel.text


def test_without_a_ct_nothing_is_placed(desk):
    desk.section.set_ct(None)
    for button in (desk.ui.useSliceButton, desk.ui.placePointsButton, desk.ui.scenePointsButton):
        assert not button.enabled
        assert "CT" in button.toolTip


# -- lives


def test_the_section_survives_the_scene_and_its_nodes(desk):
    roi_from_frame(desk.scene, frame())
    desk.ui.placePointsButton.click()
    desk.scene.RemoveNode(desk.section.walk.node)
    desk.section.use_this_slice()
    desk.section.set_parameters(None)
    desk.scene.Clear(0)
    assert desk.section.boxes == []
    assert desk.section.selected_box is None
    desk.section.set_ct(None)
    desk.section.cleanup()
    desk.section.cleanup()
    roi_from_frame(desk.scene, frame())
    assert desk.section.boxes == []


def test_the_section_works_without_a_main_window(slicer_app_without_window):
    desk = Desk(slicer_app_without_window)
    desk.section.place_points()
    for place in PLACES:
        desk.section.walk.place(place)
    assert desk.section.selected_box.GetName() == "L4-L5"
    desk.section.cleanup()


def test_every_control_says_what_it_does(desk):
    import qt

    for kind in (qt.QPushButton, qt.QCheckBox, qt.QComboBox, qt.QSpinBox, qt.QDoubleSpinBox, qt.QTableWidget):
        for widget in desk.section.widget.findChildren(kind):
            if not widget.objectName.startswith("qt_"):
                assert widget.toolTip or widget.parent().toolTip, widget.objectName
