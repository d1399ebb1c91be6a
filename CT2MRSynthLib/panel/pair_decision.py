"""Accepting and rejecting pairs by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.pairset.decisions import CODE, decide
from CT2MRSynthLib.pairset.manifest import ACCEPTED, REJECTED
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.signal import Signal

#: Where the reviewer's code is kept from one start of the application to the next.
SETTING = "CT2MRSynth/Reviewer"

#: The images of so many pairs are read in no time; of more, when they are accepted, it is noticed.
MANY = 20


class PairDecision:
    """Reviewer, note, and a button each way; ``decided`` tells when the manifest has changed."""

    def __init__(self) -> None:
        self.widget, self.ui = load_form("PairDecision")
        self.decided = Signal()
        self._folder: Path | None = None
        self._identifiers: list[str] = []
        self._tips = {name: getattr(self.ui, name).toolTip for name in ("acceptButton", "rejectButton")}
        self.ui.reviewerEdit.text = str(qt.QSettings().value(SETTING, "") or "")
        self.ui.reviewerEdit.connect("textChanged(QString)", self._on_reviewer)
        self.ui.acceptButton.connect("clicked()", self.accept)
        self.ui.rejectButton.connect("clicked()", self.reject)
        self._tell("")
        self.set_pairs(None, [])

    def set_pairs(self, folder: Path | None, identifiers: Sequence[str]) -> None:
        """Say which pairs would be decided on.

        Args:
            folder: Of their set.
            identifiers: Of the pairs.
        """
        if list(identifiers) != self._identifiers:
            self._tell("")
        self._folder, self._identifiers = folder, list(identifiers)
        self._enable()

    def reason(self) -> str:
        """Why nothing can be decided; empty where it can."""
        if self._folder is None or not self._identifiers:
            return _("Select pairs in the table first.")
        if not CODE.fullmatch(self.ui.reviewerEdit.text):
            return _("Give the reviewer's code first: letters and digits without spaces, such as AB.")
        return ""

    def accept(self) -> None:
        """Accept the selected pairs."""
        self._decide(ACCEPTED, _("{number} accepted."))

    def reject(self) -> None:
        """Reject the selected pairs."""
        self._decide(REJECTED, _("{number} rejected."))

    def _decide(self, status: str, words: str) -> None:
        if self.reason():
            return
        folder, identifiers = self._folder, self._identifiers  # the cursor lets events through: others may be selected
        reviewer, note = self.ui.reviewerEdit.text, self.ui.noteEdit.text
        try:
            with slicer.util.WaitCursor(len(identifiers) > MANY):
                done = decide(folder, identifiers, status, reviewer, note)
        except CT2MRSynthError as error:
            self._tell(str(error))
            return
        self.ui.noteEdit.text = ""  # it was on these pairs
        self.decided.emit()
        self._tell(words.format(number=len(done)))

    def _on_reviewer(self, text: str) -> None:
        if CODE.fullmatch(text):
            qt.QSettings().setValue(SETTING, text)
        self._enable()

    def _tell(self, words: str) -> None:
        self.ui.messageLabel.text = words
        self.ui.messageLabel.setVisible(bool(words))

    def _enable(self) -> None:
        reason = self.reason()
        for name, tip in self._tips.items():
            getattr(self.ui, name).enabled = not reason
            getattr(self.ui, name).toolTip = reason or tip
