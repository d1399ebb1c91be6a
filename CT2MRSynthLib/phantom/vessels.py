"""Paint aorta, vena cava, iliac and smaller vessels, and the crura of the diaphragm."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import segment2d, superellipse
from CT2MRSynthLib.phantom.tissues import Label


class VesselPainter:
    """Paints the vessels of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise
        # offsets in mm from the front of the spine
        self.vessel = {
            "aorta_u": rng.uniform(-14, -3),
            "aorta_r": rng.uniform(7.5, 10.5),
            "aorta_gap": rng.uniform(0.5, 5),
            "cava_u": rng.uniform(14, 22),
            "cava_a": rng.uniform(8, 12),
            "cava_b": rng.uniform(5.5, 9),
            "bifurcation": rng.normal(4.25, 0.3),
            "confluence": rng.normal(4.7, 0.2),
            "small": rng.uniform([-55, 8, 0.8], [55, 60, 2.8], (16, 3)),
            "drift": rng.normal(0, 6, (16, 2)),
        }

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint the vessels and the crura of the diaphragm."""
        a, vessel, calcification = self.anatomy, self.vessel, self.anatomy.severity.calcification
        u, v, phase = points.spine
        depth = np.interp(phase, np.arange(8), a.body_depth)
        near = np.flatnonzero((np.abs(u) < 75) & (v > 8) & (v < 110) & (phase > -2.4))
        u, ahead, phase = u[near], (v - depth)[near], phase[near]
        self._paint_crura(canvas, near, u, ahead, phase)
        for (su, sv, radius), (drift_u, drift_v) in zip(vessel["small"], vessel["drift"], strict=True):
            distance = np.hypot(u - su - drift_u * (phase - 3), ahead + 24 - sv - drift_v * (phase - 3))
            canvas.paint(near[distance < radius], Label.VEIN if radius > 1.6 else Label.ARTERY)
        split = np.clip(phase - vessel["confluence"], 0, None)
        for side in (-1, 1):
            cu = np.where(split > 0, vessel["cava_u"] * 0.6 + side * (8 + 20 * split), vessel["cava_u"])
            flat = np.where(split > 0, 0.75, 1.0)
            cv = np.where(split > 0, 8.0, 9.0) - 5.0 * split
            shape = superellipse(u - cu, ahead - cv + 4.0, vessel["cava_a"] * flat, vessel["cava_b"] * flat)[1]
            canvas.paint(near[shape < 1.0], Label.VEIN)
        split = np.clip(phase - vessel["bifurcation"], 0, None)
        for side in (-1, 1):
            cu = vessel["aorta_u"] * np.exp(-split) + side * np.where(split > 0, 5.5 + 21 * split, 0)
            radius = np.where(split > 0, 0.62, 1.0) * vessel["aorta_r"]
            cv = vessel["aorta_gap"] + radius - 1.5 * split
            distance = np.hypot(u - cu, ahead - cv) - radius
            canvas.paint(near[distance < 1.2], Label.FASCIA)
            canvas.paint(near[distance < 0], Label.ARTERY)
            if calcification > 0.02:
                around = np.sin(3 * np.arctan2(ahead - cv, u - cu) + 9 * phase + side)
                plaque = (np.abs(distance) < 1.0) & (around > 1.25 - 1.1 * calcification)
                plaque &= np.sin(17 * phase + 2 * side) + np.sin(29.3 * phase) > 0.5 - 1.5 * calcification
                canvas.paint(near[plaque], Label.CALCIFICATION)

    def _paint_crura(self, canvas: Canvas, near, u, ahead, phase) -> None:
        """Crura of the diaphragm beside the aorta down to L2 or L3."""
        thick = 4.5 * np.clip((3.1 - phase) / 1.2, 0, 1)
        line, _ = segment2d(np.abs(u), ahead, (9.0, 3.0), (20.0, -8.0))
        canvas.paint(near[line < thick], Label.MUSCLE, 0.04)
