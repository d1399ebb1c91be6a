"""The walk through the landmarks of a disc: what to click next, in the panel and in the views."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from CT2MRSynthLib.panel.signal import Signal


class LandmarkWalk:
    """Leads the user from landmark to landmark.

    Args:
        ui: Widgets of the form: ``walkFrame`` and what is in it.
        views: ``BoxViews``.
    """

    def __init__(self, ui, views) -> None:
        self.completed = Signal()  # emits the point list
        self.changed = Signal()  # began or ended
        self._ui, self._views = ui, views
        self._placing = None
        self._width = 90.0
        ui.walkFrame.visible = False
        ui.undoButton.connect("clicked()", self.undo)
        ui.skipButton.connect("clicked()", self.skip)
        ui.cancelButton.connect("clicked()", self.cancel)

    @property
    def is_active(self) -> bool:
        """Whether a click in a view places a point."""
        return self._placing is not None

    @property
    def node(self):
        """The point list that is being placed; None before and after."""
        return self._placing.node if self._placing is not None else None

    def start(self, level: str, width: float) -> None:
        """Begin, or go on with what was placed of this level before.

        Args:
            level: Disc level or "free".
            width: Edge length in mm that is shown of the disc's plane.
        """
        from CT2MRSynthLib.scene.landmark_placing import LandmarkPlacing

        self.cancel()
        self._width = width
        self._placing = LandmarkPlacing(slicer.mrmlScene, level, self._on_moved)
        self._placing.start()
        self._ui.walkFrame.visible = True
        self._show()
        self.changed.emit()

    def place(self, point) -> None:
        """Place the next point at a world position, RAS mm, as a click does."""
        if self._placing is not None:
            self._placing.place(point)

    def undo(self) -> None:
        """Take the last point back."""
        if self._placing is not None:
            self._placing.undo()

    def skip(self) -> None:
        """Leave the next point out, where the rule does without it."""
        if self._placing is not None:
            self._placing.skip()

    def cancel(self) -> None:
        """Stop; points that are placed stay in the scene."""
        placing, self._placing = self._placing, None
        if placing is None:
            return
        placing.end()
        self._views.say("")
        self._ui.walkFrame.visible = False
        self.changed.emit()

    def _on_moved(self) -> None:
        placing = self._placing
        if placing is None:
            return
        if not placing.is_placing:  # the user took another tool, or deleted the list
            self.cancel()
        elif placing.step is None:
            self.cancel()
            self.completed.emit(placing.node)
        else:
            self._show_disc()
            self._show()

    def _show_disc(self) -> None:
        """Turn the Red view to the disc as soon as its plane is known: the other points are seen there."""
        from CT2MRSynthLib.scene.landmarks import BACK, LABELS, disc_plane

        placing = self._placing
        if placing.step == LABELS.index(BACK) + 1:
            frame = disc_plane(placing.node, placing.level, self._width, 4.0)
            if frame is not None:
                self._views.follow(frame)

    def _show(self) -> None:
        placing, ui = self._placing, self._ui
        count = placing.node.GetNumberOfControlPoints()
        short, long = _instruction(placing.step, placing.level)
        head = _("Point {number} of {count}").format(number=placing.step + 1, count=count)
        lacking = _("The layout shows no sagittal view; Four-Up has one.") if not self._views.has_sagittal else ""
        ui.instructionLabel.text = f"{head}: {long} {lacking}".rstrip()
        self._views.say(f"{head}: {short}")
        ui.undoButton.enabled = placing.can_undo
        ui.undoButton.toolTip = (
            _("Take the last point back.") if placing.can_undo else _("No point has been placed yet.")
        )
        ui.skipButton.enabled = placing.can_skip
        ui.skipButton.toolTip = (
            _("Leave this point out; the front edge of the disc is taken for it.")
            if placing.can_skip
            else _("The crop box cannot be found without this point; only the ventral edge can be skipped.")
        )


def _instruction(step: int, level: str) -> tuple[str, str]:
    """What to click, short enough for a view, and in full."""
    from CT2MRSynthLib.levels import LEVELS

    disc = _("{level} disc").format(level=level) if level in LEVELS else _("disc")
    return (
        (
            _("front edge of the {disc} (sagittal view)").format(disc=disc),
            _("in the sagittal view, click the front edge of the {disc}, in the midline.").format(disc=disc),
        ),
        (
            _("back edge of the {disc} (sagittal view)").format(disc=disc),
            _("in the sagittal view, click the back edge of the {disc}.").format(disc=disc),
        ),
        (
            _("most ventral point of the vertebra"),
            _(
                "click the most ventral point of the vertebral body. The Red view now lies in the disc. Skip takes the"
                " front edge of the disc for it."
            ),
        ),
        (
            _("center of the thecal sac"),
            _("in the Red view, click the center of the thecal sac."),
        ),
    )[step]
