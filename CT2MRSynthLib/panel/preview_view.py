"""Looking at the preview pictures of a run: a case at a time, over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import qt
from slicer.i18n import tr as _

#: Panels of a case: CT, synthetic, real, difference.
PANELS = 4

#: Pixels by which a picture's room may grow without a new one: a smaller one may let the panel's scroll bar go, a
#: larger one would bring it back.
SCROLL_BAR = 8


class PreviewView:
    """Shows one case of one picture in four labels, as wide as the panel lets them be.

    Args:
        ui: Widgets of the form: ``captionLabel1`` and ``pictureLabel1`` to 4, ``timeSlider``, ``caseSlider`` and so on.
    """

    def __init__(self, ui) -> None:
        self._ui = ui
        self._pictures: list[Path] = []
        self._shown: tuple | None = None
        self._sheet = None
        ui.timeSlider.connect("valueChanged(int)", self._on_moved)
        ui.caseSlider.connect("valueChanged(int)", self._on_moved)
        ui.openPreviewButton.connect("clicked(bool)", self._on_open)

    @property
    def picture(self) -> Path | None:
        """The file that is shown; None: there is none."""
        value = self._ui.timeSlider.value
        return self._pictures[value] if 0 <= value < len(self._pictures) else None

    def set_pictures(self, pictures: Sequence[Path]) -> None:
        """Show these; the newest stays in view where it was in view.

        Args:
            pictures: The oldest first.
        """
        if list(pictures) != self._pictures:
            slider = self._ui.timeSlider
            before = self.picture if slider.value < len(self._pictures) - 1 else None
            self._pictures = list(pictures)
            slider.blockSignals(True)
            slider.maximum = max(len(self._pictures) - 1, 0)
            slider.value = self._pictures.index(before) if before in self._pictures else slider.maximum
            slider.enabled = len(self._pictures) > 1
            slider.blockSignals(False)
        self.refresh()

    def refresh(self) -> None:
        """Draw anew where picture, case or room have changed."""
        picture = self.picture
        self._ui.previewCollapsibleButton.visible = picture is not None
        if picture is None:
            self._shown = self._sheet = None
            return
        width, drawn = max(self._ui.pictureLabel1.width, 60), self._shown[2] if self._shown else 0
        if drawn <= width < drawn + SCROLL_BAR:
            width = drawn
        wanted = (picture, self._ui.caseSlider.value, width)
        if wanted == self._shown:
            return
        if self._shown is None or self._shown[0] != picture:
            self._sheet = qt.QPixmap(str(picture))
        self._shown = wanted
        self._draw(width)

    def _draw(self, width: int) -> None:
        from CT2MRSynthLib.training.preview import COLUMNS, case_boxes

        rows = case_boxes(self._sheet.width(), self._sheet.height())
        if not rows:  # a file that cannot be read
            return
        slider = self._ui.caseSlider
        slider.maximum = max(len(rows) - 1, 0)
        slider.enabled = len(rows) > 1
        case = min(slider.value, len(rows) - 1)
        for n in range(PANELS):
            part = self._sheet.copy(qt.QRect(*rows[case][n]))
            getattr(self._ui, f"captionLabel{n + 1}").text = COLUMNS[n].partition(":")[0] if n < 3 else _("difference")
            getattr(self._ui, f"captionLabel{n + 1}").toolTip = COLUMNS[n]
            label = getattr(self._ui, f"pictureLabel{n + 1}")
            label.setPixmap(part.scaledToWidth(width, qt.Qt.SmoothTransformation))
            label.toolTip = COLUMNS[n]
        step = int(self.picture.stem.rpartition("-")[2])
        self._ui.previewTitleLabel.text = _("Case {case} of {cases} after {step:,} steps").format(
            case=case + 1, cases=len(rows), step=step
        )

    def _on_moved(self, value=None) -> None:
        self.refresh()

    def _on_open(self, checked=False) -> None:
        if self.picture is not None:
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self.picture)))
