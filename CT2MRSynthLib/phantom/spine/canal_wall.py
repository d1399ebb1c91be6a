"""The bony wall of the spinal canal, found from the arches themselves: what fills the canal yields to it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.lookup import Cells
from CT2MRSynthLib.phantom.spine.arches import arches_of

#: Middle of the canal: v of the point from which the wall is seen, mm.
MIDDLE = -9.0
#: What lies farther than this from the middle (mm) is no wall: a foramen, or a window between laminae.
OPEN = 30.0
_FIRST, _LAST, _STEPS = 0.0, 7.0, 8
_ANGLES = np.radians(np.arange(-180.0, 1.0, 10.0))
#: Rows to either side that are looked for together with those asked for.
_AHEAD = 2
_RADII = np.arange(2.0, 21.0, 0.5, dtype=np.float32)


class Walls(NamedTuple):
    """Distances of the canal's wall from its middle at points, mm.

    Args:
        bone: Of the bone.
        rounded: Without the nooks into which the sac does not follow.
        filled: Without the corner between the laminae, which the ligament fills in part.
    """

    bone: np.ndarray
    rounded: np.ndarray
    filled: np.ndarray

    def take(self, where: np.ndarray) -> Walls:
        """Those at some of the points."""
        return Walls(*(values[where] for values in self))


class CanalWall:
    """Distance of the bone from the canal's middle, by direction and position along the spine.

    Rows are computed when first asked for: a slice needs few of them.

    Args:
        anatomy: Sizes.
        geometry: Frames.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry):
        self.anatomy, self.geometry = anatomy, geometry
        count = int((_LAST - _FIRST) * _STEPS) + 1
        # one more row and column than are known, so that neighbors can be read at the ends
        self._table = np.full((3, count + 1, len(_ANGLES) + 1), np.nan, dtype=np.float32)

    def distances(self, theta, phase) -> Walls:
        """Distances of the wall in mm.

        Args:
            theta: Direction from the canal's middle, radians; 0 right, pi/2 ventral, -pi/2 dorsal.
            phase: Position along the spine.
        """
        last = self._table.shape[1] - 2
        row = np.clip((np.asarray(phase, dtype=np.float32) - np.float32(_FIRST)) * np.float32(_STEPS), 0, last)
        if not row.size:
            return Walls(row, row, row)
        self._fill(int(row.min()), int(row.max()) + 1)
        # ventral of the middle the wall goes straight on to the body
        ventral = np.flatnonzero(theta > 0)
        behind = np.asarray(theta, dtype=np.float32).copy()
        behind[ventral] = np.where(theta[ventral] < np.pi / 2, np.float32(0), np.float32(-np.pi))
        column = (behind - np.float32(_ANGLES[0])) * np.float32(1 / (_ANGLES[1] - _ANGLES[0]))
        cells = Cells([row, column], self._table.shape[1:])
        lean = np.maximum(np.abs(np.cos(theta[ventral])), 0.2)
        walls = [cells.of(table) for table in self._table]
        for wall in walls:
            wall[ventral] /= lean
        return Walls(*walls)

    def _fill(self, first: int, last: int) -> None:
        if not np.isnan(self._table[0, first : last + 1, 0]).any():
            return
        # with some neighbors, which are asked for next: most of the time of a look is overhead
        around = range(max(first - _AHEAD, 0), min(last + _AHEAD, self._table.shape[1] - 1) + 1)
        new = [row for row in around if np.isnan(self._table[0, row, 0])]
        for row, bone in zip(new, self._look([_FIRST + row / _STEPS for row in new]), strict=True):
            known = [bone, _without_nooks(bone, (25.0, 45.0), 2.2)]
            known.append(_without_nooks(bone, (25.0, 45.0, 65.0, 90.0), 0.6))
            self._table[:, row, :-1] = known
            self._table[:, row, -1] = self._table[:, row, -2]

    def _look(self, phases: list[float]) -> list[np.ndarray]:
        """The wall at some positions: the first bone along each ray."""
        u = np.cos(_ANGLES)[:, None] * _RADII
        v = MIDDLE + np.sin(_ANGLES)[:, None] * _RADII
        places = np.stack([np.stack(self.geometry.from_canal(u, v, phase)) for phase in phases], axis=1)
        distance = arches_of(self.geometry).distance(*places.reshape(3, -1).astype(np.float32))
        walls = []
        for hit in distance.reshape(len(phases), *u.shape) < 0:
            walls.append(_closed(np.where(hit.any(axis=1), _RADII[hit.argmax(axis=1)] - 0.25, OPEN)))
        return walls


def _closed(wall: np.ndarray) -> np.ndarray:
    """Where no bone bounds the canal dorsally, between two laminae, the ligament goes straight from bone to bone."""
    dorsal = np.abs(_ANGLES + np.pi / 2) < np.radians(75)
    gap = dorsal & (wall > 16.5)
    bony = dorsal & ~gap
    if gap.any() and bony.any():
        wall = np.where(gap, np.interp(_ANGLES, _ANGLES[bony], wall[bony]), wall)
    elif gap.any():
        wall = np.where(gap, 13.0, wall)
    # rounded, but never into the bone
    padded = np.minimum(wall, 20.0)
    return np.minimum(ndimage.gaussian_filter1d(padded, 0.8, mode="nearest"), padded + 0.2)


def _without_nooks(wall: np.ndarray, normals, slack: float) -> np.ndarray:
    """The wall cut by straight lines over what juts out farthest: nearly convex.

    Args:
        wall: Distances by direction, mm.
        normals: Directions of the lines on both sides, degrees dorsal of lateral.
        slack: How far the lines stay away from what juts out, mm.
    """
    result = np.minimum(wall, 16.0)
    for normal in np.radians([*(-180.0 + n for n in normals), *(-n for n in normals)]):
        turn = np.cos(_ANGLES - normal)
        facing = turn > np.cos(np.radians(38))
        line = (wall[facing] * turn[facing]).min() + slack
        result = np.minimum(result, line / np.maximum(turn, 0.05))
    return ndimage.gaussian_filter1d(result, 0.7, mode="nearest")
