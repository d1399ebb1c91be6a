"""The one place where voxels are interpolated, always in physical space."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.frame import Grid
from CT2MRSynthLib.volume import Volume

#: Hounsfield units of air: what lies outside the CT.
AIR = -1024.0

#: Upper limits of samples along the edges of an output voxel, so that an absurd box cannot keep a machine busy for
#: hours: pixels of 12 mm and slices of 64 mm are still resolved on a 0.5 mm CT.
MAXIMUM_SAMPLES = (24, 24, 128)

#: Range of Hounsfield units: DICOM padding (-2000, -3024 ...) counts as air, all above 3071 as metal.
CT_RANGE = (-1024.0, 3071.0)


@dataclass(frozen=True)
class Resampled:
    """What ``resample`` returns.

    Args:
        array: Shape (k, j, i), float32, in the unit of the input.
        outside_fraction: Share (0 to 1) of the samples that lay outside the input and took the fill value.
        outside: Shape (k, j, i), true where all samples of a voxel lay outside: there is nothing to go by.
    """

    array: np.ndarray
    outside_fraction: float
    outside: np.ndarray


def resample(
    volume: Volume,
    grid: Grid,
    thickness: float | None = None,
    fill: float = AIR,
    limits: tuple[float, float] | None = CT_RANGE,
) -> Resampled:
    """Sample ``volume`` at the voxels of ``grid``.

    Each output voxel is the mean of linearly interpolated samples spread evenly over its own footprint, at
    least as dense as the input's voxels. That is the low-pass filter where the grid is coarser than the input, the
    slice profile through the thickness, and plain linear interpolation where the grid is finer. It needs no axis
    order, so all 48 of them give the same result, and it follows oblique, anisotropic, sheared and non-linear input.

    Args:
        volume: Input.
        grid: Output grid in world RAS mm.
        thickness: Slice thickness in mm over which to average along the grid's third axis. None: its spacing.
        fill: Value outside the input (beyond the outer faces of its outermost voxels).
        limits: Values are clipped to this range before interpolation, lest padding bleed into its neighbors.

    Returns:
        Array of shape (k, j, i) of the grid and the share of samples outside.
    """
    steps = resample_steps(volume, grid, thickness, fill, limits)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def resample_steps(
    volume: Volume,
    grid: Grid,
    thickness: float | None = None,
    fill: float = AIR,
    limits: tuple[float, float] | None = CT_RANGE,
) -> Generator[float, None, Resampled]:
    """``resample`` in pieces of some hundredths of a second, for a caller that has other things to do between them.

    Arguments are those of ``resample``.

    Yields:
        The share done, 0 to 1; what is returned at last is what ``resample`` returns.
    """
    footprint = grid.spacing.copy()
    if thickness is not None:
        footprint[2] = thickness
    offsets = _sample_offsets(volume, grid, footprint)
    ni, nj, nk = grid.size
    result = np.empty((nk, nj, ni), dtype=np.float32)
    seen = np.zeros((nk, nj * ni), dtype=int)
    for k in range(nk):
        plane = _plane_points(grid, k)
        total = np.zeros(ni * nj)
        for number, offset in enumerate(offsets):
            values, inside = _sample(volume, plane + offset, fill, limits)
            total += values
            seen[k] += inside
            yield (k + (number + 1) / len(offsets)) / nk
        result[k] = (total / len(offsets)).reshape(nj, ni)
    outside_fraction = 1 - float(seen.mean()) / len(offsets)
    return Resampled(result, outside_fraction, (seen == 0).reshape(result.shape))


def _sample_offsets(volume: Volume, grid: Grid, footprint: np.ndarray) -> np.ndarray:
    """World offsets of the samples of one output voxel from its center, shape (n, 3), mm."""
    directions = grid.ijk_to_ras[:3, :3] / grid.spacing
    steps = [_samples_along(volume, directions[:, axis], footprint[axis], MAXIMUM_SAMPLES[axis]) for axis in range(3)]
    ticks = [(np.arange(n) + 0.5) / n - 0.5 for n in steps]
    mesh = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, 3)
    return (mesh * footprint) @ directions.T


def _samples_along(volume: Volume, direction: np.ndarray, length: float, most: int) -> int:
    """How many samples keep one voxel of the input from slipping between two of them."""
    inverse = np.linalg.inv(volume.ijk_to_ras[:3, :3])
    voxels = np.linalg.norm(inverse @ direction) * length
    return int(np.clip(np.ceil(voxels - 1e-6), 1, most))


def _plane_points(grid: Grid, k: int) -> np.ndarray:
    ni, nj, _ = grid.size
    j, i = np.mgrid[0:nj, 0:ni]
    ijk = np.stack([i.ravel(), j.ravel(), np.full(ni * nj, k)], axis=1).astype(float)
    return ijk @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]


def _sample(volume: Volume, points: np.ndarray, fill: float, limits) -> tuple[np.ndarray, np.ndarray]:
    ijk = volume.world_to_ijk(points)
    size = np.asarray(volume.size)
    inside = ((ijk >= -0.5 - 1e-6) & (ijk <= size - 0.5 + 1e-6)).all(axis=1)
    values = np.full(len(ijk), float(fill))
    if inside.any():
        source, corner = _part_around(volume, ijk[inside], limits)
        index = (ijk[inside] - corner).T[::-1]
        # mode "nearest" carries the outermost voxels over their outer half; "constant" would blend them with the fill
        values[inside] = ndimage.map_coordinates(source, index, output=np.float64, order=1, mode="nearest")
    return values, inside


def _part_around(volume: Volume, ijk: np.ndarray, limits) -> tuple[np.ndarray, np.ndarray]:
    """The voxels around ``ijk``, clipped to ``limits``, and the index of the first; spares copying the whole CT."""
    last = np.asarray(volume.size) - 1
    low = np.clip(np.floor(ijk.min(axis=0)), 0, last).astype(int)
    high = np.clip(np.ceil(ijk.max(axis=0)), 0, last).astype(int) + 1
    part = volume.array[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    if limits is not None and (part.min() < limits[0] or part.max() > limits[1]):
        part = np.clip(part.astype(np.float32), *limits)
    return part, low
