"""What the slice views show of a box: its plane in Red, its line in the others, and what to click next."""

from __future__ import annotations

import slicer
import vtk

#: The application's own annotations are in the corners, the label of synthetic volumes at the upper edge.
POSITION = vtk.vtkCornerAnnotation.LowerEdge

#: Lifts the text above the names of volumes in the lower corners.
LIFT = "\n \n "

_NODE = "vtkMRMLSliceNode"


class BoxViews:
    """The Red, Yellow and Green view, where there are any.

    Args:
        scene: The MRML scene.
    """

    def __init__(self, scene) -> None:
        self._scene = scene
        self._lines_shown = False

    @property
    def red(self):
        """Slice node of the Red view; None in an application without it."""
        return self._scene.GetNodeByID(f"{_NODE}Red")

    def follow(self, frame) -> None:
        """Turn the Red view to the plane of a ``DiscFrame`` and let the others pass through its center."""
        from CT2MRSynthLib.scene.planes import show_frame, show_point

        if self.red is not None:
            show_frame(self.red, frame)
        for name in ("Yellow", "Green"):
            node = self._scene.GetNodeByID(_NODE + name)
            if node is not None:
                show_point(node, frame.center)
        self._show_lines()

    @property
    def has_sagittal(self) -> bool:
        """Whether the layout shows a sagittal view; True where it shows none at all."""
        count = self._scene.GetNumberOfNodesByClass(_NODE)
        nodes = [self._scene.GetNthNodeByClass(index, _NODE) for index in range(count)]
        shown = [node.GetOrientation() for node in nodes if node.IsMappedInLayout()]
        return not shown or "Sagittal" in shown

    def say(self, text: str) -> None:
        """Show an instruction in the Red and Yellow view; empty takes it away."""
        manager = slicer.app.layoutManager()
        for name in ("Red", "Yellow"):
            widget = manager.sliceWidget(name) if manager is not None else None
            if widget is not None:
                view = widget.sliceView()
                view.cornerAnnotation().SetText(POSITION, text + LIFT if text else "")
                view.scheduleRender()

    def _show_lines(self) -> None:
        """Show where the views intersect; once, so that a user who hides the lines is not contradicted."""
        logic = slicer.app.applicationLogic()
        if self._lines_shown or logic is None:
            return
        self._lines_shown = True
        logic.SetIntersectingSlicesEnabled(slicer.vtkMRMLApplicationLogic.IntersectingSlicesVisibility, True)
