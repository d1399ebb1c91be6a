"""Nerve roots: the cauda equina in the sac, and each root's oblique way through the lateral recess and the foramen."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.spine.sac import ThecalSac

#: Where along the spine each root leaves the sac, from L1 to S5: the lower, the higher above its own vertebra.
_LEAVE = np.array([0.78, 1.76, 2.72, 3.66, 4.55, 5.32, 5.95, 6.4, 6.7, 6.9])
#: Bundles of each nerve that are seen apart.
_FILAMENTS = (2, 2, 3, 3, 3, 2, 2, 1, 1, 1)
_THICKNESS = np.array([0.8, 0.85, 0.95, 1.0, 1.1, 1.1, 0.95, 0.75, 0.6, 0.5])
#: Nodes per vertebra between which roots run straight.
_NODES = 12
#: Roots with a way outside the sac of their own: L1 to S2.
_OUTSIDE = 7


class CaudaEquina:
    """The roots and the conus within the sac.

    Args:
        anatomy: Sizes and severities.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator):
        self.anatomy = anatomy
        self.conus_end = float(np.clip(rng.normal(1.4, 0.4), 0.5, 2.4))
        self._conus = (float(rng.uniform(3.0, 4.1)), float(rng.uniform(-1.6, 0.4)), float(rng.normal(0, 0.4)))
        self.leave = _LEAVE + rng.normal(0, 0.05, (2, 1)) + rng.normal(0, 0.05, (2, len(_LEAVE)))
        nerve = np.repeat(np.arange(len(_LEAVE)), _FILAMENTS)
        shape = (2, nerve.size)
        # how high the layer of roots stands that has sunk to the back of the sac, and how far it reaches to the sides
        depth, spread = rng.uniform(0.2, 0.75), rng.uniform(0.8, 1.25)
        self._leave = self.leave[:, nerve].ravel()
        self._sign = np.repeat([1.0, -1.0], nerve.size)
        # the nerves of the upper levels lie outside those of the lower ones
        turn = 0.1 + 0.8 * (1 - nerve / len(_LEAVE)) + rng.normal(0, 0.15, shape)
        self._turn = np.abs(spread * turn).ravel()
        self._layer = (0.92 - depth * rng.beta(1.2, 1.6, shape)).ravel()
        self._radius = (0.5 * _THICKNESS[nerve] * rng.uniform(0.75, 1.25, shape)).ravel()
        self._wave = rng.uniform(0, 2 * np.pi, (2, 2 * nerve.size))
        self._sway = rng.uniform(0.15, 0.6, 2 * nerve.size)

    def share(self, u, v, phase, sac: ThecalSac):
        """Share of nerve tissue at points in the sac.

        Args:
            u, v, phase: Canal coordinates.
            sac: What holds the roots.
        """
        position = phase * np.float32(_NODES)
        low = np.floor(position).astype(np.intp)
        first = int(low.min())
        nodes = np.arange(first, int(low.max()) + 2) / _NODES
        places = np.stack(self._places(nodes.astype(np.float32), sac)).astype(np.float32)
        low, down = low - first, position - low
        share = np.zeros_like(u)
        for f in np.flatnonzero((self._leave > nodes[0]) & (self.conus_end - 1.6 < nodes[-1])):
            (u0, v0), (u1, v1) = places[:, :, f].min(axis=1) - 1.2, places[:, :, f].max(axis=1) + 1.2
            at = np.flatnonzero((u > u0) & (u < u1) & (v > v0) & (v < v1) & (phase < self._leave[f]))
            if not at.size:
                continue
            fu, fv = places[:, :, f]
            node, part = low[at], down[at]
            du = u[at] - fu[node] - (fu[node + 1] - fu[node]) * part
            dv = v[at] - fv[node] - (fv[node + 1] - fv[node]) * part
            square = (du * du + dv * dv) * np.float32(1 / self._radius[f] ** 2)
            share[at] += np.exp(-square * np.sqrt(square))
        if nodes[0] < self.conus_end:
            side, center, radius = (values.astype(np.float32) for values in self._cone(nodes, sac))
            side, center, radius = (c[low] + (c[low + 1] - c[low]) * down for c in (side, center, radius))
            share += ramp(radius - np.hypot(0.92 * (u - side), 1.1 * (v - center)), -0.4, 0.4) * (radius > 0.1)
        return np.minimum(share, 0.95).astype(np.float32)

    def _places(self, phase, sac: ThecalSac):
        """u and v of all roots at some positions along the spine, shape (positions, roots)."""
        stenosis = self.anatomy.severity.stenosis
        narrow = np.interp(phase, np.arange(len(stenosis)) + 0.5, stenosis)[:, None]
        middle_u, middle_v, radii = (np.asarray(c) for c in sac.outline(phase))
        # a root about to leave lies at the side, the others behind, those of the sacral nerves in the midline
        near_exit = 1.0 - np.clip((self._leave - phase[:, None]) / 2.2, 0.0, 1.0)
        angle = self._turn + (1.6 - self._turn) * near_exit**2
        layer = self._layer + (0.86 - self._layer) * near_exit**4
        # in a narrow canal roots lie everywhere and wind about
        layer = layer * (1 - 0.4 * narrow * np.cos(self._wave[0]) ** 2)
        column = ((self._sign * angle - np.pi / 2) % (2 * np.pi)) * (radii.shape[1] - 1) / (2 * np.pi)
        left = np.minimum(column.astype(np.intp), radii.shape[1] - 2)
        rows = np.arange(len(phase))[:, None]
        reach = layer * (radii[rows, left] + (radii[rows, left + 1] - radii[rows, left]) * (column - left))
        sway = self._sway * (1 + 1.4 * narrow)
        u = self._sign * np.sin(angle) * reach + sway * np.sin(4.1 * phase[:, None] + self._wave[0])
        v = -np.cos(angle) * reach + sway * np.sin(3.3 * phase[:, None] + self._wave[1])
        u, v = u + middle_u[:, None], v + middle_v[:, None]
        side, center, cone = (c[:, None] for c in self._cone(phase, sac))
        away = np.maximum(np.hypot(u - side, v - center), 0.1)
        push = np.where(cone > 0.1, np.maximum((cone + 0.7) / away, 1.0), 1.0)
        return side + (u - side) * push, center + (v - center) * push

    def _cone(self, phase, sac: ThecalSac):
        """u, v and radius of the conus."""
        radius, dorsal, side = self._conus
        size = sac.size(phase)
        taper = np.sqrt(np.clip((self.conus_end - phase) / 0.55, 0.0, 1.0))
        # a narrow sac leaves it little room
        return size.side + side, size.center + dorsal, np.minimum(radius, 0.62 * size.half_depth) * taper


