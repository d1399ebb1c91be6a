"""Points near the spine in the coordinates that all muscles share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.phantom.level_table import LevelTable
from CT2MRSynthLib.phantom.points import Points

#: Beyond this no muscle is painted: half-width, dorsal and ventral reach in mm from the posterior wall.
_REACH = (100.0, -76.0, 58.0)


def _reached(u, v) -> np.ndarray:
    """Where muscle may be seen: not far from the spine, nor where vertebral bodies, discs and canal cover it."""
    half_width, dorsal, ventral = _REACH
    u = np.abs(u)
    near = (u < half_width) & (v > dorsal) & (v < ventral)
    return near & ((v < -8) | (u > 14)) & ((v < 10) | (u < 82)) & ((v > -56) | (u < 74))


@dataclass(frozen=True)
class Section:
    """Points in axial planes, turned with the vertebrae they lie beside.

    Args:
        where: Indices of the points.
        u, v: Distance from the midline and v anterior of the posterior wall, mm.
        side: 0 the patient's right, 1 left.
        phase, rows: Position along the spine, and its row in level tables.
        gape: Random field: where planes between muscles open (high) or close.
        ripple, wave: Random fields that make outlines uneven, finely and over some centimeters.
    """

    where: np.ndarray
    u: np.ndarray
    v: np.ndarray
    side: np.ndarray
    phase: np.ndarray
    rows: np.ndarray
    gape: np.ndarray
    ripple: np.ndarray
    wave: np.ndarray

    @classmethod
    def of(cls, points: Points, turns: LevelTable, covered: np.ndarray) -> Section | None:
        """The points that muscles may cover; None if there are none.

        Args:
            points: All points.
            covered: Where muscle must not be, one bool per point.
            turns: The vertebrae's rotation about the spine's axis, radians, as ``turn``.
        """
        u, v, phase = points.spine
        where = np.flatnonzero(_reached(u, v) & ~covered)
        if not where.size:
            return None
        u, v, phase = (c[where].astype(np.float32, copy=False) for c in (u, v, phase))
        rows = LevelTable.rows(phase)
        turn = turns.at("turn", rows)
        u, v = u + v * turn, v - u * turn
        return cls(
            where,
            np.abs(u),
            v,
            (u < 0).astype(np.intp),
            phase,
            rows,
            points.field("gape", where),
            points.field("back", where),
            points.field("patch", where),
        )

    def take(self, part: np.ndarray) -> Section:
        """Some of the points."""
        return Section(*(getattr(self, name)[part] for name in self.__dataclass_fields__))
