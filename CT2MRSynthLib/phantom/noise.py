"""Smooth random fields over world space, and grids on which smooth things are computed coarsely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.lookup import PeriodicTable

_NODES = 48


class NoiseSpace:
    """Random fields of zero mean and unit variance, each named by a number, all from one periodic table.

    Args:
        rng: Source of randomness.
    """

    def __init__(self, rng: np.random.Generator):
        white = rng.standard_normal((_NODES,) * 3).astype(np.float32)
        table = ndimage.gaussian_filter(white, 1.0, mode="wrap")
        self._table = PeriodicTable((table - table.mean()) / table.std())
        self._shift = rng.uniform(0, _NODES, (256, 3)).astype(np.float32)

    def __call__(self, field: int, x, y, z, wavelength) -> np.ndarray:
        """Field number ``field`` (0 to 255) at points in mm; ``wavelength`` in mm, one number or one per axis."""
        lengths = wavelength if isinstance(wavelength, tuple) else (wavelength,) * 3
        index = [
            np.asarray(c, dtype=np.float32) * np.float32(4.0 / w) + s
            for c, w, s in zip((x, y, z), lengths, self._shift[field], strict=True)
        ]
        shape = index[0].shape
        if index[1].shape != shape or index[2].shape != shape:
            index = np.broadcast_arrays(*index)
            shape = index[0].shape
        return self._table.at([c.ravel() for c in index]).reshape(shape)


@dataclass(frozen=True)
class Lattice:
    """Regular sample points: origin, three step vectors (for k, j, i) in world RAS mm, and their counts."""

    origin: np.ndarray
    steps: np.ndarray
    shape: tuple[int, int, int]

    @classmethod
    def from_matrix(cls, ijk_to_ras: np.ndarray, shape: tuple[int, int, int], first_slice: int = 0) -> Lattice:
        """The voxel centers of slices ``first_slice`` ... of a volume of array shape (k, j, i)."""
        origin = ijk_to_ras[:3, 3] + ijk_to_ras[:3, 2] * first_slice
        return cls(origin, ijk_to_ras[:3, [2, 1, 0]].T.copy(), shape)

    def points(self) -> list[np.ndarray]:
        """World x, y, z, each of shape (k, j, i), float32."""
        k, j, i = (np.arange(n, dtype=np.float32) for n in self.shape)
        return [
            (
                np.float32(self.origin[a])
                + np.float32(self.steps[0, a]) * k[:, None, None]
                + np.float32(self.steps[1, a]) * j[None, :, None]
                + np.float32(self.steps[2, a]) * i[None, None, :]
            )
            for a in range(3)
        ]

    def corners(self) -> np.ndarray:
        """The eight outermost points, shape (8, 3)."""
        ends = np.stack(np.meshgrid(*[[0, n - 1] for n in self.shape], indexing="ij"), axis=-1).reshape(-1, 3)
        return self.origin + ends @ self.steps

    def part(self, at: tuple[slice, slice, slice]) -> Lattice:
        """The lattice of a block of points, given by slices with start and stop."""
        origin = self.origin + np.array([s.start for s in at]) @ self.steps
        return Lattice(origin, self.steps, tuple(s.stop - s.start for s in at))

    def smooth(self, function: Callable, spacing: float) -> list[np.ndarray]:
        """Evaluate a slowly varying function on nodes about ``spacing`` mm apart and interpolate linearly.

        Args:
            function: Takes x, y, z arrays, returns a sequence of arrays of the same shape.
            spacing: Distance of nodes in mm.

        Returns:
            Arrays of this lattice's shape.
        """
        length = np.linalg.norm(self.steps, axis=1) * (np.asarray(self.shape) - 1)
        counts = [
            min(n, int(np.ceil(extent / spacing)) + 1) if n > 1 else 1
            for n, extent in zip(self.shape, length, strict=True)
        ]
        counts = [max(c, 2) if n > 1 else 1 for c, n in zip(counts, self.shape, strict=True)]
        ratio = [(n - 1) / (c - 1) if c > 1 else 1.0 for n, c in zip(self.shape, counts, strict=True)]
        coarse = Lattice(self.origin, self.steps * np.asarray(ratio)[:, None], tuple(counts))
        return [_refined(np.asarray(v, dtype=np.float32), self.shape) for v in function(*coarse.points())]


def _refined(values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Values on nodes interpolated linearly to more of them, evenly spaced between the same ends.

    Without matrix products: their threads cost more than they gain.
    """
    for axis in (2, 1, 0):
        nodes, size = values.shape[axis], shape[axis]
        if nodes == size:
            continue
        position = np.arange(size) * ((nodes - 1) / (size - 1))
        low = np.minimum(position.astype(np.intp), nodes - 2)
        part = (position - low).astype(np.float32)
        if axis:
            result = values.take(low, axis=axis)
            rise = np.diff(values, axis=axis).take(low, axis=axis)
            rise *= part if axis == 2 else part[:, None]
            result += rise
        else:
            # plane by plane: two of them stay in the processor's cache
            result = np.empty((size, *values.shape[1:]), dtype=np.float32)
            for plane, first, share in zip(result, low, part, strict=True):
                np.subtract(values[first + 1], values[first], out=plane)
                plane *= share
                plane += values[first]
        values = result
    return values
