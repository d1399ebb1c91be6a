"""The audit page of a pair set: written where it is older than the set, then opened in the browser."""

from __future__ import annotations

from pathlib import Path

import qt
from slicer.i18n import tr as _

from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.pairset.audit import PAGE
from CT2MRSynthLib.pairset.manifest import MANIFEST
from CT2MRSynthLib.panel.library_job import JobEnd, LibraryJob, state_of


class AuditPage:
    """A button that writes and opens the page.

    Args:
        button: The button; it cancels while the page is written.
        bar: Shows how far that is.
        label: Shows what it says.
    """

    def __init__(self, button, bar, label) -> None:
        self._button, self._bar, self._label = button, bar, label
        self._texts = button.text, button.toolTip
        self._folder: Path | None = None
        self._written: Path | None = None
        self.job = LibraryJob()
        self.job.changed.connect(self._show)
        self.job.ended.connect(self._on_end)
        button.connect("clicked()", self._on_button)
        label.setVisible(False)
        self._show()

    def set_folder(self, folder: Path | None) -> None:
        """Say whose page it is.

        Args:
            folder: Of the pair set; None: there is none.
        """
        if folder != self._folder and not self.job.is_running:
            self._tell("")
        self._folder = folder
        self._show()

    def cleanup(self) -> None:
        """End what goes on."""
        self.job.cleanup()

    def _on_button(self) -> None:
        if self.job.is_running:
            self.job.cancel()
        elif self._folder is not None and _is_current(self._folder):
            self._open(self._folder / PAGE)
        elif self._folder is not None:
            self._written = self._folder / PAGE
            try:
                self.job.start("pairs", "audit", str(self._folder), "--json", "--quiet")
            except CT2MRSynthError as error:
                self._tell(str(error))
        self._show()

    def _on_end(self, end: JobEnd) -> None:
        self._tell(_("Ended.") if end.cancelled else end.sentence)
        self._show()
        if end.status == 0 and not end.cancelled:
            self._open(self._written)

    def _open(self, page: Path) -> None:
        opened = qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(page)))
        self._tell("" if opened else _("No browser could be opened; the page is {path}").format(path=page))

    def _tell(self, words: str) -> None:
        self._label.text = words
        self._label.setVisible(bool(words))

    def _show(self) -> None:
        running = self.job.is_running
        text, tip = self._texts
        self._button.text = _("Cancel") if running else text
        self._button.enabled = self._folder is not None or running
        self._button.toolTip = tip if self._folder is not None else _("Choose or make a pair set first.")
        self._bar.setVisible(running)
        if running:
            self._bar.setValue(round(self.job.log.percent))
            self._tell(state_of(self.job))


def _is_current(folder: Path) -> bool:
    """Whether the page was written after the set was changed last."""
    try:
        return (folder / PAGE).stat().st_mtime_ns >= (folder / MANIFEST).stat().st_mtime_ns
    except OSError:
        return False
