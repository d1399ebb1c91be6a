"""The outline of the torso: skin, muscle surface and cavity as radii about the spine, by height and angle."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.lookup import Cells
from CT2MRSynthLib.phantom.shapes import ramp, smooth_min
from CT2MRSynthLib.phantom.trunk.ilium import Ilium

# Distance of the table's rows, and of the heights for which the center is known, mm; columns over the full circle.
_STEP, _FINE, _COLUMNS = 5.0, 0.25, 180
_ANGLE = np.arange(_COLUMNS) * (2 * np.pi / _COLUMNS)
# Typical adult values by phase (0 is the middle of T12, 5 of L5, 7 of S2), in mm.
_PHASE = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.5])
_WIDTH = {
    True: np.array([141, 140, 138, 135, 131, 129, 131, 138, 145, 152, 158.0]),
    False: np.array([128, 127, 125, 121, 118, 119, 127, 138, 148, 157, 164.0]),
}
_WIDTH_FAT = np.array([16, 18, 22, 27, 33, 37, 38, 32, 22, 17, 15.0])
_FRONT = np.array([112, 110, 107, 103, 99, 96, 94, 92, 92, 93, 94.0])
_FRONT_FAT = np.array([18, 22, 32, 44, 56, 64, 66, 58, 46, 36, 30.0])
_BACK = np.array([56, 56, 58, 60.5, 62.5, 63, 62, 58, 51, 44, 42.0])
_FAT_BACK = np.array([0.6, 0.62, 0.66, 0.7, 0.78, 0.88, 1.05, 1.25, 1.4, 1.5, 1.6])
_FAT_SIDE = np.array([0.7, 0.7, 0.72, 0.78, 0.88, 1.0, 1.12, 1.15, 1.1, 1.1, 1.15])
_FAT_FRONT = np.array([0.5, 0.5, 0.55, 0.65, 0.8, 0.95, 1.05, 1.1, 1.1, 1.05, 1.0])


class TorsoOutline:
    """Skin, muscle surface and abdominal wall of one subject.

    The center is a line ahead of the spine that follows its curves in part.

    Args:
        anatomy: Sizes.
        geometry: Frames.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry):
        self.anatomy = a = anatomy
        self._rng = rng = np.random.default_rng([a.seed, 129])
        self.ilium = Ilium(a, geometry, rng)
        bottom, top = geometry.vertebrae[-1].origin[2] - 100.0, geometry.vertebrae[0].origin[2] + 100.0
        self.z = np.arange(bottom, top, _STEP)
        self._place(geometry)
        surface, tips = self._muscle_surface(geometry)
        # the wing of the ilium lies under the fat
        outer, inner = self._wing_radii()
        surface = self._stretched(np.maximum(surface, outer + 2.5), outer > 0)
        surface = ndimage.gaussian_filter(surface, (1.2, 0.8), mode=("nearest", "wrap"))
        surface = np.maximum(surface, outer + 1.5)
        self.radius = surface
        thickness = self._wall_thickness(rng)
        skin = self._skin(surface, tips, rng)
        slope = np.gradient(np.pad(skin, ((0, 0), (1, 1)), mode="wrap"), _ANGLE[1], axis=1)[:, 1:-1] / skin
        cosine = 1 / np.sqrt(1 + slope * slope)
        # depth of what wings of the ilium and ribs part from the cavity
        hidden = np.where(inner < 1e3, (surface - inner) * cosine, 0.0)
        hidden = np.maximum(hidden, (surface - self._chest(surface)) * cosine)
        self.skin, self.muscle, self.wall, self.cosine, self.hidden = (
            self._closed(t) for t in (skin, surface, thickness, cosine, hidden)
        )
        #: No point nearer to the center belongs to the wall, mm.
        self.core = float(min((surface - 1.4 * thickness).min(), inner.min()) - 1.0)

    def centered(self, x, y, z):
        """Right of and behind the outline's center at the height of each point, mm."""
        row = np.clip((z - np.float32(self.z[0])) * np.float32(1 / _FINE), 0, len(self._fine_x) - 1).astype(np.int32)
        return x - self._fine_x[row], self._fine_y[row] - y

    def polar(self, right, behind):
        """Distance from the center and angle (0 dorsal, pi/2 right, 0 to 2 pi) of ``centered`` points."""
        angle = np.arctan2(right, behind)
        return np.sqrt(right * right + behind * behind), np.where(angle < 0, angle + np.float32(2 * np.pi), angle)

    def at(self, table: np.ndarray, angle, z):
        """A table (``skin``, ``muscle``, ``wall``, ``cosine``) at angles and heights."""
        return self.cells(angle, z).of(table).reshape(np.shape(angle))

    def cells(self, angle, z) -> Cells:
        """Where in the tables angles and heights lie: for those who need several tables."""
        index = [(z - np.float32(self.z[0])) * np.float32(1 / _STEP), angle * np.float32(_COLUMNS / (2 * np.pi))]
        return Cells([c.ravel() for c in index], self.cosine.shape)

    def row(self, values: np.ndarray, z) -> np.ndarray:
        """A quantity that depends on the height alone."""
        return np.interp(z, self.z, values).astype(np.float32)

    def middle(self) -> tuple[float, float]:
        """World x, y of the middle of the body between T12 and S2."""
        rows = (self.phase > 0) & (self.phase < 7)
        half = _COLUMNS // 2
        y = self._center_y + (self.skin[:, half] - self.skin[:, 0]) / 2
        x = self._spine_x + (self.skin[:, half // 2] - self.skin[:, half // 2 + half]) / 2
        return float(np.mean(x[rows])), float(np.mean(y[rows]))

    def _place(self, geometry: Geometry) -> None:
        """Spine and center at each height: the body does not follow a horizontal sacrum."""
        poses = [p for pair in zip(geometry.vertebrae, geometry.discs + [None], strict=True) for p in pair if p]
        points = np.array([p.origin for p in poses])[::-1]
        phase = np.arange(len(poses))[::-1] / 2.0
        self._spine_x = np.interp(self.z, points[:, 2], points[:, 0])
        line = float(geometry.vertebrae[3].origin[1])
        spine_y = line + np.clip(np.interp(self.z, points[:, 2], points[:, 1]) - line, -50.0, 16.0)
        self._spine_y = ndimage.gaussian_filter1d(spine_y, 1.0, mode="nearest")
        below = np.minimum(self.z - points[0, 2], 0.0) / 24.0
        above = np.maximum(self.z - points[-1, 2], 0.0) / 29.0
        self.phase = np.interp(self.z, points[:, 2], phase) - below - above
        self._line = line
        #: How far right of the center the body's midline lies at each height, mm: it follows scoliosis in part.
        self.sway = -0.6 * self._spine_x
        self._center_y = self._spine_y + 30.0 * self.anatomy.scale
        fine = np.arange(self.z[0], self.z[-1], _FINE)
        self._fine_x, self._fine_y = (
            np.interp(fine, self.z, c).astype(np.float32) for c in (self._spine_x, self._center_y)
        )

    def _level(self, values) -> np.ndarray:
        return np.interp(self.phase, _PHASE, values)[:, None]

    def _closed(self, table: np.ndarray) -> np.ndarray:
        return np.concatenate([table, table[:, :1]], axis=1).astype(np.float32)

    def _uneven(self, strength: float) -> np.ndarray:
        """A smooth random table: no body is symmetric."""
        coarse = np.pad(self._rng.standard_normal((9, 15)), ((0, 0), (0, 1)), mode="wrap")
        row = np.linspace(0, 8, len(self.z))[:, None] + 0 * _ANGLE
        column = (_ANGLE * 15 / (2 * np.pi))[None, :] + 0 * row
        return strength * ndimage.map_coordinates(coarse, [row, column], order=3, mode="grid-wrap")

    def _muscle_surface(self, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
        """Radii of the fascia that encloses all muscles, and of the spinous processes' tips in the midline."""
        a, rng = self.anatomy, self._rng
        fat, k = a.severity.fatness, a.scale
        wide, deep, flat, hollow = np.clip(rng.normal(0, 1, 4), -2, 2)
        half_width = self._level(_WIDTH[a.severity.male]) * k * (1 + 0.04 * wide) + fat * self._level(_WIDTH_FAT)
        belly = self._level(_FRONT) * (1 + 0.05 * deep) * k - 5.0 * (not a.severity.male) * k
        belly = belly + fat * self._level(_FRONT_FAT) * (1.1 if a.severity.male else 0.95)
        # the belly follows the lordosis less than the back does
        front = self._line + 0.45 * (self._spine_y - self._line)[:, None] + belly - self._center_y[:, None]
        tips = self._tips(geometry)[:, None]
        muscle = (self._center_y - self._spine_y)[:, None] + self._level(_BACK) * a.back_muscle * k**0.7 + 1.5
        middle = np.maximum(tips + 1.0, muscle - 9.0)
        back = np.maximum(muscle, middle - 5.0)
        angle = np.linspace(-np.pi, np.pi, 241)[:-1]
        ventral = ramp(-np.cos(angle), -0.6, 0.6)
        power = (2.45 + 0.15 * flat) * (1 - ventral) + (2.5 - 0.45 * fat + 0.1 * hollow) * ventral
        height = np.where(np.cos(angle) > 0, back, front)
        radius = (np.abs(np.sin(angle) / half_width) ** power + np.abs(np.cos(angle) / height) ** power) ** (-1 / power)
        right = radius * np.sin(angle) + self.sway[:, None]
        behind = radius * np.cos(angle)
        dorsal = np.cos(angle) > 0
        behind = behind + dorsal * (middle - back) * np.exp(-((right / (13.0 * k)) ** 2))
        # between erector spinae and the lateral wall the surface is a little hollow
        notch = (3.0 + 1.5 * hollow) * ramp(-self.phase, -5.2, -4.0)[:, None]
        behind = behind - dorsal * notch * np.exp(-(((np.abs(right) - 80.0 * k) / (11.0 * k)) ** 2))
        return self._resampled(right, behind) * (1 + self._uneven(0.010)), tips

    def _resampled(self, right, behind) -> np.ndarray:
        """Closed curves, one per row, as radii at the table's angles."""
        angle, radius = np.arctan2(right, behind) % (2 * np.pi), np.hypot(right, behind)
        return np.stack([np.interp(_ANGLE, a, r, period=2 * np.pi) for a, r in zip(angle, radius, strict=True)])

    def _tips(self, geometry: Geometry) -> np.ndarray:
        """How far behind the center the spinous processes reach at each height, mm."""
        a, k = self.anatomy, self.anatomy.scale
        result = np.full(len(self.z), 45.0)
        points = []
        for n, pose in enumerate(geometry.vertebrae):
            length = a.spinous_length * (1.0 if n < 5 else 0.75 if n == 5 else 0.45)
            points += [
                pose.world(0.0, -27.0 * k**0.5 - length, w * k + a.spinous_drop[n]) for w in (-5.0, -15.0, -26.0)
            ]
        # the lower sacrum, which bends forward again
        points += [geometry.vertebrae[-1].world(0.0, -26.0 * k + 0.3 * w, -w * k) for w in (30.0, 45.0)]
        for point in points:
            away = np.maximum(np.abs(self.z - point[2]) - 7.0, 0.0)
            result = np.maximum(result, self._center_y - point[1] - 0.035 * away * away)
        return ndimage.gaussian_filter1d(result, 1.0, mode="nearest")

    def _wing_radii(self) -> tuple[np.ndarray, np.ndarray]:
        """Radii between which the iliac wings and iliacus lie; 0 and very large where there are none."""
        size = (len(self.z), _COLUMNS)
        outer, inner = np.zeros(size), np.full(size, 1e4)
        for result, outside, better in ((outer, 1.0, np.maximum), (inner, -1.0, np.minimum)):
            angle, radius = self._about_center(self.ilium.surface(self.z, outside))
            row, point = np.nonzero(np.isfinite(radius))
            column = np.rint(angle[row, point] * _COLUMNS / (2 * np.pi)).astype(int)
            better.at(result, (row, column % _COLUMNS), radius[row, point])
        return (
            ndimage.maximum_filter(outer, (3, 3), mode=("nearest", "wrap")),
            ndimage.minimum_filter(inner, (1, 3), mode=("nearest", "wrap")),
        )

    def _about_center(self, points):
        right, behind = points[..., 0] - self._spine_x[:, None], self._center_y[:, None] - points[..., 1]
        return np.arctan2(right, behind) % (2 * np.pi), np.hypot(right, behind)

    def _stretched(self, surface, winged) -> np.ndarray:
        """Between the wings of the ilium and in front of them the surface is nowhere hollow."""
        result = surface.copy()
        ventral = np.abs(_ANGLE - np.pi) < 1.9
        share = np.linspace(0, 1, 401)[:-1]
        for row in np.flatnonzero(winged.any(axis=1)):
            points = surface[row, :, None] * np.stack([np.sin(_ANGLE), np.cos(_ANGLE)], axis=-1)
            corner = points[ConvexHull(points).vertices]
            corner = np.concatenate([corner, corner[:1]])
            right, behind = (np.interp(share, np.linspace(0, 1, len(corner)), c)[None] for c in corner.T)
            result[row, ventral] = np.maximum(surface[row], self._resampled(right, behind)[0])[ventral]
        return result

    def _chest(self, surface) -> np.ndarray:
        """Radii of the chest wall's inner face, where ribs leave the spine; below it the muscle surface."""
        folded = np.minimum(_ANGLE, 2 * np.pi - _ANGLE)
        inside = np.where((folded > 0.5) & (folded < 1.3), self.rib_line(folded, surface) - 5.0, surface)
        height = ramp(-self.phase, -1.2, 0.0)[:, None]
        return inside * height + surface * (1 - height)

    def rib_line(self, folded, surface):
        """Radius at which ribs run: obliquely away from the spine, then within the wall.

        Args:
            folded: Angle from dorsal, 0 to pi.
            surface: Radius of the muscle surface.
        """
        k = np.float32(self.anatomy.scale)
        away = 27.0 * k / np.maximum(np.cos(folded) - 0.55 * np.sin(folded), 0.05)
        return smooth_min(away, surface - 10.5 * k**0.5, 5.0)

    def _wall_thickness(self, rng) -> np.ndarray:
        """Thickness of the muscles of the abdominal wall, mm."""
        a, s = self.anatomy, self.anatomy.severity
        lateral, rectus, wide, alba = rng.uniform(14, 21), rng.uniform(9, 14), rng.uniform(50, 60), rng.uniform(2, 6)
        strong = (1.06 if s.male else 0.92) * (1 - 0.28 * np.clip((s.age - 45) / 40, 0, 1)) * a.scale**0.5
        u = np.abs(self.radius * np.sin(_ANGLE) - self.sway[:, None])
        ventral = np.cos(_ANGLE) < 0
        v = self._center_y[:, None] - self.radius * np.cos(_ANGLE) - self.ilium.origin[1]
        #: Half widths of the rectus muscles' outer and inner edges at each height, mm.
        self.semilunaris = (wide * a.scale * (1 + 0.25 * s.fatness) * self._level(_WIDTH[True]) / 132.0)[:, 0]
        self.alba = (alba * (1 + s.fatness) * (1 - 0.6 * ramp(self.phase, 3.6, 5.5))).astype(float)
        outer, inner = self.semilunaris[:, None], self.alba[:, None]
        share = np.clip((u - inner) / (outer - inner), 0, 1)
        lens = rectus * strong * np.maximum(4 * share * (1 - share), 0) ** 0.5
        low = ramp(self.phase, 4.55, 5.3)[:, None]
        flank = 0.2 + 0.8 * ramp(u, outer + 1.0, outer + 26.0)
        flank = np.where(ventral, flank, 1.0)
        # it ends at quadratus lumborum and, in the pelvis, at the anterior superior iliac spine
        end = np.where(~ventral, ramp(u, 70.0 * a.scale, 98.0 * a.scale), 1.0)
        end = end * (1 - low * (1 - ramp(v, 20.0 * a.scale, 60.0 * a.scale)))
        chest = ramp(-self.phase, -1.6, 0.0)[:, None]
        flank = (lateral * strong * (1 - chest) + 15.0 * a.scale * chest) * flank * end
        thickness = np.where(ventral & (u < outer), np.maximum(lens, 0.2 * lateral * share), flank)
        return np.maximum(thickness * (1 + self._uneven(0.05)), 1.3)

    def _skin(self, surface, tips, rng) -> np.ndarray:
        """Radii of the skin: subcutaneous fat on the muscles, smoother than they are, flattened by the table."""
        s = self.anatomy.severity
        fat, female = s.fatness, not s.male
        vary = np.clip(rng.normal(1.0, 0.14, 4), 0.7, 1.35)
        dorsal, ventral = np.maximum(np.cos(_ANGLE), 0) ** 2, np.maximum(-np.cos(_ANGLE), 0) ** 2
        back = (4.0 + 34.0 * fat**1.4) * vary[0] * self._level(_FAT_BACK)
        side = (4.0 + 30.0 * fat**1.5) * vary[1] * self._level(_FAT_SIDE)
        front = (5.0 + 30.0 * fat**1.3) * vary[2] * self._level(_FAT_FRONT)
        layer = back * dorsal + front * ventral + side * (1 - dorsal - ventral)
        # the roll above the hip
        roll = np.exp(-((np.abs(np.pi - np.abs(_ANGLE - np.pi)) - 1.05) ** 2) / 0.18)
        level = np.exp(-(((self.phase - 4.9) / 1.5) ** 2))[:, None]
        layer = layer + (5.0 + 14.0 * fat) * vary[3] * roll * level
        layer = layer * (1.15 if female else 0.92) * (1 + 0.2 * female * ramp(self.phase, 4.5, 6.5)[:, None])
        layer = layer * np.exp(self._uneven(0.06))
        # the skin bridges hollows of what lies beneath
        near, wide = (
            ndimage.gaussian_filter(surface, sigma, mode=("nearest", "wrap")) for sigma in ((1.5, 1.6), (5.0, 6.0))
        )
        skin = np.maximum(near, wide) + layer
        skin = np.maximum(self._on_table(skin), surface + 0.4 * layer)
        u = surface * np.sin(_ANGLE)
        cleft = 9.0 * ramp(self.phase, 7.0, 8.3)[:, None] * np.exp(-((u / 9.0) ** 2)) * (np.cos(_ANGLE) > 0)
        skin = skin - cleft - self._navel(u, layer, rng)
        least = np.where((np.abs(u) < 16) & (np.cos(_ANGLE) > 0), np.maximum(tips + 5.5, surface + 4.0), surface + 4.0)
        skin = np.maximum(skin, least)
        return np.maximum(ndimage.gaussian_filter(skin, (0.8, 0.8), mode=("nearest", "wrap")), surface + 3.5)

    def _on_table(self, skin) -> np.ndarray:
        """What lies on the table is pressed flat."""
        back = self._center_y[:, None] - skin * np.cos(_ANGLE)
        touching = (self.phase > -0.5) & (self.phase < 7.0)
        table = float(np.percentile(back[touching].min(axis=1), 35)) + 2.0
        limit = (self._center_y[:, None] - table) / np.maximum(np.cos(_ANGLE), 0.15)
        return np.where(np.cos(_ANGLE) > 0.15, smooth_min(skin, limit, 12.0), skin)

    def _navel(self, u, layer, rng) -> np.ndarray:
        height = np.interp(rng.uniform(3.3, 4.3), self.phase[::-1], self.z[::-1])
        shape = np.exp(-((u / 7.0) ** 2)) * np.exp(-(((self.z - height) / 8.0) ** 2))[:, None]
        return np.minimum(0.65 * layer, 15.0) * shape * (np.cos(_ANGLE) < 0)


@lru_cache(maxsize=4)
def outline_of(geometry: Geometry) -> TorsoOutline:
    """The outline of a subject; painters that ask for the same subject share it."""
    return TorsoOutline(geometry.anatomy, geometry)
