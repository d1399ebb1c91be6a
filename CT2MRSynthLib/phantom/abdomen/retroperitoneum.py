"""Paint what runs and lies beside the great vessels: ureters, gonadal and mesenteric vessels, lymph nodes, strands."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.abdomen.tubes import Tube, spine_point
from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.tissues import Label

_SIDES = (-1, 1)
_NODES = 26


def superior_mesenteric(anatomy: Anatomy, phase) -> np.ndarray:
    """How far in front of the spine the superior mesenteric artery runs, mm."""
    away = 27.0 + 17.0 * anatomy.severity.fatness
    return np.interp(phase, [0.9, 1.4, 2.0, 2.8, 3.6], [25.0, away, away + 9, away + 19, away + 26])


class RetroperitonealPainter(Painter):
    """Paints the small structures in the fat around the great vessels of one subject."""

    def draw(self, rng: np.random.Generator) -> None:
        self.tubes = [*self._ureters(rng), *self._gonadal_vessels(rng), *self._mesenteric_vessels(rng)]
        self.nodes = self._lymph_nodes(rng)

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all of them into fat."""
        (u, v, phase), (x, y, z) = points.canal, points.position
        near = np.flatnonzero((canvas.label == Label.FAT) & (np.abs(u) < 85) & (v > 12) & (v < 110) & (phase > -1.5))
        if not near.size:
            return
        x, y, z = x[near], y[near], z[near]
        for center, half in self.nodes:
            close = np.flatnonzero(np.abs(z - center[2]) < half[2])
            close = close[np.abs(x[close] - center[0]) < half[0]]
            parts = ((c[close] - o) / h for c, o, h in zip((x, y, z), center, half, strict=True))
            canvas.paint(near[close[sum(p * p for p in parts) < 1]], Label.LYMPH_NODE)
        for tube, wall, content, thickness in self.tubes:
            where, _, distance, _ = tube.radius_at(x, y, z)
            canvas.paint(near[where[distance < 0]], wall)
            if content is not None:
                canvas.paint(near[where[distance < -thickness]], content)

    def _at(self, phase: float, u: float, ahead: float) -> np.ndarray:
        depth = np.interp(phase, np.arange(8), self.anatomy.body_depth)
        return spine_point(self.geometry, phase, u, depth + ahead)

    def _ureters(self, rng: np.random.Generator) -> list[tuple]:
        """From beside the lower kidney pole along psoas to where the iliac vessels divide."""
        result = []
        for side in _SIDES:
            n, full = rng.normal(0, 1, 10), rng.random()
            course = (
                (1.9, 42, 2),
                (2.6, 41, 4),
                (3.4, 39, 5),
                (4.2, 38, 8),
                (4.9, 37, 14),
                (5.5, 38, 20),
                (6.3, 48, 12),
            )
            points = [
                self._at(phase, side * (u * self.anatomy.scale + 2.5 * n[k] + 2 * n[9]), ahead + 1.5 * n[8])
                for k, (phase, u, ahead) in enumerate(course)
            ]
            # peristalsis: a stretch is full while the rest is collapsed
            radius = 1.5 + 1.1 * full * np.exp(-((np.arange(len(points)) - 6 * rng.random()) ** 2))
            result.append((Tube(points, radius), Label.LYMPH_NODE, Label.URINE, 0.9))
        return result

    def _gonadal_vessels(self, rng: np.random.Generator) -> list[tuple]:
        """Veins, beside each a thin artery, before psoas and across the ureter."""
        result = []
        for side in _SIDES:
            n, size = rng.normal(0, 1, 8), rng.uniform(1.1, 2.3)
            course = ((2.1, 26, 7), (2.9, 36, 8), (3.7, 43, 10), (4.5, 48, 14), (5.3, 54, 20), (6.2, 62, 30))
            spots = [
                (phase, side * (u + 2.5 * n[k] + 2 * n[7]), ahead + 1.2 * n[6])
                for k, (phase, u, ahead) in enumerate(course)
            ]
            vein = Tube([self._at(*s) for s in spots], size)
            artery = Tube([self._at(p, u + side * 3.0, ahead + 1.5) for p, u, ahead in spots], 0.8)
            result += [(vein, Label.VEIN, None, 0.0), (artery, Label.ARTERY, None, 0.0)]
        return result

    def _mesenteric_vessels(self, rng: np.random.Generator) -> list[tuple]:
        """Superior mesenteric artery and vein before the duodenum, inferior ones to the left of the aorta."""
        n = rng.normal(0, 1, 12)
        phases = (0.9, 1.4, 2.0, 2.8, 3.6)
        across = (-5 + 2 * n[0], -4 + 2 * n[1], -2 + 2 * n[2], 4 + 4 * n[3], 10 + 5 * n[4])
        artery = list(zip(across, superior_mesenteric(self.anatomy, np.array(phases)), strict=True))
        vein = [(u + 13 + 2 * n[5], ahead + 3 + 2 * n[6]) for u, ahead in artery]
        lower = [(2.6, -9, 22), (3.2, -20, 20), (4.0, -25 + 2 * n[7], 17), (4.9, -22 + 3 * n[8], 18), (5.8, -14, 22)]
        beside = [(1.9, -30, 30), (2.8, -31 + 2 * n[9], 20), (3.6, -33 + 2 * n[10], 16), (4.6, -30, 17), (5.5, -22, 20)]
        tubes = (
            (zip(phases, *zip(*artery, strict=True), strict=True), [4.2, 3.8, 3.4, 2.8, 2.0], Label.ARTERY),
            (zip(phases, *zip(*vein, strict=True), strict=True), [6.0, 6.0, 5.2, 4.4, 3.2], Label.VEIN),
            (lower, [1.9, 1.8, 1.6, 1.4, 1.2], Label.ARTERY),
            (beside, [2.6, 2.4, 2.2, 1.9, 1.6], Label.VEIN),
        )
        factor = self.anatomy.scale * rng.uniform(0.85, 1.15)
        return [
            (Tube([self._at(*s) for s in spots], np.array(r) * factor), label, None, 0.0) for spots, r, label in tubes
        ]

    def _lymph_nodes(self, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
        """Small ovals beside, between and before the vessels: centers and half axes in mm."""
        nodes = []
        for _ in range(_NODES):
            phase, side, out, ahead = rng.uniform(0.8, 5.6), rng.choice(_SIDES), rng.uniform(20, 36), rng.uniform(1, 15)
            u = side * (out - 4) if phase < 4.4 else side * (24 + 10 * (phase - 4.4) + out - 20)
            half = np.exp(rng.normal(0.75, 0.32)) * np.array([1.0, 0.85, 1.6]) * rng.uniform(0.8, 1.25, 3)
            nodes.append((self._at(phase, u, ahead).astype(np.float32), half.astype(np.float32)))
        return nodes
