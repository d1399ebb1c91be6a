"""The intervertebral foramina: how far their fat reaches, and where psoas lies against the spine beside them."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.shapes import ramp


class Foramina:
    """Fat around the exiting roots of one subject, right and left each with sizes of their own.

    Args:
        anatomy: Severities.
        rng: For what differs between sides and levels.
    """

    #: No farther from the midline than this (mm) either reaches.
    REACH = 36.0

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator):
        # half-width, half-depth, position
        self._fat = np.array([10.0, 6.6, 15.0, -4.8]) + rng.normal(0, 1, (2, 4)) * [0.8, 0.7, 0.6, 0.5]
        self._muscle = np.array([9.5, 8.5, 24.0, -3.0]) + rng.normal(0, 1, (2, 4)) * [0.9, 1.0, 1.2, 1.2]
        varied = np.exp(rng.normal(0, 0.18, (2, DISCS)))
        more = rng.normal(0, 0.17, (2, DISCS)) + rng.normal(0, 0.12)
        fatness = anatomy.severity.fatness
        self._amount = (0.5 + 0.55 * fatness) * varied
        self._closing = float(np.clip(0.5 - 0.35 * fatness, 0.1, 0.6))
        self._reach = np.clip(1.12 - 0.85 * fatness + more, 0.0, 1.35) ** 0.7

    def in_fat(self, u, v, phase, uneven):
        """Which points lie in the fat of a foramen.

        Args:
            u, v, phase: Canal coordinates.
            uneven: Irregularity of its outline, about -1 to 1.
        """
        side = (u < 0).astype(np.intp)
        half_width, half_depth, middle_u, middle_v = self._of(self._fat, side)
        # wide below the pedicle, where the ganglion lies, and a slit between disc and facet joint
        fraction = phase - np.floor(phase)
        open_ = 1 - np.float32(self._closing) * ramp(fraction, 0.38, 0.58)
        amount = self._by_level(self._amount, side, phase) * open_
        depth = half_depth * amount
        across = (np.abs(u) - middle_u) / (half_width * (0.6 + 0.4 * amount))
        # pointed to the side
        return np.abs(across) ** 1.4 + ((v - middle_v - 0.35 * (half_depth - depth)) / depth) ** 2 < 1.0 + uneven

    def in_muscle(self, u, v, phase, uneven):
        """Which points psoas reaches beside disc and foramen; the more fat, the less. Parameters as above."""
        side = (u < 0).astype(np.intp)
        half_width, half_depth, middle_u, middle_v = self._of(self._muscle, side)
        # at L5-S1 psoas has left the spine
        amount = self._by_level(self._reach, side, phase) * (1 - ramp(phase, 4.75, 5.2)) + np.float32(1e-3)
        across = (np.abs(u) - middle_u - half_width * (1 - amount)) / half_width
        return across**2 + ((v - middle_v) / half_depth) ** 2 < amount**2 * (1.0 + uneven)

    @staticmethod
    def _of(sizes, side):
        return (np.where(side, np.float32(sizes[1, n]), np.float32(sizes[0, n])) for n in range(4))

    @staticmethod
    def _by_level(values, side, phase):
        nodes = np.arange(DISCS) + 0.5
        right, left = (np.interp(phase, nodes, row).astype(np.float32) for row in values)
        return np.where(side, left, right)
