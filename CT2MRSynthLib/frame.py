"""The disc-level frame: a box that lies in the disc, with its own right, anterior and superior axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.errors import InputError

#: An axis this far (degrees) from superior is no normal of an axial slice: another axis of the box must be meant.
MAXIMUM_NORMAL_TILT = 65.0

#: Pixels along the edges of a slice, as the generators see it.
PIXELS = 256

#: Longer edges (mm) are a slip of units, and too long for arithmetic in the end.
MAXIMUM_EDGE = 1e4


@dataclass(frozen=True)
class DiscFrame:
    """A box oblique to the patient, parallel to a disc.

    Args:
        center: World RAS mm, shape (3,).
        axes: Shape (3, 3); rows are the unit vectors of the box's right, anterior and superior axis in world RAS.
            Right-handed and orthogonal.
        extent: Full edge lengths along right, anterior, superior, in mm.
        level: Disc level such as "L4-L5", or any other name of the box.

    Raises:
        InputError: The axes are not orthonormal or left-handed, or an edge has no length.
    """

    center: np.ndarray
    axes: np.ndarray
    extent: np.ndarray
    level: str = "free"

    def __post_init__(self) -> None:
        for name, shape in (("center", (3,)), ("axes", (3, 3)), ("extent", (3,))):
            value = np.asarray(getattr(self, name), dtype=float)
            if value.shape != shape or not np.isfinite(value).all():
                raise InputError(f"The box {self.level!r} has no usable {name}: {np.asarray(value).tolist()}.")
            object.__setattr__(self, name, value)
        if min(self.extent) <= 1e-6:
            size = " x ".join(f"{edge:g}" for edge in self.extent)
            raise InputError(
                f"The box {self.level!r} measures {size} mm: every edge must be longer than zero; resize it."
            )
        if max(self.extent) > MAXIMUM_EDGE:
            raise InputError(
                f"The box {self.level!r} has an edge of {max(self.extent):g} mm, longer than any CT; resize it."
            )
        if not np.allclose(self.axes @ self.axes.T, np.eye(3), atol=1e-4):
            raise InputError(
                f"The box {self.level!r} is not a box: its axes are not at right angles or not of unit length."
            )
        if np.linalg.det(self.axes) < 0:
            raise InputError(
                f"The box {self.level!r} is left-handed (mirrored): left and right would be exchanged; draw it anew."
            )

    @classmethod
    def from_box(cls, center, axes, size, level: str = "free") -> DiscFrame:
        """Name the axes of any right-handed box.

        The box's third axis is the slice normal, as in Slicer's ROI, unless it is more than 65 degrees from superior:
        then the axis nearest to superior is. Of the other two, the one nearest to right is the right axis. Signs are
        chosen so that right, anterior and superior mean what they say. The eight corners stay where they are.

        Args:
            center: World RAS mm, shape (3,).
            axes: Rows are the box's unit axes x, y, z in world RAS, shape (3, 3).
            size: Full edge lengths along these axes in mm.
            level: The box's name.
        """
        box = cls(center, axes, size, level)  # refuses what is not a box before anything is exchanged
        upward = np.abs(box.axes[:, 2])
        normal = 2 if upward[2] >= np.cos(np.radians(MAXIMUM_NORMAL_TILT)) else int(np.argmax(upward))
        in_plane = [axis for axis in range(3) if axis != normal]
        right = max(in_plane, key=lambda axis: abs(box.axes[axis, 0]))
        anterior = next(axis for axis in in_plane if axis != right)
        superior_axis = box.axes[normal] * (1 if box.axes[normal, 2] >= 0 else -1)
        right_axis = box.axes[right] * (1 if box.axes[right, 0] >= 0 else -1)
        named = np.stack([right_axis, np.cross(superior_axis, right_axis), superior_axis])
        return cls(box.center, named, box.extent[[right, anterior, normal]], level)

    def corners(self) -> np.ndarray:
        """The eight corners in world RAS mm, shape (8, 3)."""
        signs = np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        return self.center + (signs * self.extent) @ self.axes

    def with_depth(self, depth: float) -> DiscFrame:
        """The same box with another edge length along superior, in mm."""
        return DiscFrame(self.center, self.axes, [self.extent[0], self.extent[1], depth], self.level)

    def grid(self, slices: int = 1, pixels: int = PIXELS) -> Grid:
        """The voxel grid that fills the box: ``pixels`` x ``pixels`` x ``slices``, corners on the box's corners."""
        return Grid.filling(self, (pixels, pixels, slices))


@dataclass(frozen=True)
class Grid:
    """A voxel grid in world RAS mm; index axes run left, posterior, superior, as a radiologist looks at an axial slice.

    Args:
        ijk_to_ras: 4x4 matrix from voxel index, centers at whole numbers, to world RAS mm.
        size: Number of voxels along i (to the patient's left), j (to posterior), k (to superior).
    """

    ijk_to_ras: np.ndarray
    size: tuple[int, int, int]

    @classmethod
    def filling(cls, frame: DiscFrame, size: tuple[int, int, int]) -> Grid:
        """The grid of ``size`` voxels whose outer corners are the corners of ``frame``."""
        if min(size) < 1:
            raise InputError(f"A grid of {size} voxels is asked for; at least one voxel along each axis is needed.")
        spacing = frame.extent / np.asarray(size, dtype=float)
        directions = frame.axes * np.array([[-1.0], [-1.0], [1.0]])
        matrix = np.eye(4)
        matrix[:3, :3] = (directions * spacing[:, None]).T
        matrix[:3, 3] = frame.center - matrix[:3, :3] @ ((np.asarray(size) - 1) / 2.0)
        return cls(matrix, tuple(int(n) for n in size))

    @property
    def spacing(self) -> np.ndarray:
        """Edge lengths of a voxel along i, j, k in mm."""
        return np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
