"""Paint lumbar arteries and veins around the waist of each body, and the ascending lumbar veins."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp, superellipse
from CT2MRSynthLib.phantom.tissues import Label

_WAVE = 127
#: Vertebrae with lumbar vessels of their own: L1 to L4.
_VERTEBRAE = (1, 2, 3, 4)


class LumbarVesselPainter(Painter):
    """Paints the lumbar vessels of one subject between the bodies and psoas."""

    def draw(self, rng: np.random.Generator) -> None:
        count = (len(_VERTEBRAE), 2)
        self.artery_at, self.vein_at = rng.normal(0.0, 1.5, count), rng.normal(-3.2, 1.2, count)
        self.artery_size, self.vein_size = rng.uniform(0.7, 1.1, count), rng.uniform(0.9, 1.7, count)
        self.ascending = rng.uniform([8.0, 3.0, 0.8], [12.0, 8.0, 1.5], (2, 3))

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint the vessels into fat and the edge of psoas."""
        u, v, phase = points.canal
        near = np.flatnonzero((np.abs(u) < 40) & (v > -4) & (v < 52) & (phase > 0.5) & (phase < 5.2))
        label = canvas.label[near]
        near = near[(label == Label.FAT) | (label == Label.MUSCLE)]
        if not near.size:
            return
        u, v, phase = u[near], v[near], phase[near]
        x, y, z = (c[near] for c in points.position)
        half = (np.interp(phase, np.arange(8), self.anatomy.body_width) / 2).astype(np.float32)
        depth = np.interp(phase, np.arange(8), self.anatomy.body_depth).astype(np.float32)
        side = (u > 0).astype(np.intp)
        for row, vertebra in enumerate(_VERTEBRAE):
            waist = np.flatnonzero(np.abs(phase - vertebra) < 0.3)
            if waist.size:
                part = (c[waist] for c in (near, u, v, phase, half, depth, side, x, y, z))
                self._paint_segment(canvas, row, vertebra, *part)
        behind = np.flatnonzero((v < 6) & (np.abs(u) > 8))
        out, back, size = self.ascending.T[:, side[behind]].astype(np.float32)
        sway = 1.5 * self.noise(_WAVE, x[behind], y[behind], z[behind], 30.0)
        u, v, half = np.abs(u[behind]), v[behind], half[behind]
        ascending = np.hypot(u - half + 6.0 - 0.4 * out + sway, v + 1.0 - 0.3 * back) < size
        canvas.paint(near[behind[ascending]], Label.VEIN)

    def _paint_segment(self, canvas: Canvas, row: int, vertebra: int, near, u, v, phase, half, depth, side, x, y, z):
        """Artery and vein of one vertebra: bands along its waist, from the front to the foramen."""
        outline, _ = superellipse(u, v - depth / 2, half - 2.0, depth / 2, 2.1)
        # the vessels sink a little on their way back
        height = (vertebra - phase) * np.float32(34.0) + 0.12 * (depth / 2 - v)
        height = height + 1.2 * self.noise(_WAVE, x, y, z, 24.0)
        along = ramp(v, -2.0, 3.0) * (1 - ramp(v - depth, -6.0, 2.0))
        for at, size, label in (
            (self.vein_at, self.vein_size, Label.VEIN),
            (self.artery_at, self.artery_size, Label.ARTERY),
        ):
            radius = size[row].astype(np.float32)[side]
            center = at[row].astype(np.float32)[side]
            inside = np.hypot(outline - 1.0 - radius, height - center) < radius * along
            canvas.paint(near[inside], label)
