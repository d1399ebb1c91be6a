"""The thecal sac: a rounded outline of its own that yields to discs, ligaments and bone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.spine.canal_wall import MIDDLE, CanalWall, Walls
from CT2MRSynthLib.phantom.spine.disc_contour import DiscContour
from CT2MRSynthLib.phantom.spine.flavum import Flavum

_DISC_PHASE = np.arange(DISCS) + 0.5
#: The sac never becomes smaller than this, mm: half-width and half-depth.
_LEAST = (3.2, 2.6)
#: Nodes per vertebra at which the sac is measured.
_NODES = 12
#: Nodes to either side that are measured together with those asked for.
_AHEAD = 2
#: Directions from the sac's middle in which it is measured, and the distances (mm) at which room is looked for.
_ANGLES = np.radians(np.arange(0.0, 360.0, 10.0)).astype(np.float32)
_RADII = np.arange(2.0, 14.5, 0.9, dtype=np.float32)
#: Where across the canal (mm) it is looked for what pushes the sac.
_ACROSS = (-6.0, 0.0, 6.0)
#: Half-width and half-depth by level as shares of the anatomy's width and depth, before anything presses on the sac.
_WIDTH = np.array([0.53, 0.53, 0.535, 0.54, 0.545, 0.55, 0.5])
_DEPTH = np.array([0.55, 0.56, 0.57, 0.56, 0.555, 0.62, 0.55])
#: Trefoil share by level: round above, a rounded triangle below.
_TRIANGLE = np.array([0.0, 0.01, 0.03, 0.05, 0.06, 0.05, 0.03])


class SacSize(NamedTuple):
    """Half-width, half-depth and the position (u, v) of the middle of the sac, mm, at positions along the spine."""

    half_width: np.ndarray
    half_depth: np.ndarray
    side: np.ndarray
    center: np.ndarray


class ThecalSac:
    """The sac of one subject: its radius by direction at nodes along the spine, measured when first asked for.

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
        self._dorsal_fat = np.clip(2.6 * fatty * levels * rng.uniform(0.6, 1.4, DISCS), 0.3, 6.5)
        self._lateral_fat = np.clip(
            np.array([0.2, 0.2, 0.3, 0.4, 0.6, 1.1, 2.6]) * (0.2 + 1.0 * fatty) * rng.uniform(0.4, 1.6, (2, DISCS)),
            0,
            4,
        )
        self._ventral_fat = np.array([0, 0, 0, 0, 0.2, 1.6, 2.5]) * rng.uniform(0.0, 1.6) * (0.4 + fatty)
        self._side = rng.normal(0, 0.45) + rng.normal(0, 0.3, DISCS)
        self._power = np.clip(rng.normal(2.1, 0.12, DISCS), 1.9, 2.4)
        self._twist = rng.normal(0, 0.1, DISCS)
        self._end = float(np.clip(rng.normal(7.1, 0.3), 6.6, 7.8))
        # per node: half-width, half-depth, u and v of the middle, then the radii; one more column closes the circle
        self._table = np.full((8 * _NODES + 1, 4 + len(_ANGLES) + 1), np.nan, dtype=np.float32)

    def size(self, phase) -> SacSize:
        """Size and place at positions along the spine; points of the landmark lie there."""
        position, low = self._node(phase)
        share = (position - low)[:, None]
        return SacSize(*(self._table[low, :4] * (1 - share) + self._table[low + 1, :4] * share).T)

    def distance(self, u, v, phase, rough=0.0):
        """Signed distance of the outline in mm, negative inside.

        Args:
            u, v, phase: Canal coordinates.
            rough: Unevenness of the outline, mm.
        """
        position, low = self._node(phase)
        down = position - low.astype(np.float32)
        width = self._table.shape[1]
        flat, row = self._table.ravel(), low * width
        du, dv = (c - (flat[row + n] + (flat[row + width + n] - flat[row + n]) * down) for c, n in ((u, 2), (v, 3)))
        column = (np.arctan2(dv, du) * np.float32(len(_ANGLES) / (2 * np.pi))) % len(_ANGLES)
        left = np.minimum(column.astype(np.intp), len(_ANGLES) - 1)
        right, first = column - left.astype(np.float32), row + 4 + left
        above = flat[first] + (flat[first + 1] - flat[first]) * right
        first = first + width
        below = flat[first] + (flat[first + 1] - flat[first]) * right
        shape = np.sqrt(du * du + dv * dv) - (above + (below - above) * down) + rough
        return np.maximum(shape, (phase - np.float32(self._end)) * 8.0)

    def outline(self, phase):
        """Outlines at some positions: u and v of the middle, and the radii in the directions 0, 10, ... 360 degrees."""
        position, low = self._node(phase)
        share = (position - low)[:, None]
        known = self._table[low] * (1 - share) + self._table[low + 1] * share
        return known[:, 2], known[:, 3], known[:, 4:]

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

    def _node(self, phase):
        """Position among the nodes and the one before it; they and the next are measured."""
        position = np.clip(np.asarray(phase, dtype=np.float32) * _NODES, 0, len(self._table) - 1.001)
        low = position.astype(np.intp)
        if low.size:
            first, last = int(low.min()), int(low.max()) + 2
            if np.isnan(self._table[first:last, 0]).any():
                # with some neighbors, which are asked for next
                nodes = np.arange(max(first - _AHEAD, 0), min(last + _AHEAD, len(self._table)))
                new = nodes[np.isnan(self._table[nodes, 0])]
                self._table[new] = self._measured((new / _NODES).astype(np.float32))
        return position, low

    def _measured(self, phase) -> np.ndarray:
        """Rows of the table: the sac's own outline, scaled to its area in the room that there is, and rounded."""
        half_width, half_depth, trefoil = self._own(phase)
        zero, down = np.zeros_like(phase), np.full_like(phase, -np.pi / 2)
        front = self._front(zero, phase)
        back = MIDDLE - self._inner(down, phase, self.wall.distances(down, phase))
        # room behind is filled in part, the rest by fat
        spare = np.clip((front - back) / 2 - half_depth, -20.0, 3.5)
        depth = np.maximum(half_depth + np.where(spare > 0, 0.25 * spare, spare), _LEAST[1])
        side = self._at(self._side, phase)
        center = np.minimum(front - depth * (1 - trefoil), front - _LEAST[1])
        free = self._room(side, center, phase)
        own = self._outline(half_width, depth, trefoil, phase)
        least = self._outline(*(np.full_like(phase, size) for size in _LEAST), zero, phase)
        # a sac that lacks room on one side takes it on another, though not all
        push = np.max([self.contour.notch(zero + x, phase) - self.contour.back(zero + x, phase) for x in _ACROSS], 0)
        scale, wanted = np.ones_like(phase), half_width * half_depth * (1 - 0.035 * np.minimum(push, 8.0))
        for _ in range(3):
            radius = np.minimum(_rounded(np.minimum(free, own * scale[:, None])), free + 0.3)
            # but not so much that it would fill every corner
            scale = np.clip(scale * np.sqrt(wanted / np.mean(radius**2, axis=1)), 0.8, 1.17)
        radius = np.maximum(radius, least)
        u, v = radius * np.cos(_ANGLES), radius * np.sin(_ANGLES)
        sizes = [(u.max(1) - u.min(1)) / 2, (v.max(1) - v.min(1)) / 2, side, center]
        return np.column_stack([*sizes, radius, radius[:, 0]])

    def _room(self, side, center, phase) -> np.ndarray:
        """Distances from the sac's middle at which discs, ligament or fat begin, mm."""
        u = side[:, None, None] + np.cos(_ANGLES)[:, None] * _RADII
        v = center[:, None, None] + np.sin(_ANGLES)[:, None] * _RADII
        shape, phase = u.shape, np.broadcast_to(phase[:, None, None], u.shape).ravel()
        u, v = u.ravel(), v.ravel()
        theta = np.arctan2(v - np.float32(MIDDLE), u)
        inner = self._inner(theta, phase, self.wall.distances(theta, phase))
        over = np.maximum(np.hypot(u, v - np.float32(MIDDLE)) - inner, v - self._front(u, phase)).reshape(shape)
        over[..., -1] = np.maximum(over[..., -1], 0.01)
        hit = np.maximum((over > 0).argmax(axis=2), 1)[..., None]
        after, before = (np.take_along_axis(over, hit - n, 2)[..., 0] for n in range(2))
        way = np.clip(-before / np.maximum(after - before, 1e-3), 0.0, 1.0)
        return _RADII[hit[..., 0] - 1] + way * (_RADII[1] - _RADII[0])

    def _outline(self, half_width, half_depth, trefoil, phase) -> np.ndarray:
        """The sac's own radii: a superellipse, more or less a triangle with its tip behind."""
        du, dv = np.cos(_ANGLES) / half_width[:, None], np.sin(_ANGLES) / half_depth[:, None]
        # no sac is quite symmetric
        dv = dv + self._at(self._twist, phase)[:, None] * du
        power = self._at(self._power, phase)[:, None]
        radius = (np.abs(du) ** power + np.abs(dv) ** power) ** (-1 / power)
        return radius * (1.0 + trefoil[:, None] * np.sin(3.0 * np.arctan2(dv, du)))

    def _own(self, phase):
        """Half-width, half-depth and trefoil share before anything presses on the sac."""
        a, s = self.anatomy, self.anatomy.severity
        narrow = self._at(s.stenosis, phase) * self._near(phase)
        last = np.sqrt(np.clip((np.float32(self._end) - phase) / 0.8, 0.02, 1.0))
        half_width = self._at(a.sac_width * _WIDTH, phase) * (1 - 0.3 * narrow) * last
        half_depth = self._at(a.sac_depth * _DEPTH, phase) * (1 - 0.2 * narrow) * last
        trefoil = self._at(_TRIANGLE + a.sac_trefoil, phase) * (1 + 0.6 * narrow) + 0.02 * narrow
        return half_width, half_depth, trefoil

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

    @staticmethod
    def _at(values, phase):
        return np.interp(phase, _DISC_PHASE, values).astype(np.float32)

    @staticmethod
    def _near(phase):
        """1 at discs, 0 behind bodies."""
        return np.exp(-(((phase - np.floor(phase) - np.float32(0.5)) / np.float32(0.22)) ** 2))


def _rounded(radius: np.ndarray) -> np.ndarray:
    """Radii without corners. A mean of inverse distances goes straight across what juts in."""
    return 1.0 / ndimage.gaussian_filter1d(1.0 / radius, 2.0, axis=1, mode="wrap")
