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

#: Skin, HU, and the voxels beside it that the CT has to show.
SKIN = -250.0
BESIDE = 3

#: Area of a canal in mm2, its least share of the rectangle around it, and its largest distance from the middle, mm.
AREA = (90.0, 700.0)
LEAST_COMPACT = 0.5
LATERAL = 40.0

#: Share of the bone near the midline that lies ventral of a canal. Measured: 0.49 to 0.61 for canals, 0.12 to 0.27 for
#: discs, in 15 discs of three CTs of patients.
VENTRAL_SHARE = (0.38, 0.8)
NEAR = 35.0

#: Least correlation of the bone around a canal (half height, mm) with its own mirror image. Measured: 0.51 or more for
#: canals, also in planes askew and with scoliosis; less for kidneys with contrast, some hips.
LEAST_SYMMETRY = 0.47
HIGH = 40.0


def find_canal(volume: Volume, center: np.ndarray, axes: np.ndarray) -> np.ndarray | None:
    """The middle of the spinal canal in a plane, world RAS mm, shape (3,); None where no ring of bone is found.

    Args:
        volume: The CT, HU.
        center: Any point of the plane near the body's middle, world RAS mm, shape (3,).
        axes: Rows are the plane's right and anterior axis and its normal, shape (3, 3).
    """
    hu, seen = _slab(volume, np.asarray(center, dtype=float), np.asarray(axes, dtype=float))
    bone = np.clip((hu - BONE[0]) / (BONE[1] - BONE[0]), 0, 1).sum(axis=0)
    bone /= np.maximum(seen.sum(axis=0), 1)
    found = _hole(bone, _middle(hu.mean(axis=0), seen.any(axis=0), bone))
    if found is None:
        return None
    row, column = found
    size = np.array(bone.shape)
    right = ((size[1] - 1) / 2 - column) * VOXEL[0]
    anterior = ((size[0] - 1) / 2 - row) * VOXEL[1]
    return center + right * axes[0] + anterior * axes[1]


def _slab(volume: Volume, center: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """HU of the slab, shape (normal, rows from anterior on, columns from the patient's right on), and what of it the CT
    shows; outside is air.

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
    return values.reshape(right.shape), inside.reshape(right.shape)


def _middle(plane: np.ndarray, seen: np.ndarray, bone: np.ndarray) -> float:
    """Column of the middle: that of the body where both its sides are seen, else of all bone."""
    parts, count = ndimage.label(ndimage.binary_opening(plane > SKIN, iterations=3))
    if count:
        body = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
        columns, rows = np.nonzero(body.any(axis=0))[0], body.any(axis=1)
        beside = [columns[0] - BESIDE, columns[-1] + BESIDE]
        if beside[0] >= 0 and beside[1] < plane.shape[1] and seen[rows][:, beside].mean(axis=0).min() > 0.5:
            return (columns[0] + columns[-1]) / 2
    share = np.cumsum(np.where(bone > LIMITS[0], bone, 0).sum(axis=0))
    return float(np.searchsorted(share, share[-1] / 2))


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
            fits = fits and VENTRAL_SHARE[0] <= _share_ventral_of(bone, row, column) <= VENTRAL_SHARE[1]
            if fits and _symmetry(bone, row, column) >= LEAST_SYMMETRY:
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


def _symmetry(bone: np.ndarray, row: float, column: float) -> float:
    """Correlation, -1 to 1, of the bone around a hole with its mirror image; 0 where it is cut off."""
    half, high = int(NEAR / VOXEL[0]), int(HIGH / VOXEL[1])
    row, column = round(row), round(column)
    part = bone[max(row - high, 0) : row + high + 1, max(column - half, 0) : column + half + 1]
    if part.shape[1] != 2 * half + 1 or np.ptp(part) == 0:
        return 0.0
    part = ndimage.gaussian_filter(part, 1.5)
    return float(np.corrcoef(part.ravel(), part[:, ::-1].ravel())[0, 1])
