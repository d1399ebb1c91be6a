"""Points clicked and boxes dragged in slice views: the application's own widgets get mouse events, nothing is drawn."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("PySide6", reason="no Qt: install PySide6-Essentials")

import vtk  # noqa: E402
from test_place import CENTER, PLACES, Desk, frame  # noqa: E402

from CT2MRSynthLib.scene.boxes import frame_from_node, roi_from_frame  # noqa: E402
from CT2MRSynthLib.scene.matrices import to_array  # noqa: E402
from CT2MRSynthLib.scene.planes import show_frame  # noqa: E402

MOVE = vtk.vtkCommand.MouseMoveEvent
PRESS, RELEASE = vtk.vtkCommand.LeftButtonPressEvent, vtk.vtkCommand.LeftButtonReleaseEvent


class View:
    """A slice view of 400 x 400 pixels and 200 x 200 mm that markups are placed and dragged in."""

    def __init__(self, slice_node):
        self.node = slice_node
        slice_node.SetDimensions(400, 400, 1)
        slice_node.SetFieldOfView(200.0, 200.0, 1.0)
        self.window, self.renderer = vtk.vtkRenderWindow(), vtk.vtkRenderer()
        self.window.SetOffScreenRendering(1)
        self.window.SetSize(400, 400)
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        application = slicer.app.applicationLogic()
        application.SetModuleLogic("Markups", slicer.mrmlScene.kept[1])
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(application)
        if not factory.IsDisplayableManagerRegistered("vtkMRMLMarkupsDisplayableManager"):
            factory.RegisterDisplayableManager("vtkMRMLMarkupsDisplayableManager")
        self.group = factory.InstantiateDisplayableManagers(self.renderer)
        self.group.SetMRMLDisplayableNode(slice_node)
        self.manager = self.group.GetNthDisplayableManager(0)

    def close(self):
        self.group.SetMRMLDisplayableNode(None)

    def send(self, kind, point):
        """A mouse event at a world position."""
        to_view = np.linalg.inv(to_array(self.node.GetXYToRAS()))
        x, y = (to_view @ [*point, 1.0])[:2]
        event = slicer.vtkMRMLInteractionEventData()
        event.SetType(kind)
        event.SetDisplayPosition([round(x), round(y)])
        event.SetWorldPosition([float(value) for value in point], True)
        event.SetViewNode(self.node)
        event.SetRenderer(self.renderer)
        if self.manager.CanProcessInteractionEvent(event, vtk.reference(0.0)):
            self.manager.ProcessInteractionEvent(event)

    def click(self, point):
        self.send(MOVE, point)
        self.send(RELEASE, point)

    def drag(self, point, other, steps=5):
        self.send(MOVE, point)
        self.send(PRESS, point)
        for share in np.linspace(0, 1, steps + 1)[1:]:
            self.send(MOVE, point + share * (other - point))
        self.send(RELEASE, other)


@pytest.fixture
def desk(slicer_app):
    desk = Desk(slicer_app)
    desk.views = []
    yield desk
    desk.section.cleanup()
    for view in desk.views:
        view.close()


def view(desk, name="Red"):
    desk.views.append(View(desk.scene.GetNodeByID(f"vtkMRMLSliceNode{name}")))
    return desk.views[-1]


def edited(desk):
    """A box with its handles shown, in the Red view."""
    box = roi_from_frame(desk.scene, frame())
    red = view(desk)
    desk.section.select(box)
    desk.ui.editBoxButton.checked = True
    return box, red


def test_clicks_place_the_points_in_order_and_undo_and_skip_work_while_a_point_hangs_at_the_mouse(desk):
    show_frame(desk.red, frame())
    red = view(desk)
    desk.choose("L4-L5")
    desk.section.place_points()
    node, walk = desk.section.walk.node, desk.section.walk
    red.click(PLACES[0])
    red.click(CENTER)
    red.send(MOVE, CENTER)
    walk.undo()
    red.click(PLACES[1])
    red.send(MOVE, CENTER)
    assert node.GetNthControlPointPositionStatus(2) == node.PositionPreview
    walk.skip()
    red.send(MOVE, CENTER)
    assert node.GetNthControlPointPositionStatus(3) == node.PositionPreview
    walk.undo()
    for place in PLACES[2:]:
        red.click(place)
    assert not walk.is_active
    assert node.GetNumberOfControlPoints() == 4
    places = [np.array(node.GetNthControlPointPositionWorld(index)) for index in range(4)]
    np.testing.assert_allclose(places, PLACES, atol=0.5)
    assert desk.section.selected_box.GetName() == "L4-L5"
    red.send(MOVE, CENTER)
    assert node.GetNumberOfControlPoints() == 4


def test_a_dragged_face_keeps_the_box_square_and_the_other_face_where_it_is(desk):
    box, red = edited(desk)
    before = frame_from_node(box)
    edge = before.center + 45.0 * before.axes[0]
    red.drag(edge, edge + 10.0 * before.axes[0])
    after = frame_from_node(box)
    np.testing.assert_allclose(after.extent, [100.0, 100.0, 4.0], atol=1.0)
    left = [one.center - one.axes[0] * one.extent[0] / 2 for one in (before, after)]
    assert abs((left[1] - left[0]) @ before.axes[0]) < 0.1
    assert abs((after.center - before.center) @ before.axes[2]) < 1e-3
    assert desk.parameters.boxWidth == pytest.approx(after.extent[0], abs=0.051)


def test_a_box_is_dragged_within_its_plane(desk):
    box, red = edited(desk)
    before = frame_from_node(box)
    red.drag(before.center, before.center + 8.0 * before.axes[0] + 5.0 * before.axes[1])
    after = frame_from_node(box)
    np.testing.assert_allclose((after.center - before.center) @ before.axes.T, [8.0, 5.0, 0.0], atol=0.6)
    np.testing.assert_allclose(after.axes, before.axes, atol=1e-6)


@pytest.mark.parametrize(("locked", "moved"), [(True, 0.0), (False, 10.0)])
def test_in_the_sagittal_view_a_locked_box_stays_in_its_plane(desk, locked, moved):
    box, _ = edited(desk)
    desk.ui.lockToPlaneCheckBox.checked = locked
    before = frame_from_node(box)
    node = desk.scene.GetNodeByID("vtkMRMLSliceNodeYellow")
    node.JumpSliceByCentering(*before.center.tolist())
    yellow = view(desk, "Yellow")
    up = np.array([0.0, 0.0, 1.0])
    yellow.drag(before.center, before.center + 10.0 * up)
    after = frame_from_node(box)
    assert (after.center - before.center) @ before.axes[2] == pytest.approx(moved * before.axes[2][2], abs=0.6)
