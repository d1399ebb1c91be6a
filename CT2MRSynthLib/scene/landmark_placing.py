"""Landmarks of a disc clicked one after the other in the views."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import slicer
from slicer.util import VTKObservationMixin

from CT2MRSynthLib.scene.landmarks import LABELS, OPTIONAL, add_unplaced, landmark_node


class LandmarkPlacing(VTKObservationMixin):
    """Has the user place the points of a level in their order; what is placed stays in the scene.

    The list holds all points from the beginning, without a place; the application gives the next click to the first
    of them, and shows its label at the mouse.

    Args:
        scene: The MRML scene.
        level: Name of the box they are for.
        moved: Called without arguments after each step, also when the user has left the mode for placing points
            (right click, another tool) or deleted the list: then ``is_placing`` is False.
    """

    def __init__(self, scene, level: str, moved: Callable[[], None]) -> None:
        VTKObservationMixin.__init__(self)
        self._scene, self._moved = scene, moved
        self.level = level
        self.node = landmark_node(scene, level)
        self.is_placing = False

    @property
    def step(self) -> int | None:
        """Index of the point that is placed next; None when all are placed or skipped."""
        done = (self.node.PositionDefined, self.node.PositionMissing)
        for index in range(self.node.GetNumberOfControlPoints()):
            if self.node.GetNthControlPointPositionStatus(index) not in done:
                return index
        return None

    @property
    def can_skip(self) -> bool:
        """Whether the rule does without the next point."""
        return self.is_placing and self.step is not None and LABELS[self.step] in OPTIONAL

    @property
    def can_undo(self) -> bool:
        """Whether a step was made that can be taken back."""
        return self.is_placing and self.step != 0

    def start(self) -> None:
        """Begin, or go on where the list was left; a list that is complete is placed anew."""
        if not self._is_whole():
            self.node.SetFixedNumberOfControlPoints(False)
            self.node.RemoveAllControlPoints()
            add_unplaced(self.node)
        elif self.step is None:
            self.node.UnsetAllControlPoints()
        self.node.SetFixedNumberOfControlPoints(True)  # the application leaves the mode by itself after the last
        self.node.GetDisplayNode().SetVisibility(True)
        self.is_placing = True
        self._switch_on()
        for event in (
            self.node.PointPositionDefinedEvent,
            self.node.PointPositionUndefinedEvent,
            self.node.PointPositionMissingEvent,
        ):
            self.addObserver(self.node, event, self._on_point)
        self.addObserver(self._interaction(), slicer.vtkMRMLInteractionNode.InteractionModeChangedEvent, self._on_mode)
        self.addObserver(self._scene, self._scene.NodeRemovedEvent, self._on_removed)

    def place(self, point: np.ndarray) -> None:
        """Place the next point at a world position, RAS mm, as a click does."""
        if self.step is not None:
            self.node.SetNthControlPointPositionWorld(self.step, *(float(value) for value in point))

    def skip(self) -> None:
        """Leave the next point out."""
        if self.can_skip:
            self.node.SetNthControlPointPositionMissing(self.step)

    def undo(self) -> None:
        """Take the last step back."""
        step = self.step
        last = (self.node.GetNumberOfControlPoints() if step is None else step) - 1
        if last < 0:
            return
        if step is not None:
            self.node.UnsetNthControlPointPosition(step)  # it may hang at the mouse
        self.node.UnsetNthControlPointPosition(last)
        self._switch_on()

    def end(self) -> None:
        """Leave the mode for placing points; the list stays, and can be gone on with."""
        if not self.is_placing:
            return
        self._let_go()
        interaction = self._interaction()
        if interaction.GetCurrentInteractionMode() == interaction.Place:
            interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        interaction.SetPlaceModePersistence(0)
        self.node.SetFixedNumberOfControlPoints(False)

    def _is_whole(self) -> bool:
        """Whether the list still holds the points it was made with; the user can delete any of them elsewhere."""
        count = self.node.GetNumberOfControlPoints()
        return [self.node.GetNthControlPointLabel(index) for index in range(count)] == list(LABELS)

    def _switch_on(self) -> None:
        selection = self._scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
        selection.SetReferenceActivePlaceNodeClassName(self.node.GetClassName())
        selection.SetActivePlaceNodeID(self.node.GetID())
        interaction = self._interaction()
        interaction.SetPlaceModePersistence(1)
        interaction.SetCurrentInteractionMode(interaction.Place)

    def _let_go(self) -> None:
        self.is_placing = False
        self.removeObservers()

    def _interaction(self):
        return self._scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")

    def _on_point(self, caller, event) -> None:
        self._moved()

    def _on_mode(self, interaction, event) -> None:
        if interaction.GetCurrentInteractionMode() != interaction.Place and self.step is not None:
            self.end()
            self._moved()

    def _on_removed(self, caller, event) -> None:
        if self.node.GetScene() is None:
            self.end()
            self._moved()
