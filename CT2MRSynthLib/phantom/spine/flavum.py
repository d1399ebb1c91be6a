"""The ligamentum flavum: how thick it lies on the canal's dorsal wall."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.spine.canal_wall import Walls

_DISC_PHASE = np.arange(DISCS) + 0.5
#: Share of the anatomy's thickness by level: thickest at L4-L5.
_LEVELS = np.array([0.7, 0.75, 0.82, 0.92, 1.05, 0.95, 0.9])


class Flavum:
    """Thickness of the ligament of one subject.

    Args:
        anatomy: Sizes and severities.
        rng: For what differs between the sides.
    """

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator):
        self.anatomy = anatomy
        self._sides = np.clip(rng.normal(1.0, 0.12, (2, DISCS)), 0.7, 1.3)
        self._corner = np.clip(rng.normal(0.62, 0.28, DISCS), 0.0, 1.0)
        self._thickest = np.radians(rng.normal(48.0, 7.0, (2, DISCS)))

    def with_corner(self, thickness, theta, phase, walls: Walls):
        """Thickness in mm where both halves meet: they fill the corner between the laminae, more or less.

        Args:
            thickness: Of the ligament on the laminae, mm.
            theta, phase: Direction and position along the spine.
            walls: Distances of the bone.
        """
        share = np.interp(phase, _DISC_PHASE, self._corner).astype(np.float32)
        lateral = np.abs(theta + np.float32(np.pi / 2))
        depth = share * np.clip(walls.bone - walls.filled + 1.0, 0.0, 8.0) * (1 - ramp(lateral, 0.5, 0.9))
        return np.maximum(thickness, depth * _present(phase))

    def thickness(self, theta, phase, wall):
        """Thickness in mm.

        Args:
            theta: Direction from the canal's middle (``CanalWall``).
            phase: Position along the spine.
            wall: Distance of the bone, mm: a narrow canal leaves little room.
        """
        a, s = self.anatomy, self.anatomy.severity

        def at(values):
            return np.interp(phase, _DISC_PHASE, values).astype(np.float32)

        lateral = np.abs(theta + np.float32(np.pi / 2))
        right = lateral == theta + np.float32(np.pi / 2)
        side = np.where(right, at(self._sides[0]), at(self._sides[1]))
        peak = np.where(right, at(self._thickest[0]), at(self._thickest[1]))
        thick, narrow = at(s.flavum_thickening), at(s.stenosis)
        # thin in the midline, thickest on the lamina beside it, tapering over the facet joint's capsule
        over = 0.55 + 0.45 * ramp(lateral, 0.0, 0.6) - 0.8 * ramp(lateral, peak + 0.1, peak + 0.75)
        bump = np.exp(-(((lateral - peak) / 0.36) ** 2))
        # a worn ligament buckles into the canal
        size = at(a.flavum * _LEVELS) * side * (over + (0.1 + 0.4 * thick) * bump) + narrow * (1.9 * over + 2.6 * bump)
        limit = 0.68 * np.minimum(wall, 20.0)
        return (limit * np.tanh(np.maximum(size, 0.0) * _present(phase) / limit)).astype(np.float32)


def _present(phase):
    """1 from the lower half of one lamina to the upper edge of the next, where the ligament is."""
    fraction = phase - np.floor(phase)
    return ramp(0.36 - np.abs(fraction - np.float32(0.52)), 0.0, 0.16)
