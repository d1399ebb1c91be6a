"""Paint vertebrae: bodies, arches, facet joints, sacrum."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom import bones
from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry, Pose
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label


class VertebraPainter:
    """Paints the vertebrae of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise
        osteoporosis = anatomy.severity.osteoporosis
        self.shell = float(rng.uniform(0.4, 0.8) * (1 - 0.3 * osteoporosis))
        self.arch_shell = float(rng.uniform(1.0, 2.2) * (1 - 0.2 * osteoporosis))
        self.endplate_sclerosis = rng.uniform(0.0, 0.35)

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all vertebrae near the points."""
        corners = points.corners()
        for n, pose in enumerate(self.geometry.vertebrae):
            if pose.near(corners, 38.0):
                self._paint_vertebra(canvas, points, n, pose)

    def _paint_vertebra(self, canvas: Canvas, points: Points, n: int, pose: Pose) -> None:
        a = self.anatomy
        x, y, z = points.position
        u, v, w = pose.local(x, y, z)
        reach = 62.0 if n < bones.SACRUM else 66.0
        near = np.flatnonzero((np.abs(w) < 36) & (np.abs(u) < reach) & (v > -66) & (v < 46))
        if not near.size:
            return
        u, v, w = u[near], v[near], w[near]
        u = u + 0.7 * points.field("bone_u", near)
        v = v + 0.7 * points.field("bone_v", near)
        back = v < 24.0
        if n < bones.SACRUM:  # only the spinous process lies far back, only transverse processes far to the side
            au = np.abs(u)
            back &= ((au < 14.0) | (v > -40.0)) & ((au < 40.0) | (np.abs(w) < 18.0))
        back = np.flatnonzero(back)
        if back.size:
            self._paint_arch(canvas, points, n, near, back, (u, v, w))
        front = np.flatnonzero((v > -6) & (np.abs(w) < a.body_height[n] / 2 + 5))
        body, _ = bones.body(a, n, u[front], v[front], w[front])
        inside = body < 0
        self._paint_bone(canvas, near[front[inside]], -body[inside], Label.MARROW, self.shell, points)

    def _paint_arch(self, canvas: Canvas, points: Points, n: int, near, back, local) -> None:
        """Facet joint and everything behind the body, at the points ``near[back]``."""
        (u, v, w), (x, y, z), frames = local, points.position, self.geometry.discs
        bx, by, bz = (c[near[back]] for c in (x, y, z))
        above = frames[n - 1].local(bx, by, bz) if n > 0 else None
        below = frames[n].local(bx, by, bz) if n < DISCS else None
        arch = bones.arch(self.anatomy, n, u[back], v[back], w[back], above, below)
        if below is not None and n < bones.SACRUM:
            self._paint_joint(canvas, n, near[back], below)
        hit = back[arch < 0]
        self._paint_bone(canvas, near[hit], -arch[arch < 0], Label.ARCH_MARROW, self.arch_shell, points)

    def _paint_joint(self, canvas: Canvas, disc: int, where, coordinates) -> None:
        space, capsule = bones.joint(self.anatomy, disc, *coordinates)
        keep = (canvas.label[where] != Label.CSF) & (coordinates[1] < -6)
        canvas.paint(where[(capsule < 0) & keep], Label.LIGAMENT, 0.15)
        canvas.paint(where[(space < 0) & keep], Label.JOINT)

    def _paint_bone(self, canvas: Canvas, where, depth, label: Label, shell: float, points: Points) -> None:
        """Marrow mixed with cortical bone: a shell, denser spongiosa beneath it, and trabecular texture."""
        if not where.size:
            return
        px, py, pz = (c[where] for c in points.position)
        thickness = shell * np.maximum(1 + 0.42 * points.field("shell", where), 0.3)
        cortex = 1.0 - ramp(depth, thickness - 0.2, thickness + 0.35)
        dense = self.endplate_sclerosis * np.exp(-depth / 2.5) * (0.5 if label == Label.MARROW else 1.0)
        coarse = self.noise(31, px, py, pz, (7.0, 7.0, 12.0))
        fine = self.noise(32, px, py, pz, (2.3, 2.3, 4.5))
        spongy = 0.04 + (0.035 if label == Label.MARROW else 0.10) * coarse + 0.05 * fine
        canvas.paint(where, label, np.clip(np.maximum(cortex, dense + spongy), 0.0, 1.0))
