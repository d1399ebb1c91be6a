"""The ligamentum flavum: how thick it lies on the canal's dorsal wall."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.shapes import ramp

_DISC_PHASE = np.arange(DISCS) + 0.5


class Flavum:
    """Thickness of the ligament of one subject.

    Args:
        anatomy: Sizes and severities.
        rng: For what differs between the sides.
    """

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator):
        self.anatomy = anatomy
        self._sides = np.clip(rng.normal(1.0, 0.12, (2, DISCS)), 0.7, 1.3)
        self._thickest = np.radians(rng.normal(48.0, 7.0, (2, DISCS)))

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
        over = 0.55 + 0.45 * ramp(lateral, 0.0, 0.6) - ramp(lateral, peak + 0.35, peak + 1.0)
        bump = np.exp(-(((lateral - peak) / 0.36) ** 2))
        # a worn ligament buckles into the canal
        size = at(a.flavum) * side * (over + (0.1 + 0.4 * thick) * bump) + narrow * (1.2 * over + 1.7 * bump)
        fraction = phase - np.floor(phase)
        present = ramp(0.36 - np.abs(fraction - 0.52), 0.0, 0.16)
        limit = 0.55 * np.minimum(wall, 20.0)
        return (limit * np.tanh(np.maximum(size, 0.0) * present / limit)).astype(np.float32)
