"""Sizes that change along the spine, tabulated finely so that points look them up instead of interpolating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

_FIRST, _LAST, _STEP = -2.6, 8.6, 0.01


class LevelTable:
    """Named sizes by phase along the spine (3.0 is the middle of L3, 3.5 the disc below it), smooth between levels.

    Args:
        phase: Where the sizes are given, ascending.
        sizes: Values by name, each as long as ``phase``; the ends hold beyond the range.
    """

    def __init__(self, phase: Sequence[float], sizes: Mapping[str, Sequence[float]]):
        phase = np.asarray(phase, dtype=float)
        fine = np.clip(np.arange(_FIRST, _LAST, _STEP), phase[0], phase[-1])
        curves = PchipInterpolator(phase, np.stack([np.asarray(v, dtype=float) for v in sizes.values()], axis=1))
        self._sizes = dict(zip(sizes, np.ascontiguousarray(curves(fine).T, dtype=np.float32), strict=True))

    @staticmethod
    def rows(phase: np.ndarray) -> np.ndarray:
        """Rows of the table at phases."""
        last = int(round((_LAST - _FIRST) / _STEP)) - 2
        return np.clip((phase - np.float32(_FIRST)) * np.float32(1 / _STEP), 0, last).astype(np.intp)

    def at(self, name: str, rows: np.ndarray) -> np.ndarray:
        """One size at rows of the table."""
        return self._sizes[name][rows]
