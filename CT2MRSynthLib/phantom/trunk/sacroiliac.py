"""Paint the sacroiliac joints between the iliac wings and whatever shape the sacrum's lateral parts have."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.phantom.trunk.ilium import S1

_BONE = (Label.MARROW, Label.ARCH_MARROW, Label.CORTEX)
#: How far from the wing the sacrum is mended, mm.
REACH = 12.0


class SacroiliacJoints:
    """Both joints of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.noise = anatomy, noise
        self.poses = geometry.vertebrae[S1 : S1 + 2]
        worn = np.clip((anatomy.severity.age - 30) / 50, 0, 1)
        #: Dense bone beside the joint, and width of its space in mm.
        self.sclerosis = float(rng.uniform(0.0, 0.35) + 0.25 * worn * rng.uniform(0, 1))
        self.gap = float(rng.uniform(1.5, 2.4) * (1 - 0.35 * worn))

    def paint(self, canvas: Canvas, points: Points, where, distance) -> None:
        """Paint the joint space and the sacral side of the joints.

        Args:
            canvas, points: As for painters.
            where: Indices of points on the pelvic side of the wings.
            distance: Distance from the wing's bone, mm, positive.
        """
        near = np.flatnonzero(distance < REACH)
        where, distance = where[near], distance[near]
        if not where.size:
            return
        x, y, z = (c[where] for c in points.position)
        margin = self._margin(x, y, z)
        sacrum = np.isin(canvas.label[where], _BONE)
        near = np.flatnonzero(sacrum | (margin > 0))
        where, distance, margin, sacrum = where[near], distance[near], margin[near], sacrum[near]
        x, y, z = x[near], y[near], z[near]
        gap = self.gap * np.clip(1 + 0.35 * self.noise(136, x, y, z, 11.0), 0.35, 1.8)
        depth = distance - gap
        cortex = 1 - ramp(depth, 0.5, 1.3)
        spongy = 0.10 + 0.03 * self.noise(134, x, y, z, (7.0, 7.0, 10.0)) + self.sclerosis * np.exp(-depth / 3.0)
        mix = np.clip(np.maximum(cortex, spongy), 0, 1)
        # the sacrum grows up to the joint; where it did not reach, its old surface is no longer one
        grown = (margin > 0) & ~sacrum & (depth >= 0)
        rim = np.where(grown, 1 - ramp(margin, 0.6, 1.4), 0.0)
        surface = sacrum & ((depth < 1.3) | ((margin > 2.0) & (canvas.mix[where] > 0.45)))
        bone = (grown | surface) & (depth >= 0)
        canvas.paint(where[bone], Label.MARROW, np.maximum(mix, rim)[bone])
        canvas.paint(where[depth < 0], Label.JOINT)

    def _margin(self, x, y, z):
        """How deep points lie in the lateral parts of S1 and S2, were these to go on laterally; mm."""
        k = np.float32(self.anatomy.scale)
        result = np.full(x.shape, -10.0, dtype=np.float32)
        for first, pose in zip((True, False), self.poses, strict=True):
            u, v, w = pose.local(x, y, z)
            u = np.abs(u)
            front, top, fall = (19.0 * k, 10.0 * k, 0.2) if first else (13.0 * k, 14.0 * k, 0.0)
            anterior = 0.49 * (u - 22.0 * k) + 0.872 * (v - front)
            posterior = -0.45 * (u - 20.0 * k) - 0.89 * (v + 17.0)
            ends = np.maximum(w - top + fall * (u - 22.0 * k) + 1.0, -16.0 * k - w)
            result = np.maximum(result, -np.maximum(np.maximum(anterior, posterior), ends))
        return result
