"""Paint the lower ribs and their cartilages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.phantom.trunk.skin import outline_of

# Rib; heights of its head above the middle of T12 and fall from there to the end of its bone in mm; angle about the
# spine at which the bone ends, degrees from dorsal; fall of the cartilage beyond it, per radian (negative: it rises).
_RIBS = (
    (12, 4.0, 44.0, 76.0, None),
    (11, 32.0, 78.0, 103.0, None),
    (10, 61.0, 112.0, 122.0, -60.0),
    (9, 90.0, 124.0, 131.0, -80.0),
    (8, 119.0, 134.0, 138.0, -85.0),
    (7, 147.0, 146.0, 144.0, -80.0),
)
#: Angles at the rib's head, at its bend (costal angle), and where cartilages meet the sternum.
_HEAD, _ANGLE, _STERNUM = np.radians([31.0, 48.0, 166.0])


@dataclass(frozen=True)
class _Rib:
    """One rib of one side; angles in radians from dorsal, lengths in mm."""

    side: int
    head: float
    neck: float
    fall: float
    end: float
    rise: float | None
    half_height: float
    half_thickness: float

    def height(self, angle):
        """World z of the rib's middle at an angle."""
        early = np.clip((angle - _HEAD) / (_ANGLE - _HEAD), 0.0, 1.0)
        late = np.clip((angle - _ANGLE) / (self.end - _ANGLE), 0.0, 1.0)
        bone = self.head - self.neck * early - (self.fall - self.neck) * late
        if self.rise is None:
            return bone
        return bone - self.rise * np.clip(angle - self.end, 0.0, 1.0)


class RibPainter(Painter):
    """Paints the lower ribs of one subject into the wall of the torso."""

    def draw(self, rng: np.random.Generator) -> None:
        anatomy, geometry = self.anatomy, self.geometry
        self.outline = outline_of(geometry)
        k, t12 = anatomy.scale, geometry.vertebrae[0]
        slope, short = rng.normal(1.0, 0.08), rng.normal(0, 8.0)
        self.shell = float(rng.uniform(0.7, 1.1) * (1 - 0.25 * anatomy.severity.osteoporosis))
        self.chalk = float(np.clip((anatomy.severity.age - 35) / 60, 0, 1) * rng.uniform(0.3, 1.0))
        self.ribs = []
        for number, head, fall, end, rise in _RIBS:
            for side in (-1, 1):
                vary = np.clip(rng.normal(0, 1, 4), -2, 2)
                turn = vary[0] * 2.5 + (short if number == 12 else 0.3 * short)
                self.ribs.append(
                    _Rib(
                        side=side,
                        head=float(t12.origin[2] + (head + 1.5 * vary[1]) * k),
                        neck=float((17.0 + 2.0 * vary[1]) * k),
                        fall=float(fall * k * slope + 3.0 * vary[2]),
                        end=float(np.radians(max(end + turn, 52.0))),
                        rise=None if rise is None else float(rise * k),
                        half_height=float((5.6 if number == 12 else 6.6) * k**0.5 * (1 + 0.06 * vary[3])),
                        half_thickness=float((3.2 if number == 12 else 3.9) * k**0.5 * (1 - 0.05 * vary[3])),
                    )
                )
        #: No rib reaches lower, world z in mm.
        self.bottom = min(float(rib.height(np.float64(rib.end))) for rib in self.ribs) - 12.0

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all ribs near the points."""
        x, y, z = points.position
        near = np.flatnonzero(z > self.bottom)
        if not near.size:
            return
        line = self.outline
        right, behind = line.centered(x[near], y[near], z[near])
        # nothing of the ribs lies nearer to the center than their heads
        away = np.flatnonzero(right * right + behind * behind > (40.0 * self.anatomy.scale) ** 2)
        near = near[away]
        radius, angle = line.polar(right[away], behind[away])
        folded = np.pi - np.abs(angle - np.pi)
        z = z[near]
        # ribs leave the spine obliquely, then keep within the wall
        cells = line.cells(angle, z)
        surface = cells.of(line.muscle)
        middle = line.rib_line(folded, surface)
        oblique = 0.42 + (cells.of(line.cosine) - 0.42) * ramp(folded, 0.75, 0.95)
        across = (radius - middle) * oblique
        close = np.flatnonzero((np.abs(across) < 6.0) & (folded > _HEAD) & (folded < _STERNUM))
        near, across, folded, angle, z = near[close], across[close], folded[close], angle[close], z[close]
        right = angle < np.pi
        self._paint_intercostal(canvas, near, across, folded, z)
        for rib in self.ribs:
            mine = right if rib.side > 0 else ~right
            self._paint_rib(canvas, points, rib, near[mine], across[mine], folded[mine], z[mine])

    def _paint_intercostal(self, canvas: Canvas, near, across, folded, z) -> None:
        """Muscle between the ribs, where the wall is not muscle anyway: beside and before erector spinae."""
        lowest, next_lowest = (np.minimum(self.ribs[n].height(folded), self.ribs[n + 1].height(folded)) for n in (0, 2))
        above = z > np.where(folded < self.ribs[0].end, lowest, next_lowest)
        fat = np.isin(canvas.label[near], (Label.FAT, Label.SUBCUTANEOUS_FAT))
        canvas.paint(near[above & fat & (np.abs(across) < 2.5) & (folded < 1.7)], Label.MUSCLE, 0.15)

    def _paint_rib(self, canvas: Canvas, points: Points, rib: _Rib, near, across, angle, z) -> None:
        along = (angle - rib.end) * 110.0
        over = (z - rib.height(angle)) * 0.86
        span = np.flatnonzero((np.abs(over) < rib.half_height + 1) & (along < (90.0 if rib.rise else 3.0)))
        if not span.size:
            return
        where, over, across, along = near[span], over[span], across[span], along[span]
        distance = (
            (np.abs(over) / rib.half_height) ** 2.4 + (np.abs(across) / rib.half_thickness) ** 2.4
        ) ** np.float32(1 / 2.4)
        depth = (1 - distance) * rib.half_thickness
        depth = np.where(along > 0, depth - (0.0 if rib.rise else 0.5 * along), depth)
        hit = np.flatnonzero(depth > 0)
        where, depth, along = where[hit], depth[hit], along[hit]
        x, y, z = (c[where] for c in points.position)
        grain = self.noise(140, x, y, z, (4.0, 4.0, 6.0))
        bone = along < 0 if rib.rise else np.ones(len(where), dtype=bool)
        cortex = 1 - ramp(depth, self.shell - 0.2, self.shell + 0.4)
        spongy = np.clip(0.05 + 0.05 * grain, 0, 1)
        canvas.paint(where[bone], Label.MARROW, np.maximum(cortex, spongy)[bone])
        canvas.paint(where[~bone], Label.LIGAMENT)
        # the perichondrium calcifies with age
        chalk = ~bone & (depth < 1.2) & (grain > 1.6 - 1.8 * self.chalk)
        canvas.paint(where[chalk], Label.CALCIFICATION)
