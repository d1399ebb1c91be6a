"""Numbers and handles that shape boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from CT2MRSynthLib.errors import CT2MRSynthError


@dataclass(frozen=True)
class Settings:
    """What the parameters say of boxes; lengths in mm."""

    width: float
    slices: int
    thickness: float
    lock_to_plane: bool
    level: str

    @classmethod
    def of(cls, parameters) -> Settings:
        """Those of ``SynthesizeParameters``."""
        return cls(
            parameters.boxWidth,
            parameters.sliceCount,
            parameters.sliceThickness,
            parameters.lockToPlane,
            parameters.level,
        )

    @property
    def depth(self) -> float:
        """Of all slices together."""
        return self.slices * self.thickness


class BoxShaping:
    """Applies numbers to boxes, and shows handles on the selected one.

    Args:
        button: Checkable; on while the box is edited by its handles.
        boxes: ``BoxList``.
        settled: Called with a box node when the user has let go of a handle.
        say: Called with a sentence when a box cannot be shaped.
    """

    def __init__(self, button, boxes, settled: Callable, say: Callable[[str], None]) -> None:
        from CT2MRSynthLib.scene.box_guard import BoxGuard

        self._button, self._boxes, self._say = button, boxes, say
        self._guard = BoxGuard(settled)
        self._node = None
        button.connect("toggled(bool)", self._show_handles)

    def watch(self, node) -> None:
        """Shape this box node, or none."""
        if node is self._node:
            return
        self._show_handles(False)
        self._node = node
        self._guard.watch(node)
        self._show_handles(self._button.checked)

    def use(self, settings: Settings) -> None:
        """Hold a dragged box to these settings."""
        self._guard.slices, self._guard.thickness = settings.slices, settings.thickness
        self._guard.lock_to_plane = settings.lock_to_plane
        self._show_handles(self._button.checked)

    def change(self, before: Settings, now: Settings, selected) -> None:
        """Give boxes the numbers that were changed.

        Args:
            before: Settings that the boxes have.
            now: Settings that they are given.
            selected: The box node that a new width is for, or None.
        """
        from CT2MRSynthLib.placing import with_width

        self.use(now)
        if now.width != before.width and selected is not None:
            self._reshape([selected], lambda frame: with_width(frame, now.width))
        if (now.slices, now.thickness) != (before.slices, before.thickness):
            self._reshape(self._boxes.nodes, lambda frame: _deepened(frame, before.depth, now.depth))

    def _reshape(self, nodes: list, shape: Callable) -> None:
        from CT2MRSynthLib.scene.boxes import set_frame

        for node in list(nodes):
            frame = self._boxes.frame(node)
            try:
                if frame is not None:
                    set_frame(node, shape(frame))
            except CT2MRSynthError as error:
                self._say(str(error))

    def _show_handles(self, visible: bool) -> None:
        from CT2MRSynthLib.scene.box_guard import show_handles

        if self._node is not None and self._node.GetScene() is not None:
            show_handles(self._node, bool(visible), self._guard.lock_to_plane)


def _deepened(frame, before: float, now: float):
    """As deep as the slices are now, where the box was as deep as they were before, or is not deep enough."""
    follows = abs(frame.extent[2] - before) < 0.01
    return frame.with_depth(now if follows else max(float(frame.extent[2]), now))
