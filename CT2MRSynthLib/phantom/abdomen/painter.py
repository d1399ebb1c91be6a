"""Paint the organs of the abdomen into its fat: liver, spleen, stomach, bowel, pancreas, mesentery, kidneys."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.abdomen.bowel import Body, Kind
from CT2MRSynthLib.phantom.abdomen.cavity import Cavity
from CT2MRSynthLib.phantom.abdomen.kidneys import KidneyPainter
from CT2MRSynthLib.phantom.abdomen.organgrid import OrganGrid
from CT2MRSynthLib.phantom.abdomen.organmap import LOWEST, OrganMap, retroperitoneum
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.lookup import Cells
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label

_MOTTLE, _FOLDS, _LOBULES, _BRANCHES, _HEPATIC = 121, 122, 123, 124, 113
#: Thickness of each ``Kind``'s wall in mm.
_WALL = np.array([1.8, 2.0, 1.9, 3.6, 99.0], dtype=np.float32)


class AbdomenPainter(Painter):
    """Paints the abdominal organs of one subject."""

    def draw(self, rng: np.random.Generator) -> None:
        anatomy, geometry, noise = self.anatomy, self.geometry, self.noise
        self.kidneys = KidneyPainter(anatomy, geometry, noise, rng)
        self.vessel_size = float(rng.uniform(0.75, 1.2))
        self._map_rng = rng.spawn(1)[0]
        self._walls: tuple = ()
        self._map: OrganMap | None = None

    def enter(self, *walls) -> None:
        """Tell whose cavity the organs fill: the painters of torso, pelvis and muscles."""
        self._walls = walls

    @property
    def map(self) -> OrganMap:
        """Where the organs lie; found when first asked for, as many disc-level pictures do without."""
        if self._map is None:
            cavity = Cavity(self._walls, self.geometry)
            body = Body(self.anatomy, self.geometry, cavity)
            self._map = OrganMap(body, self.kidneys.kidneys, self._map_rng)
        return self._map

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all organs into the fat of the abdomen."""
        (u, v, phase), (x, y, z) = points.canal, points.position
        fat = np.flatnonzero((canvas.label == Label.FAT) & (v > -50))
        u, v, phase, x, y, z = (c[fat] for c in (u, v, phase, x, y, z))
        beside = np.flatnonzero((np.abs(u) > 40) | (v > 30))
        beside = beside[retroperitoneum(self.anatomy, u[beside], v[beside], phase[beside]) > 0]
        if beside.size:
            self._paint_mapped(canvas, fat[beside], x[beside], y[beside], z[beside])
        self.kidneys.paint(canvas, fat, x, y, z)

    def _paint_mapped(self, canvas: Canvas, inside, x, y, z) -> None:
        organs = self.map.grid(float(z.min()), float(z.max()))
        cells = organs.cells(x, y, z)
        tube = cells.of(organs.tube)
        self._paint_mesentery(canvas, inside, x, y, z, tube)
        self._paint_solid(canvas, inside, x, y, z, organs, cells)
        hit = np.flatnonzero(tube < 0)
        if hit.size:
            self._paint_tubes(canvas, inside[hit], x[hit], y[hit], z[hit], tube[hit], organs, cells.take(hit))

    def _paint_solid(self, canvas: Canvas, inside, x, y, z, organs: OrganGrid, cells: Cells) -> None:
        """Liver with its veins, spleen, gallbladder with its wall."""
        upper = np.flatnonzero(z > self.map.body.height(LOWEST))
        if not upper.size:
            return
        hit = upper[cells.take(upper).of(organs.liver) < 0]
        canvas.paint(inside[hit], Label.LIVER, self._hepatic(x[hit], y[hit], z[hit]))
        left = upper[x[upper] < -20]
        canvas.paint(inside[left[cells.take(left).of(organs.spleen) < 0]], Label.SPLEEN)
        right = upper[(x[upper] > 0) & (x[upper] < 110)]
        bile = cells.take(right).of(organs.gallbladder)
        canvas.paint(inside[right[bile < 0]], Label.BOWEL_WALL, 0.0)
        canvas.paint(inside[right[bile < -1.0]], Label.FLUID)

    def _hepatic(self, x, y, z) -> np.ndarray:
        """Share of vein in the liver: branches along lines where two random fields vanish."""
        first, second = (self.noise(_HEPATIC + n, x, y, z, 52.0) for n in range(2))
        lines = [np.hypot(first - a, second - b) / w for a, b, w in ((0, 0, 1.0), (1, 0.6, 0.7), (-0.9, -0.8, 0.7))]
        return 0.8 * (1 - ramp(np.minimum.reduce(lines), 0.05, 0.2))

    def _paint_tubes(self, canvas: Canvas, where, x, y, z, tube, organs: OrganGrid, cells: Cells) -> None:
        """Walls, folds, contents and gas of stomach and bowel; the pancreas with its lobules."""
        owner, samples = cells.nearest(organs.owner), self.map.samples
        kind, stool = samples.kind[owner], samples.stool[owner].astype(np.float32)
        wall = _WALL[kind]
        folds = self.noise(_FOLDS, x, y, z, (7.0, 7.0, 9.0))
        # the folds of jejunum and stomach look feathered
        fill = samples.fill[owner].astype(np.float32)
        feather = np.choose(kind, [0.4, 1.1, 0.3, 1.2, 0.0]).astype(np.float32)
        deep = -tube - wall - np.maximum(feather * folds, -0.8)
        canvas.paint(
            where, Label.BOWEL_WALL, fill * ramp(deep, -0.6, 0.9) * (1 - 0.25 * feather * ramp(folds, 0.2, 1.6))
        )
        lumen = deep > 0
        self._paint_stool(canvas, where, x, y, z, np.flatnonzero(lumen & (stool > 0.05)), stool)
        gas = lumen & (cells.of(organs.gas) > 0)
        canvas.paint(where[gas], Label.GAS)
        gland = np.flatnonzero(kind == Kind.PANCREAS)
        old = np.clip((self.anatomy.severity.age - 40) / 45, 0, 1)
        lobules = self.noise(_LOBULES, x[gland], y[gland], z[gland], 8.0) + 0.25 * (3.0 + tube[gland])
        canvas.paint(where[gland], Label.PANCREAS, (0.15 + 0.65 * old) * ramp(lobules, 0.3, 1.7))

    def _paint_stool(self, canvas: Canvas, where, x, y, z, hit, stool) -> None:
        """Stool mottled with bubbles of gas."""
        coarse = self.noise(_MOTTLE, x[hit], y[hit], z[hit], 12.0)
        bubbles = self.noise(_MOTTLE - 1, x[hit], y[hit], z[hit], (4.8, 3.8, 4.8)) + 0.6 * coarse
        share = ramp(bubbles, 2.0 - 1.9 * stool[hit], 3.5 - 1.8 * stool[hit])
        canvas.paint(where[hit], Label.BOWEL_CONTENT, 0.85 * share)

    def _paint_mesentery(self, canvas: Canvas, inside, x, y, z, tube) -> None:
        """Vessels in the fat between the loops: pairs of artery and vein, and twigs."""
        loose = np.flatnonzero((tube > 0.5) & (tube < 60))
        where, x, y, z = (c[loose] for c in (inside, x, y, z))
        size = self.vessel_size
        first, second = (self.noise(_BRANCHES + n, x, y, z, (44.0, 44.0, 60.0)) for n in range(2))

        def line(a: float, b: float, width: float) -> np.ndarray:
            # where two fields take two values at once lies a curve
            return where[(first - a) ** 2 + (second - b) ** 2 < (width * size) ** 2]

        for a, b in ((1.1, 0.4), (-0.9, 0.8), (0.2, -1.2), (-0.3, 1.7)):
            canvas.mix[line(a, b, 0.10)] = 0.7
        for a, b, width in ((0.0, 0.0, 0.14), (0.9, -0.6, 0.10), (-1.0, -0.5, 0.10), (0.5, 1.2, 0.08)):
            canvas.paint(line(a + 0.24, b + 0.1, width), Label.VEIN)
            canvas.paint(line(a, b, 0.65 * width), Label.ARTERY)
