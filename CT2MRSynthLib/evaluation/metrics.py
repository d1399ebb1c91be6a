"""How far a synthetic MR is from the real one: the one place where errors are computed.

=================  ===============================================================================================
MAE                mean absolute error in grey levels of 0 to 255
PSNR               10 log10(255^2 / MSE) in dB, the usual definition
PSNR, paper's      20 log10(255 * 255) - 10 log10(MSE), as the study behind this software reports it: the usual one
                   plus 20 log10(255) = 48.13 dB. Only for laying results beside its table.
SSIM               structural similarity, Wang et al. 2004 (IEEE Trans. Image Processing 13:600): windows of 11 x 11
                   pixels with Gaussian weights of sigma 1.5, K1 = 0.01, K2 = 0.03, range 255, no unit
=================  ===============================================================================================

Identical images have no error: their PSNR is infinite, which JSON cannot say; ``for_json`` makes it null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.volume import Volume

#: The largest grey level.
RANGE = 255.0

#: What the study's PSNR has more than the usual one, dB.
PAPER_OFFSET = 20.0 * math.log10(RANGE)

#: Of the window of SSIM: its standard deviation and how far it reaches to each side, pixels.
SIGMA, REACH = 1.5, 5
K1, K2 = 0.01, 0.03

#: Matrices to RAS mm that differ by less are the same grid.
SAME_PLACE_MM = 1e-3

Image = np.ndarray | Volume


@dataclass(frozen=True)
class Scores:
    """MAE in grey levels, both PSNR in dB, SSIM; each a mean where it stands for several slices."""

    mae: float
    psnr: float
    psnr_paper: float
    ssim: float


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation (n - 1) of so many values; of one value the latter is not a number."""

    mean: float
    sd: float
    count: int


def mean_absolute_error(real: Image, synthetic: Image, mask: Image | None = None) -> float:
    """Mean absolute difference.

    Args:
        real: Grey levels 0 to 255, an array of any shape or a volume.
        synthetic: The same grid.
        mask: The same grid; only where it is not zero is counted.

    Returns:
        Grey levels.

    Raises:
        InputError: The grids do not match, the mask is empty, or values are not finite or not grey levels.
    """
    return float(np.abs(_differences(real, synthetic, mask)).mean())


def psnr(real: Image, synthetic: Image, mask: Image | None = None) -> float:
    """Peak signal-to-noise ratio in dB, the usual definition 10 log10(255^2 / MSE); infinite for identical images.

    Arguments and errors are those of ``mean_absolute_error``.
    """
    squared = float(np.square(_differences(real, synthetic, mask)).mean())
    return math.inf if squared == 0 else 10.0 * math.log10(RANGE**2 / squared)


def psnr_paper(real: Image, synthetic: Image, mask: Image | None = None) -> float:
    """The study's PSNR in dB: the usual one plus 48.13 dB; for laying results beside its table."""
    return psnr(real, synthetic, mask) + PAPER_OFFSET


def ssim(real: Image, synthetic: Image, mask: Image | None = None) -> float:
    """Structural similarity after Wang et al. 2004, the mean over all windows that lie within the image.

    Args:
        real: Grey levels 0 to 255, shape (h, w) or, slice by slice, (n, h, w); or a volume.
        synthetic: The same grid.
        mask: The same grid; only windows whose center it holds are counted.

    Raises:
        InputError: As of ``mean_absolute_error``, or no whole window lies in image or mask.
    """
    real, synthetic, mask = _matching(real, synthetic, mask)
    edge = 2 * REACH + 1
    if real.ndim not in (2, 3) or min(real.shape[-2:]) < edge:
        raise InputError(f"SSIM needs slices of {edge} x {edge} pixels or more; the images have shape {real.shape}.")
    values = _ssim_map(real, synthetic)
    if mask is not None:
        values = values[mask[..., REACH:-REACH, REACH:-REACH]]
    if not values.size:
        raise InputError(
            f"No whole window of SSIM ({edge} x {edge} pixels) has its center in the mask; give a larger one."
        )
    return float(values.mean())


def score(real: Image, synthetic: Image, mask: Image | None = None) -> Scores:
    """All of the above."""
    decibel = psnr(real, synthetic, mask)
    return Scores(
        mean_absolute_error(real, synthetic, mask), decibel, decibel + PAPER_OFFSET, ssim(real, synthetic, mask)
    )


