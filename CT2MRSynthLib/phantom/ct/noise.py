"""Noise of a CT: its strength, its grain and its direction, slice by slice and the same in any order."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft
from scipy.optimize import brentq

from CT2MRSynthLib.phantom.ct.kernel import Kernel

#: Full width at half maximum of a Gaussian, in standard deviations.
FWHM = 2.3548


class NoiseField:
    """Noise in pictures of one scan, in two parts: from rays that run side to side, and from those front to back.

    Rays side to side cross more body; their noise lies in streaks along the rows. The variance of each part is one
    half, so that both parts added are white but for the kernel.

    Args:
        shape: Rows (front to back) and columns (side to side) of a picture.
        pixel: Pixel size, mm.
        kernel: Gives the spectrum.
        key: Numbers that name the scan; the same key gives the same noise.
        smear: Lengths in mm (front-back, side-side) over which a slanted thick cut averages it further.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        pixel: float,
        kernel: Kernel,
        key: tuple[int, ...],
        smear: tuple[float, float] = (0.0, 0.0),
    ):
        self.shape, self.key = shape, tuple(key)
        self._size = tuple(fft.next_fast_len(n, real=True) for n in shape)
        self._filters = _filters(self._size, pixel, kernel, smear)
        self._made: dict[int, np.ndarray] = {}

    def parts(self, index: int, weights: np.ndarray | None = None) -> np.ndarray:
        """Both parts in one slice, shape (2, rows, columns).

        Args:
            index: Number of the slice.
            weights: Slice profile over neighboring slices, odd length; their squares are made to add up to
                1. None: this slice alone.
        """
        weights = np.ones(1) if weights is None else weights
        reach = len(weights) // 2
        for gone in [k for k in self._made if abs(k - index) > reach]:
            del self._made[gone]
        total = np.zeros((2, *self.shape), dtype=np.float32)
        for offset, weight in enumerate(weights / np.sqrt(np.sum(weights**2)), start=-reach):
            total += np.float32(weight) * self._slice(index + offset)
        return total

    def _slice(self, index: int) -> np.ndarray:
        if index not in self._made:
            # whole numbers from 0 seed a generator; slices below the first are needed as neighbors
            rng = np.random.default_rng([*self.key, index + 1000])
            rows, columns = self._size
            white = rng.standard_normal((2, rows, columns // 2 + 1, 2), dtype=np.float32).view(np.complex64)[..., 0]
            noise = fft.irfft2(white * self._filters, s=self._size, axes=(1, 2))
            self._made[index] = noise[:, : self.shape[0], : self.shape[1]]
        return self._made[index]


@lru_cache(maxsize=4)
def _filters(size: tuple[int, int], pixel: float, kernel: Kernel, smear: tuple[float, float]) -> np.ndarray:
    """Amplitudes of the two parts, shape (2, rows, columns / 2 + 1), so that each has a variance of one half."""
    fy, fx = fft.fftfreq(size[0], pixel)[:, None], fft.rfftfreq(size[1], pixel)[None, :]
    radius = np.hypot(fy, fx)
    amplitude = np.sqrt(kernel.noise_spectrum(radius))
    # every frequency but those of the first and, if even, the last column stands for two
    count = np.full(radius.shape, 2.0)
    count[:, 0] = 1.0
    if size[1] % 2 == 0:
        count[:, -1] = 1.0
    share = np.divide(fy**2, radius**2, out=np.full_like(radius, 0.5), where=radius > 0)
    parts = amplitude * np.sqrt(np.stack([share, 1 - share]))
    # white complex numbers of unit variance per component; the inverse transform divides by the number of pixels
    power = np.sum(count * 2 * parts**2, axis=(1, 2), keepdims=True) / (size[0] * size[1]) ** 2
    parts = parts * np.sqrt(0.5 / power)
    return (parts * np.sinc(fy * smear[0]) * np.sinc(fx * smear[1])).astype(np.float32)


def profile_weights(offsets: np.ndarray, thickness: float, sampled: float) -> np.ndarray:
    """Weights of sampled planes that give a Gaussian slice profile.

    Args:
        offsets: Distance of each plane from the slice, mm, evenly spaced and symmetric.
        thickness: Full width at half maximum of the profile, mm.
        sampled: Depth in mm that each plane stands for already.
    """
    wanted = (thickness / FWHM) ** 2 - sampled**2 / 12

    def weights(sigma):
        shape = np.exp(-0.5 * (offsets / sigma) ** 2 + 0.5 * (np.abs(offsets).min() / sigma) ** 2)
        return shape / shape.sum()

    def excess(sigma):
        return np.sum(weights(sigma) * offsets**2) - wanted

    low, high = 0.05 * sampled, 4.0 * (thickness + sampled)
    if len(offsets) == 1 or excess(low) >= 0:
        return weights(low)
    return weights(brentq(excess, low, high) if excess(high) > 0 else high)


def slab_factor(slab: float, thickness: float) -> float:
    """Noise in the mean over a slab relative to that of single slices (both boxes; independent slices)."""
    low, high = min(slab, thickness), max(slab, thickness)
    return float(np.sqrt((high - low / 3) / high**2 * thickness))
