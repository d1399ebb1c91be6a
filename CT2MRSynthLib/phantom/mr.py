"""From tissue to an axial T2-weighted turbo spin echo picture of 256 grey levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.severities import Severities
from CT2MRSynthLib.phantom.tissues import Label, column, partner_indices

#: The grey level that the 99th percentile of the signal takes; what is brighter than 255 is clipped.
PERCENTILE, PERCENTILE_LEVEL = 99.0, 225.0


@dataclass(frozen=True)
class MRSettings:
    """How the MR was taken.

    Args:
        field: 0 for 1.5 T, 1 for 3 T.
        tr, te: Repetition and echo time, ms.
        water, fat: Signal of each tissue's water and fat, by label.
        falloff: Ratio of the coil's sensitivity between the dorsal and the ventral edge of the picture.
        tilt_lateral: Relative change of sensitivity from one side to the other.
        blur: Standard deviation of the in-plane point spread, mm.
        noise: Standard deviation of noise relative to muscle signal.
        shift: Chemical shift of fat, mm, along the frequency direction.
        shift_axis: 0 front-back, 1 left-right.
        thickness: Slice thickness, mm.
    """

    field: int
    tr: float
    te: float
    water: np.ndarray
    fat: np.ndarray
    falloff: float
    tilt_lateral: float
    blur: float
    noise: float
    shift: float
    shift_axis: int
    thickness: float

    @classmethod
    def draw(cls, rng: np.random.Generator, severity: Severities) -> MRSettings:
        """Random settings of a lumbar T2 protocol."""
        field = int(rng.integers(2))
        tr, te = rng.uniform(3000, 4500), rng.uniform(88, 112)
        t1 = column("t1", field) * rng.normal(1, 0.03, len(Label))
        t2 = column("t2", field) * rng.normal(1, 0.05, len(Label))
        signal = column("density") * (1 - np.exp(-tr / t1)) * np.exp(-te / t2)
        # driven equilibrium pulses and long echo trains favor fluid
        signal[Label.CSF] *= rng.uniform(1.25, 1.6)
        # many refocusing pulses of many slices transfer magnetization, which darkens muscle (relative signals measured)
        signal[Label.MUSCLE] *= rng.uniform(0.6, 0.8)
        fat_label = column("fat")
        # trains of short echo spacing keep fat bright
        signal = np.where(fat_label > 0, signal * rng.uniform(1.1, 1.35), signal)
        fat = signal * fat_label
        water = signal * (1 - fat_label)
        age = (severity.age - 22) / 64
        for label, low in ((Label.MARROW, 0.48), (Label.ARCH_MARROW, 0.58)):
            share = np.clip(low + 0.28 * age + rng.normal(0, 0.06), 0.2, 0.85)
            fat[label] = share * signal[Label.FAT] * 0.9
            water[label] = (1 - share) * signal[label]
        return cls(
            field=field,
            tr=float(tr),
            te=float(te),
            water=water,
            fat=fat,
            falloff=float(rng.uniform(1.5, 2.6)),
            tilt_lateral=float(rng.normal(0, 0.06)),
            blur=float(rng.uniform(0.22, 0.36)),
            noise=float(rng.uniform(0.06, 0.22)),
            shift=float(rng.uniform(0.2, 0.9) * rng.choice([-1, 1])),
            shift_axis=int(rng.random() < 0.3),
            thickness=float(rng.choice([3.0, 3.5, 4.0])),
        )

    def record(self) -> dict:
        """Settings as plain numbers, for JSON."""
        names = ("tr", "te", "falloff", "noise", "shift", "thickness")
        return {"field_tesla": (1.5, 3.0)[self.field], **{n: round(getattr(self, n), 3) for n in names}}


def signals(canvas: Canvas, settings: MRSettings) -> tuple[np.ndarray, np.ndarray]:
    """Water and fat signal at each sample point.

    Args:
        canvas: Tissue.
        settings: The scan.
    """
    partner = partner_indices()
    # the mineral of spongy bone hardly darkens its marrow: only where bone is dense is there no signal
    bone = np.isin(canvas.label, (Label.MARROW, Label.ARCH_MARROW))
    mottled = np.clip((canvas.mix - 0.2) / 0.7, 0, 1) + 1.6 * (np.minimum(canvas.mix, 0.2) - 0.06)
    mix = np.where(bone, np.minimum(mottled, 1.0), canvas.mix)
    result = []
    for table in (settings.water.astype(np.float32), settings.fat.astype(np.float32)):
        first, second = table[canvas.label], table[partner][canvas.label]
        result.append(first + (second - first) * mix)
    return result[0], result[1]


def finish_slice(
    water: np.ndarray, fat: np.ndarray, settings: MRSettings, pixel: float, rng: np.random.Generator
) -> np.ndarray:
    """Chemical shift, coil, blur, texture, Rician noise and grey levels of one picture.

    Args:
        water, fat: Shape (j, i), averaged over the slice thickness; row 0 ventral.
        settings: The scan.
        pixel: Pixel size, mm.
        rng: Source of the noise.

    Returns:
        uint8, shape (j, i): the 99th percentile lies at grey level 225.
    """
    move = [0.0, 0.0]
    move[settings.shift_axis] = settings.shift / pixel
    signal = water + ndimage.shift(fat, move, order=1, mode="nearest")
    rows, columns = signal.shape
    coil = np.exp(np.log(settings.falloff) * (np.linspace(-0.5, 0.5, rows) - 0.2))[:, None]
    coil = coil * (1 + settings.tilt_lateral * np.linspace(-1, 1, columns))[None, :]
    signal = ndimage.gaussian_filter(signal * coil, settings.blur / pixel)
    sigma = settings.noise * settings.water[Label.MUSCLE]
    grain = 0.35 / pixel
    gain = 2.0 * np.sqrt(np.pi) * grain
    real, imaginary = (
        sigma * gain * ndimage.gaussian_filter(rng.standard_normal(signal.shape), grain) for _ in range(2)
    )
    magnitude = np.hypot(signal + real, imaginary)
    scale = PERCENTILE_LEVEL / max(float(np.percentile(magnitude, PERCENTILE)), 1e-6)
    return np.clip(np.rint(magnitude * scale), 0, 255).astype(np.uint8)
