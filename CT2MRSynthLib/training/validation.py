"""Looking at a generator while it is trained: the error on the pairs held back, and previews of some of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from CT2MRSynthLib.device import BATCH
from CT2MRSynthLib.evaluation.metrics import mean_absolute_error
from CT2MRSynthLib.greylevels import DEFAULT_CT_WINDOW, to_grey_levels
from CT2MRSynthLib.networks.scale import grey_to_tensor, tensor_to_grey
from CT2MRSynthLib.training.pairs import PairStore
from CT2MRSynthLib.training.preview import CASES, thin_out, write_sheet
from CT2MRSynthLib.training.result import make_viewer
from CT2MRSynthLib.training.settings import TrainingSettings
from CT2MRSynthLib.training.step import TrainingStep

FOLDER = "previews"
PROTOCOL = "Mean absolute error in grey levels of 0 to 255, over the pairs held back from training"

#: Before a run that was asked to stop ends, a validation may take this many seconds.
PATIENCE = 5.0


class Validator:
    """Applies the weights that are the result to the pairs held back; where there are none, to some trained on.

    Args:
        pairs: Of the run.
        settings: Of the run.
        training: Whose weights are looked at.
        out: Folder of the run.
    """

    def __init__(self, pairs: PairStore, settings: TrainingSettings, training: TrainingStep, out: Path) -> None:
        self._pairs, self._settings, self._training = pairs, settings, training
        self._folder = Path(out) / FOLDER
        self._shown, held_back = pairs.preview_cases(CASES)
        cases = pairs.validation if held_back else [pairs.pair(n) for n in self._shown]
        entries = pairs.validation_entries if held_back else [pairs.entries[n] for n in self._shown]
        self._shown = self._shown if held_back else list(range(len(cases)))
        self._ct = [to_grey_levels(ct, DEFAULT_CT_WINDOW) for ct, _ in cases]
        self._real = np.stack([mr for _, mr in cases])
        words = "held back" if held_back else "TRAINED ON"
        self._names = [f"{entry.patient}   {entry.level}   {words}" for entry in entries]
        self._viewer: torch.nn.Module | None = None
        self._took, self._last = 0.0, None

    def is_due(self, seconds: float, share: float, status: str) -> bool:
        """Whether it is time.

        Args:
            seconds: Of the run.
            share: Validation may take one part in so many.
            status: What the run is about to be.
        """
        if status == "finished" or self._last is None:
            return True
        return self._took <= PATIENCE if status == "stopped" else seconds - self._last >= share * self._took

    def run(self, step: int, seconds: float) -> float | None:
        """Write a preview sheet.

        Args:
            step: Of the run.
            seconds: Of the run.

        Returns:
            Mean absolute error in grey levels over the pairs held back; None where there are none.

        Raises:
            OutputError: The sheet cannot be written.
        """
        started = time.monotonic()
        images = self.images()
        errors = [mean_absolute_error(*pair) for pair in zip(self._real, images, strict=True)]
        shown = self._shown
        title = f"step {step}   mean absolute error {np.mean(errors):.2f} of 255"
        ct = np.stack([self._ct[n] for n in shown])
        names = [f"{self._names[n]}   error {errors[n]:.1f}" for n in shown]
        self._took, self._last = time.monotonic() - started, seconds
        write_sheet(self._folder / f"step-{step:09d}.png", ct, images[shown], self._real[shown], names, title)
        thin_out(self._folder, step)
        return float(np.mean(errors)) if self._pairs.validation else None

    def images(self) -> np.ndarray:
        """Synthetic images of the cases, grey levels, shape (n, 256, 256)."""
        if self._viewer is None:
            self._viewer = make_viewer(self._settings, self._training.device, self._training.layout)
        self._viewer.load_state_dict(self._training.result_weights())
        return np.concatenate([self._synthesized(part) for part in self._batches()])

    def metrics(self, mae: float | None) -> dict:
        """Entry of the model card."""
        if mae is None:
            return {}
        return {"protocol": PROTOCOL, "values": {"mae": round(mae, 3), "pairs": len(self._pairs.validation)}}

    def forget_after(self, step: int) -> None:
        """Remove previews of later steps."""
        thin_out(self._folder, step)

    def _batches(self) -> list[Sequence[np.ndarray]]:
        size = BATCH[self._training.device.type]
        return [self._ct[n : n + size] for n in range(0, len(self._ct), size)]

    def _synthesized(self, ct: Sequence[np.ndarray]) -> np.ndarray:
        with torch.inference_mode(), self._training.precision():
            return tensor_to_grey(self._viewer(grey_to_tensor(np.stack(ct)).to(self._training.device)))
