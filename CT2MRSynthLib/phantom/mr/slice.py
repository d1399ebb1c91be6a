"""From tissue to an axial T2-weighted turbo spin echo picture."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.mr import artifacts as mr_artifacts
from CT2MRSynthLib.phantom.mr import kspace as mr_kspace
from CT2MRSynthLib.phantom.mr import tissue as mr_tissue
from CT2MRSynthLib.phantom.mr.settings import MRSettings
from CT2MRSynthLib.phantom.tissues import Label

__all__ = ["MRSettings", "acquire", "finish_slice", "grey_levels", "signals"]

#: Grey level of the middle picture: psoas muscle, fat and fluid of a typical scan as ``GREY_REFERENCE`` has them lie at
#: about 22, 145 and 210.
GREY_UNIT = 21.5
#: Typical signal of muscle, fat and cerebrospinal fluid, psoas muscle = 1.
GREY_REFERENCE = {Label.MUSCLE: 1.0, Label.FAT: 6.7, Label.CSF: 9.8}


def signals(canvas: Canvas, settings: MRSettings) -> tuple[np.ndarray, np.ndarray]:
    """Water and fat signal at each sample point, in units of psoas muscle.

    Args:
        canvas: Tissue.
        settings: The scan.
    """
    return mr_tissue.signals(canvas, settings.tissue, settings.motion.fluid_flow)


def acquire(
    water: np.ndarray,
    fat: np.ndarray,
    labels: np.ndarray,
    settings: MRSettings,
    pixel: float,
    rng: np.random.Generator,
    front: float | None = None,
    shift: tuple[float, float] = (0.0, 0.0),
    size: int | None = None,
) -> np.ndarray:
    """The picture a scanner makes of one slice, with coil, flow, motion, chemical shift, blur and noise.

    Args:
        water, fat: Signal averaged over the slice thickness, shape (n, n); row 0 ventral, column 0 the patient's right.
        labels: Tissue, shape (planes, n, n) or (n, n).
        settings: The scan.
        pixel: Pixel size, mm.
        rng: Source of noise and of what changes from slice to slice.
        front: mm from the picture's middle ahead to the front of the vertebral body, where the saturation band begins;
            None: the picture's ventral edge.
        shift: Displacement of everything along rows and columns, mm.
        size: Pixels along each edge of the result, over the same field of view; None: as many as the signal has.

    Returns:
        float32, shape (size, size). Psoas muscle in the middle of the picture would be 1.
    """
    count = water.shape[0]
    labels = labels.reshape(-1, count, count)
    coil, readout, motion = settings.coil, settings.readout, settings.motion
    at = (np.arange(count, dtype=np.float32) - (count - 1) / 2) * np.float32(pixel)
    front = count * pixel / 2 if front is None else front
    water, fat = mr_artifacts.blur_bowel((water, fat), labels, motion, readout.phase_axis, pixel)
    pulsation = mr_artifacts.pulsation(water, labels, motion)
    gain = mr_artifacts.sensitivity(coil, -at, at, coil.falloff) * mr_artifacts.saturation(motion, -at, at, front)
    water, fat = mr_artifacts.distort_by_metal(
        (water * gain, fat * gain), labels, settings.field, 1 - readout.phase_axis, pixel
    )
    parts = mr_kspace.Parts(water, fat, None if pulsation is None else pulsation * gain)
    picture = mr_kspace.encode(parts, readout, pixel, rng, motion.ghost_distance, shift, size)
    if coil.remaining == coil.falloff:
        return picture
    at = (np.arange(picture.shape[0], dtype=np.float32) - (picture.shape[0] - 1) / 2) * np.float32(
        pixel * count / picture.shape[0]
    )
    # the vendor's correction lifts signal and noise alike
    correction = [mr_artifacts.sensitivity(coil, -at, at, ratio) for ratio in (coil.remaining, coil.falloff)]
    return picture * (correction[0] / correction[1])


def finish_slice(
    water: np.ndarray,
    fat: np.ndarray,
    labels: np.ndarray,
    settings: MRSettings,
    pixel: float,
    rng: np.random.Generator,
    shift: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """A picture of 256 grey levels of one slice (see ``acquire`` and ``grey_levels``).

    Returns:
        uint8, shape (n, n).
    """
    return grey_levels(acquire(water, fat, labels, settings, pixel, rng, shift=shift), settings)


def grey_levels(picture: np.ndarray, settings: MRSettings) -> np.ndarray:
    """Map signal to 256 grey levels so that the same tissue has a similar level in every subject.

    A percentile of the picture would move all levels with what happens to be in it: more fat behind the spine, a coil's
    bright edge, a narrow sac. The simulation knows what muscle, fat and fluid give in this scan in the middle of the
    picture; the mean of their logarithms is set to that of a typical scan. What is left is the contrast between them,
    which follows field strength and echo time. Levels above 255 are clipped: fat near the coil, fluid at ringing edges.

    Args:
        picture: Signal in units of psoas muscle.
        settings: The scan.

    Returns:
        uint8, the picture's shape.
    """
    tissue = settings.tissue
    ratios = [(tissue.water[label] + tissue.fat[label]) / typical for label, typical in GREY_REFERENCE.items()]
    unit = GREY_UNIT / np.exp(np.mean(np.log(ratios)))
    return np.clip(np.rint(picture * np.float32(unit)), 0, 255).astype(np.uint8)
