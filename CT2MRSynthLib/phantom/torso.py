"""Paint the torso: skin, subcutaneous fat, abdominal wall, and the fat inside."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label


class TorsoPainter:
    """Paints the torso of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise
        a, s = anatomy, anatomy.severity
        self.back_fat = 5.0 + 42.0 * s.fatness**1.4
        self.side_fat = 6.0 + 40.0 * s.fatness**1.5
        self.front_fat = 7.0 + 34.0 * s.fatness**1.3
        self.half_width = (128 + 8 * s.male) * a.scale + 0.9 * self.side_fat + 20 * s.fatness
        self.half_depth = (86 + 4 * s.male) * a.scale + 0.5 * (self.back_fat + self.front_fat) + 26 * s.fatness
        self.wall = rng.uniform(9, 15) * (1 - 0.25 * (s.age > 60))
        self.back_line = float(geometry.vertebrae[3].origin[1])

    def middle(self) -> tuple[float, float]:
        """World x, y of the torso's axis at the height of L3."""
        return 0.0, float(-(58 * self.anatomy.scale + self.back_fat) - self.anatomy.body_depth[3] / 2 + self.half_depth)

    def depth(self, x, y, z):
        """Depth under the skin in mm at world positions, negative in the air; approximate far from the skin."""
        return self._depth(x, self._straight(y, self.geometry.spine_at_height(z)[1]))

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint skin, subcutaneous fat and the abdominal wall; what is inside it becomes fat."""
        x, y, _ = points.position
        v = self._straight(y, y - points.spine[1])
        depth = self._depth(x, v)
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
        canvas.paint(inside, Label.FAT, self._strands(inside, points))

    def _straight(self, y, spine_y):
        """Front-back position from the torso's axis, which follows the lordosis of the spine in part."""
        return y - 0.8 * np.clip(spine_y - self.back_line, -22, 12) - self.middle()[1]

    def _depth(self, x, v):
        radius = (np.abs(x / self.half_width) ** 2.4 + np.abs(v / self.half_depth) ** 2.4) ** np.float32(1 / 2.4)
        ray = np.sqrt(x * x + v * v)
        groove = 6.0 * np.exp(-((x / 14.0) ** 2)) * (v < 0)
        return ray / np.maximum(radius, 1e-3) - ray - groove

    def _strands(self, where, points: Points):
        """Share of fine vessels and septa in fat."""
        strand, septum = points.field("strand", where), points.field("septum", where)
        return np.clip(0.06 + 0.5 * (1 - ramp(np.abs(strand), 0.0, 0.28)) * ramp(septum, -0.6, 0.8), 0, 1)
