"""Paint everything around the spine: torso, muscles with fat septa, vessels, kidneys, bowel, iliac wings."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom import bones
from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import NoiseSpace
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


class SoftTissuePainter:
    """Paints what surrounds the spine of one subject.

    Args:
        anatomy: Parameters.
        geometry: Frames of the spine.
        noise: Random fields.
        rng: For sizes of torso and organs.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise
        a = anatomy
        self.back_fat = 5.0 + 42.0 * a.fatness**1.4
        self.side_fat = 6.0 + 40.0 * a.fatness**1.5
        self.front_fat = 7.0 + 34.0 * a.fatness**1.3
        self.half_width = (128 + 8 * a.male) * a.scale + 0.9 * self.side_fat + 20 * a.fatness
        self.half_depth = (86 + 4 * a.male) * a.scale + 0.5 * (self.back_fat + self.front_fat) + 26 * a.fatness
        self.wall = rng.uniform(9, 15) * (1 - 0.25 * (a.age > 60))
        self.bowel_level = float(rng.uniform(-0.9, 0.3) + 1.2 * (a.fatness - 0.4))
        self.gas_level = float(rng.uniform(0.9, 2.0))
        self.kidney = [
            (
                side * rng.uniform(55, 66) * a.scale**0.5,
                rng.uniform(0, 14),
                rng.uniform(1.7, 2.5),
                rng.uniform(24, 30),
                rng.uniform(22, 28),
                rng.uniform(48, 58),
            )
            for side in (-1, 1)
        ]
        self.back_line = float(geometry.vertebrae[3].origin[1])
        self.sacrum_height = geometry.vertebrae[bones.SACRUM].origin[2]

    def middle(self) -> tuple[float, float]:
        """World x, y of the torso's axis at the height of L3."""
        return 0.0, float(-(58 * self.anatomy.scale + self.back_fat) - self.anatomy.body_depth[3] / 2 + self.half_depth)

    def paint(self, canvas: Canvas, x, y, z, spine, slow: dict) -> None:
        """Paint torso and organs.

        Args:
            canvas: Receives the tissue.
            x, y, z: Warped world coordinates, flat.
            spine: Position of the posterior wall at each point's height (x, y) and the phase, flat.
            slow: Slow random fields by name, flat.
        """
        u, v, phase = x - spine[0], y - spine[1], spine[2]
        inside = self._paint_torso(canvas, x, y - 0.8 * np.clip(spine[1] - self.back_line, -22, 12), slow)
        self._paint_bowel(canvas, inside, u, v, x, y, z, slow)
        self._paint_kidneys(canvas, u, v, z)
        self._paint_vessels(canvas, u, v, phase)
        self._paint_psoas(canvas, u, v, phase, x, y, z, slow)
        self._paint_back(canvas, u, v, phase, x, y, z, slow)
        self._paint_ilium(canvas, u, v, x, y, z)

    def _paint_torso(self, canvas: Canvas, x, y, slow: dict):
        """Air, skin, subcutaneous fat, abdominal wall; returns the indices inside the wall."""
        v = y - self.middle()[1]
        radius = (np.abs(x / self.half_width) ** 2.4 + np.abs(v / self.half_depth) ** 2.4) ** np.float32(1 / 2.4)
        ray = np.sqrt(x * x + v * v)
        groove = 6.0 * np.exp(-((x / 14.0) ** 2)) * (v < 0)
        depth = ray / np.maximum(radius, 1e-3) - ray - groove
        dorsal, ventral = np.clip(-v / self.half_depth, 0, 1) ** 2, np.clip(v / self.half_depth, 0, 1) ** 2
        fat = self.back_fat * dorsal + self.front_fat * ventral + self.side_fat * (1 - dorsal - ventral)
        wall = self.wall * (1 - 0.35 * ventral) * np.clip(1 - 2.2 * dorsal, 0, 1)
        body = depth > 0
        canvas.paint(np.flatnonzero(body), Label.SUBCUTANEOUS_FAT)
        canvas.paint(np.flatnonzero(body & (depth < 1.8)), Label.SKIN)
        muscle = np.flatnonzero((depth > fat) & (depth < fat + wall))
        layers = np.abs(np.sin((depth[muscle] - fat[muscle]) / np.maximum(wall[muscle], 1.0) * 3 * np.pi)) < 0.15
        canvas.paint(muscle, Label.MUSCLE, np.where(layers, 0.6, 0.05))
        inside = np.flatnonzero(depth >= fat + wall)
        canvas.paint(inside, Label.FAT, self._strands(inside, slow))
        return inside

    def _strands(self, where, slow: dict):
        """Share of fine vessels and septa in fat."""
        strand = np.abs(slow["strand"][where])
        return np.clip(0.06 + 0.5 * (1 - ramp(strand, 0.0, 0.28)) * ramp(slow["septum"][where], -0.6, 0.8), 0, 1)

    def _paint_bowel(self, canvas: Canvas, inside, u, v, x, y, z, slow: dict) -> None:
        """Loops of bowel in mesenteric fat, some with gas, in front of the vessels and beside the spine."""
        a = self.anatomy
        front = a.body_depth[3] + 4.0 + 22.0 * a.fatness
        keep = inside[(v[inside] > front - 0.010 * (np.maximum(np.abs(u[inside]) - 20 - 40 * a.fatness, 0)) ** 2)]
        if not keep.size:
            return
        px, py, pz = x[keep], y[keep], z[keep]
        loops = slow["loops"][keep]
        level = self.bowel_level
        canvas.paint(keep[loops > level], Label.BOWEL_WALL)
        content = loops > level + 0.30
        fill = slow["gas"][keep[content]] + 0.012 * (py[content] - 40)
        colon = 1.4 * slow["colon"][keep[content]]
        crumbs = ramp(self.noise(3, px[content], py[content], pz[content], 6.0) + colon, 2.2, 3.4) * 0.5
        canvas.paint(keep[content], Label.BOWEL_CONTENT, crumbs)
        canvas.paint(keep[content][fill > self.gas_level], Label.GAS)

    def _paint_kidneys(self, canvas: Canvas, u, v, z) -> None:
        for cu, cv, level, ra, rb, rc in self.kidney:
            pose = self.geometry.vertebrae[int(level)]
            cz = pose.origin[2] - (level - int(level)) * 34.0
            near = np.flatnonzero((np.abs(u - cu) < 40) & (np.abs(z - cz) < 62) & (np.abs(v - cv) < 40))
            if not near.size:
                continue
            side = np.sign(cu)
            dz = z[near] - cz
            du, dv = (u[near] - cu) * side + 0.2 * dz, v[near] - cv
            du, dv = 0.87 * du - 0.5 * dv, 0.5 * du + 0.87 * dv
            radius = np.sqrt((du / ra) ** 2 + (dv / rb) ** 2 + (dz / rc) ** 2)
            pyramids = np.where((radius < 0.75) & (np.sin(5 * np.arctan2(dv, du) + dz / 6) > 0), 1.0, 0.0)
            canvas.paint(near[radius < 1], Label.KIDNEY, pyramids[radius < 1])
            sinus = np.sqrt(((du + 0.45 * ra) / (0.6 * ra)) ** 2 + (dv / (0.36 * rb)) ** 2 + (dz / (0.55 * rc)) ** 2)
            canvas.paint(near[sinus < 1], Label.FAT)

    # -- vessels --------------------------------------------------------------------------------------------------

    def _paint_vessels(self, canvas: Canvas, u, v, phase) -> None:
        a, vessel = self.anatomy, self.anatomy.vessel
        depth = np.interp(phase, np.arange(8), a.body_depth)
        near = np.flatnonzero((np.abs(u) < 75) & (v > 8) & (v < 110) & (phase > -2.4))
        u, ahead, phase = u[near], (v - depth)[near], phase[near]
        self._paint_crura(canvas, near, u, ahead, phase)
        for (su, sv, radius), (drift_u, drift_v) in zip(vessel["small"], vessel["drift"], strict=True):
            distance = np.hypot(u - su - drift_u * (phase - 3), ahead + 24 - sv - drift_v * (phase - 3))
            canvas.paint(near[distance < radius], Label.VEIN if radius > 1.6 else Label.ARTERY)
        split = np.clip(phase - vessel["confluence"], 0, None)
        for side in (-1, 1):
            cu = np.where(split > 0, vessel["cava_u"] * 0.6 + side * (8 + 20 * split), vessel["cava_u"])
            flat = np.where(split > 0, 0.75, 1.0)
            cv = np.where(split > 0, 8.0, 9.0) - 5.0 * split
            shape = superellipse(u - cu, ahead - cv + 4.0, vessel["cava_a"] * flat, vessel["cava_b"] * flat)[1]
            canvas.paint(near[shape < 1.0], Label.VEIN)
        split = np.clip(phase - vessel["bifurcation"], 0, None)
        for side in (-1, 1):
            cu = vessel["aorta_u"] * np.exp(-split) + side * np.where(split > 0, 5.5 + 21 * split, 0)
            radius = np.where(split > 0, 0.62, 1.0) * vessel["aorta_r"]
            cv = vessel["aorta_gap"] + radius - 1.5 * split
            distance = np.hypot(u - cu, ahead - cv) - radius
            canvas.paint(near[distance < 1.2], Label.FASCIA)
            canvas.paint(near[distance < 0], Label.ARTERY)
            if a.calcification > 0.02:
                around = np.sin(3 * np.arctan2(ahead - cv, u - cu) + 9 * phase + side)
                plaque = (np.abs(distance) < 1.0) & (around > 1.25 - 1.1 * a.calcification)
                plaque &= np.sin(17 * phase + 2 * side) + np.sin(29.3 * phase) > 0.5 - 1.5 * a.calcification
                canvas.paint(near[plaque], Label.CALCIFICATION)

    def _paint_crura(self, canvas: Canvas, near, u, ahead, phase) -> None:
        """Crura of the diaphragm beside the aorta down to L2 or L3."""
        thick = 4.5 * np.clip((3.1 - phase) / 1.2, 0, 1)
        line, _ = segment2d(np.abs(u), ahead, (9.0, 3.0), (20.0, -8.0))
        canvas.paint(near[line < thick], Label.MUSCLE, 0.04)

    # -- muscles --------------------------------------------------------------------------------------------------

    def _paint_psoas(self, canvas: Canvas, u, v, phase, x, y, z, slow: dict) -> None:
        a = self.anatomy
        near = np.flatnonzero((np.abs(u) < 95) & (v > -32) & (v < 66))
        u, v, phase = np.abs(u[near]), v[near], phase[near]

        def at(values):
            return np.interp(phase, _PHASE, values)

        half_body = np.interp(phase, np.arange(8), a.body_width) / 2
        k = a.psoas * a.scale**0.5
        ripple = 1.8 * slow["psoas"][near]
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
        fatty = ramp(streak, 1.9 - 1.1 * a.infiltration, 3.2) * 0.8
        edge = ramp(np.minimum(np.minimum(shape[hit], quadratus[hit]), 0.4 + 0.6 * between[hit]), 0.93, 1.0) * 0.12
        gap = (0.10 + 0.10 * a.infiltration) * np.clip(0.7 + 0.7 * streak, 0.05, 2.5)
        seam = 1 - ramp(np.abs(between[hit] - 1), 0.3 * gap, gap)
        edge = np.maximum(edge, np.clip(0.03 + 0.03 * streak, 0, 0.2))
        edge = np.maximum(edge, np.where(shape[hit] < 0.95, 0, 0.8 * seam))
        canvas.paint(where, Label.MUSCLE, np.maximum(fatty, edge))

    def _paint_back(self, canvas: Canvas, u, v, phase, x, y, z, slow: dict) -> None:
        """Multifidus, longissimus, iliocostalis in their fascia, with fat between, in and under them."""
        a = self.anatomy
        near = np.flatnonzero((np.abs(u) < 92) & (v > -85) & (v < -4))
        if not near.size:
            return
        side, u, v, phase = u[near], np.abs(u[near]), v[near], phase[near]

        def at(values):
            return np.interp(phase, _PHASE, values)

        k = a.back_muscle * a.scale**0.7
        ripple = 1.6 * slow["back"][near]
        radius = superellipse(
            u - at(_BACK_A) * k, v + ripple - at(_BACK_V) * k, at(_BACK_A) * k + 0.5, at(_BACK_B) * k, 2.5
        )[1]
        hit = np.flatnonzero(radius < 1.04)
        where = near[hit]
        side, u, v, phase, radius = side[hit], u[hit], v[hit], phase[hit], radius[hit]
        px, py, pz = x[where], y[where], z[where]

        def at(values):
            return np.interp(phase, _PHASE, values)

        wobble = slow["septum"][where]
        mirror = np.where(side > 0, 1.0, -1.0)
        # 0 at the front of the compartment (transverse processes), 1 at the dorsal fascia
        t = np.clip((-16.0 - v) / 42.0, 0, 1)
        cleft = u - (at(_MULTIFIDUS_FRONT) * (1 - t) + at(_MULTIFIDUS_BACK) * t) - 2.5 * wobble
        second = u - (44.0 + 8.0 * t) * k - 3.0 * wobble
        low = ramp(phase, 2.5, 5.5)
        deep = np.exp(-(((v + 26.0) / 11.0) ** 2)) * np.exp(-((u / 22.0) ** 2))
        local = np.clip(a.infiltration * (0.45 + 0.8 * low * (cleft < 0) + 0.9 * deep) + 0.10 * deep, 0, 1.1)
        streaks = self._streaks(px, py, pz, u, v, mirror, slow["bend"][where])
        fatty = ramp(streaks, 1.9 - 2.3 * local, 3.0 - 2.0 * local) * (0.65 + 0.3 * local)
        width = np.maximum(0.3 + 2.4 * a.infiltration + 0.9 * wobble + 0.7 * low, 0.2)
        septum = 1 - ramp(np.abs(cleft), 0.35 * width, width + 0.5)
        septum = np.maximum(septum, 0.75 * (1 - ramp(np.abs(second), 0.2 * width, 0.7 * width + 0.4)))
        pocket = (
            np.exp(-(((u - at(_MULTIFIDUS_FRONT)) / 9.0) ** 2) - (((v + 20.0) / 5.0) ** 2))
            * (0.5 + a.infiltration)
            * 1.5
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

    def _paint_ilium(self, canvas: Canvas, u, v, x, y, z) -> None:
        height = z - self.sacrum_height
        near = np.flatnonzero((height < 56) & (np.abs(u) > 26) & (v > -60) & (v < 70))
        if not near.size:
            return
        distance = bones.ilium(u[near], v[near], height[near], self.anatomy.scale)
        gluteal = (distance < 28) & (v[near] < 30) & (np.abs(u[near]) > 50) & (height[near] < 20)
        outside = gluteal & (v[near] < np.abs(u[near]) * 0.8 - 60)
        canvas.paint(
            near[outside & (canvas.label[near] == Label.SUBCUTANEOUS_FAT) & (distance < 22)], Label.MUSCLE, 0.08
        )
        hit = np.flatnonzero(distance < 0)
        cortex = 1 - ramp(-distance[hit], 1.2, 2.2)
        texture = 0.05 + 0.05 * self.noise(11, x[near[hit]], y[near[hit]], z[near[hit]], (3, 3, 5))
        canvas.paint(near[hit], Label.MARROW, np.clip(np.maximum(cortex, texture), 0, 1))
