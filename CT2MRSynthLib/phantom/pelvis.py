"""Paint the iliac wings and the gluteal muscles."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom import bones
from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label


class PelvisPainter:
    """Paints the pelvis of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise
        self.sacrum_height = geometry.vertebrae[bones.SACRUM].origin[2]

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint iliac wings and gluteal muscles."""
        (u, v, _), (x, y, z) = points.spine, points.position
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
