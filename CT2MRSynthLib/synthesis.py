"""From a CT and a box to a synthetic MR: the box is sampled, the generator run, the result put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.errors import Cancelled
from CT2MRSynthLib.frame import DiscFrame, Grid
from CT2MRSynthLib.greylevels import CTWindow
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.sampling import SampledBox, sample_box
from CT2MRSynthLib.synthesizer import Progress, Synthesizer
from CT2MRSynthLib.volume import Volume


@dataclass(frozen=True)
class Synthesis:
    """One box's result.

    Args:
        frame: The box.
        grid: Voxel grid of all arrays.
        ct: Resampled CT in HU, float32, shape (k, 256, 256).
        ct_grey: What the generator saw, uint8, same shape.
        mr: Synthetic MR in grey levels, uint8, same shape.
        outside_fraction: Share of the box outside the CT.
        warnings: Sentences about this box that the user must be told; those about the device are the synthesizer's.
        seconds: Time taken.
    """

    frame: DiscFrame
    grid: Grid
    ct: np.ndarray
    ct_grey: np.ndarray
    mr: np.ndarray
    outside_fraction: float
    warnings: list[str]
    seconds: float


def synthesize(
    volume: Volume,
    frame: DiscFrame,
    synthesizer: Synthesizer,
    slices: int = 1,
    thickness: float = 4.0,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Synthesis:
    """Synthesize the MR of one box.

    Args:
        volume: The CT, HU.
        frame: The box; the result fills it corner to corner.
        synthesizer: The generator.
        slices: Number of parallel slices in the box.
        thickness: Slice thickness in mm over which the CT is averaged.
        progress: Called with slices done and slices in all.
        cancelled: Asked between batches.

    Raises:
        InputError: The box lies outside the CT.
        Cancelled: ``cancelled`` said so.
    """
    return synthesize_boxes(volume, [frame], synthesizer, slices, thickness, progress, cancelled)[0]


def synthesize_boxes(
    volume: Volume,
    frames: Sequence[DiscFrame],
    synthesizer: Synthesizer,
    slices: int = 1,
    thickness: float = 4.0,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Synthesis]:
    """Synthesize several boxes of one CT, with the slices of all of them in common batches.

    Arguments and errors are those of ``synthesize``; ``seconds`` of each result is its share of the time.
    """
    started = time.perf_counter()
    window = CTWindow(*synthesizer.card.ct_window)
    sampled = []
    for frame in frames:
        if cancelled is not None and cancelled():
            raise Cancelled
        sampled.append(sample_box(volume, frame, window, slices, thickness))
    images = synthesizer.run(np.concatenate([box.grey for box in sampled]), progress, cancelled)
    return assemble(sampled, images, synthesizer.card, time.perf_counter() - started)


def assemble(boxes: Sequence[SampledBox], images: np.ndarray, card: ModelCard, seconds: float) -> list[Synthesis]:
    """Give each box its slices.

    Args:
        boxes: As they were sampled.
        images: What the generator made of the slices of all of them, one box after the other, uint8,
            shape (n, 256, 256).
        card: Of the generator.
        seconds: Time taken for all.
    """
    results, first = [], 0
    for box in boxes:
        mr = images[first : first + len(box.grey)].copy()
        first += len(mr)
        mr[box.outside] = 0  # no CT, no picture: the generator would invent one
        share = seconds * len(mr) / max(len(images), 1)
        results.append(
            Synthesis(box.frame, box.grid, box.ct, box.grey, mr, box.outside_fraction, box.warnings(card), share)
        )
    return results
