"""From tissue to Hounsfield units, and from sharp noiseless slices to a CT's picture."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.ct.settings import CTSettings
from CT2MRSynthLib.phantom.tissues import Label, partner_indices

#: Highest HU that 12 bits hold with the usual offset.
CEILING = 3071
#: Exponent that turns the share of a disc's watery nucleus into its share of HU.
_WATER = np.float32(0.7)


def hounsfield(canvas: Canvas, settings: CTSettings) -> np.ndarray:
    """HU at each sample point, without blur and noise; tissues vary slowly from place to place."""
    hu = settings.hu.astype(np.float32)
    first, second = hu[canvas.label], hu[partner_indices()][canvas.label]
    mix = canvas.mix
    disc = np.flatnonzero(canvas.label == Label.ANNULUS)
    if disc.size:
        # what a nucleus loses in wear is water more than density: in CT it stays less dense than its annulus
        mix = mix.copy()
        mix[disc] = np.clip(mix[disc], 0, 1) ** _WATER
    result = first + (second - first) * mix
    if canvas.points is not None:
        result += settings.texture_by_label()[canvas.label] * canvas.points.field("ct_texture")
    return result


def finish_slice(
    hu: np.ndarray,
    settings: CTSettings,
    pixel: float,
    noise: np.ndarray,
    error: np.ndarray | float = 0.0,
    strength: np.ndarray | tuple[float, float] = (1.0, 1.0),
    oblique: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Kernel, artifacts and noise of one picture.

    Args:
        hu: Shape (rows, columns), already averaged over the slice thickness; row 0 ventral.
        settings: The scan.
        pixel: Pixel size, mm.
        noise: Both parts of ``NoiseField``, shape (2, rows, columns).
        error: HU added by artifacts (``BodyScan``).
        strength: Standard deviation of both parts of the noise relative to the settings' noise.
        oblique: Blur in mm (standard deviation, along rows' and columns' direction of change) of a picture that lies
            slanted in the scan's slices.

    Returns:
        HU, float32, clipped to what is stored.
    """
    result = settings.kernel.apply(hu + error, pixel, oblique)
    for part, factor in zip(noise, strength, strict=True):
        result += np.float32(settings.noise) * (factor * part)
    result += np.float32(settings.offset)
    return np.clip(result, settings.floor, CEILING).astype(np.float32)
