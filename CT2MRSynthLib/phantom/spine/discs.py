"""Paint intervertebral discs: annulus, nucleus, ligaments around, gas, calcification."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import DISCS
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Pose
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.spine import outline as bones
from CT2MRSynthLib.phantom.spine.disc_contour import DiscContour
from CT2MRSynthLib.phantom.tissues import Label


class DiscPainter(Painter):
    """Paints the discs of one subject."""

    def draw(self, rng: np.random.Generator) -> None:
        anatomy = self.anatomy
        self.contour = DiscContour(anatomy)
        m = DISCS
        self._nucleus = np.stack([rng.normal(0, 0.06, m), rng.normal(-0.05, 0.05, m)]).astype(np.float32)
        self._rim = rng.uniform(0.9, 1.15, m).astype(np.float32)
        self._cleft = rng.uniform(0.1, 0.75, m).astype(np.float32)
        self._zone = rng.uniform(-11, 11, m), rng.random(m), rng.uniform(1.2, 2.6, m)
        self._gas_height = rng.normal(0, 0.3, m).astype(np.float32)
        self._gas_center = rng.normal(0, 5, m), 15.0 + rng.normal(0, 4, m)
        self._calcified = rng.random(m), rng.uniform(-np.pi, np.pi, m)

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all discs near the points."""
        corners = points.corners()
        for disc, pose in enumerate(self.geometry.discs):
            if pose.near(corners, 16.0):
                self._paint_disc(canvas, points, disc, pose)

    def _paint_disc(self, canvas: Canvas, points: Points, disc: int, pose: Pose) -> None:
        a = self.anatomy
        x, y, z = points.position
        half = a.disc_height[disc] / 2 + 5.0
        level = np.flatnonzero(np.abs(pose.height(x, y, z)) < half)
        u, v, w = pose.local(x[level], y[level], z[level])
        near = np.flatnonzero((np.abs(u) < 42) & (v > -14) & (v < 60))
        if not near.size:
            return
        near, u, v, w = level[near], u[near], v[near], w[near]

        def mean(values):
            return (values[disc] + values[disc + 1]) / 2

        rim, radius = bones.outline(
            u,
            v,
            mean(a.body_width) / 2,
            mean(a.body_depth) / 2,
            mean(a.body_power),
            mean(a.body_notch),
            mean(a.body_width),
        )
        distance = rim - self.contour.overhang(disc, u, v, w)
        # the posterior ligament is a thin band, the anterior one broad; both merge with the outermost lamellae
        ligament = distance < 0.55 + 0.45 * ramp(v, 18.0, 30.0)
        canvas.paint(near[ligament], Label.LIGAMENT)
        inside = np.flatnonzero(distance < 0)
        self._paint_inside(
            canvas, disc, near[inside], (u[inside], v[inside], w[inside]), distance[inside], radius[inside], points
        )

    def _paint_inside(self, canvas: Canvas, disc: int, where, local, distance, radius, points: Points) -> None:
        if not where.size:
            return
        (u, v, w), severity = local, self.anatomy.severity
        x, y, z = (c[where] for c in points.position)
        depth = float(self.anatomy.body_depth[disc] + self.anatomy.body_depth[disc + 1]) / 4
        loss = float(severity.signal_loss[disc])
        coarse = self.noise(84, x, y, z, (13.0, 13.0, 20.0))
        fine = self.noise(85, x, y, z, (4.0, 4.0, 8.0))
        # the annulus is thicker in front than behind
        ahead = np.clip((v - depth) / depth, -1, 1)
        core = np.maximum(radius, 1.0 + distance / (12.0 + 3.0 * ahead)) + 0.06 * coarse + 0.025 * fine
        core = core + self._nucleus[0, disc] * u / 20.0 + (0.07 - self._nucleus[1, disc]) * ahead
        edge = self._rim[disc]
        nucleus = 1.0 - ramp(core, 0.54 * edge, 0.95 * edge)
        lamella = 0.5 + 0.5 * np.sin(np.float32(2 * np.pi / 0.13) * core + 1.5 * coarse)
        # a worn nucleus has lost its water and is torn by fissures: in T2 it comes near the annulus
        water = nucleus * (1 - 0.9 * loss**0.8)
        water = water * (1 + (0.1 + 0.3 * loss) * coarse + (0.04 + 0.16 * loss) * fine)
        fissure = 1 - ramp(np.abs(self.noise(86, x, y, z, (10.0, 10.0, 16.0)) - 0.2), 0.03, 0.3)
        water = water * (1 - 0.6 * loss * fissure)
        bend = 0.7 * self.noise(87, x, y, z, (15.0, 15.0, 40.0))
        cleft = np.exp(-(((w - bend) / 1.3) ** 2)) * (1 - ramp(core, 0.35, 0.62))
        water = water * (1 - self._cleft[disc] * (1 - loss) * cleft)
        water = np.clip(water, 0, 1) + 0.05 * lamella * ramp(core, 0.6, 0.75)
        water = np.maximum(water, self._high_intensity_zone(disc, u, v, w, distance))
        # the outermost lamellae are dense and as dark as ligament; inward they come near the others
        thick = 1.9 + 1.8 * ramp(ahead, 0.0, 0.9) + 0.4 * fine
        inward = -distance / thick
        canvas.paint(where, Label.ANNULUS, (water * ramp(inward, 0.8, 1.7)).astype(np.float32))
        dense = inward < 1
        inward = inward[dense]
        canvas.paint(where[dense], Label.OUTER_ANNULUS, np.clip(inward * inward + 0.15 * lamella[dense], 0, 1))
        self._paint_gas(canvas, disc, where, (u, v, w), core, (x, y, z))
        self._paint_calcification(canvas, disc, where, (u, v - depth), distance, (x, y, z))

    def _high_intensity_zone(self, disc: int, u, v, w, distance):
        """Fluid in a tear of the posterior annulus: in some discs that bulge."""
        severity = self.anatomy.severity
        side, chance, size = (float(values[disc]) for values in self._zone)
        worn = ramp(float(severity.bulge[disc]) + 0.6 * float(severity.protrusion[disc]), 0.15, 0.6)
        if chance > 0.3 or worn <= 0:
            return np.float32(0)
        arc = ((u - side) / (1.8 * size)) ** 2 + ((distance + 2.2) / (0.45 * size)) ** 2 + (w / 2.5) ** 2
        return 0.9 * worn * np.exp(-(arc**1.5)) * (v < 8)

    def _paint_gas(self, canvas: Canvas, disc: int, where, local, core, position) -> None:
        """Flat, ragged clefts along the disc that thin out to their edge; more gas is wider and thicker clefts."""
        severity = float(self.anatomy.severity.vacuum[disc])
        if severity <= 0:
            return
        u0, v0 = (float(c[disc]) for c in self._gas_center)
        heart = 1.9 * np.exp(-(((local[0] - u0) / 12.0) ** 2) - ((local[1] - v0) / 7.0) ** 2)
        likely = heart - 1.35 + 1.2 * severity - 2.6 * ramp(core, 0.5, 0.9)
        # random fields add hardly more than this
        near = np.flatnonzero((likely > -2.2) & (np.abs(local[2]) < 4.0))
        w = local[2][near]
        x, y, z = (c[near] for c in position)
        broad = self.noise(88, x, y, z, (16.0, 12.0, 30.0))
        ragged = self.noise(89, x, y, z, (5.0, 4.0, 9.0))
        bend = self._gas_height[disc] + 0.45 * self.noise(90, x, y, z, (17.0, 17.0, 60.0))
        # gas fills tears first and only then the hollow between them
        tear = ramp(np.abs(self.noise(86, x, y, z, (10.0, 10.0, 16.0)) - 0.2), 0.05, 0.7)
        spread = likely[near] + 0.65 * broad + 0.3 * ragged - 0.6 * tear
        half = (0.5 + 0.32 * severity) * np.clip(spread, 0, 1.1) ** 0.7 * (1 + 0.25 * ragged)
        gas = (spread > 0) & (np.abs(w - bend) < half)
        canvas.paint(where[near[gas]], Label.VACUUM)

    def _paint_calcification(self, canvas: Canvas, disc: int, where, flat, distance, position) -> None:
        """Rarely, and in the old, a piece of the outer annulus is calcified."""
        chance, azimuth = float(self._calcified[0][disc]), float(self._calcified[1][disc])
        worn = float(self.anatomy.severity.height_loss[disc])
        if chance > 0.1 + 0.1 * worn:
            return
        turn = np.abs(np.angle(np.exp(1j * (np.arctan2(flat[1], flat[0]) - azimuth)))).astype(np.float32)
        grain = self.noise(91, *position, (5.0, 5.0, 4.0))
        spot = (turn < 0.22) & (np.abs(distance + 2.0) < 0.45 + 0.35 * grain) & (grain > 0.1)
        canvas.paint(where[spot], Label.CALCIFICATION)
