"""Nerve roots: the cauda equina in the sac, and each root's oblique way through the lateral recess and the foramen."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.sac import SacSize, ThecalSac
from CT2MRSynthLib.phantom.shapes import ramp

#: Where along the spine each root leaves the sac, from L1 to S5: the lower, the higher above its own vertebra.
_LEAVE = np.array([0.78, 1.76, 2.72, 3.66, 4.55, 5.32, 5.95, 6.4, 6.7, 6.9])
_FILAMENTS = (3, 3, 4, 4, 4, 3, 2, 2, 1, 1)
_THICKNESS = np.array([0.8, 0.85, 0.95, 1.0, 1.1, 1.1, 0.95, 0.75, 0.6, 0.5])
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
        self.conus_end = float(np.clip(rng.normal(1.25, 0.4), 0.4, 2.3))
        self._conus = (float(rng.uniform(3.4, 4.6)), float(rng.uniform(-2.0, 0.2)), float(rng.normal(0, 0.4)))
        self.leave = _LEAVE + rng.normal(0, 0.05, (2, 1)) + rng.normal(0, 0.05, (2, len(_LEAVE)))
        # how high the layer of roots stands that has sunk to the back of the sac
        depth = rng.uniform(0.25, 0.62)
        self._filaments = []
        for side, sign in enumerate((1.0, -1.0)):
            for nerve, count in enumerate(_FILAMENTS):
                turn, layer = rng.normal(0, 0.16), rng.uniform(0, 1)
                for _ in range(count):
                    self._filaments.append(
                        {
                            "leave": self.leave[side, nerve],
                            "sign": sign,
                            "turn": turn + rng.normal(0, 0.13),
                            "layer": 0.9 - depth * np.clip(layer + rng.normal(0, 0.25), 0, 1.2),
                            "radius": 0.44 * _THICKNESS[nerve] * rng.uniform(0.7, 1.25),
                            "wave": rng.uniform(0, 2 * np.pi, 2),
                            "sway": rng.uniform(0.2, 0.7),
                        }
                    )

    def share(self, u, v, phase, size: SacSize, narrow):
        """Share of nerve tissue at points in the sac.

        Args:
            u, v, phase: Canal coordinates.
            size: The sac at the points.
            narrow: Stenosis at the points, 0 to 1: crowded roots wind about.
        """
        share = np.zeros_like(u)
        low, high = float(phase.min()), float(phase.max())
        start = self.conus_end - 1.6
        for f in self._filaments:
            if low > f["leave"] or high < start:
                continue
            here = np.flatnonzero(phase < f["leave"])
            p = phase[here]
            # a root about to leave lies at the side, the others behind, those of the sacral nerves in the midline
            way = np.clip((np.float32(f["leave"]) - p) / 2.4, 0.0, 1.0)
            angle = np.float32(0.15 + f["turn"]) + np.float32(1.65) * (1.0 - way) ** 2
            layer = f["layer"] + (0.84 - f["layer"]) * (1.0 - way) ** 4
            layer = layer * (1 - 0.35 * narrow[here] * (1 - f["layer"]))
            sway = f["sway"] * (1 + 1.2 * narrow[here])
            su = sway * np.sin(4.1 * p + np.float32(f["wave"][0]))
            sv = sway * np.sin(3.3 * p + np.float32(f["wave"][1]))
            du = u[here] - f["sign"] * np.sin(angle) * layer * size.half_width[here] - su
            dv = v[here] - size.center[here] + np.cos(angle) * layer * size.half_depth[here] - sv
            square = (du * du + dv * dv) * np.float32(1 / f["radius"] ** 2)
            share[here] += np.exp(-square * np.sqrt(square))
        radius, dorsal, side = self._conus
        cone = radius * np.sqrt(np.clip((self.conus_end - phase) / 1.2, 0.0, 1.0)) + 1e-3
        cord = np.hypot(u - side, 1.15 * (v - size.center - dorsal))
        share += ramp(cone - cord, -0.4, 0.4)
        return np.minimum(share, 0.95).astype(np.float32)


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
            radius = thick * (1.0 + 0.95 * size * swollen)
            # cut across its oblique way, a root is longer from side to side and from back to front
            oblique = 0.35 * (p > way[2])
            longer, shorter = du + oblique * dv, dv - oblique * du
            result[reach] |= (longer / 1.3) ** 2 + (shorter / (flat + 0.1)) ** 2 < radius * radius
        return result
