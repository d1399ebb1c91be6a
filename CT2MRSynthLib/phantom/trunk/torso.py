"""Paint the torso: skin, subcutaneous fat, abdominal wall, and the fat inside."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.phantom.trunk.skin import outline_of

#: Where fat separates the layers of the lateral wall: shares of its thickness from outside.
_LAYERS = (0.36, 0.75)


class TorsoPainter(Painter):
    """Paints the torso of one subject."""

    def draw(self, rng: np.random.Generator) -> None:
        geometry = self.geometry
        self.outline = outline_of(geometry)
        self.skin = float(rng.uniform(1.5, 2.3))
        self.scarpa = float(rng.uniform(0.4, 0.65))
        self.septa = float(rng.uniform(0.25, 0.6))
        self.seam = float(rng.uniform(0.35, 0.7))
        self.lung_base = float(rng.uniform(-0.6, 0.5))

    def middle(self) -> tuple[float, float]:
        """World x, y of the middle of the body."""
        return self.outline.middle()

    def depth(self, x, y, z):
        """Depth under the skin in mm at world positions, negative in the air; approximate far from the skin."""
        radius, angle = self.outline.polar(*self.outline.centered(x, y, z))
        cells = self.outline.cells(angle, z)
        skin, cosine = (cells.of(t).reshape(angle.shape) for t in (self.outline.skin, self.outline.cosine))
        return (skin - radius) * cosine

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint skin, subcutaneous fat and the abdominal wall; what is inside it becomes fat."""
        (x, y, z), line = points.position, self.outline
        right, behind = line.centered(x, y, z)
        core = right * right + behind * behind < line.core**2
        inside = np.flatnonzero(core)
        canvas.paint(inside, Label.FAT, self._strands(inside, points))
        near = np.flatnonzero(~core)
        if not near.size:
            return
        dx, dy, _ = (c[near] for c in points.ripple)
        z, right, behind = z[near], right[near], behind[near]
        radius, angle = line.polar(right, behind)
        cells = line.cells(angle, z)
        cosine = cells.of(line.cosine)
        depth = (cells.of(line.muscle) - radius) * cosine
        calm = np.hypot(right - dx, behind + dy)
        skin = (cells.of(line.skin) - calm) * cosine
        self._paint_fat(canvas, points, near, skin, depth, angle, z)
        deep = np.flatnonzero(depth > 0)
        self._paint_wall(canvas, points, near[deep], depth[deep], angle[deep], z[deep])

    def _paint_fat(self, canvas: Canvas, points: Points, near, skin, depth, angle, z) -> None:
        """Skin and subcutaneous fat with its septa and the membranous layer (Scarpa's fascia)."""
        dorsal = np.cos(angle)
        covered = (skin < self.skin * (1.25 + 0.35 * dorsal)) & (skin > 0)
        canvas.paint(near[covered], Label.SKIN)
        fat = np.flatnonzero((skin > 0) & ~covered & (depth <= 0))
        where, skin, below, angle, z = near[fat], skin[fat], -depth[fat], angle[fat], z[fat]
        thickness = np.maximum(skin + below, 1.0)
        # septa run from the skin inward: long in depth, short along the surface
        along = angle * 120.0
        septa = self.noise(130, along, 0.25 * skin, z, (11.0, 14.0, 16.0))
        wave = self.noise(131, along, 0.1 * skin, z, (40.0, 14.0, 40.0))
        strand = (1 - ramp(np.abs(septa), 0.0, 0.16)) * ramp(wave, -0.8, 1.6) * self.septa
        layer = np.abs(skin - thickness * (self.scarpa + 0.07 * wave))
        scarpa = (1 - ramp(layer, 0.25, 0.75)) * ramp(thickness, 9.0, 18.0) * ramp(wave + 0.3 * septa, -0.9, 0.9) * 0.45
        # fascia on the muscles
        fascia = 0.6 * (1 - ramp(below, 0.3, 0.8))
        canvas.paint(where, Label.SUBCUTANEOUS_FAT, np.maximum(np.maximum(strand, scarpa), fascia))

    def _paint_wall(self, canvas: Canvas, points: Points, where, depth, angle, z) -> None:
        """Muscles of the wall, the fat inside them and, at the top, the lung bases."""
        if not where.size:
            return
        line = self.outline
        cells = line.cells(angle, z)
        wall = cells.of(line.wall)
        if z.min() < line.ilium.top:  # what lies outside the iliac wings is no cavity
            outside = (depth >= wall) & (depth < cells.of(line.hidden))
            canvas.paint(where[outside], Label.SUBCUTANEOUS_FAT)
            keep = np.flatnonzero(~outside)
            where, depth, angle, z, wall = where[keep], depth[keep], angle[keep], z[keep], wall[keep]
        inside = np.flatnonzero(depth >= wall)
        canvas.paint(where[inside], Label.FAT, self._strands(where[inside], points))
        self._paint_lung(canvas, points, where[inside], (depth - wall)[inside], angle[inside])
        part = np.flatnonzero(depth < wall)
        where, depth, wall, z, angle = where[part], depth[part], wall[part], z[part], angle[part]
        thin = wall < 2.6
        canvas.paint(where[thin], Label.FASCIA)
        part = np.flatnonzero(~thin)
        where, depth, wall, z, angle = (c[part] for c in (where, depth, wall, z, angle))
        x, y, _ = points.position
        right = line.centered(x[where], y[where], z)[0] - line.row(line.sway, z)
        infiltration = self.anatomy.severity.infiltration
        streak = self.noise(132, x[where], y[where], z, (5.0, 5.0, 22.0))
        share = depth / wall
        lateral = (np.cos(angle) > 0) | (np.abs(right) > line.row(line.semilunaris, z))
        width = self.seam * (0.7 + 0.6 * infiltration) * (1.0 + 0.5 * streak)
        seam = np.zeros_like(depth)
        for at in _LAYERS:
            seam = np.maximum(seam, 1 - ramp(np.abs(share - at - 0.02 * streak) * wall, 0.3 * width, width + 0.3))
        seam *= lateral * ramp(wall, 4.0, 8.0) * np.clip(0.75 + 0.25 * streak, 0.1, 1.0)
        fatty = ramp(streak, 2.2 - 1.4 * infiltration, 3.4 - 1.0 * infiltration) * 0.7
        rest = np.clip(0.04 + 0.03 * streak + 0.08 * infiltration, 0.0, 0.3)
        canvas.paint(where, Label.MUSCLE, np.maximum(np.maximum(0.9 * seam, fatty), rest))

    def _paint_lung(self, canvas: Canvas, points: Points, where, depth, angle) -> None:
        """The recess of the lung behind the diaphragm, as a crescent along the wall."""
        phase = self.outline.row(self.outline.phase, points.position[2][where])
        top = np.flatnonzero(phase < self.lung_base + 0.3)
        if not top.size:
            return
        folded = np.pi - np.abs(angle[top] - np.pi)
        reach = (self.lung_base - phase[top]) * 34.0
        crescent = np.minimum(0.9 * reach, 34.0) * ramp(folded, 0.5, 0.8) * (1 - ramp(folded, 0.9, 2.0)) - 1.0
        hit = np.flatnonzero(depth[top] < crescent)
        canvas.paint(where[top[hit]], Label.LUNG)
        # the diaphragm
        under = np.flatnonzero((depth[top] >= crescent) & (depth[top] < crescent + 2.5) & (crescent > 0.5))
        canvas.paint(where[top[under]], Label.MUSCLE, 0.05)

    def _strands(self, where, points: Points):
        """Share of fine vessels and septa in fat."""
        strand, septum = points.field("strand", where), points.field("septum", where)
        return np.clip(0.06 + 0.5 * (1 - ramp(np.abs(strand), 0.0, 0.28)) * ramp(septum, -0.6, 0.8), 0, 1)
