"""Paint the spinal canal: epidural fat and veins, ligamentum flavum, thecal sac with its roots, foramina."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.spine.canal_wall import MIDDLE, CanalWall, Walls
from CT2MRSynthLib.phantom.spine.disc_contour import DiscContour
from CT2MRSynthLib.phantom.spine.flavum import Flavum
from CT2MRSynthLib.phantom.spine.foramina import Foramina
from CT2MRSynthLib.phantom.spine.roots import CaudaEquina, ExitingRoots
from CT2MRSynthLib.phantom.spine.sac import SacSize, ThecalSac
from CT2MRSynthLib.phantom.tissues import Label

#: No farther from its middle than this (mm) reaches the canal with its ligament; the wall is nowhere farther.
_REACH = 21.5


class CanalPainter(Painter):
    """Paints canal and foramina of one subject."""

    def draw(self, rng: np.random.Generator) -> None:
        anatomy, geometry = self.anatomy, self.geometry
        self.wall = CanalWall(anatomy, geometry)
        self.flavum = Flavum(anatomy, rng)
        self.thecal_sac = ThecalSac(anatomy, self.wall, DiscContour(anatomy), self.flavum, rng)
        self.cauda = CaudaEquina(anatomy, rng)
        self.exiting = ExitingRoots(anatomy, self.thecal_sac, self.cauda.leave, rng)
        self.foramina = Foramina(anatomy, rng)
        self._veins = rng.uniform(0.1, 0.8, 2).astype(np.float32)
        self._vein_wave = rng.uniform(0, 2 * np.pi, 4).astype(np.float32)

    def sac(self, phase) -> SacSize:
        """Size and place of the thecal sac at positions along the spine."""
        return self.thecal_sac.size(phase)

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint canal and foramina with what they hold."""
        u, v, phase = points.canal
        near = np.flatnonzero((np.abs(u) < 44) & (v > -32) & (v < 14) & (phase > -0.6) & (phase < 7.9))
        if not near.size:
            return
        # uneven as the bone that bounds it
        uneven = points.field("bone_u", near), points.field("bone_v", near)
        u, v, phase = u[near] + 0.5 * uneven[0], v[near] + 0.5 * uneven[1], phase[near]
        in_fat = np.zeros(u.shape, dtype=bool)
        beside = np.flatnonzero((np.abs(u) > 3) & (np.abs(u) < self.foramina.REACH) & (v > -16) & (v < 8))
        if beside.size:
            rough = np.clip(0.3 * (uneven[0][beside] + uneven[1][beside]), -0.7, 0.7)
            place = u[beside], v[beside], phase[beside]
            in_fat[beside] = self.foramina.in_fat(*place, rough)
            self._paint_psoas(canvas, points, near[beside[self.foramina.in_muscle(*place, rough) & ~in_fat[beside]]])
        away = np.hypot(u, v - np.float32(MIDDLE))
        close = np.flatnonzero(away < _REACH)
        theta = np.arctan2(v[close] - np.float32(MIDDLE), u[close])
        walls = self.wall.distances(theta, phase[close])
        dorsal = np.abs(theta + np.float32(np.pi / 2)) < np.radians(108)
        canal = (away[close] < np.minimum(walls.bone, 20.0) + 1.5) & (v[close] < 4) & (dorsal | (np.abs(u[close]) < 13))
        in_fat[close[canal]] = True
        fatty = np.flatnonzero(in_fat)
        self._paint_fat(canvas, points, near[fatty], u[fatty], v[fatty], phase[fatty])
        nerve = np.flatnonzero((v > -16) & (np.abs(u) > 3))
        nerve = nerve[self.exiting.inside(u[nerve], v[nerve], phase[nerve])] if nerve.size else nerve
        canvas.paint(near[nerve], Label.NERVE)
        behind = np.flatnonzero(dorsal)
        at = close[behind]
        self._paint_flavum(canvas, near[at], theta[behind], away[at], walls.take(behind), phase[at])
        central = np.flatnonzero((np.abs(u[close]) < 15) & (away[close] < 16))
        inner = close[central]
        if inner.size:
            self._paint_sac(canvas, points, near[inner], (u[inner], v[inner], phase[inner]))

    def _paint_psoas(self, canvas: Canvas, points: Points, where) -> None:
        """Muscle, streaked with fat, in place of fat beside disc and foramen."""
        where = where[canvas.label[where] == Label.FAT]
        streak = points.noise(95, (5.0, 5.0, 14.0), where)
        share = 0.08 + 0.25 * self.anatomy.severity.infiltration + 0.3 * ramp(streak, 0.6, 1.6)
        canvas.paint(where, Label.MUSCLE, share)

    def _paint_fat(self, canvas: Canvas, points: Points, where, u, v, phase) -> None:
        """Fat with strands, and the veins in front of the sac and beside the roots."""
        x, y, z = (c[where] for c in points.position)
        web = self.noise(80, x, y, z, (4.5, 4.5, 9.0))
        strands = 0.34 * (1 - ramp(np.abs(web + 0.3), 0.05, 0.4))
        branch = self.noise(81, x, y, z, (6.5, 6.5, 14.0))
        strands = np.maximum(strands, 0.8 * ramp(branch, 1.3, 1.65))
        front = v - self.thecal_sac.contour.notch(u, phase)
        for side, sign in enumerate((1.0, -1.0)):
            wander = np.sin(5.1 * phase + self._vein_wave[side]), np.sin(3.7 * phase + self._vein_wave[side + 2])
            middle = 7.0 + 2.2 * wander[0]
            radius = 0.7 + 0.9 * self._veins[side] + 0.35 * wander[1]
            vein = np.hypot(0.6 * (u * sign - middle), front + 1.9)
            strands = np.maximum(strands, 0.8 * ramp(radius - vein, -0.25, 0.25))
        canvas.paint(where, Label.EPIDURAL_FAT, np.clip(0.03 + strands, 0, 0.95))

    def _paint_flavum(self, canvas: Canvas, where, theta, away, walls: Walls, phase) -> None:
        thick = self.flavum.thickness(theta, phase, walls.bone)
        thick = self.flavum.with_corner(thick, theta, phase, walls)
        lateral = np.abs(theta + np.float32(np.pi / 2)) * away
        # a cleft with fat and small veins divides the two halves
        band = (thick > 0.35) & (away > walls.bone - thick) & (away < walls.bone + 0.9) & (lateral > 0.35)
        canvas.paint(where[band], Label.LIGAMENT, 0.04)

    def _paint_sac(self, canvas: Canvas, points: Points, where, place) -> None:
        u, v, phase = place
        x, y, z = (c[where] for c in points.position)
        rough = 0.28 * self.noise(82, x, y, z, (7.0, 7.0, 14.0)) + 0.1 * self.noise(83, x, y, z, (2.5, 2.5, 6.0))
        distance = self.thecal_sac.distance(u, v, phase, rough)
        canvas.paint(where[distance < 0.25], Label.LIGAMENT, 0.1)
        inside = np.flatnonzero(distance < -0.2)
        if inside.size:
            share = self.cauda.share(u[inside], v[inside], phase[inside], self.thecal_sac)
            canvas.paint(where[inside], Label.CSF, share)