class ExitingRoots:
    """Roots with their ganglia between sac and psoas, left and right each on its own way.

    Args:
        anatomy: Sizes.
        sac: The sac they leave.
        leave: Where along the spine, shape (2, 10), right side first.
        rng: For what differs between roots.
    """

    def __init__(self, anatomy: Anatomy, sac: ThecalSac, leave: np.ndarray, rng: np.random.Generator):
        a, k = anatomy, anatomy.scale
        self._ways = []
        for side, sign in enumerate((1.0, -1.0)):
            for nerve in range(_OUTSIDE):
                n = nerve + 1
                jitter = rng.normal(0, 0.6, (2, 6))
                along = rng.normal(0, 0.025, 6)
                ganglion, size, flat = rng.normal(0.22, 0.03), rng.uniform(0.85, 1.2), rng.uniform(0.68, 1.0)
                stem = a.body_width[n] / 2 - 0.8 * a.pedicle_width[n] - 1.0
                medial = stem - a.pedicle_width[n]
                begin = leave[side, nerve]
                width = 0.84 * 0.5 * np.interp(begin, np.arange(7) + 0.5, a.sac_width)
                phase = np.array([begin, n - 0.1, n + 0.1, n + 0.24, n + 0.45, n + 0.8]) + along
                u = np.array([width, medial - 2.8, medial - 1.4, stem, stem + 7.5 * k, stem + 15.0 * k]) + jitter[0]
                v = np.array([-7.0, -6.0, -5.5, -6.0, -1.0, 8.0]) + 0.7 * jitter[1]
                if n >= 6:  # in the sacrum roots run on in the canal toward their foramen
                    phase = np.array([begin, n - 0.1, n + 0.1, n + 0.3, n + 0.5, n + 0.7]) + along
                    u = np.array([width, 9.0, 11.5, 13.5, 15.0, 17.0]) * k + jitter[0]
                    v = np.array([-6.0, -5.0, -4.5, -4.0, -3.0, -2.0]) + 0.7 * jitter[1]
                phase = np.maximum.accumulate(phase + 1e-3 * np.arange(6))
                thick = (1.1 + 0.1 * min(nerve, 5)) * rng.uniform(0.85, 1.15)
                self._ways.append((sign, phase, u, v, thick, n + ganglion, size, flat))

    def inside(self, u, v, phase):
        """Which points lie in a root or ganglion: bool."""
        result = np.zeros(u.shape, dtype=bool)
        low, high = float(phase.min()), float(phase.max())
        for sign, way, wu, wv, thick, ganglion, size, flat in self._ways:
            if high < way[0] or low > way[-1]:
                continue
            reach = np.flatnonzero((u * sign > wu.min() - 6) & (phase > way[0]) & (phase < way[-1]))
            p = phase[reach]
            du = u[reach] * sign - np.interp(p, way, wu).astype(np.float32)
            dv = v[reach] - np.interp(p, way, wv).astype(np.float32)
            swollen = np.exp(-(((p - ganglion) / np.float32(0.12)) ** 2))
            radius = thick * (1.0 + 0.95 * size * swollen + 0.25 * (p > ganglion))
            # cut across its oblique way, a root is longer from side to side and from back to front
            oblique = 0.35 * (p > way[2])
            longer, shorter = du + oblique * dv, dv - oblique * du
            result[reach] |= (longer / 1.3) ** 2 + (shorter / (flat + 0.1)) ** 2 < radius * radius
        return result
