"""The run around the training step: when to stop, to save and to tell, and what to do when something goes wrong."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from CT2MRSynthLib.errors import CT2MRSynthError, OutputError
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.training.batches import PairTensors
from CT2MRSynthLib.training.checkpoint import load_checkpoint
from CT2MRSynthLib.training.distributed import Context
from CT2MRSynthLib.training.pairs import PairStore
from CT2MRSynthLib.training.records import Moment, Records
from CT2MRSynthLib.training.runfiles import RunFiles
from CT2MRSynthLib.training.settings import TrainingSettings
from CT2MRSynthLib.training.step import TrainingStep

#: Factor on the learning rate after a loss was not finite.
LOWERED = 0.1

#: Seconds between progress events, and until a checkpoint that found no room is tried again.
REPORT_EVERY, TRY_AGAIN = 5.0, 60.0

#: Several processes agree on the time and on stopping after so many steps, or so many seconds where steps are slow:
#: torchrun kills processes that have not ended half a minute after a request to stop.
AGREE_EVERY, AGREE_SECONDS = 10, 2.0


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
        self.deterministic, self.preset, self.initial_card = deterministic, preset, initial_card
        self.checkpoint_steps, self.checkpoint_seconds = checkpoint_steps, 60.0 * checkpoint_minutes
        self.report_every = report_every
        self.training = TrainingStep(settings, self.context.device, plain, initial, self.context)
        self.tensors = PairTensors(pairs, self.context.device, self.training.layout)
        self.files = RunFiles(self.out, report, self.context.is_first, self.request_stop)
        facts = {"preset": preset, "deterministic": deterministic, "device": str(self.context.device)}
        facts["processes"] = self.context.world
        written = (self.out, pairs, settings, self.training, card, facts, initial_card, self.files)
        self.records = Records(*written) if self.context.is_first else None
        self.step, self.seconds, self.rate_factor = 0, 0.0, 1.0
        self._resumed, self._warnings = False, pairs.warnings()
        self._stopping = False  # plain: a signal may come while another one is handled, and no lock must be held then

    def restore(self, state: dict) -> None:
        """Go on from the state of a checkpoint; what was told of later steps is forgotten."""
        self._load(state)
        self._resumed = True
        if state["world"] != self.context.world:
            self.warn(f"The run was made in {state['world']} processes and goes on in {self.context.world}.")

    def warn(self, sentence: str) -> None:
        """Tell a warning when the run begins."""
        self._warnings.append(sentence)

    def request_stop(self) -> None:
        """Let the current step finish, write a checkpoint and return from ``run``; callable from a signal handler."""
        self._stopping = True

    @property
    def fraction(self) -> float:
        """Share of the run that is over."""
        return self.settings.fraction_done(self.step, self.seconds)

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return self.settings.learning_rate_at(self.fraction) * self.rate_factor

    def run(self) -> str:
        """Train until the limit or until asked to stop.

        Returns:
            "finished" or "stopped".

        Raises:
            CT2MRSynthError: The run failed; the state says so too. Its checkpoints are kept.
        """
        with _algorithms(self.deterministic, self.context.device):
            try:
                self.files.begin(step=self.step, steps=self.settings.steps, fraction=self.fraction)
                status = self._trained()
                self.context.barrier()
                self.files.end(status, seconds=round(self.seconds, 1))
            except BaseException as error:
                sentence = self._sentence(error)
                with contextlib.suppress(OutputError):
                    self.files.end("failed", error=sentence)
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
            "card": self.card.to_json(),
            "initial_card": self.initial_card.to_json() if self.initial_card else None,
            "training": self.training.state_dict(),
        }

    def _trained(self) -> str:
        self._set_clock()
        if self.records:
            self.records.start(self._moment(), self.state, self._resumed)
        while self._warnings:
            self.files.warn(self._warnings.pop(0))
        while True:
            self._train()
            status = "finished" if self.fraction >= 1.0 else "stopped"
            if self._check_in(True, status):
                return status

    def _train(self) -> None:
        """Steps until the run is over or asked to stop."""
        first = agree_at = self.step
        self._saved = self._reported = time.monotonic()
        self._agreed = first, self._saved
        while True:
            save = report = False
            if self.step >= agree_at:
                self.seconds, save, report, ahead = self.context.from_first((*self._due(), self._ahead()))
                agree_at = self.step + ahead
                if self.context.any(self._stopping):
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

    def _ahead(self) -> int:
        """Steps until the processes agree again."""
        if self.context.world == 1:
            return 1
        now = time.monotonic()
        steps, took = self.step - self._agreed[0], now - self._agreed[1]
        self._agreed = self.step, now
        return max(1, min(AGREE_EVERY, int(AGREE_SECONDS * steps / max(took, 1e-6))))

    def _check_in(self, save: bool, status: str = "running") -> bool:
        """Look at the losses, tell them and, if wanted, save; False where the run had to step back instead."""
        if self.context.any(not self.training.finite()):
            self._step_back()
            return False
        self.seconds = self.context.from_first(self._due()[0])
        losses, took = self.training.losses(), time.monotonic() - self._reported
        if self.records:
            if save:
                self._save(last=status != "running")
            self.records.report(self._moment(), losses, took, save, status)
        self._reported = time.monotonic()
        return True

    def _save(self, last: bool) -> None:
        """Write a checkpoint; a full disk ends only the last one, for another may find room again."""
        self._saved = time.monotonic()
        try:
            self.records.checkpoint(self.state())
        except OutputError as error:
            if last:
                raise
            self._saved += TRY_AGAIN - self.checkpoint_seconds
            self.files.warn(f"The checkpoint of step {self.step} was not written: {error} The training goes on.")

    def _step_back(self) -> None:
        """Return to the last checkpoint and lower the rate; the second time, give up."""
        step = self.step
        state = self.context.from_first(load_checkpoint(self.out)[0] if self.records else None)
        if state["rate_factor"] < 1.0:
            raise CT2MRSynthError(
                f"The training diverged again before step {step}: a loss is not finite, although the learning rate was "
                f"lowered to {state['rate_factor']:g} of itself. The checkpoint of step {state['step']} is kept; start "
                "a new run with a lower --learning-rate."
            )
        self._load(state)
        self._set_clock()
        self.rate_factor = LOWERED
        self.files.warn(
            f"A loss was not finite before step {step}; the training went back to step {self.step} and goes on with "
            f"{LOWERED:g} of the learning rate."
        )
        if self.records:
            self._save(last=False)

    def _load(self, state: dict) -> None:
        self.training.load_state_dict(state["training"])
        self.step, self.seconds, self.rate_factor = state["step"], state["seconds"], state["rate_factor"]
        self.files.update(step=self.step)
        if self.records:
            self.records.forget_after(self.step)

    def _set_clock(self) -> None:
        self._began = time.monotonic() - self.seconds

    def _moment(self) -> Moment:
        return Moment(self.step, self.seconds, self.fraction, self.learning_rate)

    def _sentence(self, error: BaseException) -> str:
        if isinstance(error, CT2MRSynthError):
            return str(error)
        from CT2MRSynthLib.device import is_out_of_memory

        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        advice = "give a smaller --batch or --width" if is_out_of_memory(error) else "resume it with --resume"
        return f"The training failed in step {self.step + 1} ({reason}); its checkpoints are kept: {advice}."


@contextlib.contextmanager
def stopping_on_signals(trainer: Trainer) -> Iterator[None]:
    """Inside, SIGTERM and SIGINT end the run after its current step, with a checkpoint."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: trainer.request_stop()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


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
