"""Kidneys with cortex, pyramids, sinus fat, cysts and their vessels, in perirenal fat and Gerota's fascia."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.phantom.abdomen.tubes import spine_point
from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.shapes import capsule, ramp, segment2d, smooth_max
from CT2MRSynthLib.phantom.tissues import Label

_SURFACE, _SINUS, _PYRAMIDS, _FASCIA = 116, 117, 118, 119


@dataclass(frozen=True)
class Kidney:
    """One kidney.

    Args:
        side: 1 right, -1 left.
        center: World RAS mm.
        axes: Rows: away from the hilum, across, and along the kidney (superior).
        half: Half lengths along the axes, mm.
        sinus: Size of the sinus relative to the kidney.
        pelvis: Radius of the renal pelvis, mm.
        fat: Thickness of the perirenal fat, mm.
        cyst: Center and radius in the kidney's frame, mm.
    """

    side: int
    center: np.ndarray
    axes: np.ndarray
    half: np.ndarray
    sinus: float
    pelvis: float
    fat: float
    cyst: tuple[np.ndarray, float]

    def local(self, x, y, z) -> list[np.ndarray]:
        """World to the kidney's frame, mm."""
        d = [c - np.float32(o) for c, o in zip((x, y, z), self.center, strict=True)]
        a = self.axes.astype(np.float32)
        return [d[0] * a[n, 0] + d[1] * a[n, 1] + d[2] * a[n, 2] for n in range(3)]

    def distance(self, p, q, w):
        """Approximate signed distance in mm from the surface, in the kidney's frame: a bean, blunt at its poles."""
        a, b, c = (float(h) for h in self.half)
        # the bean bends around its hilum
        bent = p + 0.16 * a * (w / c) ** 2
        radius = ((bent / a) ** 2 + (q / b) ** 2) ** np.float32(1.15) + np.abs(w / c) ** 2.5
        shape = (radius ** np.float32(1 / 2.4) - 1) * min(a, b)
        dent = 0.62 * a - np.sqrt((p + 1.28 * a) ** 2 + (0.9 * q) ** 2 + (0.45 * w) ** 2)
        return smooth_max(shape, dent, 5.0)

    @property
    def hilum(self) -> np.ndarray:
        """World RAS mm of the middle of the hilum."""
        return self.center - 0.62 * self.half[0] * self.axes[0]


def build_kidneys(anatomy: Anatomy, geometry: Geometry, rng: np.random.Generator) -> list[Kidney]:
    """The left and the right kidney of a subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        rng: Source of individual variation.
    """
    scale, s = anatomy.scale, anatomy.severity
    both = rng.normal(0, 0.3)
    kidneys = []
    for side, phase in ((-1, 1.55), (1, 1.85)):
        normal, uniform = rng.normal(0, 1, 8), rng.uniform(0, 1, 9)
        u = side * ((57.5 + 4 * normal[0]) * scale**0.7 + 7 * s.fatness)
        v = 8 + 4 * normal[1]
        center = spine_point(geometry, float(np.clip(phase + both + 0.22 * normal[2], 0.6, 3.0)), u, v)
        turn = np.radians(38 + 9 * normal[3])
        away = np.array([side * np.cos(turn), -np.sin(turn), 0.0])
        # upper poles lie closer together and further back than the lower ones
        along = np.array([-side * (0.24 + 0.05 * normal[4]), -0.20 - 0.06 * normal[5], 1.0])
        along /= np.linalg.norm(along)
        away -= along * (away @ along)
        away /= np.linalg.norm(away)
        half = np.array([28.5, 23.5, 55.0]) * (1 + 0.055 * normal[[6, 7, 2]]) * (scale * (1.02 - 0.05 * (s.age > 70)))
        direction = np.array([0.4 + uniform[0], uniform[1] - 0.5, 1.6 * (uniform[2] - 0.5)])
        direction /= np.linalg.norm(direction)
        size = max(0.0, (uniform[3] - 0.75 + 0.004 * (s.age - 40)) * 60)
        kidneys.append(
            Kidney(
                side=side,
                center=center,
                axes=np.stack([away, np.cross(along, away), along]),
                half=half,
                sinus=0.75 + 0.35 * uniform[4] + 0.2 * s.fatness + 0.003 * (s.age - 40),
                pelvis=3.0 + 3.5 * uniform[5] ** 2,
                fat=(3.0 + 18.0 * s.fatness) * (0.7 + 0.6 * uniform[6]),
                cyst=(direction * half, min(size, 22.0)),
            )
        )
    return kidneys


