"""CT and MR as SimpleITK images that registration works on: regular grids, with a mask of what is worth comparing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from CT2MRSynthLib.resample import AIR, CT_RANGE
from CT2MRSynthLib.volume import Volume

#: HU between which tissues differ; what lies beyond (gas, metal) must not take bins away from them.
CT_WINDOW = (-200.0, 700.0)

#: Below this the CT shows air: bowel gas moves, and outside the body there is nothing to match.
CT_AIR = -300.0

#: Share of the MR's bright tissue below which there is nothing but noise.
MR_AIR = 0.1

#: mm around tissue that is compared too: a surface is seen by both of its sides.
RIM = 3.0

#: mm over which the MR's mean is taken that divides it: coils shade more slowly than anatomy changes.
SHADING = 25.0

#: The standard deviation of a slice profile, in slice thicknesses.
PROFILE = 0.3

_FLIP = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Lattice:
    """A regular grid in a world, RAS mm.

    Args:
        origin: Center of the first voxel.
        axes: Rows are the unit vectors along which i, j and k grow; right-handed.
        spacing: Along i, j, k, mm.
        size: Number of voxels along i, j, k.
    """

    origin: np.ndarray
    axes: np.ndarray
    spacing: np.ndarray
    size: tuple[int, int, int]

    @classmethod
    def around(cls, points: np.ndarray, axes: np.ndarray, spacing, margin: float = 0.0) -> Lattice:
        """The grid that just holds ``points``, shape (n, 3), and ``margin`` mm on all sides."""
        spacing = np.broadcast_to(np.asarray(spacing, dtype=float), 3)
        low, high = (points @ axes.T).min(axis=0) - margin, (points @ axes.T).max(axis=0) + margin
        size = np.maximum(np.ceil((high - low) / spacing).astype(int), 1)
        first = (low + high) / 2 - spacing * (size - 1) / 2
        return cls(first @ axes, axes, spacing, tuple(int(n) for n in size))

    def plane(self, k: int) -> np.ndarray:
        """Voxel centers of one plane, world RAS mm, shape (nj, ni, 3)."""
        i, j = (np.arange(self.size[axis]) * self.spacing[axis] for axis in (0, 1))
        along = i[None, :, None] * self.axes[0] + j[:, None, None] * self.axes[1]
        return self.origin + along + k * self.spacing[2] * self.axes[2]

    def image(self, values: np.ndarray) -> sitk.Image:
        """Values of shape (k, j, i) as an image in LPS mm."""
        image = sitk.GetImageFromArray(values)
        image.SetOrigin((_FLIP @ self.origin).tolist())
        image.SetSpacing(self.spacing.tolist())
        image.SetDirection((_FLIP @ self.axes.T).ravel().tolist())
        return image


@dataclass(frozen=True)
class Picture:
    """An image and what of it counts.

    Args:
        lattice: Where its voxels lie, in the world of the CT or of the MR.
        values: Shape (k, j, i), float32.
        mask: What is to be compared, the values' shape.
    """

    lattice: Lattice
    values: np.ndarray
    mask: np.ndarray

    def images(self) -> tuple[sitk.Image, sitk.Image]:
        """The values and the mask in LPS mm."""
        return self.lattice.image(self.values), self.lattice.image(self.mask.astype(np.uint8))

    def points(self) -> np.ndarray:
        """Voxel centers within the mask, world RAS mm, shape (n, 3)."""
        planes = [self.lattice.plane(k)[self.mask[k]] for k in range(self.lattice.size[2])]
        return np.concatenate(planes)

    def smoothed(self, sigma) -> Picture:
        """The same under a Gaussian filter of so many mm along i, j, k."""
        sigma = np.broadcast_to(np.asarray(sigma, dtype=float), 3) / self.lattice.spacing
        return Picture(self.lattice, ndimage.gaussian_filter(self.values, sigma[::-1], mode="nearest"), self.mask)

    def within(self, mask: np.ndarray) -> Picture:
        """The same where ``mask`` is set too."""
        return Picture(self.lattice, self.values, self.mask & mask)


def ct_picture(ct: Volume, lattice: Lattice) -> Picture:
    """The CT on a grid; gas and what lies outside are masked.

    Args:
        ct: HU.
        lattice: In the CT's world.
    """
    values, inside = sample(ct, lattice, AIR, CT_RANGE)
    tissue = ndimage.gaussian_filter(values, 1.5 / lattice.spacing[::-1]) > CT_AIR
    return Picture(lattice, np.clip(values, *CT_WINDOW), _with_rim(tissue, lattice) & inside)


def mr_picture(stacks: Sequence[Volume], lattice: Lattice) -> Picture:
    """MR volumes on a grid, averaged where they overlap; shading is taken out, noise and empty border are masked.

    Args:
        stacks: In one world.
        lattice: In that world.
    """
    total = np.zeros(lattice.size[::-1], dtype=np.float32)
    count = np.zeros(lattice.size[::-1], dtype=np.uint8)
    for stack in stacks:
        values, inside = sample(stack, lattice, 0.0)
        if inside.any():
            flat, tissue = _without_shading(values, inside, lattice)
            total += np.where(tissue, flat, 0)
            count += tissue
    return Picture(lattice, total / np.maximum(count, 1), count > 0)


def native_lattice(volume: Volume, spacing: float) -> Lattice:
    """A volume's own slices at a coarser pixel; a shear is taken out of the axes.

    Args:
        volume: The MR.
        spacing: mm along the axes whose voxels are finer than that.
    """
    edges = volume.spacing * volume.size
    steps = np.maximum(volume.spacing, spacing)
    size = np.maximum(np.floor(edges / steps + 1e-6), 1)
    axes = np.linalg.qr(volume.ijk_to_ras[:3, :3])[0].T
    axes *= np.sign(np.sum(axes * volume.ijk_to_ras[:3, :3].T, axis=1))[:, None]
    middle = volume.ijk_to_ras[:3, :3] @ ((np.asarray(volume.size) - 1) / 2) + volume.ijk_to_ras[:3, 3]
    return Lattice(middle - (steps * (size - 1) / 2) @ axes, axes, steps, tuple(int(n) for n in size))


def reduce(volume: Volume, spacing: np.ndarray) -> Volume:
    """Means of blocks of whole voxels, as large as they may be without exceeding ``spacing`` (mm along i, j, k)."""
    blocks = np.clip(np.floor(spacing / volume.spacing + 0.01).astype(int), 1, volume.size)
    if (blocks == 1).all():
        return volume
    size = np.asarray(volume.size) // blocks
    part = volume.array[tuple(slice(0, n * b) for n, b in zip(size[::-1], blocks[::-1], strict=True))]
    for axis, block in enumerate(blocks[::-1]):
        if block > 1:
            part = np.add.reduceat(part, np.arange(0, part.shape[axis], block), axis=axis, dtype=np.float32)
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, :3] @ ((blocks - 1) / 2)
    matrix[:3, :3] *= blocks
    return Volume(part / np.float32(blocks.prod()), matrix, volume.world_to_volume, volume.name, volume.modality)


def sample(
    volume: Volume, lattice: Lattice, fill: float, limits: tuple[float, float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Linear interpolation of a volume, means of blocks of voxels where the grid is coarser.

    Args:
        volume: CT or MR.
        lattice: In its world.
        fill: Value outside.
        limits: Values are clipped to this range first: padding and metal of a CT; an MR has no such range.

    Returns:
        Values (float32) and where they lie inside the volume, both of shape (k, j, i).
    """
    values = np.full(lattice.size[::-1], fill, dtype=np.float32)
    inside = np.zeros(lattice.size[::-1], dtype=bool)
    index = np.stack([volume.world_to_ijk(lattice.plane(k).reshape(-1, 3)) for k in range(lattice.size[2])])
    part = _part(volume, index.reshape(-1, 3), lattice, limits)
    if part is None:
        return values, inside
    size = np.asarray(part.size)
    scale = np.linalg.inv(part.ijk_to_ras) @ volume.ijk_to_ras
    for k, plane in enumerate(index):
        ijk = plane @ scale[:3, :3].T + scale[:3, 3]
        here = ((ijk >= -0.5) & (ijk <= size - 0.5)).all(axis=1)
        found = ndimage.map_coordinates(part.array, ijk[here].T[::-1], output=np.float32, order=1, mode="nearest")
        values[k].reshape(-1)[here] = found
        inside[k].reshape(-1)[here] = True
    return values, inside


