"""The voxels of a CT's slices, through which a picture cut from a volume by linear interpolation has been."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage, sparse

#: Voxels larger than this (mm) come from a scan that was resampled, and averaged before, by this share of their size
#: (standard deviation).
RESAMPLED, AVERAGED = 1.0, 0.12


def through_voxels(
    picture: np.ndarray, pixel: float, voxel: float, phase: tuple[float, float], smear: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """A picture as linear interpolation gives it back from voxels.

    Args:
        picture: Shape (rows, columns).
        pixel: Pixel size of the picture, mm.
        voxel: Voxel edge of the scan, mm.
        phase: Where the first voxel lies along rows and columns, 0 to 1 voxel.
        smear: Lengths in mm (along rows' and columns' direction of change) over which a slanted cut runs through
            the voxels' grid, which blurs it.

    Returns:
        The picture's shape, float32.
    """
    if voxel > RESAMPLED:
        picture = ndimage.gaussian_filter(picture, AVERAGED * voxel / pixel, mode="nearest", truncate=3.0)
    rows, columns = (
        _weights(n, round(pixel / voxel, 5), round(start, 3), round(length / voxel, 2))
        for n, start, length in zip(picture.shape, phase, smear, strict=True)
    )
    return np.ascontiguousarray((columns @ (rows @ picture).T).T)


@lru_cache(maxsize=8)
def _weights(count: int, pixel: float, start: float, smear: float) -> sparse.csr_array:
    """Weights of pixels in pixels that have been through voxels (lengths in voxels), shape (count, count)."""
    shifts = (np.arange(5) - 2) / 5 * smear if smear > 0.2 else np.zeros(1)
    return (sum(_through(count, pixel, start + shift) for shift in shifts) / len(shifts)).astype(np.float32)


def _through(count: int, pixel: float, start: float) -> sparse.csr_array:
    # one voxel or more beyond either end, where the picture continues as at its edge
    nodes = np.arange(np.floor(start) - start - 1, count * pixel + 2)
    return _linear(np.arange(count) * pixel, nodes) @ _linear(nodes, np.arange(count) * pixel)


def _linear(wanted: np.ndarray, given: np.ndarray) -> sparse.csr_array:
    """Weights by which linear interpolation takes values at wanted places from evenly spaced given ones."""
    place = np.clip((wanted - given[0]) / (given[1] - given[0]), 0, len(given) - 1)
    low = np.minimum(place.astype(np.intp), len(given) - 2)
    share = place - low
    row = np.arange(len(wanted))
    values = np.concatenate([1 - share, share])
    columns = np.concatenate([low, low + 1])
    return sparse.csr_array((values, (np.tile(row, 2), columns)), shape=(len(wanted), len(given)))