def mean_scores(scores: Iterable[Scores]) -> Scores:
    """The mean of each, such as over the slices of a patient."""
    rows = [(one.mae, one.psnr, one.psnr_paper, one.ssim) for one in scores]
    return Scores(*(float(np.mean(column)) for column in zip(*rows, strict=True)))


def summarize(values: Iterable[float]) -> Summary:
    """Mean and sample standard deviation.

    Raises:
        InputError: There are no values, or one is not a number.
    """
    array = np.array(list(values), dtype=float)
    if not array.size or np.isnan(array).any():
        raise InputError(f"{array.size} values, some of which may not be a number, have no mean; give numbers.")
    finite = array.size > 1 and np.isfinite(array).all()
    return Summary(float(array.mean()), float(array.std(ddof=1)) if finite else math.nan, array.size)


def for_json(value: float | None) -> float | None:
    """A number as JSON can say it: null for infinity (the PSNR of identical images) and for what is not a number."""
    return None if value is None or not math.isfinite(value) else float(value)


def _differences(real: Image, synthetic: Image, mask: Image | None) -> np.ndarray:
    real, synthetic, mask = _matching(real, synthetic, mask)
    differences = synthetic - real
    return differences if mask is None else differences[mask]


def _matching(real: Image, synthetic: Image, mask: Image | None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Both images as numbers and the mask as truth values, once all lie on one grid."""
    for name, other in (("synthetic image", synthetic), ("mask", mask)):
        if other is not None:
            _check_grid(real, other, name)
    arrays = [_values(real, "real image"), _values(synthetic, "synthetic image")]
    if mask is None:
        return (*arrays, None)
    inside = np.asarray(_array(mask)) != 0
    if not inside.any():
        raise InputError("The mask is empty: nothing lies in it to be compared; give a mask of the same image.")
    return (*arrays, inside)


def _check_grid(real: Image, other: Image, name: str) -> None:
    if isinstance(real, Volume) != isinstance(other, Volume):
        raise InputError(f"The real image and the {name} must both be volumes or both be arrays.")
    first, second = _array(real).shape, _array(other).shape
    if first != second:
        raise InputError(f"The real image has shape {first}, the {name} {second}; resample one onto the other's grid.")
    if isinstance(real, Volume):
        apart = float(np.linalg.norm(real.corners() - other.corners(), axis=1).max())
        if apart > SAME_PLACE_MM:
            raise InputError(
                f"The real image and the {name} have the same size but lie up to {apart:.3g} mm apart; resample one "
                "onto the other's grid."
            )
        if real.world_to_volume is not other.world_to_volume:
            raise InputError(f"The real image and the {name} lie under different transforms; harden these first.")


def _array(image: Image) -> np.ndarray:
    return image.array if isinstance(image, Volume) else np.asarray(image)


def _values(image: Image, name: str) -> np.ndarray:
    array = _array(image)
    if not array.size or array.dtype.kind not in "uif":
        raise InputError(f"The {name} has shape {array.shape} and type {array.dtype}; grey levels are needed.")
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        raise InputError(f"{count} of {values.size} values of the {name} are no finite numbers; make it again.")
    low, high = values.min(), values.max()
    if low < 0 or high > RANGE:
        raise InputError(f"The {name} runs from {low:g} to {high:g}; grey levels of 0 to 255 are needed.")
    return values


def _ssim_map(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """SSIM of every window that lies within the image."""
    c1, c2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    mean_r, mean_s = _window_mean(real), _window_mean(synthetic)
    variance_r = _window_mean(real * real) - mean_r**2
    variance_s = _window_mean(synthetic * synthetic) - mean_s**2
    covariance = _window_mean(real * synthetic) - mean_r * mean_s
    luminance = (2 * mean_r * mean_s + c1) / (mean_r**2 + mean_s**2 + c1)
    return luminance * (2 * covariance + c2) / (variance_r + variance_s + c2)


def _window_mean(image: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    sigma = (0.0,) * (image.ndim - 2) + (SIGMA, SIGMA)
    smooth = gaussian_filter(image, sigma, truncate=REACH / SIGMA)
    return smooth[..., REACH:-REACH, REACH:-REACH]
