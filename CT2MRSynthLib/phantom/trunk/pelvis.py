"""Paint the iliac wings, the sacroiliac joints, and the muscles on both sides of the wings."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.phantom.trunk import ilium
from CT2MRSynthLib.phantom.trunk.sacroiliac import REACH, SacroiliacJoints
from CT2MRSynthLib.phantom.trunk.skin import outline_of

_BONE = (Label.MARROW, Label.ARCH_MARROW, Label.CORTEX)
#: Height of the sacroiliac joint above the middle of S1, in typical adult mm.
_JOINT_HEIGHT = (-48.0, 10.0)


class PelvisPainter(Painter):
    """Paints the pelvis of one subject, after the sacrum, which its joints reach."""

    def draw(self, rng: np.random.Generator) -> None:
        anatomy, geometry, noise = self.anatomy, self.geometry, self.noise
        self.outline = outline_of(geometry)
        self.ilium = self.outline.ilium
        s = anatomy.severity
        worn = np.clip((s.age - 30) / 50, 0, 1)
        self.shell = float(rng.uniform(1.2, 1.7) * (1 - 0.25 * s.osteoporosis))
        self.joints = SacroiliacJoints(anatomy, geometry, noise, rng)
        self.strength = float(rng.uniform(0.85, 1.2) * (1.08 if s.male else 0.92) * (1 - 0.2 * worn))

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint iliac wings, sacroiliac joints, iliacus and gluteal muscles."""
        x, y, z = points.position
        near = np.flatnonzero((z < self.ilium.top) & (np.abs(x - self.ilium.origin[0]) > 24.0 * self.anatomy.scale))
        if not near.size:
            return
        u, v, w = self.ilium.local(x[near], y[near], z[near])
        # nothing of the wings, their joints and muscles lies further toward the middle
        middle = 25.0 + 0.9 * np.clip(v, 0.0, 70.0)
        close = np.flatnonzero((v > -75) & (v < 105) & (u < 185) & (u > middle) & (w < self.ilium.highest))
        near, u, v, w = near[close], u[close], v[close], w[close]
        if not near.size:
            return
        distance, side, t, half, crest = self.ilium.measure(u, v, w)
        bone = self.ilium.bone(distance, t, half, crest, w)
        edge = np.flatnonzero(bone < REACH + 1.0)
        bone[edge] += 0.5 * self.noise(133, *(c[near[edge]] for c in (x, y, z)), 9.0)
        off = side * (distance - half)
        self._paint_gluteal(canvas, points, near[side > 0], *(c[side > 0] for c in (off, t, crest, v, w)))
        self._paint_iliacus(canvas, points, near[side < 0], *(c[side < 0] for c in (-off, t, crest)))
        medial = np.flatnonzero((side < 0) & (bone > 0) & (t < 0.5) & (bone < REACH))
        self.joints.paint(canvas, points, near[medial], bone[medial])
        hit = np.flatnonzero(bone < 0)
        self._paint_bone(canvas, points, near[hit], -bone[hit], side[hit], t[hit], w[hit])

    def _paint_bone(self, canvas: Canvas, points: Points, where, depth, side, t, w) -> None:
        """Marrow in a cortex that is densest beside the joint."""
        if not where.size:
            return
        x, y, z = (c[where] for c in points.position)
        coarse = self.noise(134, x, y, z, (8.0, 8.0, 12.0))
        fine = self.noise(135, x, y, z, (2.6, 2.6, 4.0))
        thickness = self.shell * np.clip(1 + 0.25 * coarse, 0.5, 1.6)
        cortex = 1.0 - ramp(depth, thickness - 0.3, thickness + 0.4)
        joint = self._beside_joint(t, w) * (side < 0) * np.exp(-depth / 3.5)
        spongy = 0.05 + 0.02 * coarse + 0.04 * fine + 0.08 * np.exp(-depth / 2.0)
        canvas.paint(where, Label.MARROW, np.clip(np.maximum(cortex, spongy + self.joints.sclerosis * joint), 0, 1))

    def _beside_joint(self, t, w):
        """1 where the wing faces the sacrum."""
        first, last = ilium.JOINT
        low, high = _JOINT_HEIGHT
        along = ramp(t, first - 0.03, first + 0.03) * (1 - ramp(t, last - 0.03, last + 0.03))
        return along * ramp(w, low, low + 6.0) * (1 - ramp(w, high - 6.0, high + 2.0))

    def _paint_gluteal(self, canvas: Canvas, points: Points, near, off, t, crest, v, w) -> None:
        """Gluteus minimus, medius and maximus on the outer face, below the crest."""
        hit = np.flatnonzero((off > -1.0) & (off < 70.0) & (w < crest + 1.0) & (t < 0.995))
        where = near[hit]
        x, y, z = (c[where] for c in points.position)
        radius, angle = self.outline.polar(*self.outline.centered(x, y, z))
        cells = self.outline.cells(angle, z)
        surface, cosine = (cells.of(table) for table in (self.outline.muscle, self.outline.cosine))
        under = (surface - radius) * cosine
        below = (crest[hit] - w[hit]) * self.anatomy.scale
        keep = np.flatnonzero((under > 0) & (off[hit] < (2.0 + 1.3 * below) * self.strength))
        where, off, under, below = where[keep], off[hit[keep]], under[keep], below[keep]
        v, x, y, z = v[hit[keep]], x[keep], y[keep], z[keep]
        wave = self.noise(137, x, y, z, 26.0)
        streak = self.noise(138, x, y, z, (5.0, 5.0, 20.0))
        infiltration = self.anatomy.severity.infiltration
        width = 0.5 + 0.7 * infiltration + 0.3 * np.abs(wave)
        minimus = np.abs(off - 11.0 - 2.0 * wave) + 30.0 * (1 - ramp(below, 30.0, 45.0))
        # maximus covers the dorsal part and thins out ventrally
        cover = (26.0 - 26.0 * ramp(v, -38.0, 22.0)) * ramp(below, 4.0, 30.0) + 2.0 * wave
        maximus = np.abs(under - cover) + 30.0 * (cover < 3.0)
        seam = 1 - ramp(np.minimum(minimus, maximus), 0.4 * width, width + 0.6)
        # coarse bundles of maximus
        bundle = self.noise(139, x + 0.8 * y, y - 0.8 * x, z, (60.0, 6.0, 14.0))
        fatty = ramp(bundle, 1.2 - 1.2 * infiltration, 2.8 - 0.8 * infiltration) * (under < cover) * 0.6
        fatty = np.maximum(fatty, ramp(streak, 2.1 - 1.3 * infiltration, 3.4 - 0.8 * infiltration) * 0.7)
        rest = np.clip(0.04 + 0.03 * streak + 0.06 * infiltration, 0, 0.3)
        canvas.paint(where, Label.MUSCLE, np.maximum(np.maximum(0.9 * seam, fatty), rest))

    def _paint_iliacus(self, canvas: Canvas, points: Points, near, off, t, crest) -> None:
        """Iliacus fills the hollow of the wing; fat parts it from psoas."""
        hit = np.flatnonzero((off > -1.0) & (off < 24.0) & (t > 0.38))
        z = points.position[2][near[hit]]
        below = crest[hit] * self.anatomy.scale + self.ilium.origin[2] - z
        hollow = np.sqrt(np.clip((t[hit] - 0.4) * (1.0 - t[hit]) / 0.09, 0, 1))
        thick = 17.0 * self.strength * self.anatomy.psoas * ramp(below, -4.0, 62.0) * hollow
        hit, thick = hit[off[hit] < thick], thick[off[hit] < thick]
        where = near[hit]
        soft = ~np.isin(canvas.label[where], _BONE)
        where = where[soft]
        x, y, z = (c[where] for c in points.position)
        streak = self.noise(138, x, y, z, (5.0, 5.0, 20.0))
        canvas.paint(where, Label.MUSCLE, np.clip(0.04 + 0.035 * streak, 0, 0.25))
