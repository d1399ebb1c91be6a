"""Measures of one CT crop at a disc, real or simulated, from its pixels alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

#: Edges of the histogram in HU; what lies outside counts to the outermost bins.
HISTOGRAM_EDGES = np.arange(-200, 601, 25)

#: Edges of the bands of spatial frequency, in cycles per mm.
FREQUENCY_EDGES = np.array([0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2])

_PATCH = 32


@dataclass(frozen=True)
class CropMeasures:
    """What was measured in one crop.

    Args:
        numbers: Medians of tissues in HU, shares of the picture, noise; NaN where there is too little to measure.
        histogram: Share of pixels per bin of ``HISTOGRAM_EDGES``.
        noise_spectrum: Power of the noise in muscle per band of ``FREQUENCY_EDGES``, of sum 1; NaN where there is no
            muscle.
        edge_spectrum: Power of the whole picture per band (HU squared), logarithm to base 10.
    """

    numbers: dict[str, float]
    histogram: np.ndarray
    noise_spectrum: np.ndarray
    edge_spectrum: np.ndarray


def measure_crop(hu: np.ndarray, pixel: float) -> CropMeasures:
    """Measure a crop laid out by the crop rule: thecal sac in the middle, disc above it, patient's right on the left.

    Args:
        hu: Shape (n, n), HU.
        pixel: Pixel size in mm.
    """
    hu = np.clip(np.asarray(hu, dtype=np.float32), -1024, 3071)
    masks = tissue_masks(hu, pixel)
    numbers = {f"{name}_hu": _median(hu, mask) for name, mask in masks.items()}
    dorsal = hu[hu.shape[0] // 2 :]
    numbers["fat_share"] = float(np.mean((hu > -150) & (hu < -40)))
    numbers["bone_share"] = float(np.mean(hu > 250))
    numbers["dense_bone_share"] = float(np.mean(hu > 600))
    numbers["arch_peak_hu"] = float(np.percentile(dorsal[dorsal > 250], 90)) if (dorsal > 250).any() else np.nan
    noise, spectrum = noise_in(hu, masks["muscle"], pixel)
    numbers["noise_hu"] = noise
    numbers["noise_frequency"] = mean_frequency(spectrum)
    edges = _log_power(hu, pixel)
    numbers["edge_slope"] = _slope(edges)
    return CropMeasures(numbers, _histogram(hu), spectrum, edges)


def tissue_masks(hu: np.ndarray, pixel: float) -> dict[str, np.ndarray]:
    """Where a tissue surely is, by HU and by its place in the crop.

    Args:
        hu: Shape (n, n).
        pixel: Pixel size in mm.

    Returns:
        ``sac``, ``disc``, ``muscle`` (behind the sac) and ``fat``: bool, of the picture's shape.
    """
    rows, columns = (np.indices(hu.shape) - (hu.shape[0] - 1) / 2) * pixel
    half = hu.shape[0] * pixel / 2
    smooth = ndimage.gaussian_filter(hu, 0.8 / pixel)
    soft = (smooth > 5) & (smooth < 110)
    muscle = ndimage.binary_erosion(soft, iterations=max(1, round(1.5 / pixel))) & (rows > 0.25 * half)
    fat = ndimage.binary_erosion((smooth > -150) & (smooth < -50), iterations=max(1, round(0.8 / pixel)))
    return {
        "sac": rows**2 + columns**2 < 3.5**2,
        "disc": (rows + 0.55 * half) ** 2 + columns**2 < 7.0**2,
        "muscle": muscle & (smooth > 20) & (smooth < 95),
        "fat": fat,
    }


def noise_in(hu: np.ndarray, mask: np.ndarray, pixel: float) -> tuple[float, np.ndarray]:
    """Standard deviation of the noise in a mask and its spectrum.

    The tissue itself (what varies over more than about 4 mm) is taken out. The spectrum is the mean periodogram of
    windowed patches that lie in the mask but for a tenth.

    Args:
        hu: Shape (n, n).
        mask: Homogeneous tissue.
        pixel: Pixel size in mm.

    Returns:
        HU, and power per band of ``FREQUENCY_EDGES`` of sum 1 (NaN where the mask holds no patch).
    """
    if mask.sum() < 200:
        return np.nan, np.full(len(FREQUENCY_EDGES) - 1, np.nan)
    rest = hu - ndimage.gaussian_filter(hu, 2.0 / pixel)
    # a robust deviation: septa and vessels are no noise
    spread = 1.4826 * float(np.median(np.abs(rest[mask] - np.median(rest[mask]))))
    window = np.outer(np.hanning(_PATCH), np.hanning(_PATCH))
    total, count = np.zeros((_PATCH, _PATCH)), 0
    for row in range(0, hu.shape[0] - _PATCH + 1, _PATCH // 2):
        for column in range(0, hu.shape[1] - _PATCH + 1, _PATCH // 2):
            part = np.s_[row : row + _PATCH, column : column + _PATCH]
            if mask[part].mean() > 0.9:
                patch = np.clip(rest[part], -4 * spread, 4 * spread)
                total += np.abs(np.fft.fft2((patch - patch.mean()) * window)) ** 2
                count += 1
    if not count:
        return spread, np.full(len(FREQUENCY_EDGES) - 1, np.nan)
    power = _radial(total, pixel, mean=False)
    return spread, power / power.sum()


def mean_frequency(spectrum: np.ndarray) -> float:
    """Mean frequency in cycles per mm of a spectrum over ``FREQUENCY_EDGES``."""
    return float((spectrum * _centers()).sum() / spectrum.sum())


def _median(hu: np.ndarray, mask: np.ndarray) -> float:
    return float(np.median(hu[mask])) if mask.sum() >= 40 else np.nan


def _histogram(hu: np.ndarray) -> np.ndarray:
    inside = np.clip(hu, HISTOGRAM_EDGES[0], HISTOGRAM_EDGES[-1] - 1)
    return np.histogram(inside, HISTOGRAM_EDGES)[0] / hu.size


def _log_power(hu: np.ndarray, pixel: float) -> np.ndarray:
    """Power of the picture within the range that the generator sees, so that one dense spot does not rule it."""
    picture = np.clip(hu, HISTOGRAM_EDGES[0], HISTOGRAM_EDGES[-1])
    window = np.outer(np.hanning(hu.shape[0]), np.hanning(hu.shape[1]))
    power = np.abs(np.fft.fft2((picture - picture.mean()) * window)) ** 2 / (window**2).sum()
    return np.log10(_radial(power, pixel, mean=True) + 1e-6)


def _radial(power: np.ndarray, pixel: float, mean: bool) -> np.ndarray:
    f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, pixel) for n in power.shape), indexing="ij"))
    total = np.histogram(f, FREQUENCY_EDGES, weights=power)[0]
    return total / np.maximum(np.histogram(f, FREQUENCY_EDGES)[0], 1) if mean else total


def _centers() -> np.ndarray:
    return (FREQUENCY_EDGES[1:] + FREQUENCY_EDGES[:-1]) / 2


def _slope(log_power: np.ndarray) -> float:
    """Decades of power lost per decade of frequency between 0.06 and 0.6 cycles per mm."""
    use = (_centers() > 0.06) & (_centers() < 0.6)
    return float(np.polyfit(np.log10(_centers()[use]), log_power[use], 1)[0])
