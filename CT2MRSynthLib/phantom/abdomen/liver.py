"""Shapes of liver, gallbladder and spleen."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.abdomen.bowel import Body
from CT2MRSynthLib.phantom.shapes import smooth_max


class UpperOrgans:
    """Liver, gallbladder and spleen of one subject.

    Args:
        body: The subject.
        rng: Source of individual variation.
    """

    def __init__(self, body: Body, rng: np.random.Generator):
        self.body = body
        n, u = rng.normal(0, 1, 8), rng.uniform(0, 1, 6)
        heights = [body.height(p) for p in np.array([-1.6, -0.6, 0.5, 1.4, 2.4 + 0.45 * n[0]]) + 0.25 * n[1]]
        #: Height of the liver's lower surface over the distance to the right of the axis.
        self.lower_edge = (np.array([-85.0, -40.0, 5.0, 45.0, 105.0]) + 8 * n[2], np.array(heights))
        self.spleen_at = (np.radians(206 + 6 * n[3]), body.height(-0.6 + 0.35 * n[4]))
        self.spleen_half = np.array([17 + 5 * u[0], 36 + 10 * u[1], 44 + 14 * u[2]]) * body.anatomy.scale
        self.gallbladder_at = body.ahead(2.2 + 0.3 * n[5], 50 + 6 * n[6], 50 + 14 * body.anatomy.severity.fatness)
        self.gallbladder_half = np.array([9 + 5 * u[3], 12 + 7 * u[3], 20 + 8 * u[4]])
        # some have had it taken out
        self.has_gallbladder = bool(u[5] > 0.14)

    def liver(self, x, y, z, depth):
        """Approximate signed distance in mm; ``depth`` is the distance under the wall of the cavity."""
        axis_x, axis_y = self.body.cavity.axis(z)
        right = x - axis_x
        lower = np.interp(right, *self.lower_edge).astype(np.float32)
        # its lower surface looks back and to the left; the front edge reaches lowest
        lower = lower - 0.22 * (y - axis_y)
        shape = smooth_max((lower - z) * np.float32(0.62), 1.5 - depth, 8.0)
        # behind, it ends at the vena cava; to the left of that only its front part is left
        left_lobe = axis_y - 14.0 + np.interp(right, [-90.0, 14.0, 30.0, 75.0], [52.0, 0.0, -18.0, -120.0]) - y
        return smooth_max(shape, left_lobe.astype(np.float32) * np.float32(0.6), 14.0)

    def spleen(self, x, y, z, depth):
        """Approximate signed distance in mm of a crescent along the left wall."""
        axis_x, axis_y = self.body.cavity.axis(z)
        around = np.arctan2(y - axis_y, x - axis_x) - self.spleen_at[0]
        around = (around + np.pi) % (2 * np.pi) - np.pi
        across, length, height = self.spleen_half
        along = around * np.hypot(x - axis_x, y - axis_y)
        radius = (
            ((depth - across - 1.0) / across) ** 2 + (along / length) ** 2 + ((z - self.spleen_at[1]) / height) ** 2
        )
        return (np.sqrt(radius) - 1) * np.float32(across)

    def gallbladder(self, x, y, z):
        """Approximate signed distance in mm of a pear below the liver."""
        if not self.has_gallbladder:
            return np.full(np.shape(x), 99.0, dtype=np.float32)
        dx, dy, dz = (c - np.float32(o) for c, o in zip((x, y, z), self.gallbladder_at, strict=True))
        a, b, c = self.gallbladder_half
        dx, dy = dx + 0.3 * dz, dy + 0.3 * dz
        taper = 1 - 0.3 * np.clip(dz / c, -1, 1)
        return (np.sqrt((dx / a) ** 2 + (dy / b) ** 2 + (dz / c * taper) ** 2) - 1) * np.float32(a)
