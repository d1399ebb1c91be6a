"""Paint ligamentum flavum and interspinous ligaments."""

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


class LigamentPainter:
    """Paints the posterior ligaments of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint ligamentum flavum and interspinous ligaments."""
        a = self.anatomy
        u, v, phase = points.canal
        near = np.flatnonzero((np.abs(u) < 26) & (v > -46) & (v < -6))
        u, v, phase = u[near], v[near], phase[near]
        fraction = phase - np.floor(phase)
        thick = np.interp(phase, _DISC_PHASE, a.flavum)
        apart = np.interp(phase, _DISC_PHASE, a.facet_apart.mean(axis=1))
        k = a.scale**0.5
        au = np.abs(u)
        t = np.clip((apart * 0.62 - au) / (apart * 0.62 - 0.5), 0.0, 1.3)
        front = -10.5 * k - (9.5 * k) * t**0.85
        band = (au < apart * 0.7) & (v < front) & (v > front - 1.25 * thick) & (np.abs(fraction - 0.5) < 0.3)
        midline = (au < 0.5) & (v > front - 2.0)
        canvas.paint(near[band & ~midline], Label.LIGAMENT)
        muscle = canvas.label[near] == Label.MUSCLE
        interspinous = (au < 2.6) & (v < -24 * k) & (v > -48) & (phase < 5.9) & muscle
        u, v, phase = u[interspinous], v[interspinous], phase[interspinous]
        streak = ramp(self.noise(37, u, v, 33.0 * phase, (3.0, 9.0, 12.0)), -0.3, 1.6)
        canvas.paint(near[interspinous], Label.LIGAMENT, 0.15 + 0.6 * streak)
