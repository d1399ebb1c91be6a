"""Where synthetic slices are wanted: the level, its crop box, and all boxes of the scene."""

from __future__ import annotations

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from CT2MRSynthLib.errors import CT2MRSynthError, InputError
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.panel.box_shaping import BoxShaping, Settings
from CT2MRSynthLib.panel.box_table import BoxRow, BoxTable
from CT2MRSynthLib.panel.box_views import BoxViews
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.landmark_walk import LandmarkWalk
from CT2MRSynthLib.panel.place_controls import PlaceControls
from CT2MRSynthLib.panel.signal import Signal


class PlaceSection(VTKObservationMixin):
    """Places, lists and edits crop boxes.

    ``selection_changed`` emits the selected ROI node or None; ``boxes_changed`` tells that a box was added, removed,
    moved or renamed.
    """

    def __init__(self) -> None:
        from CT2MRSynthLib.scene.box_list import BoxList

        VTKObservationMixin.__init__(self)
        self.widget, self.ui = load_form("PlaceSection")
        self.selection_changed, self.boxes_changed = Signal(), Signal()
        self._scene = slicer.mrmlScene
        self._parameters = self._tag = self._ct = None
        self._settings = None
        self._selected = ""
        self._statuses: dict[str, tuple[str, str]] = {}
        self._busy = False
        self._views = BoxViews(self._scene)
        self._table = BoxTable(self.ui.boxTable)
        self._controls = PlaceControls(self.ui)
        self.walk = LandmarkWalk(self.ui, self._views)
        self._list = BoxList(self._scene, self._on_listed, self._on_box_changed)
        self._shaping = BoxShaping(self.ui.editBoxButton, self._list, self._on_settled, self._say)
        self._connect()
        self._refresh()

    # -- for the tab

    @property
    def selected_box(self):
        """ROI node of the selected box, or None."""
        node = self._scene.GetNodeByID(self._selected) if self._selected else None
        return node if node is not None and node in self._list.nodes else None

    @property
    def boxes(self) -> list:
        """ROI nodes of the scene, in order of level."""
        return [node for node in self._list.nodes if node.GetScene() is not None]

    @property
    def usable_boxes(self) -> list:
        """Those of ``boxes`` that lie in the CT."""
        return [node for node in self.boxes if not self._controls.outside_reason(node, self._ct)]

    def set_parameters(self, parameters) -> None:
        """Connect to ``SynthesizeParameters``, or to none."""
        if self._parameters is not None:
            self.walk.cancel()
            self.ui.editBoxButton.checked = False
            self.removeObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self._on_parameters)
            self._parameters.disconnectGui(self._tag)
        self._parameters, self._settings = parameters, None
        if parameters is not None:
            self._tag = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self._on_parameters)
            self._list.refresh()
            self._controls.level = parameters.level
            self._settings = Settings.of(parameters)
            self._shaping.use(self._settings)
            self._take_selection()
        self._refresh()

    def cleanup(self) -> None:
        """Let go of the scene and its views."""
        self.set_parameters(None)
        self.removeObservers()
        self._shaping.watch(None)
        self._list.stop()

    def set_ct(self, ct_node) -> None:
        """The CT that boxes must lie in; None where there is none."""
        if ct_node is not self._ct:
            self._say("")
            self._watch(ct_node)
        self._refresh()

    def set_status(self, box_node, text: str, color: str = "") -> None:
        """Show a status beside a box until it is changed.

        Args:
            box_node: ROI node.
            text: Such as "42 %" or "failed".
            color: "green", "amber", "red" or empty.
        """
        self._statuses[box_node.GetID()] = (text, color)
        if text == self._controls.state(self._scene, self._ct, box_node, self._list.frame(box_node))[0]:
            del self._statuses[box_node.GetID()]  # the scene says so itself, and will say when it is so no more
        self._refresh()

    def forget_status(self, box_node) -> None:
        """Let the scene say again what has become of a box.

        Args:
            box_node: ROI node; it may have been removed meanwhile.
        """
        if self._statuses.pop(box_node.GetID(), None) is not None:
            self._refresh()

    def box_reason(self) -> str:
        """Why the selected box cannot be used; empty where it can."""
        box = self.selected_box
        if box is not None:
            return self._controls.outside_reason(box, self._ct)
        level = self._controls.level
        if level in LEVELS:
            return _("Place the box at {level}: use the slice of the Red view, or place points.").format(level=level)
        return _("Place a box: use the slice of the Red view, or place points.")

    # -- what a user does

    def use_this_slice(self) -> None:
        """Put the box of the level into the plane of the Red view: around where it was, or around the spinal canal."""
        from CT2MRSynthLib.scene.boxes import frame_from_node
        from CT2MRSynthLib.scene.planes import canal_in_view, frame_of_view

        found = []

        def frame(box):
            if self._views.red is None:
                raise InputError(_("There is no Red view: choose a layout that has it."))
            own = Settings.of(self._parameters)
            around = None if box is None else frame_from_node(box).center
            if box is None and self._ct is not None:
                around = canal_in_view(self._views.red, self._ct)
                found.append(around is not None)
            return frame_of_view(self._views.red, own.width, own.depth, self._name(box), around)

        if self._place(frame) and found:
            self._say(
                _("The box was put around the spinal canal, found in the CT; check it.")
                if found[0]
                else _("No spinal canal was found in this slice: the box is in the middle of the view; move it.")
            )

    def place_points(self) -> None:
        """Begin the walk through the landmarks of the level, or stop it."""
        if self.walk.is_active:
            self.walk.cancel()
        elif self._parameters is not None:
            self._say("")
            self.ui.editBoxButton.checked = False
            self.walk.start(self._controls.level, self._parameters.boxWidth)

    def use_scene_points(self) -> None:
        """Put the box of the level where a complete point list of the scene says."""
        from CT2MRSynthLib.scene.landmarks import find_landmarks

        node = find_landmarks(self._scene, self._controls.level)
        if node is None:
            self._say(_("The scene has no complete point list of this level."))
        else:
            self._use_points(node)

    def select(self, box_node, follow: bool = True) -> None:
        """Select a box, or none.

        Args:
            box_node: ROI node or None.
            follow: Whether the Red view turns to its plane.
        """
        new = box_node.GetID() if box_node is not None else ""
        if new == self._selected and not follow:
            return
        self._selected = new
        self._say("")  # what was said was said of another box, or place
        self._shaping.watch(box_node)
        self._show_selection()
        if follow and self.selected_box is not None:
            self._follow()
        self._refresh()
        self.selection_changed.emit(self.selected_box)

    def delete_box(self) -> None:
        """Remove the selected box from the scene."""
        from CT2MRSynthLib.scene.volumes import remove_node

        box = self.selected_box
        if box is not None:
            self.ui.editBoxButton.checked = False
            self._scene.SaveStateForUndo()
            remove_node(box)

    # -- within

    def _connect(self) -> None:
        ui = self.ui
        ui.levelComboBox.connect("currentIndexChanged(int)", lambda index: self._choose_level())
        ui.useSliceButton.connect("clicked()", self.use_this_slice)
        ui.placePointsButton.connect("clicked()", self.place_points)
        ui.scenePointsButton.connect("clicked()", self.use_scene_points)
        ui.renameButton.connect("clicked()", lambda: self._table.edit(self._selected))
        ui.deleteBoxButton.connect("clicked()", self.delete_box)
        self._table.clicked.connect(lambda key: self.select(self._scene.GetNodeByID(key)))
        self._table.renamed.connect(self._rename)
        self.walk.completed.connect(self._use_points)
        self.walk.changed.connect(self._refresh)

    def _choose_level(self) -> None:
        """The user, or a scene, asks for another level: its box is selected if it has one."""
        if self._busy or self._parameters is None:
            return
        self.walk.cancel()
        self._busy = True
        self._parameters.level = self._controls.level
        self._busy = False
        self.select(self._box_of(self._controls.level))

    def _box_of(self, level: str):
        from CT2MRSynthLib.scene.boxes import find_box

        return find_box(self.boxes, level, self.selected_box)

    def _name(self, box) -> str:
        from CT2MRSynthLib.scene.boxes import level_of

        return level_of(box) if box is not None else self._controls.level

    def _use_points(self, node) -> None:
        from CT2MRSynthLib.scene.landmarks import box_from_landmarks

        placed = self._place(lambda box: box_from_landmarks(node, self._name(box), Settings.of(self._parameters).depth))
        if placed and node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility(False)  # the box is seen in their place

    def _place(self, frame_of) -> bool:
        """Put the box of the level where ``frame_of`` says, or say why not; whether it was done."""
        from CT2MRSynthLib.scene.boxes import put_box

        if self._parameters is None:
            return False
        self._say("")
        try:
            box = self._box_of(self._controls.level)
            frame = frame_of(box)
            self._busy = True
            box = put_box(self._scene, box, frame)
        except CT2MRSynthError as error:
            self._say(str(error))
            return False
        finally:
            self._busy = False
        self.walk.cancel()
        self.select(box)
        return True

    def _rename(self, key: str, text: str) -> None:
        from CT2MRSynthLib.scene.boxes import set_level

        node = self._scene.GetNodeByID(key)
        if node is not None and text.strip():
            self._scene.SaveStateForUndo()
            set_level(node, text)
            self._show_selection()

    def _take_selection(self) -> None:
        """Select what the parameters say, or else what there is; the views stay as they are."""
        box = self._named_box()
        ours = [node for node in self.boxes if self._is_ours(node)]
        self._selected = ""
        self.select(box if box is not None else ours[0] if ours else None, follow=False)
        if self.selected_box is None:
            self.selection_changed.emit(None)

    def _named_box(self):
        """The box that the parameters name, by itself or by its level; None where there is none."""
        from_scene = self._parameters.cropBox
        return from_scene if from_scene in self.boxes else self._box_of(self._parameters.level)

    def _show_selection(self) -> None:
        """Level and width of the selected box in panel and parameters."""
        from CT2MRSynthLib.placing import WIDTHS

        box = self.selected_box
        if self._parameters is None or self._busy:
            return
        self._busy = True
        try:
            self._parameters.cropBox = box
            frame = self._list.frame(box) if box is not None else None
            if frame is not None:
                self._controls.level = frame.level
                self._parameters.level = self._controls.level
                self._parameters.boxWidth = min(max(round(float(frame.extent[0]), 1), WIDTHS[0]), WIDTHS[1])
        finally:
            self._settings = Settings.of(self._parameters)
            self._busy = False

    def _on_parameters(self, caller, event) -> None:
        """Numbers were changed, by the user or with the scene."""
        if self._busy or self._parameters is None or self._settings is None:
            return
        before, self._settings = self._settings, Settings.of(self._parameters)
        if self._settings.level != before.level:
            self._controls.level = self._settings.level
            self._choose_level()
        elif self._parameters.cropBox is not self.selected_box and self._parameters.cropBox in self.boxes:
            self.select(self._parameters.cropBox, follow=False)
        else:
            self._shaping.change(before, self._settings, self.selected_box)

    def _follow(self) -> None:
        frame = self._list.frame(self.selected_box)
        if frame is not None:
            self._views.follow(frame)

    def _on_settled(self, box_node) -> None:
        if box_node is self.selected_box:
            self._say("")
            self._follow()

    def _on_listed(self) -> None:
        known = [key for key in self._statuses if self._scene.GetNodeByID(key) is not None]
        self._statuses = {key: self._statuses[key] for key in known}
        if self._selected and self.selected_box is None:
            self._selected = ""
            self._say("")
            self._shaping.watch(None)
            self._refresh()
            self.selection_changed.emit(None)
        fresh = [node for node in self.boxes if node.GetID() not in self._table.keys and self._is_ours(node)]
        self._refresh()
        if fresh and not self._selected and self._parameters is not None and not self._busy:
            named = self._named_box()  # a scene that was opened says which
            self.select(named if named in fresh else fresh[0], follow=False)
        self.boxes_changed.emit()

    @staticmethod
    def _is_ours(node) -> bool:
        """Whether a box can be meant for this module: it has a level, or was placed here."""
        from CT2MRSynthLib.scene.boxes import LEVEL_ATTRIBUTE, level_of

        return level_of(node) in LEVELS or bool(node.GetAttribute(LEVEL_ATTRIBUTE))

    def _on_box_changed(self, box_node) -> None:
        if not self._statuses.get(box_node.GetID(), ("",))[0].endswith("%"):  # a run goes on with the box as it was
            self._statuses.pop(box_node.GetID(), None)
        if box_node is self.selected_box:
            self._show_selection()
        self._refresh()
        self.boxes_changed.emit()

    def _watch(self, ct_node) -> None:
        """Follow where the CT is moved to."""
        for node, change in ((self._ct, self.removeObserver), (ct_node, self.addObserver)):
            if node is not None and self.hasObserver(node, node.TransformModifiedEvent, self._on_ct_moved) == (
                node is self._ct
            ):
                change(node, node.TransformModifiedEvent, self._on_ct_moved)
        self._ct = ct_node

    def _on_ct_moved(self, caller, event) -> None:
        self._refresh()
        self.boxes_changed.emit()

    def _refresh(self) -> None:
        rows = [self._row(node) for node in self.boxes]
        self._table.show(rows, self._selected)
        box = self.selected_box
        self._controls.show(
            ready=self._parameters is not None,
            ct=self._ct is not None,
            box=box,
            frame=self._list.frame(box) if box is not None else None,
            walking=self.walk.is_active,
        )
        self._controls.hint(box, self._ct)

    def _row(self, node) -> BoxRow:
        from CT2MRSynthLib.scene.boxes import level_of

        frame = self._list.frame(node)
        status, color = self._statuses.get(node.GetID()) or self._controls.state(self._scene, self._ct, node, frame)
        width = "" if frame is None else " x ".join(dict.fromkeys(f"{edge:.1f}" for edge in frame.extent[:2]))
        return BoxRow(node.GetID(), level_of(node), width, status, color)

    def _say(self, text: str) -> None:
        self.ui.messageLabel.text = text
        self.ui.messageLabel.visible = bool(text)
