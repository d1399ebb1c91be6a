"""Paint the muscles around the spine with the fat planes between them and the fat in them."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.level_table import LevelTable
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.phantom.trunk.back_muscles import BackMuscles
from CT2MRSynthLib.phantom.trunk.muscle_section import Section
from CT2MRSynthLib.phantom.trunk.psoas import PsoasGroup

_FAN, _GRAIN, _STREAK = 9, 10, 5
#: Thickness of the dorsal fascia, mm.
_FASCIA = 0.8


class MusclePainter(Painter):
    """Paints the muscles around the spine of one subject."""

    def draw(self, rng: np.random.Generator) -> None:
        anatomy = self.anatomy
        self.front, self.back = PsoasGroup(anatomy, rng), BackMuscles(anatomy, rng)
        self._turns = LevelTable(np.arange(len(anatomy.rotation)), {"turn": np.radians(anatomy.rotation)})
        s = anatomy.severity
        self._plane_width = float(
            rng.normal(-0.9, 0.5) + 0.9 * s.fatness + 0.5 * (s.age - 22) / 64 + 0.5 * s.infiltration
        )
        # where the layers of the fascia part at the lateral edge lies more fat, on one side more than on the other
        self._lateral_fat = np.clip(rng.normal(1.3, 0.8) + rng.normal(0.0, 0.7, 2), 0.0, 3.5).astype(np.float32)

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all muscles."""
        outside = (canvas.label == Label.AIR) | (canvas.label == Label.SKIN)
        section = Section.of(points, self._turns, outside)
        if section is None:
            return
        plane = self.back.plane(section)
        dorsal_part, ventral_part = np.flatnonzero(plane < 4.0), np.flatnonzero(plane > -4.0)
        back, surface = self._back(section, plane, dorsal_part)
        others = self._front(section, plane, ventral_part, points)
        first, second = back, np.full_like(back, 60.0)
        for distance in others:
            first, second = np.minimum(first, distance), np.minimum(second, np.maximum(first, distance))
        seam = np.minimum(0.5 * (second - first), 30.0)
        behind = back <= first
        self._paint_front(canvas, section, points, np.flatnonzero((first < 0) & ~behind), first, seam)
        self._paint_back(canvas, section, points, np.flatnonzero((first < 0) & behind), plane, surface, seam)
        self._paint_fascia(canvas, section, back, surface)

    def _back(self, s: Section, plane, part):
        distance, surface = np.full_like(s.u, 40.0), np.full_like(s.u, 40.0)
        if part.size:
            near = s.take(part)
            distance[part], surface[part] = self.back.distance(near, plane[part])
        return distance, surface

    def _front(self, s: Section, plane, part, points: Points) -> list[np.ndarray]:
        psoas, quadratus = np.full_like(s.u, 40.0), np.full_like(s.u, 40.0)
        medial, low = part[s.u[part] < 84.0], part[plane[part] < 22.0]
        if medial.size:
            near = s.take(medial)
            canal = tuple(c[near.where] for c in points.canal)
            psoas[medial] = self.front.psoas(near, points.field("psoas", near.where), canal)
        if low.size:
            near = s.take(low)
            quadratus[low] = self.front.quadratus(near, plane[low], points.field("psoas", near.where))
        return [psoas, quadratus]

    def _planes(self, s: Section, seam) -> np.ndarray:
        """Share of fat at the border of two muscles: open planes where fat separates them, else a thin fascia."""
        lateral = np.clip((s.u - 45.0) / 40.0, 0, 1)
        width = self._plane_width + 1.3 * s.gape + self._lateral_fat[s.side] * lateral
        open_ = 1 - ramp(seam, width - 0.4, width + 0.5)
        # where they touch, the fascia between them is now visible, now not
        closed = np.clip(0.08 + 0.1 * s.gape + 0.08 * s.wave, 0.0, 0.25)
        return np.maximum(open_, closed * (1 - ramp(seam, 0.15, 0.6)))

    def _paint_front(self, canvas: Canvas, section: Section, points: Points, hit, distance, seam) -> None:
        if not hit.size:
            return
        s = section.take(hit)
        x, y, z = (c[s.where] for c in points.position)
        # septa of the psoas run from its dorsal edge, at the transverse processes, to the front and side
        lean = np.where(s.side > 0, np.float32(0.35), np.float32(-0.35)) * y
        bend = 1.8 * points.field("bend", s.where)
        streak = self.noise(_STREAK, x + lean + bend, y, z, (3.2, 15.0, 30.0))
        fat = self.front.fat(s, streak)
        fat = np.maximum(fat, self._planes(s, seam[hit]))
        canvas.paint(s.where, Label.MUSCLE, fat)

    def _paint_back(self, canvas: Canvas, section: Section, points: Points, hit, plane, surface, seam) -> None:
        if not hit.size:
            return
        s = section.take(hit)
        wander = points.field("septum", s.where)
        cleft = self.back.cleft(s, wander)
        fields = (*self._fibers(s, cleft, points), points.field("patch", s.where), wander)
        fat = self.back.fat(s, cleft, plane[hit], surface[hit], fields)
        fat = np.maximum(fat, self._planes(s, seam[hit]))
        canvas.paint(s.where, Label.MUSCLE, fat)

    def _fibers(self, s: Section, cleft, points: Points):
        """Streaks that fan out along the fibers, and grain: the multifidus from the root of the spinous process, the
        erector spinae from the transverse processes backward."""
        x, y, z = (c[s.where] for c in points.position)
        inner = cleft < 0
        du = s.u + np.where(inner, np.float32(5.0), np.float32(-22.0))
        dv = s.v + np.where(inner, np.float32(8.0), np.float32(-14.0))
        angle, reach = np.arctan2(du, -dv), np.hypot(du, dv)
        mirror = (200 * s.side + 400 * inner).astype(np.float32)
        across = angle * np.where(inner, np.float32(28.0), np.float32(48.0)) + 1.3 * points.field("bend", s.where)
        fan = self.noise(_FAN, across, reach * 0.16 + mirror, z, (3.6, 5.0, 34.0))
        return fan, self.noise(_GRAIN, x, y, z, (3.0, 4.0, 16.0))

    def _paint_fascia(self, canvas: Canvas, section: Section, back, surface) -> None:
        """The dorsal layer of the thoracolumbar fascia."""
        thin = np.flatnonzero((back > 0) & (back < _FASCIA) & (np.abs(back - surface) < 0.3))
        canvas.paint(section.where[thin], Label.FASCIA)
