"""Which patients are for training, validation and test, and another split of them."""

from __future__ import annotations

from pathlib import Path

import slicer
from slicer.i18n import tr as _

from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.pairset.manifest import SPLITS, PairSet
from CT2MRSynthLib.pairset.split import split_again
from CT2MRSynthLib.pairset.summary import NO_SIDE, counted, summary
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.patient_shares import PatientShares
from CT2MRSynthLib.panel.signal import Signal


class PairSplit:
    """Shows the sides of a set and splits it again; ``done`` tells when the manifest has changed."""

    def __init__(self) -> None:
        self.widget, self.ui = load_form("PairSplit")
        self.done = Signal()
        self.shares = PatientShares()
        self._folder: Path | None = None
        self._found = PairSet()
        self._busy = False
        self._tip = self.ui.splitButton.toolTip
        self.ui.sharesWidget.layout().addWidget(self.shares.widget)
        self.shares.changed.connect(self._enable)
        self.ui.splitButton.connect("clicked()", self.split)
        self.show(None, PairSet())

    def show(self, folder: Path | None, found: PairSet, busy: bool = False) -> None:
        """Show the sides of a set.

        Args:
            folder: Of the set; None: there is none.
            found: Its manifest.
            busy: The set is being made.
        """
        if folder != self._folder:
            self.ui.messageLabel.text = ""
            self.shares.set(found.made_by.get("split"), found.made_by.get("seed") if not found.simulated else None)
        self._folder, self._found, self._busy = folder, found, busy
        self.ui.sidesLabel.text = _sides(found)
        self._enable()

    def reason(self) -> str:
        """Why the set cannot be split; empty where it can."""
        if self._folder is None:
            return _("Choose or make a pair set first.")
        if self._busy:
            return _("The pair set is being made; wait for the end.")
        if not any(entry.accepted for entry in self._found.pairs):
            return _("No pair of this set is accepted.")
        return self.shares.reason()

    def split(self) -> None:
        """Put all patients on sides anew, once the user has agreed."""
        if self.reason() or not self._agreed():
            return
        try:
            split_again(self._folder, self.shares.fractions, self.shares.seed)
        except CT2MRSynthError as error:
            self.ui.messageLabel.text = str(error)
            return
        self.done.emit()
        self.ui.messageLabel.text = _("Split again.")

    def _agreed(self) -> bool:
        if not any(entry.split for entry in self._found.pairs):
            return True
        return slicer.util.confirmOkCancelDisplay(
            _(
                "All patients are put on sides anew. A training that began on this set cannot be resumed, and a "
                "generator trained on it may have seen patients who are for the test then."
            ),
            windowTitle=_("Split again"),
        )

    def _enable(self) -> None:
        reason = self.reason()
        self.ui.splitButton.enabled = not reason
        self.ui.splitButton.toolTip = reason or self._tip
        self.ui.reasonLabel.text = reason
        self.ui.reasonLabel.setVisible(bool(reason))


def _sides(found: PairSet) -> str:
    """Patients and accepted pairs of each side."""
    names = {name: word for name, word in zip(SPLITS, (_("training"), _("validation"), _("test")), strict=True)}
    names[NO_SIDE] = _("no side")
    sides = summary(found)["splits"]
    return "\n".join(
        f"{names[side]}: {counted(one['patients'], 'patient')}, {counted(one['pairs'], 'pair')}"
        for side, one in sides.items()
        if one["pairs"] or side != NO_SIDE
    )
