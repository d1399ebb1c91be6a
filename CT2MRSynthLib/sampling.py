"""Boxes of a CT as the slices a generator sees, and what a user must be told of them. Needs no torch."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import PIXELS, DiscFrame, Grid
from CT2MRSynthLib.greylevels import CTWindow, to_grey_levels
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.resample import resample_steps
from CT2MRSynthLib.volume import Volume

#: A box with more than this share outside the CT is called outside.
OUTSIDE_LIMIT = 0.9

#: How far, relatively, a size may lie beyond the range of the training data before the user is told.
RANGE_TOLERANCE = 0.05


@dataclass(frozen=True)
class SampledBox:
    """A box of a CT, sampled.

    Args:
        frame: The box.
        grid: Voxel grid of the arrays.
        thickness: Over which the CT was averaged, mm.
        ct: In HU, float32, shape (k, 256, 256).
        grey: The same in grey levels of the generator's window, uint8: what it will see.
        outside: Where there is no CT to go by; same shape, bool.
        outside_fraction: Share of the box outside the CT.
    """

    frame: DiscFrame
    grid: Grid
    thickness: float
    ct: np.ndarray
    grey: np.ndarray
    outside: np.ndarray
    outside_fraction: float

    def warnings(self, card: ModelCard) -> list[str]:
        """What a user must be told of this box before trusting what a generator makes of it."""
        return box_warnings(self.frame, len(self.ct), self.thickness, self.outside_fraction, card)


def sample_box(
    volume: Volume, frame: DiscFrame, window: CTWindow, slices: int = 1, thickness: float = 4.0
) -> SampledBox:
    """Sample a box; see ``sample_steps``."""
    steps = sample_steps(volume, frame, window, slices, thickness)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def sample_steps(
    volume: Volume, frame: DiscFrame, window: CTWindow, slices: int = 1, thickness: float = 4.0
) -> Generator[float, None, SampledBox]:
    """Sample a box in pieces of some hundredths of a second.

    Args:
        volume: The CT, HU.
        frame: The box; its slices fill it corner to corner.
        window: Of the generator.
        slices: Number of parallel slices in the box.
        thickness: Slice thickness in mm over which the CT is averaged.

    Yields:
        The share done, 0 to 1; what is returned at last is the sampled box.

    Raises:
        InputError: The box lies outside the CT.
    """
    grid = frame.grid(slices)
    sampled = yield from resample_steps(volume, grid, thickness)
    if sampled.outside_fraction > OUTSIDE_LIMIT:
        raise InputError(
            f"The box {frame.level!r} lies outside the CT {volume.name!r} ({100 * sampled.outside_fraction:.0f} % of"
            " it); check that box and CT belong to the same patient and scan."
        )
    grey = to_grey_levels(sampled.array, window)
    return SampledBox(frame, grid, thickness, sampled.array, grey, sampled.outside, sampled.outside_fraction)


def box_warnings(
    frame: DiscFrame, slices: int, thickness: float, outside_fraction: float, card: ModelCard
) -> list[str]:
    """What a user must be told of a box before trusting its result.

    Args:
        frame: The box.
        slices: Number of slices in it.
        thickness: Slice thickness in mm.
        outside_fraction: Share of the box outside the CT.
        card: Of the generator.
    """
    found = []
    right, anterior, depth = frame.extent
    box = f"The box {frame.level!r}"
    if outside_fraction > 0:
        found.append(f"{box} lies partly ({100 * outside_fraction:.1f} %) outside the CT; that part is black.")
    if abs(right - anterior) > 0.05 * max(right, anterior):
        found.append(
            f"{box} is not square ({right:.0f} x {anterior:.0f} mm), so pixels are not either; the training boxes were."
        )
    if depth > 1.5 * slices * thickness:
        found.append(
            f"{box} is {depth:.0f} mm deep, but {slices} slice(s) of {thickness:g} mm do not fill it; ask for more."
        )
    for what, values, span in (
        ("edges", (right, anterior), card.field_of_view),
        ("pixels", (right / PIXELS, anterior / PIXELS), card.pixel_spacing),
        ("slice thickness", (thickness,), card.slice_thickness),
    ):
        if span is not None and not all(_within(value, span) for value in values):
            measured = " x ".join(f"{value:.3g}" for value in values)
            found.append(
                f"{box} has {what} of {measured} mm; the generator was trained on {span[0]:.3g} to {span[1]:.3g} mm."
            )
    return found


def _within(value: float, span: tuple[float, float]) -> bool:
    return span[0] * (1 - RANGE_TOLERANCE) <= value <= span[1] * (1 + RANGE_TOLERANCE)
