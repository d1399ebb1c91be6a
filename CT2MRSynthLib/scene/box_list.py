"""The boxes of a scene as they come, go and change."""

from __future__ import annotations

from collections.abc import Callable

import vtk
from slicer.util import VTKObservationMixin

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.placing import is_same
from CT2MRSynthLib.scene.boxes import box_nodes, frame_from_node


class BoxList(VTKObservationMixin):
    """Follows the boxes of a scene, however they got there.

    Args:
        scene: The MRML scene.
        listed: Called without arguments when boxes were added or removed.
        changed: Called with a box node that was moved, resized or renamed.
    """

    def __init__(self, scene, listed: Callable[[], None], changed: Callable[[object], None]) -> None:
        VTKObservationMixin.__init__(self)
        self._scene = scene
        self._listed, self._changed = listed, changed
        self._frames: dict[str, DiscFrame | None] = {}
        self._events = [
            (scene, event, self._on_scene)
            for event in (
                scene.NodeAddedEvent,
                scene.NodeRemovedEvent,
                scene.EndBatchProcessEvent,
                scene.EndImportEvent,
                scene.EndCloseEvent,
            )
        ]
        for event in self._events:
            self.addObserver(*event)
        self.nodes: list = []
        self._read()

    def stop(self) -> None:
        """Follow no more."""
        self.removeObservers()
        self.nodes = []

    def frame(self, node) -> DiscFrame | None:
        """The box of a listed node as last seen; None where it is none that could be used."""
        return self._frames.get(node.GetID())

    def refresh(self) -> None:
        """Look at the scene now."""
        if self._scene.IsBatchProcessing():  # a scene is being loaded or closed; its end is told
            return
        if self._read():
            self._listed()

    def _read(self) -> bool:
        """Take over the boxes of the scene; whether they are others, or in another order, than before."""
        nodes = box_nodes(self._scene)
        same = [node.GetID() for node in nodes] == list(self._frames) and nodes == self.nodes
        if same:
            return False
        for node in self.nodes:
            if node not in nodes:
                self._observe(node, False)
        for node in nodes:
            if node not in self.nodes:
                self._observe(node, True)
        self.nodes = nodes
        self._frames = {node.GetID(): usable_frame(node) for node in nodes}
        return True

    def _observe(self, node, follow: bool) -> None:
        change = self.addObserver if follow else self.removeObserver
        for event in (vtk.vtkCommand.ModifiedEvent, node.TransformModifiedEvent):
            change(node, event, self._on_box)

    def _on_scene(self, caller, event) -> None:
        self.refresh()

    def _on_box(self, node, event) -> None:
        before = self._frames.get(node.GetID())
        self.refresh()  # it may have got another owner, or another turn in the order
        if node.GetID() not in self._frames or node.GetScene() is not self._scene:
            return
        frame = usable_frame(node)
        if (frame is None and before is None) or (frame is not None and is_same(frame, before)):
            return
        self._frames[node.GetID()] = frame
        self._changed(node)


def usable_frame(node) -> DiscFrame | None:
    """The box of a node; None where it has no size yet, or cannot be used."""
    try:
        return frame_from_node(node)
    except InputError:
        return None
