"""Paint the spinal canal: epidural fat, thecal sac, cauda equina, exiting roots."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label

_DISC_PHASE = np.arange(DISCS) + 0.5


class CanalPainter:
    """Paints canal and foramina of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise
        count = 26
        angle = rng.uniform(np.radians(185), np.radians(355), count)
        radius = rng.uniform(0.35, 0.86, count)
        self.roots = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        self.root_radius = rng.uniform(0.45, 0.8, count)
        self.root_exit = rng.uniform(3.0, 9.0, count)
        self.root_phase = rng.uniform(0, 2 * np.pi, count)
        self.conus_end = float(np.clip(rng.normal(1.2, 0.35), 0.4, 2.2))

    def sac(self, phase):
        """Half-width, half-depth, trefoil share and center's v of the thecal sac at positions along the spine."""
        a = self.anatomy
        near = np.exp(-(((phase - np.floor(phase) - 0.5) / 0.22) ** 2))

        def at(values):
            return np.interp(phase, _DISC_PHASE, values)

        narrow = at(a.severity.stenosis) * near
        pushed = at(a.severity.bulge * 1.6 + a.severity.protrusion * 1.8) * near
        half_width = at(a.sac_width) / 2 * (1 - 0.34 * narrow)
        half_depth = at(a.sac_depth) / 2 * (1 - 0.28 * narrow) - 0.35 * pushed
        center = -(at(a.sac_gap) + pushed * 0.8 + half_depth)
        return half_width, half_depth, at(a.sac_trefoil) * (1 + 1.2 * narrow), center

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint canal and foramina with what they hold."""
        u, v, phase = points.canal
        near = np.flatnonzero((np.abs(u) < 36) & (v > -30) & (v < 12) & (phase > -2.4) & (phase < 8.4))
        if not near.size:
            return
        u, v, phase = u[near], v[near], phase[near]
        au = np.abs(u)
        rough = 0.22 * points.field("septum", near) + 0.18 * points.field("bone_u", near)
        foramen = ((au - 15.0) / 11.0) ** 2 + ((v + 6.0) / 7.5) ** 2 < 1.0 + rough
        inner = (au < 13.5) & (v > -26.0 + au * 0.9) & (v < 3.0)
        veins = np.clip(0.05 + 0.45 * (1 - ramp(np.abs(points.field("strand", near) + 0.4), 0.05, 0.35)), 0, 1)
        fatty = foramen | inner
        canvas.paint(near[fatty], Label.EPIDURAL_FAT, veins[fatty])
        fraction = phase - np.floor(phase)
        self._paint_nerves(canvas, near, u, v, fraction)
        half_width, half_depth, trefoil, center = self.sac(phase)
        du, dv = u / half_width, (v - center) / half_depth
        radius = np.sqrt(du * du + dv * dv)
        limit = 1.0 + trefoil * np.sin(3.0 * np.arctan2(dv, du))
        distance = (radius - limit) * np.minimum(half_width, half_depth)
        canvas.paint(near[distance < 0.3], Label.LIGAMENT, 0.1)
        inside = np.flatnonzero(distance < -0.25)
        roots = self._roots(
            u[inside], v[inside] - center[inside], half_width[inside], half_depth[inside], phase[inside]
        )
        canvas.paint(near[inside], Label.CSF, roots)

    def _roots(self, u, v, half_width, half_depth, phase):
        """Share of nerve tissue in the sac: cauda equina as strands that lie dorsally, and the conus above."""
        share = np.zeros_like(u)
        for (ru, rv), radius, leave, wander in zip(
            self.roots, self.root_radius, self.root_exit, self.root_phase, strict=True
        ):
            sway = 0.06 * np.sin(2.1 * phase + wander)
            # a root moves to the side before it leaves
            away = np.clip(1.0 - (leave - phase) / 1.5, 0.0, 1.0)
            cu = (ru * (1 - away) + np.sign(ru) * 0.8 * away + sway) * half_width * 0.93
            cv = (rv * (1 - away) + 0.1 * away + sway) * half_depth * 0.93
            share += np.where(phase < leave, np.exp(-((((u - cu) ** 2 + (v - cv) ** 2) / radius**2) ** 1.5)), 0.0)
        cone = 4.2 * np.sqrt(np.clip((self.conus_end - phase) / 1.2, 0.0, 1.0)) + 1e-3
        share += ramp(cone - np.sqrt(u * u + (v + 1.0) ** 2 * 1.3), -0.5, 0.5)
        return np.minimum(share, 0.95).astype(np.float32)

    def _paint_nerves(self, canvas: Canvas, near, u, v, fraction) -> None:
        """Exiting roots with their ganglion in the foramen, traversing roots in the lateral recess."""
        au = np.abs(u)
        t = np.clip((fraction - 0.12) / 0.75, 0.0, 1.0)
        wobble = np.where(u > 0, 0.7, -0.5)
        cu, cv = 12.0 + 21.0 * t + wobble, -6.5 + 7.5 * t + 0.5 * wobble
        thick = 1.7 + 1.2 * np.exp(-(((t - 0.4) / 0.25) ** 2))
        exiting = ((au - cu) / (1.35 * thick)) ** 2 + ((v - cv) / thick) ** 2 < 1.0
        traversing = (au - 8.8 - 2.0 * fraction) ** 2 + (v + 4.5) ** 2 < 1.5**2
        canvas.paint(near[(exiting & (fraction > 0.12)) | traversing], Label.NERVE)