def _part(volume: Volume, index: np.ndarray, lattice: Lattice, limits) -> Volume | None:
    """The voxels around ``index`` at the grid's resolution; None: there are none."""
    size = np.asarray(volume.size)
    low = np.clip(np.floor(index.min(axis=0)).astype(int) - 4, 0, size)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 5, 0, size)
    if (high <= low).any():
        return None
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, :3] @ low
    array = volume.array[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    if limits is not None:
        array = np.clip(array, *limits)
    return reduce(Volume(array, matrix), np.full(3, lattice.spacing.min()))


def _without_shading(values: np.ndarray, inside: np.ndarray, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """The MR relative to its surroundings' mean, and where there is tissue."""
    low, high = 0.0, float(np.percentile(values[inside], 98))
    values = np.clip(values, low, 1.5 * high)
    air = MR_AIR * high
    narrow = np.minimum(1.5, lattice.spacing) / lattice.spacing
    tissue = (ndimage.gaussian_filter(values, narrow[::-1]) > air) & inside
    if not tissue.any():
        return values, tissue
    wide = SHADING / lattice.spacing[::-1]
    share = ndimage.gaussian_filter(tissue.astype(np.float32), wide)
    mean = ndimage.gaussian_filter(np.where(tissue, values, 0), wide) / np.maximum(share, 1e-3)
    flat = values / np.maximum(mean, air)
    return np.clip(flat, 0, 4.0).astype(np.float32), _with_rim(tissue, lattice) & inside


def _with_rim(mask: np.ndarray, lattice: Lattice) -> np.ndarray:
    distance = ndimage.distance_transform_edt(~mask, sampling=lattice.spacing[::-1])
    return distance <= RIM
