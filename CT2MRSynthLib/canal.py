"""Where the spinal canal is in a plane through a CT, so that a crop box can be proposed around it.

In the mean over a slab as thick as a vertebra the bone of body, pedicles and arch closes to a ring: the canal is the
hole in it, whichever disc or vertebra the plane passes. Other holes lie within the body (the disc), ventral of it.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.volume import Volume

#: Size of the slab that is looked at, mm: right to left, back to front, along the normal; and of its voxels.
EXTENT = (300.0, 400.0, 36.0)
VOXEL = (1.5, 1.5, 3.0)

#: HU from none to all of a voxel counting as bone, and the limits at which a ring is looked for.
BONE = (120.0, 320.0)
LIMITS = (0.08, 0.12, 0.17, 0.23, 0.3)

#: Skin, HU.
SKIN = -250.0

#: Area of a canal in mm2, its least share of the rectangle around it, and its largest distance from the middle of the
#: body, mm.
AREA = (90.0, 700.0)
LEAST_COMPACT = 0.5
LATERAL = 30.0

#: Share of the bone near the midline that lies ventral of a canal. Measured: 0.49 to 0.61 for canals, 0.12 to 0.27 for
#: discs, in 15 discs of three CTs of patients.
VENTRAL_SHARE = (0.38, 0.8)
NEAR = 35.0


def find_canal(volume: Volume, center: np.ndarray, axes: np.ndarray) -> np.ndarray | None:
    """The middle of the spinal canal in a plane, world RAS mm, shape (3,); None where no ring of bone is found.

    Args:
        volume: The CT, HU.
        center: Any point of the plane near the body's middle, world RAS mm, shape (3,).
        axes: Rows are the plane's right and anterior axis and its normal, shape (3, 3).
    """
    hu = _slab(volume, np.asarray(center, dtype=float), np.asarray(axes, dtype=float))
    middle = _middle_of_body(hu.mean(axis=0))
    if middle is None:
        return None
    bone = np.clip((hu - BONE[0]) / (BONE[1] - BONE[0]), 0, 1).mean(axis=0)
    found = _hole(bone, middle)
    if found is None:
        return None
    row, column = found
    size = np.array(bone.shape)
    right = ((size[1] - 1) / 2 - column) * VOXEL[0]
    anterior = ((size[0] - 1) / 2 - row) * VOXEL[1]
    return center + right * axes[0] + anterior * axes[1]


def _slab(volume: Volume, center: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """HU of the slab, shape (normal, rows from anterior on, columns from the patient's right on); air outside the CT.

    Linear interpolation without the low-pass of ``resample``: what is looked for is large, and it should be quick.
    """
    counts = [int(round(extent / voxel)) for extent, voxel in zip(EXTENT, VOXEL, strict=True)]
    ticks = [(np.arange(count) - (count - 1) / 2) * voxel for count, voxel in zip(counts, VOXEL, strict=True)]
    normal, anterior, right = np.meshgrid(ticks[2], -ticks[1], -ticks[0], indexing="ij")
    offsets = np.stack([right, anterior, normal], axis=-1).reshape(-1, 3)
    ijk = volume.world_to_ijk(center + offsets @ axes)
    size = np.array(volume.size)
    inside = ((ijk >= -0.5) & (ijk <= size - 0.5)).all(axis=1)
    values = np.full(len(ijk), -1024.0, dtype=np.float32)
    if inside.any():
        low = np.clip(np.floor(ijk[inside].min(axis=0)), 0, size - 1).astype(int)
        high = np.clip(np.ceil(ijk[inside].max(axis=0)), 0, size - 1).astype(int) + 1
        part = volume.array[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
        index = (ijk[inside] - low).T[::-1]
        values[inside] = ndimage.map_coordinates(part, index, output=np.float32, order=1, mode="nearest")
    return values.reshape(right.shape)


def _middle_of_body(plane: np.ndarray) -> float | None:
    """Column of the middle of the largest thing that is not air."""
    parts, count = ndimage.label(ndimage.binary_opening(plane > SKIN, iterations=3))
    if count == 0:
        return None
    body = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    columns = np.nonzero(body.any(axis=0))[0]
    return (columns[0] + columns[-1]) / 2


def _hole(bone: np.ndarray, middle: float) -> tuple[float, float] | None:
    """Row and column of the most dorsal hole that can be a canal."""
    found = []
    for limit in LIMITS:
        ring = bone > limit
        parts, count = ndimage.label(ndimage.binary_fill_holes(ring) & ~ring)
        for number, window in enumerate(ndimage.find_objects(parts), 1):
            hole = parts[window] == number
            area = hole.sum() * VOXEL[0] * VOXEL[1]
            row, column = (np.add(ndimage.center_of_mass(hole), [part.start for part in window])).tolist()
            compact = hole.sum() / hole.size
            lateral = abs(column - middle) * VOXEL[0]
            fits = AREA[0] <= area <= AREA[1] and compact >= LEAST_COMPACT and lateral <= LATERAL
            if fits and VENTRAL_SHARE[0] <= _share_ventral_of(bone, row, column) <= VENTRAL_SHARE[1]:
                found.append((row, column, area))
    if not found:
        return None
    last = max(row for row, _, _ in found)
    same = [one for one in found if (last - one[0]) * VOXEL[1] < 8.0]  # the same hole at other limits
    row, column, _ = max(same, key=lambda one: one[2])
    return row, column


def _share_ventral_of(bone: np.ndarray, row: float, column: float) -> float:
    """Share, 0 to 1, of the bone around a column that lies ventral of a row."""
    half = int(NEAR / VOXEL[0])
    strip = bone[:, max(int(column) - half, 0) : int(column) + half + 1]
    return float(strip[: int(row)].sum() / max(strip.sum(), 1e-6))
