"""Buttons and words of the section that places boxes: what can be pressed, and what it says of the selected box."""

from __future__ import annotations

from slicer.i18n import tr as _

from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.levels import LEVELS

FREE = "free"


class PlaceControls:
    """The widgets around the table of boxes.

    Args:
        ui: Widgets of the form.
    """

    def __init__(self, ui) -> None:
        self._ui = ui
        combo = ui.levelComboBox
        combo.blockSignals(True)
        for level in LEVELS:
            combo.addItem(level, level)
        combo.addItem(_("Free (no level)"), FREE)
        combo.blockSignals(False)
        ui.messageLabel.visible = False

    @property
    def level(self) -> str:
        """The chosen disc level, or "free"."""
        combo = self._ui.levelComboBox
        return combo.itemData(combo.currentIndex)

    @level.setter
    def level(self, level: str) -> None:
        combo = self._ui.levelComboBox
        combo.blockSignals(True)
        combo.setCurrentIndex(max(combo.findData(level if level in LEVELS else FREE), 0))
        combo.blockSignals(False)

    def show(self, ready: bool, ct: bool, box, frame, walking: bool) -> None:
        """Enable what can be done; what cannot says why.

        Args:
            ready: Whether there is a scene to work in.
            ct: Whether a CT is chosen.
            box: The selected ROI node or None.
            frame: Its ``DiscFrame``, None where it cannot be used.
            walking: Whether points are being placed.
        """
        ui = self._ui
        missing = "" if ready and ct else _("Choose the CT first.")
        _enable(
            ui.useSliceButton,
            missing,
            _("Put the box into the plane of the Red view as it stands, oblique or not. Turn the view first."),
        )
        _enable(
            ui.placePointsButton,
            missing,
            _("Find the box from points: front and back edge of the disc, ventral edge, center of the thecal sac."),
        )
        ui.placePointsButton.text = _("Stop placing") if walking else _("Place points")
        _enable(
            ui.scenePointsButton,
            missing,
            _("Find the box from a point list of this level that is in the scene already, such as a loaded one."),
        )
        unselected = "" if box is not None else _("Select a box in the table first.")
        unusable = unselected or ("" if frame is not None else _("This box has no size yet, or cannot be used."))
        _enable(ui.editBoxButton, unusable, _("Show handles in the views that move, turn and resize the selected box."))
        _enable(ui.renameButton, unselected, _("Give the selected box another level."))
        _enable(ui.deleteBoxButton, unselected, _("Remove the selected box from the scene; what was made of it stays."))

    def hint(self, box, ct_node) -> None:
        """Say how large the selected box is and how much of it lies in the CT."""
        words = self._words(box, ct_node) if box is not None else ""
        self._ui.hintLabel.text = words
        self._ui.hintLabel.visible = bool(words)

    def outside_reason(self, box, ct_node) -> str:
        """Why a box cannot be used in a CT; empty where it can."""
        try:
            outside = _outside(box, ct_node)
        except CT2MRSynthError as error:
            return str(error)
        if outside == 0:
            return ""
        from CT2MRSynthLib.sampling import OUTSIDE_LIMIT  # brings scipy along

        if outside > OUTSIDE_LIMIT:
            return _("The selected box lies outside the CT: move it, or choose the CT it belongs to.")
        return ""

    def state(self, scene, ct_node, box_node, frame) -> tuple[str, str]:
        """Status of a box that nothing else is known of, in words, and its color."""
        from CT2MRSynthLib.scene.box_status import MADE, OUT_OF_DATE, box_state

        state = box_state(scene, ct_node, box_node, frame)
        if state == MADE:
            return _("made"), "green"
        return (_("out of date"), "amber") if state == OUT_OF_DATE else (_("not made"), "")

    @staticmethod
    def _words(box, ct_node) -> str:
        from CT2MRSynthLib.scene.boxes import frame_from_node

        try:
            right, anterior, depth = frame_from_node(box).extent
            words = _("{width:.1f} x {height:.1f} mm, {depth:g} mm deep.").format(
                width=right, height=anterior, depth=round(float(depth), 2)
            )
            outside = _outside(box, ct_node)
        except CT2MRSynthError as error:
            return str(error)
        if outside > 0.005:
            warning = _("Warning: {percent:.0f} % of the box is outside the CT, which stays black.")
            return f"{words} {warning.format(percent=100 * outside)}"
        return words


def _outside(box, ct_node) -> float:
    """Share of a box outside the CT, 0 where there is no CT."""
    from CT2MRSynthLib.placing import outside_share
    from CT2MRSynthLib.scene.boxes import frame_from_node
    from CT2MRSynthLib.scene.volumes import volume_from_node

    frame = frame_from_node(box)
    return 0.0 if ct_node is None else outside_share(frame, volume_from_node(ct_node))


def _enable(button, missing: str, tip: str) -> None:
    """Enable a button if nothing is missing; its tooltip says what it does, or what is missing."""
    button.enabled = not missing
    button.toolTip = missing or tip
