"""The training pairs on the device: decoded once, varied there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from CT2MRSynthLib.greylevels import DEFAULT_CT_WINDOW, CTWindow
from CT2MRSynthLib.training.augment import apply, draw

if TYPE_CHECKING:
    from CT2MRSynthLib.training.pairs import PairStore
    from CT2MRSynthLib.training.settings import TrainingSettings


class PairTensors:
    """The pairs of a store, held on a device: CT in HU (int16), MR in grey levels (uint8).

    Args:
        store: The training pairs; it says which pair the n-th draw of a run is.
        device: Where they are held and varied.
        layout: Memory format of the batches.
    """

    def __init__(
        self, store: PairStore, device: torch.device, layout: torch.memory_format = torch.channels_last
    ) -> None:
        self._store, self._layout = store, layout
        pairs = [store.pair(number) for number in range(len(store))]
        self._ct = torch.from_numpy(np.stack([ct for ct, _ in pairs]).astype(np.int16)).to(device)
        self._mr = torch.from_numpy(np.stack([mr for _, mr in pairs]).astype(np.uint8)).to(device)

    def batch(self, numbers: Sequence[int], settings: TrainingSettings) -> tuple[torch.Tensor, torch.Tensor]:
        """The pairs of some draws, varied.

        Pair and variation follow from the seed and the draw's number alone, so a resumed run goes on as if never
        stopped. Nothing here waits for the device.

        Args:
            numbers: Of the draws, counted from the start of the run over all processes.
            settings: Seed and augmentation.

        Returns:
            CT and MR, shape (n, 1, 256, 256) each, -1 .. 1, float32.
        """
        varied = [self._varied(number, settings) for number in numbers]
        ct = hu_to_scale(torch.stack([ct for ct, _ in varied]), DEFAULT_CT_WINDOW)
        mr = torch.stack([mr for _, mr in varied]) / 127.5 - 1.0
        return tuple(image.unsqueeze(1).contiguous(memory_format=self._layout) for image in (ct, mr))

    def _varied(self, number: int, settings: TrainingSettings) -> tuple[torch.Tensor, torch.Tensor]:
        index = self._store.index_at(settings.seed, number)
        variation = draw(settings.augmentation, np.random.default_rng([settings.seed, 1, number]))
        return apply(variation, self._ct[index].float(), self._mr[index].float())


def hu_to_scale(hu: torch.Tensor, window: CTWindow) -> torch.Tensor:
    """Hounsfield units through the 256 grey levels (as ``greylevels.to_grey_levels``) to -1 .. 1."""
    grey = ((hu.clamp(window.low, window.high) - window.low) * (255.0 / window.width)).round()
    return grey / 127.5 - 1.0
