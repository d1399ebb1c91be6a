"""A volume in physical space: voxels and where they lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from CT2MRSynthLib.errors import InputError

PointMap = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Volume:
    """Voxels and the map from voxel index to world, RAS mm.

    Args:
        array: Shape (k, j, i), any real dtype. For a CT the values are Hounsfield units.
        ijk_to_ras: 4x4 matrix from voxel index (i, j, k), voxel centers at whole numbers, to RAS mm of the
            volume's own frame. May be oblique, anisotropic, sheared (tilted gantry) or left-handed.
        world_to_volume: Map of points of shape (n, 3) from world RAS mm to the volume's own RAS frame, for a
            volume under a transform that no matrix expresses (a grid transform). None: the two are one.
        name: What the volume is called in file and node names.
        modality: DICOM modality if known, otherwise empty.

    Raises:
        InputError: The array is not three-dimensional or empty, or the matrix is singular or not finite.
    """

    array: np.ndarray
    ijk_to_ras: np.ndarray
    world_to_volume: PointMap | None = None
    name: str = "CT"
    modality: str = ""
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.array.ndim != 3 or min(self.array.shape) < 1:
            raise InputError(f"The volume {self.name!r} has shape {self.array.shape}; three dimensions are needed.")
        matrix = np.asarray(self.ijk_to_ras, dtype=float)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
            raise InputError(
                f"The volume {self.name!r} has no usable geometry: its voxel-to-world matrix is {matrix.tolist()}."
            )
        object.__setattr__(self, "ijk_to_ras", matrix)

    @property
    def size(self) -> tuple[int, int, int]:
        """Number of voxels along i, j, k."""
        return tuple(reversed(self.array.shape))

    @property
    def spacing(self) -> np.ndarray:
        """Distance of neighboring voxel centers along i, j, k, in mm."""
        return np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)

    def world_to_ijk(self, points: np.ndarray) -> np.ndarray:
        """Continuous voxel indices, shape (n, 3), of world points, shape (n, 3), RAS mm."""
        if self.world_to_volume is not None:
            points = self.world_to_volume(points)
        inverse = np.linalg.inv(self.ijk_to_ras)
        return points @ inverse[:3, :3].T + inverse[:3, 3]

    def corners(self) -> np.ndarray:
        """The eight outer corners (not voxel centers) in the volume's own frame, shape (8, 3), RAS mm."""
        ends = np.array([[-0.5, n - 0.5] for n in self.size])
        ijk = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
        return ijk @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3]
