"""Signed distances of the abdominal organs on a grid between two heights: tubes that touch make room for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.lookup import Cells

if TYPE_CHECKING:
    from CT2MRSynthLib.phantom.abdomen.organmap import OrganMap, Samples

#: Distance of the grid's nodes, mm.
SPACING = 4.0
LOW = np.array([-172.0, -42.0, -214.0])
_HIGH = np.array([172.0, 196.0, 150.0])
SHAPE = tuple(int(n) for n in np.ceil((_HIGH - LOW) / SPACING))
#: Nodes above and below the heights asked for: no tube farther away changes a distance that matters.
_MARGIN = 11
#: Nodes farther outside the cavity than this (mm) have no influence on those inside.
_OUTSIDE = 14.5
#: The thinnest tubes' radius, mm: thicker ones start from a core of what is left.
_THIN = 6.0
#: Samples of one tube so far apart along it that they are different loops where they touch.
_APART = 14


def along_axis(axis: int) -> np.ndarray:
    """Positions of the nodes along one axis, mm."""
    return np.float32(LOW[axis]) + np.float32(SPACING) * np.arange(SHAPE[axis], dtype=np.float32)


def seeds(samples: Samples) -> np.ndarray:
    """Nodes from which the nearest tube is found: one for each sample of a thin tube, a ball of them in a thick one.

    Returns:
        Index of the sample that each node of the grid stands for, -1: none; int32, shape ``SHAPE``.
    """
    core = (np.maximum(samples.radius - _THIN, 0.0) / SPACING).astype(np.float32)
    center = ((samples.points - LOW) / SPACING).astype(np.float32)
    result = np.full(SHAPE, -1, dtype=np.int32)
    for size in range(int(np.ceil(core.max())), -1, -1):
        of = np.flatnonzero(np.ceil(core) == size)
        offsets = np.stack(np.meshgrid(*[np.arange(-size, size + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        offsets = offsets[np.sum(offsets**2, axis=1) <= size * size].astype(np.float32)
        nodes = np.rint(center[of])[:, None] + offsets[None]
        away = nodes - center[of][:, None]
        row, column = np.nonzero(np.einsum("abc,abc->ab", away, away) <= np.maximum(core[of], 0.9)[:, None] ** 2)
        nodes, which = nodes[row, column].astype(np.intp), of[row]
        inside = np.all((nodes >= 0) & (nodes < SHAPE), axis=1)
        result[tuple(nodes[inside].T)] = which[inside]
    return result


class OrganGrid:
    """The organs of one subject between two heights.

    Args:
        organs: Where they lie.
        low, high: Heights in mm.

    Attributes:
        liver, spleen, gallbladder: Signed distance in mm, negative inside.
        tube: Signed distance from the outer surface of the nearest bowel or pancreas; large outside the cavity.
        gas: Height in mm above the level from which on a lumen holds gas.
        owner: Index of the nearest of the map's samples.
    """

    def __init__(self, organs: OrganMap, low: float, high: float):
        self.organs = organs
        self._first, self._last = _rows(low, high)
        start, stop = max(self._first - _MARGIN, 0), min(self._last + 1 + _MARGIN, SHAPE[2])
        self._axes = [along_axis(0), along_axis(1), along_axis(2)[start:stop]]
        shape = tuple(len(axis) for axis in self._axes)
        x, y, z = (c.ravel() for c in np.meshgrid(*self._axes, indexing="ij"))
        depth = organs.body.cavity.depth(x, y, z)
        inside = np.flatnonzero(depth > -_OUTSIDE)
        room = organs.room(x[inside], y[inside], z[inside], depth[inside])
        distance, owner = self._nearest(start, shape)
        tube = np.maximum(distance, 0.6 - self._apart(owner)).ravel()
        of = owner.ravel()[inside]
        free = np.where(organs.is_loop[of], np.minimum(room.tubes, room.vessels), room.tubes)
        tube[inside] = np.maximum(tube[inside], 0.8 - free)
        tube = ndimage.gaussian_filter(tube.reshape(shape), 0.45)
        tube[depth.reshape(shape) < 0] = 99.0
        kept = slice(self._first - start, self._last + 1 - start)

        def whole(values) -> np.ndarray:
            result = np.full(depth.size, 99.0, dtype=np.float32)
            result[inside] = values
            return np.ascontiguousarray(result.reshape(shape)[..., kept])

        self.liver, self.spleen, self.gallbladder = (whole(v) for v in (room.liver, room.spleen, room.gallbladder))
        self.tube, self.owner = (np.ascontiguousarray(v[..., kept]) for v in (tube, owner))
        self.gas = self._axes[1][:, None] - organs.samples.gas.astype(np.float32)[self.owner]

    def covers(self, low: float, high: float) -> bool:
        """Whether the grid reaches from one height to another."""
        first, last = _rows(low, high)
        return first >= self._first and last <= self._last

    def cells(self, x, y, z) -> Cells:
        """Where in the grid positions in mm lie."""
        low = (LOW[0], LOW[1], LOW[2] + SPACING * self._first)
        index = [(c - np.float32(o)) * np.float32(1 / SPACING) for c, o in zip((x, y, z), low, strict=True)]
        return Cells(index, self.tube.shape)

    def _nearest(self, start: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Signed distance from the nearest tube's surface, and the index of its nearest sample."""
        samples = self.organs.samples
        seed = self.organs.seeds[..., start : start + shape[2]]
        where = ndimage.distance_transform_edt(seed < 0, return_distances=False, return_indices=True)
        owner = seed[tuple(where)]
        distance = np.zeros(shape, dtype=np.float32)
        for axis, along in enumerate(self._axes):
            along = along.reshape([-1 if a == axis else 1 for a in range(3)])
            distance += (along - samples.points[:, axis].astype(np.float32)[owner]) ** 2
        return np.sqrt(distance) - samples.radius.astype(np.float32)[owner], owner

    def _apart(self, owner: np.ndarray) -> np.ndarray:
        """Distance in mm from where one loop ends and another one begins."""
        course = self.organs.samples.course[owner]
        border = np.zeros(owner.shape, dtype=bool)
        for axis in range(3):
            first, second = np.moveaxis(border, axis, 0)[:-1], np.moveaxis(border, axis, 0)[1:]
            a, b = np.moveaxis(owner, axis, 0), np.moveaxis(course, axis, 0)
            differ = (np.abs(a[:-1] - a[1:]) > _APART) | (b[:-1] != b[1:])
            first |= differ
            second |= differ
        # half a node: the border lies between two nodes of which both are marked
        return (ndimage.distance_transform_edt(~border) * SPACING + SPACING / 2 * ~border).astype(np.float32)


def _rows(low: float, high: float) -> tuple[int, int]:
    """First and last row of nodes that points between two heights need."""
    rows = (np.array([low, high]) - LOW[2]) / SPACING
    first, last = np.clip([np.floor(rows[0]), np.ceil(rows[1])], 0, SHAPE[2] - 1)
    return int(first), int(last)
