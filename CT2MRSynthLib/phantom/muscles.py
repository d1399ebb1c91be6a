"""Paint psoas, quadratus lumborum, multifidus and erector spinae with their fat septa."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp, segment2d, superellipse
from CT2MRSynthLib.phantom.tissues import Label

# Tables along the spine by phase (disc n lies at n + 0.5; L1 is vertebra 1). Lengths in mm.
_PHASE = np.array([-1.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 7.0])
_PSOAS_OUT = np.array([6.0, 6.5, 9.5, 13.0, 16.5, 18.5, 23.0, 34.0])
_PSOAS_V = np.array([2.0, 3.0, 6.0, 10.0, 12.0, 14.0, 22.0, 34.0])
_PSOAS_A = np.array([0.1, 6.5, 10.0, 14.0, 17.5, 19.5, 18.0, 16.0])
_PSOAS_B = np.array([0.1, 9.0, 14.0, 18.5, 22.0, 23.5, 21.5, 18.0])
_QL_A = np.array([0.1, 8.0, 13.0, 16.0, 18.0, 17.0, 0.1, 0.1])
_QL_B = np.array([0.1, 5.0, 6.0, 7.5, 8.5, 8.0, 0.1, 0.1])
_BACK_A = np.array([36.0, 36.0, 37.0, 38.0, 38.0, 36.0, 31.0, 24.0])
_BACK_B = np.array([23.0, 24.0, 25.0, 25.0, 24.5, 23.0, 20.0, 15.0])
_BACK_V = np.array([-34.0, -35.0, -37.0, -38.0, -38.5, -37.0, -33.0, -28.0])
_MULTIFIDUS_FRONT = np.array([15.0, 17.0, 19.0, 21.0, 24.0, 28.0, 34.0, 36.0])
_MULTIFIDUS_BACK = np.array([8.0, 9.0, 11.0, 14.0, 18.0, 24.0, 32.0, 34.0])


class MusclePainter:
    """Paints the muscles around the spine of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all muscles."""
        self._paint_psoas(canvas, points)
        self._paint_back(canvas, points)

    def _paint_psoas(self, canvas: Canvas, points: Points) -> None:
        a, infiltration = self.anatomy, self.anatomy.severity.infiltration
        (u, v, phase), (x, y, z) = points.spine, points.position
        near = np.flatnonzero((np.abs(u) < 95) & (v > -32) & (v < 66))
        u, v, phase = np.abs(u[near]), v[near], phase[near]

        def at(values):
            return np.interp(phase, _PHASE, values)

        half_body = np.interp(phase, np.arange(8), a.body_width) / 2
        k = a.psoas * a.scale**0.5
        ripple = 1.8 * points.field("psoas", near)
        shape = superellipse(
            u + ripple - half_body - at(_PSOAS_OUT) * k,
            v - ripple - at(_PSOAS_V),
            at(_PSOAS_A) * k,
            at(_PSOAS_B) * k,
            2.3,
        )[1]
        tilt_u = 0.94 * (u - 62) - 0.34 * (v + 10)
        tilt_v = 0.34 * (u - 62) + 0.94 * (v + 10)
        quadratus = superellipse(tilt_u, tilt_v, at(_QL_A) * k, at(_QL_B) * k, 2.2)[1]
        # intertransverse muscles close the gap between psoas and erector spinae
        between = superellipse(u - half_body - 14.0 * k, v + 9.0, 17.0 * k, 7.5, 2.0)[1]
        between = np.where(phase < 5.3, between, 2.0)
        iliacus = np.abs(segment2d(u, v, (64, 12), (112, 52))[0]) < 9.0
        iliacus &= phase > 5.0
        hit = np.flatnonzero((shape < 1) | (quadratus < 1) | (between < 1) | iliacus)
        where = near[hit]
        streak = self.noise(5, x[where], y[where], z[where], (4.0, 7.0, 30.0))
        fatty = ramp(streak, 1.9 - 1.1 * infiltration, 3.2) * 0.8
        edge = ramp(np.minimum(np.minimum(shape[hit], quadratus[hit]), 0.4 + 0.6 * between[hit]), 0.93, 1.0) * 0.12
        gap = (0.10 + 0.10 * infiltration) * np.clip(0.7 + 0.7 * streak, 0.05, 2.5)
        seam = 1 - ramp(np.abs(between[hit] - 1), 0.3 * gap, gap)
        edge = np.maximum(edge, np.clip(0.03 + 0.03 * streak, 0, 0.2))
        edge = np.maximum(edge, np.where(shape[hit] < 0.95, 0, 0.8 * seam))
        canvas.paint(where, Label.MUSCLE, np.maximum(fatty, edge))

    def _paint_back(self, canvas: Canvas, points: Points) -> None:
        """Multifidus, longissimus, iliocostalis in their fascia, with fat between, in and under them."""
        a, infiltration = self.anatomy, self.anatomy.severity.infiltration
        (u, v, phase), (x, y, z) = points.spine, points.position
        near = np.flatnonzero((np.abs(u) < 92) & (v > -85) & (v < -4))
        if not near.size:
            return
        side, u, v, phase = u[near], np.abs(u[near]), v[near], phase[near]

        def at(values):
            return np.interp(phase, _PHASE, values)

        k = a.back_muscle * a.scale**0.7
        ripple = 1.6 * points.field("back", near)
        radius = superellipse(
            u - at(_BACK_A) * k, v + ripple - at(_BACK_V) * k, at(_BACK_A) * k + 0.5, at(_BACK_B) * k, 2.5
        )[1]
        hit = np.flatnonzero(radius < 1.04)
        where = near[hit]
        side, u, v, phase, radius = side[hit], u[hit], v[hit], phase[hit], radius[hit]
        px, py, pz = x[where], y[where], z[where]

        def at(values):
            return np.interp(phase, _PHASE, values)

        wobble = points.field("septum", where)
        mirror = np.where(side > 0, 1.0, -1.0)
        # 0 at the front of the compartment (transverse processes), 1 at the dorsal fascia
        t = np.clip((-16.0 - v) / 42.0, 0, 1)
        cleft = u - (at(_MULTIFIDUS_FRONT) * (1 - t) + at(_MULTIFIDUS_BACK) * t) - 2.5 * wobble
        second = u - (44.0 + 8.0 * t) * k - 3.0 * wobble
        low = ramp(phase, 2.5, 5.5)
        deep = np.exp(-(((v + 26.0) / 11.0) ** 2)) * np.exp(-((u / 22.0) ** 2))
        local = np.clip(infiltration * (0.45 + 0.8 * low * (cleft < 0) + 0.9 * deep) + 0.10 * deep, 0, 1.1)
        streaks = self._streaks(px, py, pz, u, v, mirror, points.field("bend", where))
        fatty = ramp(streaks, 1.9 - 2.3 * local, 3.0 - 2.0 * local) * (0.65 + 0.3 * local)
        width = np.maximum(0.3 + 2.4 * infiltration + 0.9 * wobble + 0.7 * low, 0.2)
        septum = 1 - ramp(np.abs(cleft), 0.35 * width, width + 0.5)
        septum = np.maximum(septum, 0.75 * (1 - ramp(np.abs(second), 0.2 * width, 0.7 * width + 0.4)))
        pocket = (
            np.exp(-(((u - at(_MULTIFIDUS_FRONT)) / 9.0) ** 2) - (((v + 20.0) / 5.0) ** 2)) * (0.5 + infiltration) * 1.5
        )
        along_bone = a.lamina_fat * np.exp(-(((v + 27.0 - 0.45 * u) / 3.5) ** 2)) * (u < 30)
        rest = self.noise(7, px, py, pz, (5.0, 5.0, 16.0))
        mix = np.maximum(np.maximum(fatty, septum), ramp(np.maximum(pocket, along_bone) + 0.16 * rest, 0.45, 0.85))
        mix = np.maximum(mix, np.clip(0.04 + 0.035 * streaks, 0, 0.2) + 0.1 * ramp(radius, 0.9, 1.0))
        canvas.paint(where, Label.MUSCLE, np.clip(mix, 0, 1))
        # fascia: a dark line at the dorsal edge
        edge = (radius > 1.0) & (v < -30)
        canvas.paint(where[edge], Label.FASCIA)
        canvas.paint(where[(radius > 1.0) & (v >= -30)], Label.FAT)

    def _streaks(self, x, y, z, u, v, mirror, bend):
        """Feathered streaks that fan out from the spinous process toward the dorsal fascia."""
        angle = np.arctan2(u + 6.0, -(v + 6.0))
        reach = np.hypot(u + 6.0, v + 6.0)
        fan = self.noise(9, angle * 30.0 + 2.2 * bend, reach * 0.28 + mirror * 200.0, z, (4.6, 5.0, 34.0))
        fine = self.noise(10, x, y, z, (3.0, 4.0, 16.0))
        return 0.85 * fan + 0.55 * fine
