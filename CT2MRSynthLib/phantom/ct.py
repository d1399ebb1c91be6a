"""From tissue to Hounsfield units: contrast agent, blur of the reconstruction kernel, noise of the dose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.severities import Severities
from CT2MRSynthLib.phantom.tissues import Label, column, partner_indices


@dataclass(frozen=True)
class CTSettings:
    """How a CT was taken.

    Args:
        hu: HU of each tissue in this subject (contrast agent included), by label.
        blur: Standard deviation of the in-plane point spread, mm.
        sharpening: Share of edge enhancement of a sharp kernel.
        noise: Standard deviation of noise in a disc-level picture, HU.
        grain: Standard deviation of the noise's smoothing, mm (left-right, front-back).
        thickness: Slice thickness of the scan, mm.
        offset: HU added everywhere (calibration).
        contrast: Contrast agent was given.
    """

    hu: np.ndarray
    blur: float
    sharpening: float
    noise: float
    grain: tuple[float, float]
    thickness: float
    offset: float
    contrast: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, severity: Severities) -> CTSettings:
        """Random settings, from low-dose soft thick slices to sharp thin ones."""
        hu = column("hu") + column("hu_sd") * np.clip(rng.standard_normal(len(Label)), -1.8, 1.8)
        hu[Label.MARROW] = np.clip(hu[Label.MARROW] + 70 - 165 * severity.osteoporosis, 40, 320)
        hu[Label.ARCH_MARROW] = np.clip(hu[Label.ARCH_MARROW] + 60 - 160 * severity.osteoporosis, 60, 480)
        contrast = bool(rng.random() < 0.6)
        if contrast:
            hu[Label.ARTERY] = rng.uniform(120, 330)
            hu[Label.VEIN] = rng.uniform(80, 0.4 * hu[Label.ARTERY] + 110)
            hu[Label.KIDNEY] = rng.uniform(130, 230)
            hu[Label.MEDULLA] = hu[Label.KIDNEY] - rng.choice([0.0, 15.0, 70.0])
            hu[Label.BOWEL_WALL] += rng.uniform(10, 50)
            # organs fed by the same blood take their share of its enhancement
            portal = hu[Label.VEIN] - 45
            for label, share in ((Label.LIVER, 0.45), (Label.SPLEEN, 0.6), (Label.PANCREAS, 0.45)):
                hu[label] += share * portal
            hu[Label.LYMPH_NODE] += 0.25 * portal
            hu[Label.MUSCLE] += rng.uniform(2, 12)
        if rng.random() < 0.25:
            hu[Label.BOWEL_CONTENT] = rng.uniform(60, 350)
        sharp = rng.random()
        return cls(
            hu=hu,
            blur=float(0.85 - 0.5 * sharp + rng.uniform(-0.05, 0.1)),
            sharpening=float(max(0.0, sharp - 0.45) * rng.uniform(0, 1.2)),
            noise=float(np.exp(rng.uniform(np.log(2.5), np.log(20))) * (0.7 + 0.7 * sharp)),
            grain=(float(rng.uniform(0.45, 0.95)), float(rng.uniform(0.35, 0.7))),
            thickness=float(rng.choice([0.6, 1.0, 1.25, 2.0, 2.5, 3.0, 5.0], p=[0.16, 0.2, 0.2, 0.14, 0.1, 0.1, 0.1])),
            offset=float(rng.normal(0, 4)),
            contrast=contrast,
        )

    def record(self) -> dict:
        """Settings as plain numbers, for JSON."""
        names = ("blur", "sharpening", "noise", "thickness", "offset")
        return {"contrast": self.contrast, **{n: round(getattr(self, n), 3) for n in names}}


def hounsfield(canvas: Canvas, settings: CTSettings) -> np.ndarray:
    """HU at each sample point, without blur and noise."""
    hu = settings.hu.astype(np.float32)
    first, second = hu[canvas.label], hu[partner_indices()][canvas.label]
    return first + (second - first) * canvas.mix


def finish_slice(
    hu: np.ndarray, settings: CTSettings, pixel: float, tilt: float, rng: np.random.Generator, noise_factor: float = 1.0
) -> np.ndarray:
    """Blur, edge enhancement and noise of one picture in the plane of a disc.

    Args:
        hu: Shape (j, i), already averaged over the slice thickness.
        settings: The scan.
        pixel: Pixel size, mm.
        tilt: Angle of the picture against the scan's axial plane in the sagittal view, radians: thick axial slices blur
            an oblique picture from front to back.
        rng: Source of the noise.
        noise_factor: Noise relative to the settings'.
    """
    oblique = settings.thickness * abs(np.sin(tilt)) / np.sqrt(12.0)
    sigma = np.array([np.hypot(settings.blur, oblique), settings.blur]) / pixel
    result = ndimage.gaussian_filter(hu, sigma)
    if settings.sharpening > 0:
        result = result + settings.sharpening * (result - ndimage.gaussian_filter(result, 1.0 / pixel))
    noise = noise_factor * correlated_noise(hu.shape, settings, pixel, rng)
    return (result + noise + settings.offset).astype(np.float32)


def correlated_noise(shape, settings: CTSettings, pixel: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of the settings' strength whose grain is that of the kernel; its slow part is taken out."""
    white = rng.standard_normal(shape).astype(np.float32)
    sigma = np.array([settings.grain[1], settings.grain[0]]) / pixel
    noise = ndimage.gaussian_filter(white, sigma, mode="wrap")
    noise -= 0.75 * ndimage.gaussian_filter(white, 3.0 * sigma, mode="wrap")
    return settings.noise * noise / noise.std()
