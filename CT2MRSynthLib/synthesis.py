"""From a CT and a box to a synthetic MR: the generator loaded once, run on many slices."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from CT2MRSynthLib.bundle import Bundle, check_bundle
from CT2MRSynthLib.device import BATCH, Device, choose_device, cpu_device, is_out_of_memory
from CT2MRSynthLib.errors import Cancelled, CT2MRSynthError, InputError
from CT2MRSynthLib.frame import DiscFrame, Grid
from CT2MRSynthLib.greylevels import CTWindow, to_grey_levels
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.resample import Resampled, resample
from CT2MRSynthLib.volume import Volume

PIXELS = 256

#: A box with more than this share outside the CT is called outside.
OUTSIDE_LIMIT = 0.9

#: How far, relatively, a size may lie beyond the range of the training data before the user is told.
RANGE_TOLERANCE = 0.05

Progress = Callable[[int, int], None]


class Synthesizer:
    """A generator on a device.

    On the CPU the result depends on nothing but the input, the weights, the precision, the number of threads and the
    version of torch: slices are computed one by one, and there is no dropout.

    Args:
        bundle: A bundle or its folder.
        device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda" or "mps".
        precision: "auto" (what this hardware is fast with), "float32", "bfloat16" or "float16".

    Raises:
        BundleError: The bundle cannot be used.
        UsageError: The device cannot be used.
    """

    def __init__(self, bundle: Bundle | str | Path, device: str = "auto", precision: str = "auto") -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else check_bundle(bundle)
        self.device = choose_device(device, precision)
        self.warnings: list[str] = list(self.device.notes)
        self.batch = BATCH[self.device.kind]
        self._wanted_precision = precision
        self._network = self._prepared(self.device)

    @property
    def card(self) -> ModelCard:
        """The card of the bundle."""
        return self.bundle.card

    @property
    def description(self) -> str:
        """Where it runs, in words: "CPU, bfloat16, 2 threads"."""
        return self.device.description

    def run(
        self,
        grey: np.ndarray,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> np.ndarray:
        """Synthesize slices.

        Args:
            grey: CT in grey levels of the bundle's window, uint8, shape (n, 256, 256), row 0 anterior, column 0 the
                patient's right.
            progress: Called with slices done and slices in all, at first with 0.
            cancelled: Asked between batches; true stops the run.

        Returns:
            Synthetic MR in grey levels, uint8, same shape.

        Raises:
            InputError: Wrong dtype or shape.
            Cancelled: ``cancelled`` said so.
            CT2MRSynthError: Memory does not suffice for a single slice on the CPU.
        """
        if grey.ndim != 3 or grey.shape[1:] != (PIXELS, PIXELS) or grey.dtype != np.uint8:
            raise InputError(
                f"Slices of {grey.dtype} and shape {grey.shape} cannot be synthesized: uint8, (n, 256, 256) is needed."
            )
        result = np.empty_like(grey)
        done, total = 0, len(grey)
        _tell(progress, done, total)
        while done < total:
            if cancelled is not None and cancelled():
                raise Cancelled
            part = grey[done : done + self.batch]
            try:
                result[done : done + len(part)] = self._pass(part)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._make_room(len(part))
                continue
            done += len(part)
            _tell(progress, done, total)
        return result

    def _pass(self, grey: np.ndarray) -> np.ndarray:
        import torch

        from CT2MRSynthLib.networks.scale import grey_to_tensor, tensor_to_grey

        dtype = getattr(torch, self.device.precision)
        with torch.inference_mode():
            return tensor_to_grey(self._network(grey_to_tensor(grey).to(self.device.kind, dtype)))

    def _prepared(self, device: Device):
        """The generator as it runs fastest; measured on two AVX-512 BF16 cores (see ``bench``)."""
        import torch

        from CT2MRSynthLib.networks.layers import use_fast_layers

        network = use_fast_layers(self.bundle.generator())
        return network.to(device.kind, getattr(torch, device.precision)).to(memory_format=torch.channels_last)

    def _make_room(self, batch: int) -> None:
        """After memory ran out: smaller batches, then the CPU; the user is told."""
        if self.device.kind == "cuda":
            import torch

            torch.cuda.empty_cache()
        if batch > 1:
            self.batch = batch // 2
            self.warnings.append(
                f"{self.device.name} ran out of memory with {batch} slices at once; now it is {self.batch} at once."
            )
        elif self.device.kind != "cpu":
            name = self.device.name
            self.device = cpu_device(self._wanted_precision)
            self.batch = BATCH["cpu"]
            self._network = self._prepared(self.device)
            self.warnings.append(f"{name} ran out of memory with one slice; the CPU is used instead, which is slower.")
        else:
            raise CT2MRSynthError(
                "There is not enough memory to synthesize a single slice; close other programs and try again."
            )


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
    grids = [frame.grid(slices) for frame in frames]
    sampled = []
    for frame, grid in zip(frames, grids, strict=True):
        if cancelled is not None and cancelled():
            raise Cancelled
        sampled.append(_sampled(volume, frame, grid, thickness))
    window = CTWindow(*synthesizer.card.ct_window)
    grey = [to_grey_levels(part.array, window) for part in sampled]
    images = synthesizer.run(np.concatenate(grey), progress, cancelled)
    results = []
    for number, (frame, part) in enumerate(zip(frames, sampled, strict=True)):
        mr = images[number * slices : (number + 1) * slices]
        mr[part.outside] = 0  # no CT, no picture: the generator would invent one
        warnings = box_warnings(frame, slices, thickness, part.outside_fraction, synthesizer.card)
        results.append((frame, grids[number], part.array, grey[number], mr, part.outside_fraction, warnings))
    seconds = (time.perf_counter() - started) / max(len(frames), 1)
    return [Synthesis(*values, seconds) for values in results]


def _sampled(volume: Volume, frame: DiscFrame, grid: Grid, thickness: float) -> Resampled:
    sampled = resample(volume, grid, thickness)
    if sampled.outside_fraction > OUTSIDE_LIMIT:
        raise InputError(
            f"The box {frame.level!r} lies outside the CT {volume.name!r} ({100 * sampled.outside_fraction:.0f} % of"
            " it); check that box and CT belong to the same patient and scan."
        )
    return sampled


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


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
