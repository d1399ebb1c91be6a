"""The voxels of a CT's slices, through which a picture cut from a volume by linear interpolation has been."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage

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
    return rows @ picture @ columns.T


@lru_cache(maxsize=8)
def _weights(count: int, pixel: float, start: float, smear: float) -> np.ndarray:
    """Weights of pixels in pixels that have been through voxels (lengths in voxels), shape (count, count)."""
    shifts = (np.arange(5) - 2) / 5 * smear if smear > 0.2 else np.zeros(1)
    return np.mean([_through(count, pixel, start + shift) for shift in shifts], axis=0).astype(np.float32)


def _through(count: int, pixel: float, start: float) -> np.ndarray:
    # one voxel or more beyond either end, where the picture continues as at its edge
    nodes = np.arange(np.floor(start) - start - 1, count * pixel + 2)
    return _linear(np.arange(count) * pixel, nodes) @ _linear(nodes, np.arange(count) * pixel)


def _linear(wanted: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Weights by which linear interpolation takes values at wanted places from evenly spaced given ones."""
    step = given[1] - given[0]
    place = np.clip((wanted - given[0]) / step, 0, len(given) - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(len(given))), 0)
