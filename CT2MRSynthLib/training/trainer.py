"""The run around the training step: when to stop, to save and to tell, and what to do when something goes wrong."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from CT2MRSynthLib import __version__
from CT2MRSynthLib.errors import CT2MRSynthError, OutputError
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.training.batches import PairTensors
from CT2MRSynthLib.training.checkpoint import checkpoint_paths, load_checkpoint, save_checkpoint, state_size
from CT2MRSynthLib.training.distributed import Context
from CT2MRSynthLib.training.losses import FILE as LOSSES_FILE
from CT2MRSynthLib.training.losses import Losses
from CT2MRSynthLib.training.lossplot import write_plot
from CT2MRSynthLib.training.pairs import PairStore
from CT2MRSynthLib.training.result import FOLDER, filled_card, write_result
from CT2MRSynthLib.training.runfiles import RunFiles
from CT2MRSynthLib.training.settings import TrainingSettings
from CT2MRSynthLib.training.step import TrainingStep
from CT2MRSynthLib.training.validation import Validator

#: Factor on the learning rate after a loss was not finite.
LOWERED = 0.1

#: Validation may take one part in so many of the time.
VALIDATION_SHARE = 20

#: Seconds between progress events, and until a checkpoint that found no room is tried again.
REPORT_EVERY, TRY_AGAIN = 5.0, 60.0

#: Steps between two moments at which several processes agree on the time and on stopping.
AGREE_EVERY = 10

#: Room beside checkpoints and bundle for tables, previews and the rest.
SMALL_FILES = 32 * 2**20


class Trainer:
    """One run.

    Args:
        pairs: Training pairs.
        out: Folder of the run: checkpoints, ``state.json``, ``progress.jsonl``, ``losses.csv``, ``losses.png``,
            ``previews/`` and ``bundle/``.
        settings: All numbers of the run.
        card: Card of the bundle; what the run knows is filled in here.
        report: Called with every event.
        device: torch device.
        plain: Run the step plainly (float32, contiguous), as the yardstick of speed.
        deterministic: Only algorithms that give the same bits again.
        initial: Weights of the generator to start from.
        initial_card: Card of the bundle these are of.
        preset: Name, for the card.
        context: This process among those of the run.
        checkpoint_steps: Steps between checkpoints; 0: by time only.
        checkpoint_minutes: Minutes between checkpoints.
        report_every: Seconds between progress events.
    """

    def __init__(
        self,
        pairs: PairStore,
        out: Path,
        settings: TrainingSettings,
        card: ModelCard,
        report: Callable[[dict], None] | None = None,
        device: torch.device | str = "cpu",
        plain: bool = False,
        deterministic: bool = False,
        initial: dict | None = None,
        initial_card: ModelCard | None = None,
        preset: str = "",
        context: Context | None = None,
        checkpoint_steps: int = 0,
        checkpoint_minutes: float = 5.0,
        report_every: float = REPORT_EVERY,
    ) -> None:
        self.pairs, self.out, self.settings, self.card = pairs, Path(out), settings, card
        self.context = context or Context(device=torch.device(device))
        self.device, self.deterministic, self.preset = self.context.device, deterministic, preset
        self.initial_card = initial_card
        self.checkpoint_steps, self.checkpoint_seconds = checkpoint_steps, 60.0 * checkpoint_minutes
        self.report_every = report_every
        self.training = TrainingStep(settings, self.device, plain, initial, self.context)
        self.tensors = PairTensors(pairs, self.device, self.training.layout)
        self.validator = Validator(pairs, settings, self.training, self.out)
        self.files = RunFiles(self.out, report, self.context.is_first, self.request_stop)
        self.losses = Losses(self.out) if self.context.is_first else None
        self.step, self._reported_step, self.seconds, self.rate_factor = 0, 0, 0.0, 1.0
        self._resumed, self._stop, self._warnings = False, threading.Event(), pairs.warnings()

    def restore(self, state: dict) -> None:
        """Go on from the state of a checkpoint; what was told of later steps is forgotten."""
        self._load(state)
        self._resumed = True
        if self.context.is_first:
            self._forget_later_steps()
        if state["world"] != self.context.world:
            self.warn(f"The run went on in {state['world']} processes and now does in {self.context.world}.")

    def warn(self, sentence: str) -> None:
        """Tell a warning when the run begins."""
        self._warnings.append(sentence)

    def request_stop(self) -> None:
        """Let the current step finish, write a checkpoint and return from ``run``; callable from a signal handler."""
        self._stop.set()

    @property
    def fraction(self) -> float:
        """Share of the run that is over."""
        return self.settings.fraction_done(self.step, self.seconds)

    def run(self) -> str:
        """Train until the limit or until asked to stop.

        Returns:
            "finished" or "stopped".

        Raises:
            CT2MRSynthError: The run failed; the state says so too. Its checkpoints are kept.
        """
        with _algorithms(self.deterministic, self.device):
            try:
                self.files.begin(step=self.step, steps=self.settings.steps, fraction=self.fraction)
                status = self._trained()
                self._end(status, seconds=round(self.seconds, 1))
            except BaseException as error:
                sentence = self._sentence(error)
                with contextlib.suppress(OutputError):
                    self._end("failed", error=sentence)
                if isinstance(error, Exception) and not isinstance(error, CT2MRSynthError):
                    raise CT2MRSynthError(sentence) from error
                raise
        return status

    def train_step(self) -> None:
        """One update of both networks with the next pairs."""
        ct, mr = self.tensors.batch(self.context.draws(self.step, self.settings.batch), self.settings)
        self.training.update(ct, mr, self.learning_rate)
        self.step += 1
        self.files.update(step=self.step)

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return self.settings.learning_rate_at(self.fraction) * self.rate_factor

    def state(self) -> dict:
        """What a checkpoint holds."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "rate_factor": self.rate_factor,
            "settings": self.settings.to_json(),
            "preset": self.preset,
            "deterministic": self.deterministic,
            "threads": torch.get_num_threads(),
            "world": self.context.world,
            "pairs": self.pairs.record(),
            "initial_card": self.initial_card.to_json() if self.initial_card else None,
            "training": self.training.state_dict(),
        }

    def _trained(self) -> str:
        self._began = time.monotonic() - self.seconds
        self._start()
        while True:
            self._train()
            status = "finished" if self.fraction >= 1.0 else "stopped"
            if self._check_in(True, status):
                return status

    def _train(self) -> None:
        """Steps until the run is over or asked to stop."""
        first = self.step
        self._saved = self._reported = time.monotonic()
        while True:
            save = report = False
            if self.step % AGREE_EVERY == 0 or self.context.world == 1 or self.step == first:
                self.seconds, save, report = self.context.from_first(self._due())
                if self.context.any(self._stop.is_set()):
                    return
            if self.fraction >= 1.0:
                return
            save |= self.checkpoint_steps > 0 and self.step % self.checkpoint_steps == 0 and self.step > first
            if (save or report) and not self._check_in(save):
                continue
            self.train_step()

    def _due(self) -> tuple[float, bool, bool]:
        """Seconds of the run, and whether it is time for a checkpoint and for a progress event."""
        now = time.monotonic()
        save, report = now - self._saved >= self.checkpoint_seconds, now - self._reported >= self.report_every
        return now - self._began, save, report

    def _start(self) -> None:
        settings = {**self.settings.to_json(), "deterministic": self.deterministic}
        self.files.say(
            "start",
            version=__version__,
            pairs=len(self.pairs),
            patients=self.pairs.subjects,
            validation_pairs=len(self.pairs.validation),
            preset=self.preset,
            settings=settings,
            device=str(self.device),
            resumed=self._resumed,
        )
        while self._warnings:
            self.files.warn(self._warnings.pop(0))
        if self.context.is_first and not checkpoint_paths(self.out):
            state = self.state()
            self._check_room(state)
            self._tell_checkpoint(save_checkpoint(self.out, state))
            if self.initial_card:
                self.losses.add(step=0, validation_mae=self._validate())

    def _check_room(self, state: dict) -> None:
        """Refuse a disk too full for the checkpoints kept, the one being written, and the bundle likewise."""
        needed = 3 * state_size(state) + 2 * state_size(self.training.result_weights()) + SMALL_FILES
        free = shutil.disk_usage(self.out).free
        if free < needed:
            raise OutputError(
                f"The run needs {needed / 2**20:.0f} MB in {self.out} for its checkpoints and there are "
                f"{free / 2**20:.0f} MB; free some space or choose another folder."
            )

    def _check_in(self, save: bool, status: str = "running") -> bool:
        """Look at the losses, tell them and, if wanted, save; False where the run had to step back instead."""
        if self.context.any(not self.training.finite()):
            self._step_back()
            return False
        losses = self.training.losses()
        if self.context.is_first:
            if save:
                self._save(last=status != "running")
            mae = None
            if save and self.validator.is_due(self.seconds, VALIDATION_SHARE, status):
                mae = self._validate()
            self._report(losses, mae)
            if save:
                self._write_result(mae, last=status != "running")
        self._reported = time.monotonic()
        return True

    def _save(self, last: bool) -> None:
        """Write a checkpoint; a full disk ends only the last one, for a later one may find room again."""
        self._saved = time.monotonic()
        try:
            self._tell_checkpoint(save_checkpoint(self.out, self.state()))
        except OutputError as error:
            if last:
                raise
            self._saved += TRY_AGAIN - self.checkpoint_seconds
            self.files.warn(f"The checkpoint of step {self.step} was not written: {error} The training goes on.")

    def _tell_checkpoint(self, path: Path) -> None:
        self.files.say("checkpoint", file=path.name)

    def _validate(self) -> float | None:
        """Look at the cases held back; the error where there are any."""
        try:
            mae = self.validator.run(self.step, self.seconds)
        except OutputError as error:
            self.files.warn(f"The previews were not written: {error}")
            return None
        if mae is not None:
            self.files.say("validation", mae=round(mae, 3), pairs=len(self.pairs.validation))
        return mae

    def _report(self, losses: dict, mae: float | None) -> None:
        now, steps = time.monotonic(), self.step - self._reported_step
        if steps > 0:
            rate = steps / max(now - self._reported, 1e-6)
            seconds = round(self.seconds, 1)
            left = self._seconds_left(rate)
            self.files.update(fraction=round(self.fraction, 6), seconds=seconds, seconds_left=left)
            told = {name: round(value, 5) for name, value in losses.items()}
            rates = {"learning_rate": self.learning_rate, "rate": round(rate, 4)}
            self.files.say(
                "progress", fraction=round(self.fraction, 4), **told, **rates, seconds=seconds, seconds_left=left
            )
            self.losses.add(
                step=self.step, seconds=seconds, learning_rate=self.learning_rate, **told, validation_mae=mae
            )
            self._reported_step = self.step

    def _seconds_left(self, rate: float) -> float:
        by_steps = (self.settings.steps - self.step) / rate if self.settings.steps > 0 else float("inf")
        by_time = 60.0 * self.settings.minutes - self.seconds if self.settings.minutes > 0 else float("inf")
        return round(max(0.0, min(by_steps, by_time)), 1)

    def _write_result(self, mae: float | None, last: bool) -> None:
        known = {"preset": self.preset, "step": self.step, "seconds": round(self.seconds, 1)}
        known |= {"deterministic": self.deterministic, "device": str(self.device), "processes": self.context.world}
        known["initial_sha256"] = self.initial_card.weights["sha256"] if self.initial_card else None
        metrics = self.validator.metrics(mae)
        card = filled_card(self.card, self.settings, self.pairs, known, metrics, self.initial_card)
        try:
            bundle = write_result(self.out / FOLDER, self.training.result_weights(), card)
            self.files.update(weights_sha256=bundle.sha256)
            write_plot(self.losses, self.out / LOSSES_FILE.replace(".csv", ".png"), self.settings.steps)
            self.files.write_state()
        except OutputError as error:
            if last:
                raise
            self.files.warn(f"Bundle, plot or state were not written: {error} The training goes on.")

    def _step_back(self) -> None:
        """Return to the last checkpoint and lower the rate; the second time, give up."""
        step, first = self.step, self.context.is_first
        state = self.context.from_first(load_checkpoint(self.out)[0] if first else None)
        if state["rate_factor"] < 1.0:
            raise CT2MRSynthError(
                f"The training diverged again before step {step}: a loss is not finite, although the learning rate was "
                f"lowered to {state['rate_factor']:g} of itself. The checkpoint of step {state['step']} is kept; start "
                "a new run with a lower --learning-rate."
            )
        self._load(state)
        self.rate_factor, self._began = LOWERED, time.monotonic() - self.seconds
        if first:
            self._forget_later_steps()
            self.files.warn(
                f"A loss was not finite before step {step}; the training went back to step {self.step} and goes on "
                f"with {LOWERED:g} of the learning rate."
            )
            self._save(last=False)

    def _load(self, state: dict) -> None:
        self.training.load_state_dict(state["training"])
        self.step, self.seconds, self.rate_factor = state["step"], state["seconds"], state["rate_factor"]
        self._reported_step = self.step
        self.files.update(step=self.step)

    def _forget_later_steps(self) -> None:
        """Of events, losses and previews."""
        self.files.forget_after(self.step)
        self.losses = Losses(self.out, upto=self.step)
        self.validator.forget_after(self.step)

    def _end(self, status: str, **fields) -> None:
        if status != "failed":
            self.context.barrier()
        self.files.end(status, **fields)

    def _sentence(self, error: BaseException) -> str:
        if isinstance(error, CT2MRSynthError):
            return str(error)
        from CT2MRSynthLib.device import is_out_of_memory

        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        advice = "give a smaller --batch or --width" if is_out_of_memory(error) else "resume it with --resume"
        return f"The training failed in step {self.step + 1} ({reason}); its checkpoints are kept: {advice}."


def stop_on_signals(trainer: Trainer) -> None:
    """Let SIGTERM and SIGINT end the run after its current step, with a checkpoint."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: trainer.request_stop())


@contextlib.contextmanager
def _algorithms(deterministic: bool, device: torch.device) -> Iterator[None]:
    """Inside, torch takes only algorithms that give the same bits again; some of a graphics card know no other."""
    before = torch.are_deterministic_algorithms_enabled()
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
