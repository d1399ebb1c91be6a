"""Shares of the patients for training, validation and test."""

from __future__ import annotations

from slicer.i18n import tr as _

from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.signal import Signal


class PatientShares:
    """Three percentages and the number of the draw; ``changed`` tells when one is changed."""

    def __init__(self) -> None:
        self.widget, self.ui = load_form("PatientShares")
        self.changed = Signal()
        self._boxes = (self.ui.trainingSpinBox, self.ui.validationSpinBox, self.ui.testSpinBox)
        for box in (*self._boxes, self.ui.seedSpinBox):
            box.connect("valueChanged(int)", self._on_change)

    @property
    def fractions(self) -> tuple[float, float, float]:
        """Shares of training, validation and test, 0 to 1."""
        return tuple(box.value / 100 for box in self._boxes)

    @property
    def seed(self) -> int:
        """Number of the draw."""
        return self.ui.seedSpinBox.value

    def reason(self) -> str:
        """Why the shares cannot be used; empty where they can."""
        total = sum(box.value for box in self._boxes)
        if total == 100:
            return ""
        return _("The shares add up to {total} %, not 100 %.").format(total=total)

    def set(self, fractions, seed) -> None:
        """Show shares as a manifest has them; what is no such thing is passed over.

        Args:
            fractions: Of training, validation and test, 0 to 1.
            seed: Number of the draw.
        """
        three = isinstance(fractions, (list, tuple)) and len(fractions) == 3
        if three and all(isinstance(share, (int, float)) and 0 <= share <= 1 for share in fractions):
            validation, test = (round(100 * share) for share in fractions[1:])
            for box, percent in zip(self._boxes, (100 - validation - test, validation, test), strict=True):
                box.setValue(percent)
        if isinstance(seed, int):
            self.ui.seedSpinBox.setValue(seed)

    def _on_change(self, value: int) -> None:
        self.changed.emit()
