"""Training in the Train tab: start, watch, stop and resume a run that goes on without the panel."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.panel import recent_runs, run_words
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.preview_view import PreviewView
from CT2MRSynthLib.panel.signal import Signal
from CT2MRSynthLib.panel.ticker import Lookout
from CT2MRSynthLib.panel.torch_offer import TorchOffer
from CT2MRSynthLib.scene.loss_chart import LossChart
from CT2MRSynthLib.training.session import ASK, FORCE, WAIT, RunSession
from CT2MRSynthLib.training.start import propose_folder
from CT2MRSynthLib.training.watch import NONE

#: Seconds between two looks at a run.
EVERY = 1.0

DEFAULT_PRESET = "best"


class TrainingSection:
    """Part of the Train tab.

    ``run_changed`` gives the folder of another run, ``status_changed`` the ``RunStatus`` when that is another one;
    ``looked`` tells that the run was looked at. ``is_seen`` says whether the section can be seen, otherwise it does not
    look.
    """

    def __init__(self) -> None:
        self.widget, self.ui = load_form("TrainingSection")
        self.run_changed, self.status_changed, self.looked = Signal(), Signal(), Signal()
        self.is_seen: Callable[[], bool] = lambda: True
        self._session, self._chart = RunSession(), LossChart(slicer.mrmlScene)
        self._pairs: Path | None = None
        self._pairs_reason = self._problem = ""
        self._parameters = self._tag = self._told = None
        self._preview, self._torch_offer = PreviewView(self.ui), TorchOffer()
        self._fill()
        self._connect()
        self._ticker = Lookout(EVERY, self.refresh, lambda: self.is_seen() or self._chart.chart is not None)
        self.refresh()

    @property
    def session(self) -> RunSession:
        """The run that is shown."""
        return self._session

    def set_parameters(self, parameters) -> None:
        """Connect to the parameters of a scene, or to none: then nothing is looked at.

        Args:
            parameters: ``TrainParameters`` or None.
        """
        self._disconnect_parameters()
        if parameters is None:
            return
        self._parameters = parameters
        if not parameters.runFolder and (going_on := recent_runs.run_going_on()):
            parameters.runFolder = str(going_on)
        self._choose(self.ui.presetComboBox, parameters.preset, DEFAULT_PRESET)
        self._choose(self.ui.deviceComboBox, parameters.trainDevice, "auto")
        self._on_preset()
        self._on_device()
        self._tag = parameters.connectGui(self.ui)
        self._fill_recent()
        self._on_folder(self.ui.runFolderLineEdit.text)
        self._ticker.start()

    def set_pair_set(self, folder: Path | None, reason: str) -> None:
        """Say what would be trained on.

        Args:
            folder: Of the pair set; None: none is chosen.
            reason: Why it cannot be trained on; empty: it can.
        """
        self._pairs, self._pairs_reason = (Path(folder) if folder else None), reason
        self.refresh()

    def cleanup(self) -> None:
        """Let go of everything; a run goes on."""
        self._disconnect_parameters()

    def refresh(self) -> None:
        """Look at the run and show it."""
        status = self._session.look()
        self._show_status(status)
        self._show_buttons(status)
        self._preview.set_pictures(status.previews if status else ())
        if self._chart.chart is not None:
            self._update_chart()
        told = replace(status, silent=0.0) if status else None  # which alone would be news each second
        if told != self._told:
            self._told = told
            self.status_changed.emit(status)
        self.looked.emit()

    def _fill(self) -> None:
        for name, (title, _words) in run_words.preset_words().items():
            self.ui.presetComboBox.addItem(title, name)
        devices = {"auto": _("Automatic"), "cpu": _("CPU"), "cuda": _("Graphics card (CUDA)"), "mps": _("Apple (MPS)")}
        for name, title in devices.items():
            self.ui.deviceComboBox.addItem(title, name)
        self._fill_recent()

    def _fill_recent(self) -> None:
        box = self.ui.recentComboBox
        box.blockSignals(True)
        box.clear()
        runs = recent_runs.recent_runs()
        box.addItem(_("Choose one of {count}").format(count=len(runs)) if runs else _("None yet"), "")
        for folder in runs:
            box.addItem(f"{folder.name} ({folder.parent})", str(folder))
        box.enabled = bool(runs)
        box.blockSignals(False)

    def _connect(self) -> None:
        ui = self.ui
        ui.runFolderLineEdit.connect("textChanged(QString)", self._on_folder)
        ui.browseButton.connect("clicked(bool)", self._on_browse)
        ui.newButton.connect("clicked(bool)", self._on_new)
        ui.recentComboBox.connect("activated(int)", self._on_recent)
        ui.presetComboBox.connect("currentIndexChanged(int)", self._on_preset)
        ui.deviceComboBox.connect("currentIndexChanged(int)", self._on_device)
        ui.stepsSpinBox.connect("valueChanged(int)", self._on_number)
        ui.startButton.connect("clicked(bool)", self._on_start)
        ui.stopButton.connect("clicked(bool)", self._on_stop)
        ui.chartButton.connect("clicked(bool)", self._on_chart)
        ui.openFolderButton.connect("clicked(bool)", self._on_open_folder)
        self._on_preset()

    def _disconnect_parameters(self) -> None:
        self._ticker.stop()
        if self._parameters is not None:
            self._parameters.disconnectGui(self._tag)
        self._parameters = self._tag = None

    def _show_status(self, status) -> None:
        ui, warnings = self.ui, list(status.warnings) if status else []
        ui.stateLabel.text = run_words.state_words(status) if status else ""
        ui.detailsLabel.text = run_words.details_words(status) if status else ""
        ui.progressBar.visible = status is not None and status.state != NONE
        ui.progressBar.value = round(1000 * status.fraction) if status else 0
        refusal = self._session.refusal or self._problem
        lines = [_("Warning: {words}").format(words=words) for words in warnings[-3:]]
        lines += [_("Problem: {words}").format(words=refusal)] if refusal else []
        ui.warningsLabel.text = "\n".join(lines)
        for label in (ui.stateLabel, ui.detailsLabel, ui.warningsLabel):
            label.visible = bool(label.text)

    def _show_buttons(self, status) -> None:
        ui = self.ui
        reason = self._reason()
        resumes, alive = status is not None and status.resumable, status is not None and status.alive
        ui.startButton.text = _("Resume") if resumes else _("Start")
        ui.startButton.enabled = not reason
        ui.startButton.toolTip = reason or (
            _("Go on from the last checkpoint, with the pair set it was started with.")
            if resumes
            else _("Start the training in a process of its own; it goes on when the panel or Slicer is closed.")
        )
        ui.reasonLabel.text = reason
        ui.reasonLabel.visible = bool(reason) and not alive
        for widget in (ui.presetComboBox, ui.widthSpinBox):
            widget.enabled = not resumes and not alive
        ui.presetWordsLabel.visible = ui.presetComboBox.enabled
        ui.widthSpinBox.enabled = ui.widthSpinBox.enabled and self._preset() != run_words.FROM_BUNDLE
        ui.stepsSpinBox.enabled = ui.deviceComboBox.enabled = not alive
        self._show_stop(status)
        has_losses = bool(self._session.rows)
        ui.chartButton.enabled = has_losses
        ui.chartButton.toolTip = (
            _("Show the losses in a plot view; the chart follows the run.") if has_losses else _("No losses yet.")
        )
        exists = status is not None and os.path.isdir(status.folder)
        ui.openFolderButton.enabled = exists
        ui.openFolderButton.toolTip = (
            _("Open the folder of the run in the file browser.") if exists else _("There is no such folder yet.")
        )

    def _show_stop(self, status) -> None:
        means = self._session.stop_means()
        silent = run_words.duration(status.silent) if status else ""
        words = {
            ASK: _("Stop after the current step; the run can be resumed."),
            WAIT: _("It was asked to stop and is finishing its step. If it does not within a minute, it can be ended."),
            FORCE: _("It has not stopped for a minute: end its process (last sign of life {silent} ago)."),
        }
        self.ui.stopButton.text = _("End process...") if means == FORCE else _("Stop")
        self.ui.stopButton.enabled = means in (ASK, FORCE)
        self.ui.stopButton.toolTip = words.get(means, _("No process works on this run.")).format(silent=silent)

    def _reason(self) -> str:
        """Why Start is disabled; empty: it is not."""
        return self._session.reason(self._pairs, self._pairs_reason, self.ui.stepsSpinBox.value)

    def _preset(self) -> str:
        return self.ui.presetComboBox.itemData(self.ui.presetComboBox.currentIndex)

    def _choose(self, box, name: str, otherwise: str) -> None:
        """Select an item by its data; one that is unknown (a scene of another version) becomes the usual one."""
        index = box.findData(name)
        box.setCurrentIndex(index if index >= 0 else box.findData(otherwise))

    def _on_folder(self, text: str) -> None:
        before = self._session.folder
        self._problem = ""
        self._session.set_folder(text.strip())
        if self._session.folder != before:
            self.run_changed.emit(self._session.folder)
        status = self._session.status
        if status is not None and status.state != NONE:
            recent_runs.remember_run(status.folder)
            self._fill_recent()
        self.refresh()

    def _on_browse(self, checked=False) -> None:
        title = _("Folder of a run, or an empty one for a new run")
        start = str(self._session.folder or (self._pairs.parent if self._pairs else ""))
        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title, start)
        if folder:
            self.ui.runFolderLineEdit.text = folder

    def _on_new(self, checked=False) -> None:
        if self._pairs is None:
            self._problem = _("choose a pair set first, beside which the run shall lie.")
            self.refresh()
            return
        self.ui.runFolderLineEdit.text = str(propose_folder(self._pairs, self._preset()))

    def _on_recent(self, index: int) -> None:
        folder = self.ui.recentComboBox.itemData(index)
        if folder:
            self.ui.runFolderLineEdit.text = folder

    def _on_preset(self, index=None) -> None:
        name = self._preset()
        words = run_words.preset_words()[name][1]
        self.ui.presetWordsLabel.text = f"{words} ({run_words.preset_numbers(name)})"
        if self._parameters is not None:
            self._parameters.preset = name
        self.refresh()

    def _on_device(self, index=None) -> None:
        if self._parameters is not None:
            self._parameters.trainDevice = self.ui.deviceComboBox.itemData(self.ui.deviceComboBox.currentIndex)

    def _on_number(self, value=None) -> None:
        self.refresh()

    def _on_start(self, checked=False) -> None:
        ui, self._problem = self.ui, ""
        width = ui.widthSpinBox.value if ui.widthSpinBox.enabled else 0
        device = ui.deviceComboBox.itemData(ui.deviceComboBox.currentIndex)
        if self._reason():
            return
        if not self._torch_offer.ensure():
            self._problem = self._torch_offer.failure
            self.refresh()
            return
        try:
            folder = self._session.start(self._pairs, self._preset(), ui.stepsSpinBox.value, width, device)
        except CT2MRSynthError as error:
            self._problem = str(error)
            self.refresh()
            return
        recent_runs.remember_run(folder)
        self._fill_recent()
        if ui.runFolderLineEdit.text != str(folder):
            ui.runFolderLineEdit.text = str(folder)
            self.run_changed.emit(folder)
        self.refresh()

    def _on_stop(self, checked=False) -> None:
        self._problem = ""
        question = _(
            "The training has not stopped although it was asked to. End its process now? What it has done since its"
            " last checkpoint is lost; it can be resumed from there."
        )
        try:
            if self._session.stop_means() != FORCE or slicer.util.confirmYesNoDisplay(question):
                self._session.stop()
        except CT2MRSynthError as error:
            self._problem = str(error)
        self.refresh()

    def _on_chart(self, checked=False) -> None:
        self._update_chart()
        slicer.modules.plots.logic().ShowChartInLayout(self._chart.chart)

    def _update_chart(self) -> None:
        folder = self._session.folder
        name, generation = (folder.name, (str(folder), self._session.generation)) if folder else ("", None)
        self._chart.update(self._session.rows, name, generation)

    def _on_open_folder(self, checked=False) -> None:
        if self._session.folder is not None:
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self._session.folder)))
