"""A box that is dragged by its handles and stays what it has to be: square, and in its plane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import vtk
from slicer.util import VTKObservationMixin

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.placing import deep_enough, is_same, on_plane, squared
from CT2MRSynthLib.scene.box_list import usable_frame
from CT2MRSynthLib.scene.boxes import set_frame

#: Axes of handles: right, anterior, superior of the box, and along the view.
IN_PLANE_TURN = (False, False, True, False)
EVERY_TURN = (True, True, True, False)


class BoxGuard(VTKObservationMixin):
    """Corrects a box at each step of a drag. What is not dragged (files, other modules, undo) is left as it is.

    Args:
        settled: Called with the box node when a drag has ended.
    """

    def __init__(self, settled: Callable[[object], None]) -> None:
        VTKObservationMixin.__init__(self)
        self.lock_to_plane = True
        self.slices, self.thickness = 1, 1.0
        self._settled = settled
        self._node = None
        self._plane: DiscFrame | None = None  # the box where the drag began; None while nothing is dragged
        self._last: DiscFrame | None = None
        self._correcting = False

    @property
    def is_dragging(self) -> bool:
        """Whether the user holds a handle."""
        return self._plane is not None

    def watch(self, node) -> None:
        """Guard this box node, or none."""
        self.removeObservers()
        self._node, self._plane = node, None
        if node is not None:
            self.addObserver(node, node.PointStartInteractionEvent, self._on_start)
            self.addObserver(node, node.PointEndInteractionEvent, self._on_end)
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._on_change)

    def _on_start(self, caller, event) -> None:
        self._plane = self._last = usable_frame(self._node)

    def _on_end(self, caller, event) -> None:
        if self._plane is None:
            return
        self._on_change(caller, event)
        self._plane = None
        self._settled(self._node)

    def _on_change(self, caller, event) -> None:
        frame = usable_frame(self._node)
        if self._plane is None or self._correcting or frame is None:
            return
        wanted = self._corrected(frame)
        if not is_same(wanted, frame):
            self._correcting = True
            try:
                set_frame(self._node, wanted)
            except InputError:  # under a transform that bends it nothing can be kept
                pass
            finally:
                self._correcting = False
        self._last = wanted

    def _corrected(self, frame: DiscFrame) -> DiscFrame:
        if self.lock_to_plane:
            frame = on_plane(frame, self._plane)
        if not np.isclose(frame.extent[0], frame.extent[1], atol=1e-3):
            frame = squared(frame, self._last)
        return deep_enough(frame, self.slices, self.thickness)


def show_handles(node, visible: bool, lock_to_plane: bool) -> None:
    """Show or hide the handles of a box in the views.

    Args:
        node: ROI node with or without a display node.
        visible: Whether it can be dragged.
        lock_to_plane: Whether it can be turned in its plane only.
    """
    display = node.GetDisplayNode()
    if display is None and not visible:  # while a node is being added the application may be about to make one
        return
    if display is None:
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
    before = display.StartModify()
    if visible:
        display.SetVisibility(True)
        display.SetTranslationHandleVisibility(True)
        display.SetTranslationHandleComponentVisibility(True, True, not lock_to_plane, True)
        display.SetRotationHandleVisibility(True)
        display.SetRotationHandleComponentVisibility(*(IN_PLANE_TURN if lock_to_plane else EVERY_TURN))
        display.SetScaleHandleVisibility(True)
        display.SetScaleHandleComponentVisibility(True, True, True, True)
    display.SetHandlesInteractive(visible)
    display.EndModify(before)
