"""The pictures of the selected pair."""

from __future__ import annotations

from pathlib import Path

import qt
from slicer.i18n import tr as _

from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.pairset.facts import notices_of
from CT2MRSynthLib.pairset.manifest import PairEntry
from CT2MRSynthLib.panel.forms import load_form

#: Edge of the picture in pixels: fits a panel of 400.
EDGE = 350


class PairPreview:
    """Shows one pair, or none."""

    def __init__(self) -> None:
        self.widget, self.ui = load_form("PairPreview")
        self._panels: list = []
        self.ui.pictureBox.connect("currentIndexChanged(int)", self._on_picture)
        self.show(None, None)

    def show(self, folder: Path | None, entry: PairEntry | None, simulated: bool = False, outdated: bool = False):
        """Show a pair.

        Args:
            folder: Of its set.
            entry: The pair; None: nothing is selected.
            simulated: No patient was imaged.
            outdated: An earlier run left it.
        """
        self._panels, sentence = [], _("Select a pair to see it.")
        if entry is not None:
            self._panels, sentence = _panels(folder, entry, simulated)
        self.ui.pictureBox.setVisible(bool(self._panels))
        self.ui.pictureLabel.minimumHeight = EDGE + 4 if self._panels else 40
        self.ui.pictureLabel.clear()
        self.ui.pictureLabel.text = sentence
        notices = [] if entry is None else notices_of(entry, bool(self._panels), outdated)
        self.ui.noticeLabel.text = "\n".join(_("Look again: {why}").format(why=notice) for notice in notices)
        self.ui.noticeLabel.setVisible(bool(notices))
        self._on_picture()

    def _on_picture(self, *_index) -> None:
        if not self._panels:
            return
        from CT2MRSynthLib.pairset.audit.preview import panel_png, sheet_png

        chosen = self.ui.pictureBox.currentIndex
        whole = not 1 <= chosen <= len(self._panels)
        picture = sheet_png(self._panels, EDGE) if whole else panel_png(self._panels[chosen - 1], EDGE)
        pixmap = qt.QPixmap()
        if pixmap.loadFromData(picture):
            self.ui.pictureLabel.setPixmap(pixmap)


def _panels(folder: Path, entry: PairEntry, simulated: bool) -> tuple[list, str]:
    """The pictures of a pair; none, and why, where there are none."""
    try:
        from CT2MRSynthLib.pairset.audit.pictures import panels_of
        from CT2MRSynthLib.pairset.images import read_pair

        return panels_of(*read_pair(folder, entry), entry.sequence, simulated), ""
    except (CT2MRSynthError, ImportError, OSError) as error:
        return [], str(error)
