"""Linear interpolation in tables at many points: several times as fast as ``scipy.ndimage.map_coordinates``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Points worked on at once: what is needed for them stays in the processor's cache.
_BLOCK = 65536


class Cells:
    """Between which nodes of a table points lie: found once, used for any number of tables of one shape.

    Beyond a table its outermost values hold.

    Args:
        index: Positions counted in nodes, float32, one flat array per axis of the table (two or three).
        shape: Of the tables.
    """

    def __init__(self, index: Sequence[np.ndarray], shape: Sequence[int]):
        self.shape = tuple(shape)
        low, self._parts = [], []
        for position, size in zip(index, self.shape, strict=True):
            position = np.minimum(np.maximum(position, np.float32(0)), np.float32(size - 1))
            # the last node has no successor: points on it belong to the cell before
            cell = np.minimum(position.astype(np.int32), np.int32(max(size - 2, 0)))
            position -= cell
            low.append(cell)
            self._parts.append(position)
        self._first = _flat_index(low, self.shape)

    def take(self, where: np.ndarray) -> Cells:
        """Those of some of the points."""
        result = Cells.__new__(Cells)
        result.shape, result._first = self.shape, self._first[where]
        result._parts = [part[where] for part in self._parts]
        return result

    def of(self, table: np.ndarray) -> np.ndarray:
        """Values of a float32 table, interpolated linearly; flat."""
        return _interpolated(table.ravel(), self._first, self._parts, self.shape)

    def nearest(self, table: np.ndarray) -> np.ndarray:
        """Values of a table at the nearest node, of the table's type; flat."""
        at = self._first.copy()
        for part, stride, size in zip(self._parts, _strides(self.shape), self.shape, strict=True):
            if size > 1:
                at += stride * (part > 0.5)
        return table.ravel().take(at, mode="clip")


class PeriodicTable:
    """A table that goes on beyond its edges with what begins on the other side.

    Args:
        values: Three axes.
    """

    def __init__(self, values: np.ndarray):
        self._size = values.shape
        padded = np.pad(values, 1, mode="wrap")[1:, 1:, 1:]
        self._shape, self._values = padded.shape, np.ascontiguousarray(padded, dtype=np.float32).ravel()

    def at(self, index: Sequence[np.ndarray]) -> np.ndarray:
        """Values at positions counted in nodes, float32, one flat array per axis; interpolated linearly."""
        count = index[0].size
        if count <= _BLOCK:
            return self._block(index)
        result = np.empty(count, dtype=np.float32)
        for start in range(0, count, _BLOCK):
            part = slice(start, start + _BLOCK)
            result[part] = self._block([c[part] for c in index])
        return result

    def _block(self, index: Sequence[np.ndarray]) -> np.ndarray:
        low, parts = [], []
        for position, size in zip(index, self._size, strict=True):
            turns = np.floor(position * np.float32(1 / size))
            turns *= np.float32(-size)
            turns += position
            position = turns
            cell = position.astype(np.int32)
            position -= cell
            low.append(cell)
            parts.append(position)
        return _interpolated(self._values, _flat_index(low, self._shape), parts, self._shape)


def _strides(shape: Sequence[int]) -> list[int]:
    strides = [1]
    for size in reversed(shape[1:]):
        strides.insert(0, strides[0] * size)
    return strides


def _flat_index(cells: list[np.ndarray], shape: Sequence[int]) -> np.ndarray:
    result = cells[0]
    for cell, size in zip(cells[1:], shape[1:], strict=True):
        result = result * np.int32(size) + cell
    return result.astype(np.intp)


def _interpolated(values: np.ndarray, first: np.ndarray, parts: list[np.ndarray], shape: Sequence[int]) -> np.ndarray:
    """Interpolate along the last axis first; neighbors of ``first`` beyond the end of the table weigh nothing."""
    last = len(shape) - 1
    strides = _strides(shape)

    def along(axis: int, offset: int) -> np.ndarray:
        size, step = shape[axis], strides[axis]
        if axis == last:
            low = values[offset:].take(first, mode="clip")
            if size == 1:
                return low
            high = values[offset + step :].take(first, mode="clip")
        else:
            low = along(axis + 1, offset)
            if size == 1:
                return low
            high = along(axis + 1, offset + step)
        high -= low
        high *= parts[axis]
        low += high
        return low

    return along(0, 0)
