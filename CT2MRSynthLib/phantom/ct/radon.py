"""Parallel projections of small pictures and their filtered backprojection, as one sparse matrix."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft, sparse


class Radon:
    """Line integrals through a square picture, in units of its pixels.

    Args:
        size: Pixels along each edge.
        angles: Directions over half a turn. Angle 0 looks along the rows' direction of change (front to back), a
            quarter turn along the columns' (side to side).
    """

    def __init__(self, size: int, angles: int):
        self.size, self.angles = size, angles
        self.detectors = int(np.ceil(size * np.sqrt(2))) + 3
        self.directions = np.arange(angles) * np.pi / angles
        axis = np.arange(size) - (size - 1) / 2
        y, x = (c.ravel() for c in np.meshgrid(axis, axis, indexing="ij"))
        pixel = np.arange(size * size, dtype=np.int32)
        rows, columns, weights = [], [], []
        for number, angle in enumerate(self.directions):
            position = x * np.cos(angle) + y * np.sin(angle) + (self.detectors - 1) / 2
            low = np.floor(position).astype(np.int32)
            high_share = (position - low).astype(np.float32)
            for offset, weight in ((0, 1 - high_share), (1, high_share)):
                rows.append(number * self.detectors + low + offset)
                columns.append(pixel)
                weights.append(weight)
        shape = (angles * self.detectors, size * size)
        parts = (np.concatenate(part) for part in (weights, rows, columns))
        weights, rows, columns = parts
        self._matrix = sparse.csr_matrix((weights, (rows, columns)), shape=shape, dtype=np.float32)
        self._transposed = self._matrix.T

    def project(self, picture: np.ndarray) -> np.ndarray:
        """Sinogram, shape (angles, detectors), of a picture of shape (size, size)."""
        return (self._matrix @ picture.ravel()).reshape(self.angles, self.detectors)

    def backproject(self, sinogram: np.ndarray) -> np.ndarray:
        """Mean over all directions of the sinogram at each pixel, shape (size, size)."""
        return (self._transposed @ sinogram.ravel()).reshape(self.size, self.size) / self.angles

    def reconstruct(self, sinogram: np.ndarray) -> np.ndarray:
        """Filtered backprojection with the ramp of Ram-Lak (1971), apodized by a Hann window."""
        length = fft.next_fast_len(2 * self.detectors)
        spectrum = fft.rfft(sinogram, length, axis=1) * _ramp(length)
        filtered = fft.irfft(spectrum, length, axis=1)[:, : self.detectors].astype(np.float32)
        return np.float32(np.pi) * self.backproject(filtered)


@lru_cache(maxsize=4)
def radon(size: int, angles: int) -> Radon:
    """The projector of a size, made once."""
    return Radon(size, angles)


@lru_cache(maxsize=4)
def _ramp(length: int) -> np.ndarray:
    """Transform of the band-limited ramp sampled in space, which keeps the zero frequency right."""
    n = fft.fftfreq(length, 1.0 / length)
    kernel = np.zeros(length)
    kernel[0] = 0.25
    odd = n.astype(int) % 2 == 1
    kernel[odd] = -1.0 / (np.pi * n[odd]) ** 2
    frequency = fft.rfftfreq(length)
    return (np.real(fft.rfft(kernel)) * (0.5 + 0.5 * np.cos(2 * np.pi * frequency))).astype(np.float32)
