"""The layout that shows CT and synthetic MR side by side, and what holds while it is there."""

from __future__ import annotations

import qt
import slicer

#: Milliseconds after which new views have got their sizes.
SETTLED = 150


class SideBySide:
    """Shows a result beside its CT; the two views are linked as long as the layout is up.

    Without a layout manager (no main window) only the nodes of the views are set, as far as there are any.
    """

    def __init__(self) -> None:
        self._result_id = ""
        self._manager = None
        self._linked_before: tuple[bool, bool] | None = None
        self._settling = qt.QTimer()
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLED)
        self._settling.connect("timeout()", self._align_again)

    @property
    def is_up(self) -> bool:
        """Whether the layout is the one on the screen."""
        from CT2MRSynthLib.scene.layout import LAYOUT

        manager = slicer.app.layoutManager()
        return manager is not None and manager.layout == LAYOUT

    def show(self, ct_node, mr_node) -> None:
        """Show a result in the layout.

        Args:
            ct_node: Its CT; None where it is gone.
            mr_node: The result.
        """
        from CT2MRSynthLib.scene import views

        scene = mr_node.GetScene()
        self._raise_layout(scene)
        views.show_side_by_side(scene, ct_node, mr_node)
        if self._linked_before is None:
            self._linked_before = views.is_linked(scene)
        views.link(scene)
        self._result_id = mr_node.GetID()

    def cleanup(self) -> None:
        """Let go of the layout; what is shown stays."""
        self._settling.stop()
        if self._manager is not None and slicer.app.layoutManager() is not None:
            self._manager.disconnect("layoutChanged(int)", self._on_layout_changed)
        self._manager = None

    def _raise_layout(self, scene) -> None:
        from CT2MRSynthLib.scene.layout import LAYOUT, register_layout

        manager = slicer.app.layoutManager()
        if manager is None or not register_layout(scene):
            return
        if self._manager is None:
            self._manager = manager
            manager.connect("layoutChanged(int)", self._on_layout_changed)
        if manager.layout != LAYOUT:
            manager.setLayout(LAYOUT)
            self._settling.start()

    def _align_again(self) -> None:
        """New views have no size before they are drawn, and the scale goes by it."""
        from CT2MRSynthLib.scene.views import align

        node = slicer.mrmlScene.GetNodeByID(self._result_id) if self._result_id and self.is_up else None
        if node is not None and node.GetImageData() is not None:
            align(slicer.mrmlScene, node)

    def _on_layout_changed(self, layout: int) -> None:
        from CT2MRSynthLib.scene.layout import LAYOUT
        from CT2MRSynthLib.scene.views import unlink

        if layout != LAYOUT and self._linked_before is not None:
            unlink(slicer.mrmlScene, *self._linked_before)
            self._linked_before = None
