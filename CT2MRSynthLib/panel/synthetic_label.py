""" "SYNTHETIC - not for diagnosis" in every slice view that shows a synthetic volume, whoever has put it there."""

from __future__ import annotations

import qt
import slicer
import vtk
from slicer.util import VTKObservationMixin

#: Where in the view: the middle of the upper edge. DataProbe writes into the four corners, 0 to 3.
POSITION = vtk.vtkCornerAnnotation.UpperEdge


def start_labels() -> None:
    """Label all views from now on; once is enough for the application, again is harmless."""
    if getattr(slicer.modules, "ct2mrsynthLabels", None) is None:
        slicer.modules.ct2mrsynthLabels = SyntheticLabels()
    slicer.modules.ct2mrsynthLabels.start()


class SyntheticLabels(VTKObservationMixin):
    """Keeps the labels of all slice views as what they show is.

    Works without the module's panel, from the start of the application on, so that a scene that was saved with
    synthetic volumes is labeled as soon as it is opened. Without a main window there are no views and nothing happens.
    """

    def __init__(self) -> None:
        VTKObservationMixin.__init__(self)
        self._watched: set = set()
        self._scene = None
        self._manager = None
        # New views come after their nodes, and many nodes at once: one look when all is done
        self._soon = qt.QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.connect("timeout()", self.update)

    def start(self) -> None:
        """Begin to watch the views; again is harmless."""
        from CT2MRSynthLib.scene.layout import register_layout

        manager = slicer.app.layoutManager()
        if self._scene is not None or manager is None:
            return
        self._manager, self._scene = manager, slicer.mrmlScene
        register_layout(self._scene)  # a scene that was saved in this layout is opened in it
        manager.connect("layoutChanged(int)", self._on_layout_changed)
        scene = self._scene
        events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndImportEvent, scene.EndRestoreEvent)
        for event in (*events, scene.EndCloseEvent, scene.EndBatchProcessEvent):
            self.addObserver(scene, event, self._on_scene_changed)
        self.update()

    def stop(self) -> None:
        """Watch no more; the labels that are there stay."""
        self._soon.stop()
        self.removeObservers()
        self._watched.clear()
        if self._manager is not None and slicer.app.layoutManager() is not None:
            self._manager.disconnect("layoutChanged(int)", self._on_layout_changed)
        self._manager = self._scene = None

    def update(self) -> None:
        """Look at all views now."""
        manager = slicer.app.layoutManager()
        if manager is None or self._scene is None:
            return
        seen: set = set()
        for name in manager.sliceViewNames():
            widget = manager.sliceWidget(name)
            if widget is not None:
                seen |= self._label(widget)
        self._watch(seen)

    def _label(self, widget) -> set:
        """Label one view; returns the nodes on which its label depends."""
        from CT2MRSynthLib.scene.synthetic import annotation, shown_in

        composite = widget.mrmlSliceCompositeNode()
        if composite is None:
            return set()
        nodes = shown_in(composite)
        text, view = annotation(nodes), widget.sliceView()
        corners = view.cornerAnnotation()
        if (corners.GetText(POSITION) or "") != text:
            corners.SetText(POSITION, text)
            corners.GetTextProperty().SetShadow(1)  # legible on bright fat, too
            view.scheduleRender()
        return {composite, *nodes}

    def _watch(self, nodes: set) -> None:
        """Hear of changes of these nodes and no others."""
        for node in self._watched - nodes:
            self.removeObserver(node, vtk.vtkCommand.ModifiedEvent, self._on_node_changed)
        for node in nodes - self._watched:
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._on_node_changed)
        self._watched = nodes

    def _on_node_changed(self, caller, event) -> None:
        self.update()

    def _on_scene_changed(self, caller, event) -> None:
        self._soon.start()

    def _on_layout_changed(self, layout: int) -> None:
        self._soon.start()
