"""The thecal sac: an outline of its own that yields to discs, ligaments and bone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.canal_wall import MIDDLE, CanalWall, Walls
from CT2MRSynthLib.phantom.disc_contour import DiscContour
from CT2MRSynthLib.phantom.flavum import Flavum
from CT2MRSynthLib.phantom.shapes import ramp, smooth_max

_DISC_PHASE = np.arange(DISCS) + 0.5
#: The sac never becomes smaller than this, mm: half-width and half-depth.
_LEAST = (3.2, 2.6)
#: Nodes per vertebra at which the sac is measured.
_NODES = 16


class SacSize(NamedTuple):
    """Half-width, half-depth, trefoil share and v of the middle of the sac, mm, at positions along the spine."""

    half_width: np.ndarray
    half_depth: np.ndarray
    trefoil: np.ndarray
    center: np.ndarray


class ThecalSac:
    """The sac of one subject.

    Args:
        anatomy: Sizes and severities.
        wall: The bony canal.
        contour: The discs' edges.
        flavum: The ligament on the canal's wall.
        rng: For what varies beyond the anatomy.
    """

    def __init__(
        self, anatomy: Anatomy, wall: CanalWall, contour: DiscContour, flavum: Flavum, rng: np.random.Generator
    ):
        self.anatomy, self.wall, self.contour, self.flavum = anatomy, wall, contour, flavum
        fatty = rng.uniform(0.15, 1.0) * (0.6 + 0.8 * anatomy.severity.fatness)
        levels = np.array([0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 1.8])
        self._dorsal_fat = np.clip(3.4 * fatty * levels * rng.uniform(0.6, 1.4, DISCS), 0.3, 7.5)
        self._lateral_fat = np.clip(
            np.array([0.2, 0.2, 0.3, 0.4, 0.7, 1.4, 2.8]) * (0.3 + 1.2 * fatty) * rng.uniform(0.4, 1.6, (2, DISCS)),
            0,
            5,
        )
        self._ventral_fat = np.array([0, 0, 0, 0, 0.2, 1.6, 2.5]) * rng.uniform(0.0, 1.6) * (0.4 + fatty)
        self._side = rng.normal(0, 0.45) + rng.normal(0, 0.3, DISCS)
        self._power = np.clip(rng.normal(2.25, 0.15, DISCS), 1.95, 2.6)
        self._twist = rng.normal(0, 0.12, DISCS)
        self._measured = np.full((8 * _NODES, 4), np.nan)
        self._end = float(np.clip(rng.normal(7.1, 0.3), 6.6, 7.8))

    def size(self, phase) -> SacSize:
        """The sac as measured in the midline and across the middle; points of the landmark lie there."""
        phase = np.asarray(phase, dtype=np.float32)
        half_width, half_depth, trefoil, own = self._own(phase)
        zero = np.zeros_like(phase)
        down = np.full_like(phase, -np.pi / 2)
        front = np.minimum(self._front(zero, phase), own + half_depth * (1 - 0.3 * trefoil))
        inner = self._inner(down, phase, self.wall.distances(down, phase))
        back = np.maximum(MIDDLE - inner, own - half_depth * (1 + trefoil))
        center = np.minimum((front + back) / 2, front - _LEAST[1])
        sides = [self._reach(np.float32(angle), phase, center) for angle in (-0.2, 0.2 - np.pi)]
        half_width = np.maximum(np.minimum(half_width, (sides[0] + sides[1]) / 2), _LEAST[0])
        return SacSize(half_width, np.maximum((front - back) / 2, _LEAST[1]), trefoil, center)

    def distance(self, u, v, phase, walls: Walls, rough=0.0):
        """Signed distance of the outline in mm, negative inside.

        Args:
            u, v, phase: Canal coordinates.
            walls: The bony canal in the points' directions.
            rough: Unevenness of the outline, mm.
        """
        half_width, half_depth, trefoil, own = self._own(phase)
        # no sac is quite symmetric
        du = (u - self._at(self._side, phase)) / half_width
        dv = (v - own) / half_depth + self._at(self._twist, phase) * du
        power = self._at(self._power, phase)
        radius = (np.abs(du) ** power + np.abs(dv) ** power) ** (1 / power)
        limit = 1.0 + trefoil * np.sin(3.0 * np.arctan2(dv, du))
        shape = (radius - limit) * np.minimum(half_width, half_depth)
        theta = np.arctan2(v - np.float32(MIDDLE), u)
        inner = np.hypot(u, v - np.float32(MIDDLE)) - self._inner(theta, phase, walls)
        shape = smooth_max(shape, inner, 2.0)
        shape = smooth_max(shape, v - self._front(u, phase), 1.6) + rough
        # even in the narrowest canal some of it stays open
        rest = (np.hypot(u / _LEAST[0], (v - self.profile(phase).center) / _LEAST[1]) - 1.0) * _LEAST[1]
        return np.maximum(np.minimum(shape, rest), (phase - np.float32(self._end)) * 8.0)

    def profile(self, phase) -> SacSize:
        """``size`` at many points, interpolated between nodes that are measured when first asked for."""
        position = np.clip(phase * _NODES, 0, len(self._measured) - 1)
        nodes = np.arange(int(position.min()), min(int(position.max()) + 2, len(self._measured)))
        new = nodes[np.isnan(self._measured[nodes, 0])]
        if new.size:
            self._measured[new] = np.stack(self.size(new / _NODES), axis=1)
        known = self._measured[nodes]
        return SacSize(*(np.interp(position, nodes, known[:, n]).astype(np.float32) for n in range(4)))

    def fat_gap(self, theta, phase):
        """Epidural fat between the sac and ligament or bone, mm."""
        lateral = np.abs(theta + np.float32(np.pi / 2))
        side = np.where(
            lateral == theta + np.float32(np.pi / 2),
            self._at(self._lateral_fat[0], phase),
            self._at(self._lateral_fat[1], phase),
        )
        fraction = phase - np.floor(phase)
        # the dorsal pads lie between the laminae; beneath the upper edge of each lamina the sac touches the bone
        pad = 0.25 + 0.75 * ramp(0.42 - np.abs(fraction - 0.55), 0.0, 0.3)
        dorsal = self._at(self._dorsal_fat, phase) * pad * np.exp(-((lateral / 0.62) ** 2))
        narrow = self._near(phase) * self._at(self.anatomy.severity.stenosis, phase)
        return (dorsal + side) * (1 - 0.88 * narrow) + 0.2

    def _own(self, phase):
        """Half-width, half-depth, trefoil share and v of the middle, before anything presses on the sac."""
        a, s = self.anatomy, self.anatomy.severity
        narrow = self._at(s.stenosis, phase) * self._near(phase)
        last = np.sqrt(np.clip((np.float32(self._end) - phase) / 0.8, 0.02, 1.0))
        half_width = self._at(a.sac_width, phase) / 2 * (1 - 0.3 * narrow) * last
        half_depth = self._at(a.sac_depth, phase) / 1.75 * (1 - 0.2 * narrow) * last
        trefoil = (0.02 + self._at(a.sac_trefoil, phase)) * (1 + 0.9 * narrow) + 0.03 * narrow
        zero = np.zeros_like(phase)
        rim = self.contour.notch(zero, phase)
        # a sac that is pushed gives way into the fat behind it
        push = rim - self.contour.back(zero, phase)
        # its front is flattened by bodies and discs
        return half_width, half_depth, trefoil, 0.8 * rim - 0.3 * push - self._gap(phase) - 0.84 * half_depth

    def _gap(self, phase):
        """Distance of the sac from bodies and discs: wider behind the bodies, where the veins leave them."""
        gap = np.maximum(self.anatomy.sac_gap - 0.4, 0.75) + self._ventral_fat
        return self._at(gap, phase) + 1.3 * (1 - self._near(phase))

    def _front(self, u, phase):
        return self.contour.back(u, phase) - self._gap(phase) * (1 - 0.3 * np.minimum((u / 9.0) ** 2, 1.0))

    def _inner(self, theta, phase, walls: Walls):
        """How far the sac may reach from the canal's middle."""
        thick = self.flavum.thickness(theta, phase, walls.rounded)
        corner = self.flavum.with_corner(thick, theta, phase, walls)
        inner = np.minimum(walls.rounded - thick, walls.bone - corner) - self.fat_gap(theta, phase) - 0.45
        # a narrow canal is round and short of room on all sides
        narrow = self._near(phase) * self._at(self.anatomy.severity.stenosis, phase)
        return np.maximum(inner * (1 - 0.25 * narrow), 3.0)

    def _reach(self, theta, phase, center):
        theta = np.full_like(phase, theta)
        inner = self._inner(theta, phase, self.wall.distances(theta, phase))
        return np.maximum(inner * np.abs(np.cos(theta)) - 0.1 * np.abs(center - MIDDLE), _LEAST[0])

    @staticmethod
    def _at(values, phase):
        return np.interp(phase, _DISC_PHASE, values).astype(np.float32)

    @staticmethod
    def _near(phase):
        """1 at discs, 0 behind bodies."""
        return np.exp(-(((phase - np.floor(phase) - np.float32(0.5)) / np.float32(0.22)) ** 2))
