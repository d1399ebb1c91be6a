"""Paint the ligaments between the spinous processes."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label


class LigamentPainter(Painter):
    """Paints the interspinous and supraspinous ligaments of one subject."""

    def draw(self, rng: np.random.Generator) -> None:
        anatomy = self.anatomy
        old = (anatomy.severity.age - 22) / 64
        self._half = float(rng.uniform(1.8, 3.0))
        self._fat = float(np.clip(rng.normal(0.25 + 0.25 * old, 0.12), 0.05, 0.8))

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint the ligaments where muscle would be."""
        k = self.anatomy.scale
        u, v, phase = points.canal
        end = -26.0 * k**0.5 - 1.02 * self.anatomy.spinous_length
        near = np.flatnonzero((np.abs(u) < 5) & (v < -22 * k) & (v > end - 3) & (phase < 5.9))
        near = near[canvas.label[near] == Label.MUSCLE]
        if not near.size:
            return
        u, v, phase = u[near], v[near], phase[near]
        x, y, z = (c[near] for c in points.position)
        sway = 0.9 * self.noise(92, x, y, z, (40.0, 16.0, 22.0))
        half = self._half * (1 + 0.25 * self.noise(93, x, y, z, (30.0, 9.0, 14.0))) * k
        inside = np.abs(u - sway) < half
        # fibers run up and back; between them lies fat, and a thin layer of it on either side
        streak = self.noise(94, u, v - 9.0 * phase, 33.0 * phase, (2.2, 7.0, 12.0))
        fat = np.clip(self._fat + 0.3 * streak, 0, 0.95)
        fat = np.where(np.abs(u - sway) > half - 0.6, np.maximum(fat, 0.6), fat)
        # the supraspinous ligament is taut and dark
        fat = fat * ramp(v, end - 1.0, end + 3.0)
        canvas.paint(near[inside], Label.LIGAMENT, fat[inside])
