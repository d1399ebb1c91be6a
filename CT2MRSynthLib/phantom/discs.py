"""Paint intervertebral discs: annulus, nucleus, ligaments around, gas."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom import bones
from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry, Pose
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label


class DiscPainter:
    """Paints the discs of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all discs near the points."""
        corners = points.corners()
        for disc, pose in enumerate(self.geometry.discs):
            if pose.near(corners, 16.0):
                self._paint_disc(canvas, points, disc, pose)

    def _paint_disc(self, canvas: Canvas, points: Points, disc: int, pose: Pose) -> None:
        a, severity = self.anatomy, self.anatomy.severity
        x, y, z = points.position
        u, v, w = pose.local(x, y, z)
        half = a.disc_height[disc] / 2 + 5.0
        near = np.flatnonzero((np.abs(w) < half) & (np.abs(u) < 42) & (v > -14) & (v < 60))
        if not near.size:
            return
        u, v, w = u[near], v[near], w[near]

        def mean(values):
            return (values[disc] + values[disc + 1]) / 2

        swell = 0.6 + 1.8 * severity.bulge[disc]
        push = severity.bulge[disc] * 1.6 + severity.protrusion[disc] * 5.0 * np.exp(
            -(((u - a.protrusion_side[disc]) / 6.0) ** 2)
        ) * np.exp(-((w / 5.0) ** 2))
        distance, radius = bones.outline(
            u,
            v,
            mean(a.body_width) / 2 + swell,
            mean(a.body_depth) / 2 + 0.5 * swell,
            mean(a.body_power),
            mean(a.body_notch),
            mean(a.body_width),
            push,
        )
        ligament = distance < 0.9
        canvas.paint(near[ligament], Label.LIGAMENT)
        inside = np.flatnonzero(distance < 0)
        where = near[inside]
        wobble = 0.07 * self.noise(20 + disc, x[where], y[where], z[where], 9.0)
        core = np.maximum(radius[inside], 1.0 + distance[inside] / 14.0) + wobble
        nucleus = 1.0 - ramp(core, 0.42, 0.86)
        # a worn nucleus has lost its water: in T2 it comes near the annulus
        canvas.paint(where, Label.ANNULUS, nucleus * (1 - 0.85 * severity.signal_loss[disc]))
        if severity.vacuum[disc] > 0:
            gas = (np.abs(w[inside] + 20 * wobble) < 1.2) & (core < 0.6) & (points.field("septum", where) > 0.1)
            canvas.paint(where[gas], Label.VACUUM)
