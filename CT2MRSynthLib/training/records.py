"""What a run leaves behind while it goes on: checkpoints, events, losses, previews and the bundle."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from CT2MRSynthLib import __version__
from CT2MRSynthLib.errors import BundleError, OutputError
from CT2MRSynthLib.modelcard import ModelCard, read_card
from CT2MRSynthLib.training.checkpoint import checkpoint_paths, save_checkpoint, state_size
from CT2MRSynthLib.training.losses import Losses
from CT2MRSynthLib.training.lossplot import write_plot
from CT2MRSynthLib.training.pairs import PairStore
from CT2MRSynthLib.training.result import FOLDER, filled_card, write_result
from CT2MRSynthLib.training.runfiles import RunFiles
from CT2MRSynthLib.training.settings import TrainingSettings
from CT2MRSynthLib.training.step import TrainingStep
from CT2MRSynthLib.training.validation import Validator

PLOT = "losses.png"

#: Validation may take one part in so many of the time.
VALIDATION_SHARE = 20

#: Room beside checkpoints and bundle for tables, previews and the rest.
SMALL_FILES = 32 * 2**20


@dataclass(frozen=True)
class Moment:
    """Where a run is: steps done, seconds, share of the run, and the learning rate of the next step."""

    step: int
    seconds: float
    fraction: float
    learning_rate: float


class Records:
    """Written by the first process of a run.

    Args:
        out: Folder of the run.
        pairs: Of the run.
        settings: Of the run.
        training: Whose weights are validated and become the result.
        card: Of the bundle; what the run knows is filled in.
        facts: What else is known of the run, for the card: preset, device and so on.
        initial_card: Card of the bundle the run started from.
        files: Its events and state.
    """

    def __init__(
        self,
        out: Path,
        pairs: PairStore,
        settings: TrainingSettings,
        training: TrainingStep,
        card: ModelCard,
        facts: dict,
        initial_card: ModelCard | None,
        files: RunFiles,
    ) -> None:
        self._out, self._pairs, self._settings, self._training = Path(out), pairs, settings, training
        self._card, self._facts, self._initial_card = card, facts, initial_card
        self.files = files
        self._validator = Validator(pairs, settings, training, self._out)
        self._losses, self._reported = Losses(self._out), 0

    def start(self, moment: Moment, state: Callable[[], dict], resumed: bool) -> None:
        """Tell the start; of a new run, look for room and write the checkpoint of step 0.

        Raises:
            OutputError: There is no room, or the folder cannot be written.
        """
        if not resumed:
            self.forget_after(-1)
        self.files.say(
            "start",
            version=__version__,
            pairs=len(self._pairs),
            patients=self._pairs.subjects,
            validation_pairs=len(self._pairs.validation),
            settings=self._settings.to_json(),
            resumed=resumed,
            **self._facts,
        )
        if checkpoint_paths(self._out):
            return
        first = state()
        self._check_room(first)
        self.checkpoint(first)
        if self._initial_card:  # how good it is before
            self._losses.add(step=moment.step, validation_mae=self._validated(moment))

    def checkpoint(self, state: dict) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: It cannot be written.
        """
        path = save_checkpoint(self._out, state)
        self.files.say("checkpoint", file=path.name)

    def report(self, moment: Moment, losses: dict[str, float], took: float, save: bool, status: str) -> None:
        """Tell the losses since the last report; with ``save`` also look at the cases and write the bundle.

        Args:
            moment: Of the run.
            losses: Means since the last report.
            took: Seconds since then.
            save: Whether a checkpoint of this moment was written.
            status: "running", or what the run is about to be.

        Raises:
            OutputError: The result cannot be written, and the run is at its end.
        """
        due = save and self._validator.is_due(moment.seconds, VALIDATION_SHARE, status)
        mae = self._validated(moment) if due else None
        steps = moment.step - self._reported
        if steps > 0:
            self._tell_progress(moment, losses, steps / max(took, 1e-6), mae)
        if not save:
            return
        try:
            self._write_result(moment, mae)
        except OutputError as error:
            if status != "running":
                raise
            self.files.warn(f"Bundle, plot or state were not written: {error} The training goes on.")

    def forget_after(self, step: int) -> None:
        """Remove what was told of steps that are in no checkpoint: they will be done again."""
        self._reported = max(step, 0)
        self._losses = Losses(self._out, upto=step)
        self.files.forget_after(step)
        self._validator.forget_after(step)
        if (self._out / FOLDER).is_dir():
            with contextlib.suppress(BundleError):  # a power cut can damage it; the next checkpoint writes it anew
                self.files.update(weights_sha256=read_card(self._out / FOLDER).weights.get("sha256"))

    def _tell_progress(self, moment: Moment, losses: dict[str, float], rate: float, mae: float | None) -> None:
        seconds, left = round(moment.seconds, 1), self._seconds_left(moment, rate)
        self.files.update(fraction=round(moment.fraction, 6), seconds=seconds, seconds_left=left)
        told = {name: round(value, 5) for name, value in losses.items()}
        told["learning_rate"] = float(f"{moment.learning_rate:.6g}")
        self.files.say(
            "progress",
            fraction=round(moment.fraction, 4),
            **told,
            rate=round(rate, 4),
            seconds=seconds,
            seconds_left=left,
        )
        self._losses.add(step=moment.step, seconds=seconds, **told, validation_mae=mae)
        self._reported = moment.step

    def _seconds_left(self, moment: Moment, rate: float) -> float:
        steps, minutes = self._settings.steps, self._settings.minutes
        by_steps = (steps - moment.step) / rate if steps > 0 else float("inf")
        by_time = 60.0 * minutes - moment.seconds if minutes > 0 else float("inf")
        return round(max(0.0, min(by_steps, by_time)), 1)

    def _validated(self, moment: Moment) -> float | None:
        """Write a preview sheet; the error on the pairs held back where there are any."""
        try:
            mae = self._validator.run(moment.step, moment.seconds)
        except OutputError as error:
            self.files.warn(f"The previews were not written: {error}")
            return None
        if mae is not None:
            self.files.say("validation", mae=round(mae, 3), pairs=len(self._pairs.validation))
        return mae

    def _write_result(self, moment: Moment, mae: float | None) -> None:
        known = {**self._facts, "step": moment.step, "seconds": round(moment.seconds, 1)}
        known["initial_sha256"] = self._initial_card.weights["sha256"] if self._initial_card else None
        metrics = self._validator.metrics(mae)
        card = filled_card(self._card, self._settings, self._pairs, known, metrics, self._initial_card)
        bundle = write_result(self._out / FOLDER, self._training.result_weights(), card)
        self.files.update(weights_sha256=bundle.sha256)
        write_plot(self._losses, self._out / PLOT, self._settings.steps)
        self.files.write_state()

    def _check_room(self, state: dict) -> None:
        """Refuse a disk too full for the checkpoints kept, the one being written, and the bundle likewise."""
        needed = 3 * state_size(state) + 2 * state_size(self._training.result_weights()) + SMALL_FILES
        free = shutil.disk_usage(self._out).free
        if free < needed:
            raise OutputError(
                f"The run needs {needed / 2**20:.0f} MB in {self._out} for its checkpoints and there are "
                f"{free / 2**20:.0f} MB; free some space or choose another folder."
            )
