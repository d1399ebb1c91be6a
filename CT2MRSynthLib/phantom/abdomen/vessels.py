"""Paint aorta, vena cava and iliac vessels with their walls and plaques, and the crura of the diaphragm."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.abdomen.tubes import Tube, spine_point
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import segment2d
from CT2MRSynthLib.phantom.tissues import Label

#: Sides in the order of all pairs below: the patient's left (negative u) first.
SIDES = (-1, 1)
_PLAQUE = 112


class VesselPainter(Painter):
    """Paints the large vessels of one subject."""

    def draw(self, rng: np.random.Generator) -> None:
        anatomy = self.anatomy
        self.old = float(np.clip((anatomy.severity.age - 22) / 64, 0, 1))
        # vessels reach below the bifurcation in phases of the spine: L4 is 4.0, the disc below it 4.5
        self.bifurcation = float(np.clip(rng.normal(4.1, 0.28), 3.5, 4.75))
        self.confluence = float(np.clip(self.bifurcation + rng.uniform(0.25, 0.8), 4.3, 5.1))
        self.aorta, self.iliac_arteries = self._build_arteries(rng)
        self.cava, self.iliac_veins = self._build_veins(rng)
        self.crus = rng.uniform([3.2, 6, -11], [5.4, 10, -7], (2, 3)).astype(np.float32)
        self.crus_end = np.array([rng.uniform(1.6, 2.3), rng.uniform(2.2, 3.2)], dtype=np.float32)

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint the vessels and the crura of the diaphragm."""
        x, y, z = points.position
        u, v, phase = points.spine
        front = np.flatnonzero((np.abs(u) < 95) & (v > 8) & (v < 115))
        if not front.size:
            return
        self._paint_crura(canvas, front, u[front], v[front], phase[front])
        near = (x[front], y[front], z[front])
        for tube in (*self.iliac_veins, self.cava):
            where, relative, _, _ = tube.radius_at(*near)
            canvas.paint(front[where[relative < 1]], Label.VEIN)
        for tube in (*self.iliac_arteries, self.aorta):
            self._paint_artery(canvas, front, near, tube)

    def _paint_artery(self, canvas: Canvas, front, near, tube: Tube) -> None:
        """Blood, wall and plaques of one artery."""
        wall = 0.8 + 0.7 * self.old
        where, _, distance, angle = tube.radius_at(*near, margin=wall + 0.5)
        vessel = front[where[distance < wall]]
        canvas.paint(vessel, Label.FASCIA)
        canvas.paint(front[where[distance < 0]], Label.ARTERY)
        calcification = self.anatomy.severity.calcification
        rim = np.flatnonzero((distance < wall) & (distance > -3.5))
        if calcification < 0.02 or not rim.size:
            return
        x, y, z = (c[where[rim]] for c in near)
        # plaques lie where the flow turns: on the back wall and toward the bifurcation
        patch = 1.3 * self.noise(_PLAQUE, x, y, z, (11.0, 11.0, 20.0)) - 0.35 * np.sin(angle[rim])
        patch += 0.6 * self.noise(_PLAQUE + 1, x, y, z, 5.0)
        excess = patch - (2.9 - 3.0 * calcification**0.6)
        thickness = np.minimum(0.5 + 0.9 * excess, 0.6 + 2.2 * calcification)
        plaque = (excess > 0) & (distance[rim] > wall - 0.5 - thickness)
        canvas.paint(front[where[rim[plaque]]], Label.CALCIFICATION)

    def _paint_crura(self, canvas: Canvas, front, u, v, phase) -> None:
        """Crura of the diaphragm between aorta and bodies: to L2 on the left, to L3 on the right."""
        upper = np.flatnonzero((phase < 3.4) & (np.abs(u) < 34))
        u, phase = u[upper], phase[upper]
        ahead = v[upper] - np.interp(phase, np.arange(8), self.anatomy.body_depth).astype(np.float32)
        for side, (thick, inner, back), end in zip(SIDES, self.crus, self.crus_end, strict=True):
            width = thick * np.clip((end + 0.3 - phase) / 1.3, 0, 1.3)
            line, t = segment2d(side * u, ahead, (inner, 3.5), (21.0, back))
            hit = np.flatnonzero(line < width * (0.8 + 0.5 * t))
            canvas.paint(front[upper[hit]], Label.MUSCLE, 0.04)

    def _at(self, phase: float, u: float, ahead: float) -> np.ndarray:
        depth = np.interp(phase, np.arange(8), self.anatomy.body_depth)
        return spine_point(self.geometry, phase, u, depth + ahead)

    def _build_arteries(self, rng: np.random.Generator) -> tuple[Tube, list[Tube]]:
        a, old = self.anatomy, self.old
        radius = (7.6 + 0.8 * a.severity.male + 1.6 * old) * a.scale * rng.normal(1, 0.07)
        knots = np.linspace(-2.2, self.bifurcation, 9)
        bend, gap = rng.normal(0, 1, 3), rng.uniform(0.5, 4.0)
        phases = rng.uniform(0, 1, 2)
        u = np.interp(knots, [-2, 0, 1.5, 3, 4.3], [-4, -5, -8, -8, -4]) + 2.5 * bend[0]
        wave = np.sin(2 * np.pi * (knots / 2.6 + phases[0])) * np.clip(knots, 0, 1.5)
        u = u + wave * (0.8 + 4.5 * old**2) * abs(bend[1])
        wide = np.interp(knots, [-2, 1, 4], [1.12, 1.0, 0.86])
        bulge = np.exp(-(((knots - 3.2) / 0.6) ** 2)) * np.clip(bend[2] - 0.6, 0, 1.6) * old
        r = radius * (wide + 0.35 * bulge)
        drape = np.abs(np.sin(np.pi * (knots / 2.2 + phases[1]))) * (0.6 + 2.6 * old**2)
        ahead = gap + np.interp(knots, [-1, 1, 2.5], [1.0, 2.6, 0.0]) + drape + r
        aorta = Tube([self._at(*p) for p in zip(knots, u, ahead, strict=True)], np.column_stack([r, r]))
        iliacs = []
        for side in SIDES:
            first = (self.bifurcation - 0.06, u[-1] + side * 0.45 * r[-1], ahead[-1])
            iliacs += self._iliac_arteries(rng, side, first, 0.62 * r[-1])
        return aorta, iliacs

    def _iliac_arteries(self, rng: np.random.Generator, side: int, first: tuple, radius: float) -> list[Tube]:
        """Common and external, and internal iliac artery of one side."""
        scale, old = self.anatomy.scale, self.old
        out, front, swing = rng.normal(0, 2.5, 2), rng.uniform(-1, 4), rng.normal(0, 1, 3)
        fork = float(np.clip(rng.normal(5.55, 0.2), 5.15, 5.95))
        middle = (first[0] + fork) / 2
        lateral = (17 + 0.25 * first[1] * side + out[0], 37 * scale + out[1])
        common = [
            self._at(*first),
            self._at(middle, side * lateral[0] + 4 * old * swing[0], first[2] * 0.75 + 3 * old * abs(swing[1])),
            self._at(fork, side * lateral[1], 7.0 + front),
        ]
        end = common[-1]
        outer = [end + np.array(o) * [side, 1, 1] for o in ((9, 6, -32), (20, 24, -72), (32, 48, -120))]
        inner = [end + np.array(o) * [side, 1, 1] for o in ((0, 0, 3), (2, -14, -24), (7, -38, -62), (8, -48, -100))]
        thin = radius * 0.75
        return [
            Tube([*common, *outer], [radius, radius, radius * 0.95, thin, thin, thin]),
            Tube(inner, [0.62 * radius, 0.6 * radius, 0.45 * radius, 0.35 * radius]),
        ]

    def _build_veins(self, rng: np.random.Generator) -> tuple[Tube, list[Tube]]:
        a = self.anatomy
        wide, flat = rng.uniform(10.5, 13.5) * a.scale, rng.uniform(0.42, 0.95)
        knots = np.linspace(-2.2, self.confluence, 9)
        shape = np.clip(flat + rng.normal(0, 0.07, knots.size), 0.35, 1.0)
        drift, gap = rng.normal(0, 1.8, 2), rng.uniform(0.5, 3.0)
        u = np.interp(knots, [-2, 0, 1.5, 3, 4.7], [20, 17, 16, 17, 9]) + drift[0] + drift[1] * np.sin(1.7 * knots)
        # the same blood in a flatter vessel: wider from side to side
        lateral = wide * np.interp(shape, [0.35, 1.0], [1.12, 0.86]) * np.interp(knots, [-2, 1, 4.7], [1.15, 1.1, 1.0])
        front = shape * lateral
        # the rounded front of the bodies recedes beside the midline
        gap = gap - 0.022 * np.maximum(u, 0) ** 2 * np.clip(knots, 0, 1)
        ahead = gap + front + np.interp(knots, [-2, -0.5, 1, 2.5, 4.7], [22, 10, 4, 1, 0])
        cava = Tube([self._at(*p) for p in zip(knots, u, ahead, strict=True)], np.column_stack([lateral, front]))
        veins = []
        for side in SIDES:
            first = (self.confluence - 0.08, u[-1] + 0.3 * side * lateral[-1], ahead[-1])
            veins += self._iliac_veins(rng, side, first, rng.uniform(5.8, 7.4) * a.scale, rng.uniform(0.65, 0.95))
        return cava, veins

    def _iliac_veins(self, rng: np.random.Generator, side: int, first: tuple, radius: float, flat: float) -> list[Tube]:
        """Common and external, and internal iliac vein of one side; the left one crosses the front of L5."""
        fork, out = float(np.clip(rng.normal(5.7, 0.15), 5.4, 6.0)), rng.normal(0, 2, 2)
        middle = (first[0] + fork) / 2
        lateral = 0.5 * (first[1] + side * 34) + out[0]
        common = [
            self._at(*first),
            self._at(middle, lateral, max(0.62 * first[2], flat * radius + 0.8)),
            self._at(fork, side * 34 * self.anatomy.scale + out[1], 0.5),
        ]
        end = common[-1]
        outer = [end + np.array(o) * [side, 1, 1] for o in ((8, 3, -30), (20, 16, -68), (33, 40, -118))]
        inner = [end + np.array(o) * [side, 1, 1] for o in ((-1, -1, 3), (0, -18, -26), (7, -42, -62), (8, -50, -100))]
        size = radius * np.array([1.15, 1.1, 1.0, 0.95, 0.95, 0.95])
        return [
            Tube([*common, *outer], np.column_stack([size, size * np.array([flat, flat, 0.9, 0.95, 0.95, 0.95])])),
            Tube(inner, [0.75 * radius, 0.7 * radius, 0.6 * radius, 0.5 * radius]),
        ]
