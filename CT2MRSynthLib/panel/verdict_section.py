"""Verdict in the Train tab: is the new generator better than the one in use, and shall it take its place?"""

from __future__ import annotations

from pathlib import Path

import qt
from slicer.i18n import tr as _

from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.library_job import LibraryJob, state_of
from CT2MRSynthLib.panel.signal import Signal
from CT2MRSynthLib.panel.torch_offer import TorchOffer

COMPARING, USING = "compare", "use"

#: Pixels by which a panel may grow without a new picture: a smaller picture may let its scroll bar go, a larger one
#: would bring it back.
SCROLL_BAR = 24


class VerdictSection:
    """Part of the Train tab."""

    def __init__(self) -> None:
        self.widget, self.ui = load_form("VerdictSection")
        self.model_used = Signal()
        self._pairs: Path | None = None
        self._run: Path | None = None
        self._status = self._standing = None
        self._known: tuple | None = None
        self._doing = self._in_use = self._outcome = ""
        self._is_in_use = False
        self._drawn: tuple | None = None
        self._job, self._torch_offer = LibraryJob(), TorchOffer()
        self._job.changed.connect(self._show_progress)
        self._job.ended.connect(self._on_ended)
        self._connect()
        self._show()

    @property
    def is_running(self) -> bool:
        """Whether a comparison, or a change of what is in use, is at work."""
        return self._job.is_running

    def set_parameters(self, parameters) -> None:
        """Look anew on entering: another window may have changed what is in use.

        Args:
            parameters: ``TrainParameters`` or None.
        """
        if parameters is not None:
            self.refresh()

    def set_run(self, pairs_folder: Path | None, run_folder: Path | None, status) -> None:
        """Say which run is meant, and how it is doing.

        Args:
            pairs_folder: Pair set to judge on; None: none is chosen.
            run_folder: Of the run; None: none is chosen.
            status: ``RunStatus`` of the run, or None.
        """
        self._pairs = Path(pairs_folder) if pairs_folder else None
        self._run = Path(run_folder) if run_folder else None
        self._status = status = status if status is not None and status.folder == self._run else None
        known = (self._run, status.weights_sha256, status.bundle) if status else (self._run,)
        if known != self._known:
            self._known = known
            self.refresh()
        else:
            self._show()

    def cleanup(self) -> None:
        """End what is at work and let go."""
        self._job.cleanup()

    def refresh(self) -> None:
        """Read verdict and what is in use, and show them."""
        from CT2MRSynthLib.evaluation.standing import is_in_use, standing, title_in_use

        try:
            self._in_use = title_in_use()
        except CT2MRSynthError as error:
            self._in_use = str(error)
        has_bundle = self._status is not None and self._status.bundle is not None and self._run is not None
        self._standing = standing(self._run) if has_bundle else None
        self._is_in_use = has_bundle and is_in_use(self._run)
        self._fill_pictures()
        self._show()

    def draw(self) -> None:
        """Draw the chosen picture as wide as the panel, where it or the panel has changed."""
        ui = self.ui
        path = ui.pictureComboBox.itemData(ui.pictureComboBox.currentIndex) if ui.pictureComboBox.count else None
        ui.pictureComboBox.visible = ui.pictureLabel.visible = bool(path)
        width, drawn = ui.pictureLabel.width, self._drawn[1] if self._drawn else 0
        if drawn <= width < drawn + SCROLL_BAR:
            width = drawn
        wanted = (path, width, self._known, self._outcome)
        if not path or wanted == self._drawn:
            return
        self._drawn = wanted
        pixmap = qt.QPixmap(path)
        if not pixmap.isNull():
            ui.pictureLabel.setPixmap(pixmap.scaledToWidth(max(wanted[1], 60), qt.Qt.SmoothTransformation))

    def _connect(self) -> None:
        ui = self.ui
        ui.compareButton.connect("clicked(bool)", self._on_compare)
        ui.cancelButton.connect("clicked(bool)", self._on_cancel)
        ui.pictureComboBox.connect("currentIndexChanged(int)", self._on_picture)
        ui.reportButton.connect("clicked(bool)", self._on_report)
        ui.useButton.connect("clicked(bool)", self._on_use)
        for edit in (ui.overrideReasonLineEdit, ui.readerLineEdit):
            edit.connect("textChanged(QString)", self._on_text)
        ui.overrideButton.connect("clicked(bool)", self._on_override)
        ui.bundledButton.connect("clicked(bool)", self._on_bundled)

    def _fill_pictures(self) -> None:
        box, titles = self.ui.pictureComboBox, _picture_titles()
        before = box.itemData(box.currentIndex) if box.count else None
        box.blockSignals(True)
        box.clear()
        for path in self._standing.pictures if self._standing else ():
            box.addItem(titles.get(path.stem, path.stem), str(path))
        index = box.findData(before) if before else 0
        box.setCurrentIndex(max(index, 0) if box.count else -1)
        box.blockSignals(False)

    def _show(self) -> None:
        ui, standing = self.ui, self._standing
        ui.inUseLabel.text = _("In use now: {title}").format(title=self._in_use)
        sentence = standing.sentence if standing else ""
        lines = [_("A is the one in use, B the new one. {sentence}").format(sentence=sentence)] if sentence else []
        lines += [standing.problem] if standing else []
        lines += [_("The generator of this run is the one in use.")] if self._is_in_use else []
        ui.verdictLabel.text = "\n".join(line for line in lines if line)
        ui.outcomeLabel.text = self._outcome
        for label in (ui.verdictLabel, ui.outcomeLabel):
            label.visible = bool(label.text)
        self._show_buttons()
        self._show_progress()
        self.draw()

    def _show_buttons(self) -> None:
        ui, standing = self.ui, self._standing
        reason = self._reason_not_to_compare()
        ui.reasonLabel.text, ui.reasonLabel.visible = reason, bool(reason) and not self.is_running
        tip = _("Let it and the new one synthesize the patients held back for the test, and judge which is better.")
        _enable(ui.compareButton, reason, tip)
        report = standing.report if standing else None
        reason = "" if report else _("There is no verdict of this run yet.")
        _enable(ui.reportButton, reason, _("Open the report of the verdict in the browser."))
        tip = _("Make the new generator the one that the Synthesize tab uses.")
        _enable(ui.useButton, self._reason_not_to_use(), tip)
        tip = _("Make the new generator the one in use; the model card keeps the reason.")
        _enable(ui.overrideButton, self._reason_not_to_override(), tip)
        reason = _("Wait until the work is done.") if self.is_running else ""
        _enable(ui.bundledButton, reason, _("Use the generator that came with the software again."))

    def _show_progress(self) -> None:
        ui, running = self.ui, self.is_running
        ui.progressBar.visible = running and self._doing == COMPARING
        ui.progressBar.value = round(10 * (self._job.log.percent or 0.0)) if running else 0
        ui.progressLabel.visible = running
        ui.progressLabel.text = state_of(self._job) if running else ""
        ui.cancelButton.enabled = running and self._doing == COMPARING and not self._job.is_cancelled
        ui.cancelButton.toolTip = (
            _("End the comparison; an earlier verdict is replaced only by a whole one.")
            if ui.cancelButton.enabled
            else _("It is ending.")
            if running and self._doing == COMPARING
            else _("No comparison is at work.")
        )

    def _reason_without_bundle(self) -> str:
        """Why there is nothing to judge or use; empty: there is."""
        if self.is_running:
            return _("Wait until the work is done.")
        if self._run is None or self._status is None:
            return _("No run is chosen above.")
        if self._status.bundle is None:
            return _("The run has no generator yet; it comes with the first checkpoint.")
        return ""

    def _reason_not_to_compare(self) -> str:
        reason = self._reason_without_bundle()
        if not reason and self._status.alive:
            return _("The training is going on; a verdict is made when it has stopped or finished.")
        if not reason and self._pairs is None:
            return _("There is no pair set to judge on; open one above.")
        return reason

    def _reason_not_to_use(self) -> str:
        reason = self._reason_without_bundle()
        if reason:
            return reason
        if self._is_in_use:
            return _("It is in use already.")
        if not self._standing.sentence:
            return _("There is no verdict of this run yet.")
        if self._standing.problem:
            return self._standing.problem
        return "" if self._standing.better else _("The verdict does not say that it is better.")

    def _reason_not_to_override(self) -> str:
        reason = self._reason_without_bundle()
        if not reason and self._is_in_use:
            return _("It is in use already.")
        if not reason and not self.ui.overrideReasonLineEdit.text.strip():
            return _("Give a reason, which the model card keeps.")
        from CT2MRSynthLib.pairset.decisions import CODE

        code = self.ui.readerLineEdit.text.strip()
        if not reason and code and not CODE.fullmatch(code):
            return _("Your code is {code}; give letters and digits without spaces, such as AB.").format(code=code)
        return reason

    def _start(self, doing: str, *words: str) -> None:
        self._doing, self._outcome = doing, ""
        try:
            if "--default" in words or self._torch_offer.ensure():
                self._job.start(*words)
            else:
                self._outcome = self._torch_offer.failure
        except CT2MRSynthError as error:
            self._outcome = str(error)
        self._show()

    def _on_compare(self, checked=False) -> None:
        if self._reason_not_to_compare():
            return
        from CT2MRSynthLib.evaluation.standing import FOLDER

        out = str(self._run / FOLDER)
        bundle = str(self._status.bundle)
        self._start(COMPARING, "compare", "--pairs", str(self._pairs), "--b", bundle, "--out", out, "--events")

    def _on_cancel(self, checked=False) -> None:
        self._job.cancel()
        self._show()

    def _on_use(self, checked=False) -> None:
        if not self._reason_not_to_use():
            self._start(
                USING, "use", str(self._status.bundle), "--verdict", str(self._standing.folder), *self._reader()
            )

    def _on_override(self, checked=False) -> None:
        if self._reason_not_to_override():
            return
        words = ["use", str(self._status.bundle), f"--override={self.ui.overrideReasonLineEdit.text.strip()}"]
        if self._standing.sentence and not self._standing.problem:
            words += ["--verdict", str(self._standing.folder)]
        self._start(USING, *words, *self._reader())

    def _on_bundled(self, checked=False) -> None:
        self._start(USING, "use", "--default")

    def _reader(self) -> list[str]:
        code = self.ui.readerLineEdit.text.strip()
        return [f"--reader={code}"] if code else []

    def _on_ended(self, end) -> None:
        if end.cancelled:
            self._outcome = _("The comparison was cancelled.")
        elif end.sentence:
            self._outcome = end.sentence
        self.refresh()
        if self._doing == USING and end.status == 0:
            self._outcome = _("In use now: {title}").format(title=self._in_use)
            self.model_used.emit()
        self._show()

    def _on_picture(self, index=None) -> None:
        self.draw()

    def _on_text(self, text=None) -> None:
        self._show_buttons()

    def _on_report(self, checked=False) -> None:
        if self._standing is not None and self._standing.report is not None:
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self._standing.report)))


def _enable(button, reason: str, tip: str) -> None:
    """Enable a button, or say why it is not."""
    button.enabled = not reason
    button.toolTip = reason or tip


def _picture_titles() -> dict[str, str]:
    """By name of the file."""
    return {
        "patients": _("Errors of all patients"),
        "best": _("Patient on whom the new one is best"),
        "median": _("Patient in the middle"),
        "worst": _("Patient on whom the new one is worst"),
    }
