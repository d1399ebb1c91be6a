"""Paint the organs of the abdomen: bowel with gas, kidneys."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.kidneys import KidneyPainter
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label


class AbdomenPainter:
    """Paints the abdominal organs of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise
        fatness = anatomy.severity.fatness
        self.bowel_level = float(rng.uniform(-0.9, 0.3) + 1.2 * (fatness - 0.4))
        self.gas_level = float(rng.uniform(0.9, 2.0))
        self.kidneys = KidneyPainter(anatomy, geometry, noise, rng)

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all organs into the fat of the abdomen."""
        self._paint_bowel(canvas, points)
        self.kidneys.paint(canvas, points)

    def _paint_bowel(self, canvas: Canvas, points: Points) -> None:
        """Loops of bowel in mesenteric fat, some with gas, in front of the vessels and beside the spine."""
        a, fatness = self.anatomy, self.anatomy.severity.fatness
        (u, v, _), (x, y, z) = points.spine, points.position
        inside = np.flatnonzero(canvas.label == Label.FAT)
        front = a.body_depth[3] + 4.0 + 22.0 * fatness
        keep = inside[(v[inside] > front - 0.010 * (np.maximum(np.abs(u[inside]) - 20 - 40 * fatness, 0)) ** 2)]
        if not keep.size:
            return
        px, py, pz = x[keep], y[keep], z[keep]
        loops = points.field("loops", keep)
        level = self.bowel_level
        canvas.paint(keep[loops > level], Label.BOWEL_WALL)
        content = loops > level + 0.30
        fill = points.field("gas", keep[content]) + 0.012 * (py[content] - 40)
        colon = 1.4 * points.field("colon", keep[content])
        crumbs = ramp(self.noise(3, px[content], py[content], pz[content], 6.0) + colon, 2.2, 3.4) * 0.5
        canvas.paint(keep[content], Label.BOWEL_CONTENT, crumbs)
        canvas.paint(keep[content][fill > self.gas_level], Label.GAS)
