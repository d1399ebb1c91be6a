"""Paint implants, which few subjects have: pedicle screws with rods, surgical clips."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import capsule
from CT2MRSynthLib.phantom.tissues import Label

#: Share of subjects with clips beside the vessels.
CLIPS = 0.02


class ImplantPainter(Painter):
    """Paints the implants of one subject."""

    def draw(self, rng: np.random.Generator) -> None:
        anatomy, geometry = self.anatomy, self.geometry
        vertebrae = len(geometry.vertebrae)
        screw, rod = rng.uniform(2.5, 3.4), rng.uniform(2.5, 3.0)
        aim = rng.normal(0, (1.2, 1.2, 3.5), (vertebrae, 2, 3))
        depth = rng.uniform(38, 48)
        #: Start, end (mm, the anatomy's world) and radius of each cylinder with round ends.
        self.rods: list[tuple[np.ndarray, np.ndarray, float]] = []
        bridged = np.flatnonzero(np.asarray(anatomy.severity.fusion) > 0.5)
        for chain in np.split(bridged, np.flatnonzero(np.diff(bridged) > 1) + 1) if bridged.size else ():
            for side in (0, 1):
                heads = [self._screw(n, side, screw, depth, aim[n, side]) for n in range(chain[0], chain[-1] + 2)]
                self.rods += [(a, b, rod) for a, b in zip(heads[:-1], heads[1:], strict=True)]
        self._add_clips(rng)

    def box(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Corners of the box around all metal, RAS mm of the anatomy; None: there is none."""
        if not self.rods:
            return None
        ends = np.array([end for start, stop, _ in self.rods for end in (start, stop)])
        return ends.min(axis=0) - 8.0, ends.max(axis=0) + 8.0

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all metal near the points."""
        if not self.rods:
            return
        x, y, z = points.position
        for start, end, radius in self.rods:
            low, high = np.minimum(start, end) - radius - 1, np.maximum(start, end) + radius + 1
            near = (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1]) & (z > low[2]) & (z < high[2])
            near = np.flatnonzero(near)
            if near.size:
                inside = capsule(x[near], y[near], z[near], start, end, radius, radius) < 0
                canvas.paint(near[inside], Label.METAL)

    def _screw(self, n: int, side: int, radius: float, depth: float, aim: np.ndarray) -> np.ndarray:
        """Add a screw through a pedicle; returns where its head holds the rod."""
        a, k = self.anatomy, self.anatomy.scale
        sign = 1.0 if side == 0 else -1.0
        stem = float(a.body_width[n] / 2 - 0.8 * a.pedicle_width[n] - 1.0)
        # screws converge, more so in wide sacra, and enter behind the pedicle beside the superior process
        inward = np.tan(np.radians((8, 8, 10, 12, 15, 22, 25, 20)[n] + aim[2]))
        entry_v, height = -19.0 * k, 4.5 * k + aim[1]
        entry = (sign * (stem + inward * 17 * k + aim[0]), entry_v, height)
        tip = (entry[0] - sign * inward * depth, entry_v + depth, height + 1.5 * aim[1])
        pose = self.geometry.vertebrae[n]
        start, end = pose.world(*entry), pose.world(*tip)
        head = pose.world(entry[0] + sign * 1.5, entry_v - 8.0, height)
        self.rods += [(start, end, radius), (start, head, 1.9 * radius)]
        return head

    def _add_clips(self, rng: np.random.Generator) -> None:
        chance, count = rng.random(), int(rng.integers(2, 7))
        middle = rng.uniform((-55, 20, -60), (55, 45, 70))
        places = middle + rng.normal(0, 9, (6, 3))
        directions = rng.standard_normal((6, 3))
        if chance < CLIPS:
            for place, direction in zip(places[:count], directions[:count], strict=True):
                half = 3.0 * direction / np.linalg.norm(direction)
                self.rods.append((place - half, place + half, 0.8))
