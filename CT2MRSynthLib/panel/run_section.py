"""Apply: one run at a time, without freezing the window, and never half a result."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from CT2MRSynthLib.bundle import check_bundle
from CT2MRSynthLib.diagnostics import describe
from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.panel.error_display import ErrorDisplay
from CT2MRSynthLib.panel.estimate_label import EstimateLabel, duration, estimate_for
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.run_times import keep_run_times, load_run_times
from CT2MRSynthLib.panel.signal import Signal
from CT2MRSynthLib.panel.ticker import Ticker
from CT2MRSynthLib.panel.torch_offer import TorchOffer

IDLE, CANCELLING = "idle", "cancelling"

#: Seconds between two looks at a run.
TICK = 0.05


class RunSection:
    """Starts a run, shows how far it is, and says how it ended.

    Signals: ``run_requested`` (all boxes?), ``state_changed`` (state), ``progress`` (box node or None for the whole,
    percent, words), ``finished`` (new nodes), ``failed`` (box nodes, sentence).
    """

    def __init__(self) -> None:
        self.run_requested, self.state_changed, self.progress = Signal(), Signal(), Signal()
        self.finished, self.failed = Signal(), Signal()
        self.widget, self.ui = load_form("RunSection")
        self.torch_offer = TorchOffer()
        self.state = IDLE
        self._errors = ErrorDisplay(self.ui, self.diagnostics, self._on_repair)
        self._estimate = EstimateLabel(self.ui.estimateLabel)
        self._job, self._shown = None, None
        self._reason, self._note = _("Nothing is chosen yet."), ""
        self._last: dict = {}
        self._ticker = Ticker(TICK, self._tick)
        self.ui.applyButton.connect("clicked()", self._on_apply)
        self.ui.applyAllButton.connect("clicked()", self._on_apply_all)
        self._show_state()

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._job is not None

    @property
    def child_pid(self) -> int | None:
        """Number of the process of the run; None where there is no run."""
        return self._job.worker.pid if self._job is not None else None

    @property
    def work_folder(self) -> Path | None:
        """Folder of the run; gone when the run is over."""
        return self._job.worker.folder if self._job is not None else None

    def set_parameters(self, parameters) -> None:
        """Follow the parameters of a scene, for the estimate, or let go of them; a run goes on.

        Args:
            parameters: ``SynthesizeParameters`` or None.
        """
        self._estimate.set_parameters(parameters)

    def cleanup(self) -> None:
        """End whatever runs, and let go of everything."""
        self.cancel()
        self.set_parameters(None)
        self._ticker.stop()

    def set_reason(self, text: str) -> None:
        """Say why nothing can be run; an empty text enables Apply."""
        self._reason = text
        self._show_state()

    def start(
        self,
        ct_node,
        box_nodes: Sequence,
        bundle_path: str | Path,
        slices: int,
        thickness: float,
        device: str,
        precision: str,
    ) -> None:
        """Begin a run; it ends in ``finished`` or ``failed``, or without a word when it is cancelled.

        Args:
            ct_node: Volume node.
            box_nodes: ROI nodes.
            bundle_path: Folder of the model.
            slices: Parallel slices through each box.
            thickness: Slice thickness in mm.
            device: "auto", "cpu", "cuda" or "mps".
            precision: "auto", "float32", "bfloat16" or "float16".
        """
        if self.is_running:
            return
        self._errors.clear()
        if not self.torch_offer.ensure():
            self._show_note(self.torch_offer.failure)
            return
        self._show_note("")
        boxes = list(box_nodes)
        self._last = {"boxes": boxes, "ct": ct_node, "device": device, "precision": precision, "bundle": None}
        try:
            from CT2MRSynthLib.job import Options
            from CT2MRSynthLib.scene.synthesis_job import SynthesisJob

            bundle = self._last["bundle"] = check_bundle(bundle_path)
            options = Options(slices=int(slices), thickness=float(thickness), device=device, precision=precision)
            estimate = estimate_for(bundle.card, device, precision)
            self._job = SynthesisJob(ct_node, boxes, bundle, options, estimate, slicer.app.temporaryPath)
        except CT2MRSynthError as error:
            self._show_failure(str(error))
        except OSError as error:
            self._show_failure(
                _("The run could not be started: {error}").format(error=error.strerror or error), log=str(error)
            )
        else:
            self._shown = None
            self._set_state(self._job.state)
            self._ticker.start()

    def cancel(self) -> None:
        """End the run, in whatever stage it is; the scene is as it was."""
        if self._job is None:
            return
        job = self._job
        self._set_state(CANCELLING)
        self._ticker.stop()
        job.cancel()
        self._job = None
        self._set_state(IDLE)

    def diagnostics(self) -> str:
        """Versions, device, model and the last failure, without names of patients and users."""
        bundle, boxes, ct = (self._last.get(name) for name in ("bundle", "boxes", "ct"))
        model = {"Model": bundle.card.title, "SHA-256": bundle.sha256} if bundle is not None else {}
        times = load_run_times()
        device, precision = self._last.get("device", "auto"), self._last.get("precision", "auto")
        where = times.where(bundle.sha256, device, precision) if bundle is not None else ""
        application = {
            str(slicer.app.applicationName): f"{slicer.app.applicationVersion} (revision {slicer.app.revision})",
            "Application system": f"{slicer.app.os} {slicer.app.arch}",
        }
        private = [node.GetName() or "" for node in [*(boxes or []), ct] if node is not None]
        return describe(
            application,
            model,
            f"{device}, {precision} asked for" + (f"; last time: {where}" if where else ""),
            self.ui.errorLabel.text,
            self._errors.log,
            private,
        )

    def _on_apply(self) -> None:
        if self.is_running:
            self.cancel()
        else:
            self.run_requested.emit(False)

    def _on_apply_all(self) -> None:
        self.run_requested.emit(True)

    def _on_repair(self) -> None:
        self._show_note("")
        if self.torch_offer.repair(self.ui.errorLabel.text):
            self._errors.clear()
            self._show_note(_("PyTorch was installed; press Apply again."))
        else:
            self._show_note(self.torch_offer.failure)

    def _tick(self) -> None:
        job = self._job
        if job is None:
            self._ticker.stop()
            return
        job.advance()
        if job.is_over:
            self._ticker.stop()
            self._job = None
            self._set_state(IDLE)
            self._tell_end(job)
        else:
            if job.state != self.state:
                self._set_state(job.state)
            self._tell_progress(job)

    def _tell_progress(self, job) -> None:
        boxes = [int(percent) for percent in job.box_percent]
        left = _time_left(job.seconds_left)
        shown = int(job.percent), job.words, left, boxes
        if shown == self._shown:
            return
        before = self._shown[-1] if self._shown else [None] * len(boxes)
        self._shown = shown
        self.ui.progressBar.value = int(job.percent)
        words = job.words[:1].upper() + job.words[1:]
        self.ui.progressLabel.text = f"{words}, {left}" if left else words
        self.progress.emit(None, job.percent, job.words)
        for node, percent, earlier in zip(job.box_nodes, boxes, before, strict=True):
            if percent != earlier:
                self.progress.emit(node, percent, job.words)

    def _tell_end(self, job) -> None:
        if job.failure is not None:
            self._show_failure(job.failure.sentence, job.failure.log, job.failure.kind == "torch", job.box_nodes)
        elif job.timing is not None:
            self._learn(job)
            self._estimate.refresh()
            self.finished.emit(job.results)

    def _learn(self, job) -> None:
        times, timing, options = load_run_times(), job.timing, job.options
        sha256 = job.bundle.sha256
        times.learn(
            sha256, options.device, options.precision, timing.start, timing.seconds, timing.slices, timing.where
        )
        keep_run_times(times)

    def _show_failure(self, sentence: str, log: str = "", repairable: bool = False, boxes: Sequence = ()) -> None:
        logging.warning("CT2MRSynth: a run failed; the panel tells why.")  # the sentence may name a patient
        self._errors.show(sentence, log, repairable)
        self.failed.emit(list(boxes or self._last.get("boxes", [])), sentence)

    def _set_state(self, state: str) -> None:
        self.state = state
        self._show_state()
        self.state_changed.emit(state)

    def _show_state(self) -> None:
        ui, running = self.ui, self.state != IDLE
        ui.applyButton.text = _("Cancel") if running else _("Apply")
        ui.applyButton.enabled = self.state != CANCELLING if running else not self._reason
        ui.applyAllButton.enabled = not running and not self._reason
        if running:
            ui.applyButton.toolTip = _("End the run; the scene stays as it is.")
            ui.applyAllButton.toolTip = _("A run is under way; wait for it or cancel it.")
        else:
            ui.applyButton.toolTip = self._reason or _("Make the synthetic MR of the selected box.")
            ui.applyAllButton.toolTip = self._reason or _("Make the synthetic MR of every box of the scene.")
        ui.progressBar.visible = ui.progressLabel.visible = running
        if not running:
            ui.progressBar.value, ui.progressLabel.text = 0, ""
        self._show_reason()

    def _show_note(self, text: str) -> None:
        """A sentence below the buttons that disables nothing, until the next run."""
        self._note = text
        self._show_reason()

    def _show_reason(self) -> None:
        text = "" if self.state != IDLE else self._reason or self._note
        self.ui.reasonLabel.text = text
        self.ui.reasonLabel.visible = bool(text)


def _time_left(seconds: float | None) -> str:
    return "" if seconds is None else _("about {time} left").format(time=duration(seconds))
