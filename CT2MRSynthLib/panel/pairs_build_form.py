"""Making a pair set from the scans of many patients."""

from __future__ import annotations

import os
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from CT2MRSynthLib.curation.options import REGISTRATIONS, BuildOptions
from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.eventlog import EventLog
from CT2MRSynthLib.pairset.manifest import MANIFEST
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.library_job import JobEnd, LibraryJob, state_of
from CT2MRSynthLib.panel.patient_shares import PatientShares
from CT2MRSynthLib.panel.signal import Signal

#: The largest number of days that the form can ask for.
MOST_DAYS = 10_000


class PairsBuildForm:
    """Asks for patients and options, and makes the set in a child process.

    ``changed`` tells that the work has begun, went on or ended; ``built`` gives the folder of a set at the end.
    """

    def __init__(self) -> None:
        self.widget, self.ui = load_form("PairsBuild")
        self.changed = Signal()
        self.built = Signal()
        self.shares = PatientShares()
        self.job = LibraryJob()
        self._out: Path | None = None
        self._half_width: tuple[str, float] | None = None  # of the open set: the form does not ask for it
        self._tip, self._list_tip = self.ui.buildButton.toolTip, self.ui.listButton.toolTip
        self.ui.sharesWidget.layout().addWidget(self.shares.widget)
        for path in (self.ui.patientsPath, self.ui.outPath):
            path.connect("currentPathChanged(QString)", self._show)
        for box in (self.ui.slicesBox, self.ui.registrationBox):
            box.connect("currentIndexChanged(int)", self._show)
        self.ui.sequenceBox.connect("currentTextChanged(QString)", self._show)
        self.ui.splitCheckBox.connect("toggled(bool)", self._show)
        self.shares.changed.connect(self._show)
        self.ui.listButton.connect("clicked()", self._choose_list)
        self.ui.buildButton.connect("clicked()", self._on_button)
        self.job.changed.connect(self._on_progress)
        self.job.ended.connect(self._on_end)
        self._show_messages(EventLog())
        self._show()

    @property
    def out(self) -> Path | None:
        """Folder of the set that is being made; None while none is."""
        return self._out if self.job.is_running else None

    def cleanup(self) -> None:
        """End the work; what is complete is kept."""
        self.job.cleanup()

    def set_folder(self, folder: Path, made_by: dict) -> None:
        """Offer to bring a set up to date as it was made.

        Args:
            folder: Of the set.
            made_by: What its manifest says of that; nothing is taken of a set that was made otherwise.
        """
        if self.job.is_running or made_by.get("command") != "pairs build":
            return
        self.ui.outPath.setCurrentPath(str(folder))
        every, days, angle = (made_by.get(key) for key in ("every", "max_days", "max_angle"))
        self.ui.slicesBox.setCurrentIndex(1 if isinstance(every, int) else 0)
        if isinstance(every, int):
            self.ui.everySpinBox.setValue(every)
        width = made_by.get("lateral_half_width")
        self._half_width = (str(folder), width) if isinstance(width, (int, float)) else None
        self.ui.sequenceBox.setEditText(str(made_by.get("sequence") or "T2"))
        if made_by.get("registration") in REGISTRATIONS:
            self.ui.registrationBox.setCurrentIndex(REGISTRATIONS.index(made_by["registration"]))
        if isinstance(angle, (int, float)) and 0 <= angle <= 90:
            self.ui.angleSpinBox.setValue(float(angle))
        self.ui.daysSpinBox.setValue(int(days) if isinstance(days, (int, float)) and 0 <= days <= MOST_DAYS else -1)
        self.ui.n4CheckBox.setChecked(made_by.get("n4") is True)
        self.ui.splitCheckBox.setChecked("split" in made_by)
        self.shares.set(made_by.get("split"), made_by.get("seed"))

    def options(self) -> BuildOptions:
        """What is asked for.

        Raises:
            UsageError: A value is out of range.
        """
        ui = self.ui
        kept = self._half_width is not None and self._half_width[0] == ui.outPath.currentPath.strip()
        return BuildOptions(
            sequence=ui.sequenceBox.currentText.strip(),
            every=ui.everySpinBox.value if ui.slicesBox.currentIndex == 1 else None,
            split=self.shares.fractions if ui.splitCheckBox.checked else None,
            seed=self.shares.seed,
            max_angle=ui.angleSpinBox.value,
            max_days=ui.daysSpinBox.value if ui.daysSpinBox.value >= 0 else None,
            registration=REGISTRATIONS[ui.registrationBox.currentIndex],
            n4=ui.n4CheckBox.checked,
            lateral_half_width=self._half_width[1] if kept else None,
        )

    def reason(self) -> str:
        """Why the pairs cannot be made; empty where they can."""
        patients, out = self.ui.patientsPath.currentPath.strip(), self.ui.outPath.currentPath.strip()
        if not patients:
            return _("Choose the patients: a folder, or a JSON list.")
        if not os.path.exists(patients):
            return _("There is nothing at the path of the patients.")
        if not out:
            return _("Choose the folder of the pair set.")
        if os.path.isfile(out):
            return _("The pair set needs a folder, not a file.")
        if self.ui.splitCheckBox.checked and self.shares.reason():
            return self.shares.reason()
        try:
            self.options()
        except CT2MRSynthError as error:
            return str(error)
        return ""

    def start(self) -> None:
        """Begin to make the set."""
        if self.reason() or self.job.is_running:
            return
        self._out = Path(self.ui.outPath.currentPath.strip())
        words = ["--patients", self.ui.patientsPath.currentPath.strip(), "--out", str(self._out)]
        try:
            self.job.start("pairs", "build", *words, *self.options().to_words(), "--json", "--quiet")
        except CT2MRSynthError as error:
            self.ui.buildLabel.text = str(error)
            return
        remember(self.ui.patientsPath)
        self._on_progress()
        self._show()

    def _on_button(self) -> None:
        if self.job.is_running:
            self.job.cancel()
        elif not self._is_there() or slicer.util.confirmOkCancelDisplay(
            _(
                "The folder holds a pair set. It is brought up to date: pairs of patients who are not among those "
                "chosen now are taken out, and with other options all pairs are made again. Decisions by hand are kept."
            ),
            windowTitle=_("Bring the set up to date"),
        ):
            self.start()

    def _is_there(self) -> bool:
        """Whether the folder holds a pair set already."""
        out = self.ui.outPath.currentPath.strip()
        return bool(out) and os.path.isfile(Path(out) / MANIFEST)

    def _words_of_button(self, running: bool) -> str:
        if running:
            return _("Cancel")
        return _("Bring the set up to date") if self._is_there() else _("Make the pairs")

    def _tip_while_running(self) -> str:
        if self.job.is_cancelled:
            return _("It is ending; what is complete is kept.")
        return _("End the work; what is complete is kept.")

    def _choose_list(self) -> None:
        path = qt.QFileDialog.getOpenFileName(self.widget, _("JSON list of patients"), "", "JSON (*.json)")
        if path:
            self.ui.patientsPath.setCurrentPath(path)

    def _on_progress(self) -> None:
        self.ui.buildProgressBar.setValue(round(self.job.log.percent))
        self.ui.buildLabel.text = state_of(self.job)
        self._show_messages(self.job.log)
        self.ui.buildButton.enabled = not self.job.is_cancelled
        self.ui.buildButton.toolTip = self._tip_while_running()
        self.changed.emit()

    def _on_end(self, end: JobEnd) -> None:
        self._show_messages(end.log)
        if end.cancelled:
            words = _("Ended. The pairs that were complete are kept; the same again goes on from there.")
        elif end.log.summary:
            words = _said(end.log.summary)
        else:
            words = end.sentence
        self.ui.buildLabel.text = words
        self._show()
        self.changed.emit()
        if self._out is not None:
            self.built.emit(self._out)

    def _show_messages(self, log: EventLog) -> None:
        lines = [*log.errors, *log.warnings]
        text = "\n".join(lines)
        if text != self.ui.messagesEdit.plainText:
            self.ui.messagesEdit.setPlainText(text)
        self.ui.messagesEdit.setVisible(bool(lines))

    def _show(self, *_value) -> None:
        ui, running = self.ui, self.job.is_running
        for name in ("patientsPath", "listButton", "outPath", "slicesBox", "sequenceBox", "registrationBox"):
            getattr(ui, name).enabled = not running
        for name in ("angleSpinBox", "daysSpinBox", "n4CheckBox", "splitCheckBox"):
            getattr(ui, name).enabled = not running
        ui.everySpinBox.enabled = not running and ui.slicesBox.currentIndex == 1
        self.shares.widget.enabled = not running
        self.shares.widget.setVisible(ui.splitCheckBox.checked)
        reason = "" if running else self.reason()
        ui.reasonLabel.text = reason
        ui.reasonLabel.setVisible(bool(reason))
        ui.buildProgressBar.setVisible(running)
        ui.buildLabel.setVisible(bool(ui.buildLabel.text))
        ui.buildButton.text = self._words_of_button(running)
        ui.buildButton.enabled = (running and not self.job.is_cancelled) or (not running and not reason)
        ui.buildButton.toolTip = reason or (self._tip_while_running() if running else self._tip)
        ui.listButton.toolTip = _("Wait until the pairs are made.") if running else self._list_tip


def remember(path) -> None:
    """Add what a ctkPathLineEdit shows to its history; it shows other entries meanwhile, which nobody has chosen."""
    path.blockSignals(True)
    path.addCurrentPathToHistory()
    path.blockSignals(False)


def _said(summary: dict) -> str:
    """What a run made, in a sentence."""
    counts = [len(summary.get(f"patients_{name}") or ()) for name in ("made", "skipped", "failed", "doubtful")]
    sentence = _(
        "{pairs} pairs, {accepted} accepted. Patients: {made} done, {skipped} done before, {failed} failed, "
        "{doubtful} with all pairs excluded."
    )
    made, skipped, failed, doubtful = counts
    return sentence.format(
        pairs=summary.get("pairs", 0),
        accepted=summary.get("accepted", 0),
        made=made,
        skipped=skipped,
        failed=failed,
        doubtful=doubtful,
    )