class KidneyPainter:
    """Paints the kidneys of one subject into the fat of the retroperitoneum.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.noise = noise
        self.kidneys = build_kidneys(anatomy, geometry, rng)
        self.vessels = [self._vessels(geometry, anatomy, kidney, rng) for kidney in self.kidneys]

    def paint(self, canvas: Canvas, where: np.ndarray, x, y, z) -> None:
        """Paint kidneys, their vessels, perirenal fat and fascia.

        Args:
            canvas: Tissue.
            where: Indices of the points that may be painted.
            x, y, z: Positions of these points, mm.
        """
        for kidney, vessels in zip(self.kidneys, self.vessels, strict=True):
            reach = kidney.half[2] + kidney.fat + 10
            cx, cy, cz = (np.float32(c) for c in kidney.center)
            side = 40 + kidney.fat
            near = np.flatnonzero(np.abs(z - cz) < reach)
            near = near[np.abs(x[near] - cx) < side + 60]
            near = near[np.abs(y[near] - cy) < side]
            if not near.size:
                continue
            place = (where[near], x[near], y[near], z[near])
            beside = np.flatnonzero(np.abs(place[1] - cx) < side)
            self._paint_kidney(canvas, kidney, *(c[beside] for c in place))
            self._paint_adrenal(canvas, kidney, *place)
            for label, path in vessels:
                self._paint_path(canvas, path, label, *place)

    def _paint_kidney(self, canvas: Canvas, kidney: Kidney, near, x, y, z) -> None:
        p, q, w = kidney.local(x, y, z)
        distance = kidney.distance(p, q, w)
        close = np.flatnonzero(distance < kidney.fat + 6)
        near, x, y, z, p, q, w, distance = (c[close] for c in (near, x, y, z, p, q, w, distance))
        distance = distance + 1.1 * self.noise(_SURFACE, x, y, z, 24.0)
        self._paint_fascia(canvas, kidney, near, x, y, z, distance)
        organ = np.flatnonzero(distance < 0)
        near, x, y, z, p, q, w, distance = (c[organ] for c in (near, x, y, z, p, q, w, distance))
        canvas.paint(near, Label.KIDNEY, self._pyramids(kidney, x, y, z, p, q, w, distance))
        self._paint_sinus(canvas, kidney, near, x, y, z, p, q, w)
        middle, size = kidney.cyst
        if size > 3:
            cyst = np.sqrt(sum((c - np.float32(m)) ** 2 for c, m in zip((p, q, w), middle, strict=True))) < size
            canvas.paint(near[cyst], Label.FLUID)

    def _pyramids(self, kidney: Kidney, x, y, z, p, q, w, distance) -> np.ndarray:
        """Share of medulla: wedges between columns of cortex, under a rim of cortex."""
        a, _, c = kidney.half
        around = np.arctan2(q, p + 0.45 * a)
        wedge = np.cos(5.2 * around + kidney.center[2]) + 0.7 * np.cos(w * (2 * np.pi / (0.36 * c)))
        wedge = wedge + 0.5 * self.noise(_PYRAMIDS, x, y, z, 22.0)
        return ramp(wedge, 0.0, 0.7) * ramp(-distance, 5.0, 8.0)

    def _paint_sinus(self, canvas: Canvas, kidney: Kidney, near, x, y, z, p, q, w) -> None:
        """Fat that enters through the hilum and reaches between the pyramids; in it pelvis, calyces and vessels."""
        a, b, c = kidney.half * np.array([1.0, 1.0, 0.9])
        k = kidney.sinus
        radius = ((p + 0.58 * a) / (0.66 * a * k)) ** 2 + (q / (0.36 * b * k)) ** 2 + (w / (0.56 * c * k)) ** 2
        fingers = self.noise(_SINUS, x, y, z, 15.0)
        hit = np.flatnonzero(np.sqrt(radius) + 0.22 * fingers < 1)
        where = near[hit]
        canvas.paint(where, Label.FAT, 0.1)
        inner = self.noise(_SINUS + 3, x[hit], y[hit], z[hit], 13.0)
        spread = np.sqrt((q[hit] + 2) ** 2 + (0.35 * w[hit]) ** 2)
        canvas.paint(where[(spread + 2.2 * inner < kidney.pelvis) & (p[hit] < 0.15 * a)], Label.URINE)
        canvas.paint(where[inner > 1.15], Label.VEIN)
        canvas.paint(where[inner < -1.45], Label.ARTERY)

    def _paint_fascia(self, canvas: Canvas, kidney: Kidney, near, x, y, z, distance) -> None:
        """Gerota's fascia as a thin line at the edge of the perirenal fat, and septa within."""
        if kidney.fat < 4:
            return
        sway = self.noise(_FASCIA, x, y, z, 60.0)
        line = np.abs(distance - kidney.fat - 3.0 * sway)
        hit = np.flatnonzero((line < 1.0) & (distance > 1.5) & (canvas.label[near] == Label.FAT))
        canvas.mix[near[hit]] = np.maximum(canvas.mix[near[hit]], 0.75 * (1 - ramp(line[hit], 0.3, 1.0)))

    def _paint_adrenal(self, canvas: Canvas, kidney: Kidney, where, x, y, z) -> None:
        """The adrenal gland as a Y before and medial of the upper pole, its limbs to the back."""
        pole = kidney.center + 0.8 * kidney.half[2] * kidney.axes[2]
        u = (x - np.float32(pole[0])) * kidney.side + 23.0
        v, w = y - np.float32(pole[1]) - 17.0, z - np.float32(pole[2]) - 4.0
        near = np.flatnonzero((np.abs(u) < 22) & (np.abs(v) < 22) & (np.abs(w) < 15))
        u, v, w = u[near] + 1.5 * self.noise(_FASCIA + 1, x[near], y[near], z[near], 14.0), v[near], w[near]
        limbs = [((0, 9), (-1, 0)), ((-1, 0), (-4, -15)), ((-1, 0), (9, -12))]
        distance = np.minimum.reduce([segment2d(u, v, *limb)[0] for limb in limbs])
        hit = where[near[distance < 2.6 - 1.6 * np.abs(w / 15.0)]]
        canvas.paint(hit[canvas.label[hit] == Label.FAT], Label.LYMPH_NODE)

    def _paint_path(self, canvas: Canvas, path: tuple, label: Label, where, x, y, z) -> None:
        stops, radius = path
        low, high = (stops.min(axis=0) - radius).astype(np.float32), (stops.max(axis=0) + radius).astype(np.float32)
        near = np.flatnonzero((z > low[2]) & (z < high[2]))
        near = near[(x[near] > low[0]) & (x[near] < high[0]) & (y[near] > low[1]) & (y[near] < high[1])]
        for start, end in zip(stops[:-1], stops[1:], strict=True):
            inside = capsule(x[near], y[near], z[near], start, end, radius, radius) < 0
            canvas.paint(where[near[inside]], label)

    def _vessels(self, geometry: Geometry, anatomy: Anatomy, kidney: Kidney, rng: np.random.Generator) -> list:
        """Renal vein and artery: polylines from the great vessels to the hilum, with radii in mm."""
        side, hilum = kidney.side, kidney.hilum
        phase = float(geometry.spine_at_height(hilum[2])[2])
        depth = float(np.interp(phase, np.arange(8), anatomy.body_depth))
        lift, jitter = rng.uniform(0.05, 0.3, 2), rng.normal(0, 1.5, 4)

        def at(rise: float, u: float, ahead: float) -> np.ndarray:
            return spine_point(geometry, max(phase - rise, 0.0), u, depth + ahead)

        if side > 0:
            vein = [at(lift[0], 20, 10), at(0.6 * lift[0], 34, 7 + jitter[0])]
            artery = [at(lift[1], -6, 8), at(lift[1], 14, 1.5), at(0.7 * lift[1], 34, 0 + jitter[1])]
        else:
            vein = [at(lift[0], 16, 17), at(lift[0], -7, 23), at(0.8 * lift[0], -26, 13 + jitter[0])]
            artery = [at(lift[1], -8, 8), at(0.8 * lift[1], -26, 4 + jitter[1])]
        inner = hilum + np.array([0, jitter[2], jitter[3] - 3])
        return [
            (Label.VEIN, (np.array([*vein, hilum + np.array([0, 3, 2])]), float(rng.uniform(3.2, 4.8)))),
            (Label.ARTERY, (np.array([*artery, inner]), float(rng.uniform(2.2, 3.0)))),
        ]
