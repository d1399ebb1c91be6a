"""Why the last run failed, with the end of the log and something to copy into a message."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer


class ErrorDisplay:
    """The lower part of a run's form.

    Args:
        ui: With ``errorFrame``, ``errorIconLabel``, ``errorLabel``, ``detailsButton``, ``copyButton``,
            ``repairButton`` and ``detailsText``.
        diagnostics: Gives the text to copy.
        repair: What the repair button does.
    """

    def __init__(self, ui, diagnostics: Callable[[], str], repair: Callable[[], None]) -> None:
        self._ui, self._diagnostics = ui, diagnostics
        icon = ui.errorFrame.style().standardIcon(qt.QStyle.SP_MessageBoxWarning)
        ui.errorIconLabel.setPixmap(icon.pixmap(qt.QSize(16, 16)))
        ui.detailsButton.connect("toggled(bool)", self._on_details)
        ui.copyButton.connect("clicked()", self._on_copy)
        ui.repairButton.connect("clicked()", repair)
        self.clear()

    def clear(self) -> None:
        """Nothing failed."""
        self._ui.errorFrame.visible = False
        self._ui.errorLabel.text = ""
        self._ui.detailsText.setPlainText("")
        self._ui.detailsButton.checked = False

    def show(self, sentence: str, log: str = "", repairable: bool = False) -> None:
        """Show a failure.

        Args:
            sentence: For the user.
            log: Last lines; empty where there are none.
            repairable: Whether PyTorch is what failed.
        """
        ui = self._ui
        ui.errorLabel.text = sentence
        ui.detailsText.setPlainText(log)
        ui.detailsButton.enabled = bool(log.strip())
        ui.repairButton.visible = repairable
        ui.detailsText.visible = ui.detailsButton.checked and ui.detailsButton.enabled
        ui.errorFrame.visible = True

    @property
    def log(self) -> str:
        """The lines shown."""
        return self._ui.detailsText.plainText

    def _on_details(self, checked) -> None:
        self._ui.detailsText.visible = bool(checked)

    def _on_copy(self) -> None:
        slicer.app.clipboard().setText(self._diagnostics())
