"""Facet joints: where each lies, its two articular processes, and its space."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.shapes import smooth_max, smooth_min

#: Sides in the order of the anatomy's arrays: right (u > 0), left.
SIDES = (1.0, -1.0)
#: Curvature of the joint line in 1/mm per disc: C-shaped at the upper levels, nearly straight at L5-S1.
_CURVE = (0.040, 0.038, 0.034, 0.028, 0.020, 0.011)

#: Distance of the middle of the joints from the back of the disc, mm.
_BEHIND = 14.7
#: Rounding of the joint faces' margins, mm: none ends in a blade.
_MARGIN = 1.6
#: Number of the stream of random numbers of the faces' curvature.
_STREAM = 65

#: No process reaches farther up or down from the middle of its disc, mm.
HEIGHT = 21.0


def _turn(degrees: float) -> tuple[float, float]:
    """Cosine and sine of an angle."""
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))


class Facet:
    """One facet joint of one subject, in the frame of its disc.

    The joint's own coordinates are ``across`` (positive toward the superior process of the vertebra below), ``along``
    (positive ventrally) and ``w`` (superior), all in mm from the middle of the joint.

    Args:
        anatomy: Sizes.
        disc: The disc at whose level the joint lies.
        side: 0 right, 1 left.
        rng: For the shape of the processes. What is drawn does not depend on severities.
    """

    def __init__(self, anatomy: Anatomy, disc: int, side: int, rng: np.random.Generator):
        a = anatomy
        low = min(max(disc - 1, 0), 4) / 4.0
        worn = float(a.severity.facet_hypertrophy[disc])
        self.sign, self.worn = SIDES[side], worn
        self.apart = float(a.facet_apart[disc, side])
        self.offset = float(a.facet_offset[disc, side])
        self.cos, self.sin = _turn(float(a.facet_angle[disc, side]))
        # osteophytes and thickening widen the processes, at no end less than a healthy one
        size = a.scale**0.5 * (1.0 + 0.3 * worn)
        swell = (1.6 * worn * rng.uniform(0.3, 1.0, 4)).tolist()
        self.curve = _CURVE[disc] * float(np.exp(rng.normal(0, 0.3)))
        self.hook = float(rng.uniform(0.0, 0.05) * (1.0 - 0.7 * low))
        self.lean = float(rng.normal(0.0, 0.06))
        self.follow = float(rng.uniform(0.35, 1.0))
        self._gap = float((1.0 - 0.68 * worn) * rng.uniform(0.75, 1.1))
        self._wedge = float(rng.normal(0.0, 0.03))
        self.fluid = float(0.75 * rng.random() ** 1.5)
        # the tip of the superior process comes near to the disc
        long = 8.6 + 1.2 * low
        self.ventral = (long * rng.uniform(0.85, 1.15) * size + swell[0], 6.6 * rng.uniform(0.9, 1.1) * size + swell[1])
        self.dorsal = (8.4 * rng.uniform(0.85, 1.1) * size + swell[2], 7.3 * rng.uniform(0.88, 1.15) * size + swell[3])
        self.thick = (
            (5.6 + 2.4 * low) * float(rng.uniform(0.85, 1.2)) * size + 1.0 * worn,
            (6.4 + 2.1 * low) * float(rng.uniform(0.88, 1.15)) * size,
        )
        # cosine and sine of the faces' angles: superior, inferior process
        self._ventral_face = _turn(rng.uniform(35, 62)), _turn(rng.uniform(32, 62))
        # the inferior process ends in a face that looks straight back, and goes on in that of the lamina
        back = float(np.clip(rng.normal(0, 10) - a.facet_angle[disc, side], -58, 5))
        self._dorsal_face = _turn(rng.uniform(30, 65)), _turn(back)
        # no face is flat: convex, seldom hollow
        self._round = np.random.default_rng([a.seed, _STREAM, disc, side]).uniform(-0.01, 0.07, 2).tolist()
        self._taper = rng.uniform(0.12, 0.3, 2).tolist()
        self._tip = (float(rng.uniform(6.5, 10.0)) * size, float(rng.uniform(8.5, 12.0)) * size)
        self._slant = rng.uniform(-0.35, 0.35, 2).tolist()
        self._bump = float(rng.uniform(1.2, 3.0)) * size
        self.cyst = (
            float(rng.choice([-1.0, 1.0])) * float(rng.uniform(2.5, 4.0)),
            float(rng.uniform(-4, 4)),
            float(rng.uniform(-4, 4)),
            1.9 * float(np.clip((worn - 0.45) / 0.55, 0, 1)) * float(rng.uniform(0.3, 1.0)),
        )
        self.reach = max(self.ventral[0], self.dorsal[0], self.thick[0] + 1.0, self.thick[1] + 1.0) + 3.0

    def near(self, u, v, w) -> np.ndarray:
        """Indices of points (frame of the disc, mm) that the joint or its processes may reach."""
        su, dv = self.sign * u, v + (_BEHIND - self.offset)
        box = (su > max(self.apart - self.reach, 1.0)) & (su < self.apart + self.reach) & (np.abs(w) < HEIGHT)
        return np.flatnonzero(box & (np.abs(dv) < self.reach))

    def coordinates(self, u, v, w, rough):
        """Joint coordinates of points in the disc's frame.

        Args:
            u, v, w: mm, shape (n,).
            rough: Irregularity of surfaces, about -1 to 1.

        Returns:
            across, across of the outer surfaces (they follow the curved joint only in part), along.
        """
        du = self.sign * u - self.apart
        dv = v + (_BEHIND - self.offset)
        along = dv * self.cos - du * self.sin
        flat = du * self.cos + dv * self.sin + self.lean * w
        bend = self.curve * along * along + self.hook * np.maximum(along - 2.5, 0.0) ** 2
        return flat + bend + 0.22 * rough, flat + self.follow * bend + 0.5 * rough, along + 0.4 * rough

    def half_gap(self, along):
        """Half the width of the joint with its cartilage, mm."""
        return np.maximum(self._gap * (1.0 + self._wedge * along), 0.18)

    def superior(self, across, outer, along, w):
        """Signed distance of the superior process of the vertebra below: a cap with a hollow face."""
        edge = 1.0 + 0.5 * self.worn
        taper = self._taper[0] * np.maximum(w + 3.0, 0.0)
        cos, sin = self._ventral_face[0]
        # where the joint is hollow no sharp edge may run on in front of it
        ventral = np.maximum((outer - edge) * cos + (along - self.ventral[0]) * sin, along - self.ventral[0] - 0.5)
        cos, sin = self._dorsal_face[0]
        out, back = outer - edge - 0.8, along + self.dorsal[0]
        dorsal = out * cos - back * sin + self._round[0] * (out * sin + back * cos - 4.0) ** 2
        shape = smooth_max(smooth_max(ventral, outer - self.thick[0], 3.0), dorsal, 3.0) + taper
        # mammillary process: a bump behind the joint
        bump = np.sqrt(
            (outer - 0.55 * self.thick[0]) ** 2 + (along + 0.78 * self.dorsal[0]) ** 2 + (0.5 * w + 3.5) ** 2
        )
        shape = smooth_min(shape, bump - self._bump, 1.5)
        ends = np.maximum(w - self._tip[0] - self._slant[0] * along, -20.0 - w)
        return smooth_max(np.maximum(shape, ends), self.half_gap(along) - across, _MARGIN)

    def inferior(self, across, outer, along, w):
        """Signed distance of the inferior process of the vertebra above: a wedge with a convex face."""
        deep = -outer
        taper = self._taper[1] * np.maximum(-w - 1.0, 0.0)
        cos, sin = self._ventral_face[1]
        ventral = np.maximum((deep - 1.6) * cos + (along - self.ventral[1]) * sin, along - self.ventral[1] - 1.0)
        cos, sin = self._dorsal_face[1]
        back = along + self.dorsal[1]
        dorsal = -back * cos - deep * sin + self._round[1] * (deep * cos - back * sin - 3.0) ** 2
        shape = smooth_max(smooth_max(ventral, deep - self.thick[1], 2.0), dorsal, 2.0) + taper
        ends = np.maximum(w - 18.0, -self._tip[1] - w - self._slant[1] * along)
        return smooth_max(np.maximum(shape, ends), self.half_gap(along) + across, _MARGIN)

    def opening(self, across, along, w, superior: bool):
        """Signed distance of where a vertebra's other parts must not be: the neighbor's side of the joint."""
        free = 1.5 * (np.maximum(np.abs(w) - 8.5, 0.0) + np.maximum(np.abs(along) - 9.0, 0.0))
        return self.half_gap(along) + (-across if superior else across) - free
