"""The shape of the iliac wings: a curved sheet of varying thickness, looked up in a table."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from CT2MRSynthLib.phantom.anatomy import VERTEBRAE, Anatomy
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.lookup import Cells
from CT2MRSynthLib.phantom.shapes import ramp, smooth_max

S1 = VERTEBRAE.index("S1")
# The wing in an axial plane, from the posterior superior iliac spine along the sacroiliac joint and the iliac fossa to
# the anterior superior iliac spine. Typical adult values in mm from the posterior wall of S1; heights above its middle.
_U = np.array([41.0, 45.0, 53.0, 62.0, 71.0, 86.0, 104.0, 120.0, 130.0])
_V = np.array([-42.0, -34.0, -20.0, -3.0, 13.0, 26.0, 35.0, 47.0, 63.0])
_HALF = np.array([4.5, 7.5, 8.0, 7.5, 5.5, 3.1, 3.0, 4.2, 6.5])
_CREST = np.array([-6.0, 8.0, 26.0, 43.0, 52.0, 54.0, 44.0, 25.0, -2.0])
#: Position along the wing (0 to 1) where the joint with the sacrum begins and ends.
JOINT = (0.07, 0.43)
#: Sacral tilt in degrees at which the typical values hold; the pelvis follows the sacrum in part.
_TILT, _FOLLOW = 33.0, 0.6
_LOW, _HIGH, _STEP = (10.0, -90.0), (190.0, 120.0), 2.0


class Ilium:
    """Both iliac wings of one subject.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, rng: np.random.Generator):
        female = not anatomy.severity.male
        wide, deep, high, fossa, lift = rng.normal(0, 1, 5)
        self.scale = anatomy.scale
        self.origin = geometry.vertebrae[S1].origin
        lean = np.radians(_FOLLOW * (anatomy.tilt[S1] - _TILT))
        self._cos, self._sin = np.float32(np.cos(lean)), np.float32(np.sin(lean))
        outward = np.linspace(0, 1, len(_U)) ** 1.5
        self._u = _U + outward * (4.0 * wide + 5.0 * female) + 3.5 * fossa * np.sin(2 * np.pi * outward)
        self._v = _V + outward * (4.0 * deep - 4.0 * female)
        self._crest = (_CREST + 3.0 * lift) * (1.0 + 0.07 * high - 0.06 * female)
        self._half = _HALF * (0.9 if female else 1.04) * np.clip(1 + 0.08 * rng.standard_normal(len(_HALF)), 0.8, 1.2)
        # left and right differ a little; index 1 is the left side
        self._side = rng.normal(0, (1.5, 1.5, 2.5), (2, 3)).astype(np.float32)
        self.flare = float(np.clip(rng.normal(0.2, 0.04), 0.1, 0.3))

    @property
    def highest(self) -> float:
        """Height of the crest, with a margin, in ``local`` mm."""
        return float(self._crest.max() + 7.0)

    @property
    def top(self) -> float:
        """No part of the wings lies higher, world z in mm."""
        return float(self.origin[2] + self.scale * (self._crest.max() + 8.0) + 25.0 * abs(self._sin) * self.scale + 8.0)

    def local(self, x, y, z):
        """Positions in the pelvis in typical adult mm: unsigned lateral, anterior, superior."""
        side = (x < self.origin[0]).astype(np.intp)
        shift = [self._side[:, c][side] for c in range(3)]
        k = np.float32(1 / self.scale)
        u = np.abs(x - np.float32(self.origin[0])) * k + shift[0]
        dy, dz = (y - np.float32(self.origin[1])) * k, (z - np.float32(self.origin[2])) * k
        return u, dy * self._cos - dz * self._sin + shift[1], dy * self._sin + dz * self._cos + shift[2]

    def measure(self, u, v, w):
        """Where points lie relative to the wing.

        Args:
            u, v, w: ``local`` positions.

        Returns:
            Distance to the middle of the sheet, +1 outside and -1 inside the pelvis, position along the sheet (0 at the
            posterior, 1 at the anterior superior spine), half its thickness, and the height of the crest there.
        """
        cells = Cells(self._index(u, v, w), self._tables[0].shape)
        distance, side, t, half, crest = (cells.of(table) for table in self._tables)
        # the crest is thicker than the wing below it
        half = half + 3.0 * np.exp(-(((crest - w - 3.0) / 8.0) ** 2)) * (t > 0.1)
        return distance, np.where(side > 0, np.float32(1), np.float32(-1)), t, half, crest

    def bone(self, distance, t, half, crest, w):
        """Signed distance of the bone, from what ``measure`` returns."""
        bone = smooth_max(distance - half, w - crest, 5.0)
        # the greater sciatic notch
        return smooth_max(bone, -50.0 - w - 90.0 * ramp(t, 0.3, 0.6), 4.0)

    def surface(self, z: np.ndarray, outside: float = 1.0) -> np.ndarray:
        """Points on the faces of both wings.

        Args:
            z: World heights, mm.
            outside: 1 for the gluteal face, -1 for the pelvic one.

        Returns:
            World x, y, shape (len(z), n, 2), nan where there is no bone.
        """
        t = np.linspace(0, 1, 60)
        u, v, half, crest = (s(t) for s in self._splines)
        tangent = np.stack([self._splines[0](t, 1), self._splines[1](t, 1)])
        tangent /= np.linalg.norm(tangent, axis=0)
        u, v = u + outside * tangent[1] * half, v - outside * tangent[0] * half
        # the rounded ends
        u[[0, -1]] += np.array([-1, 1]) * tangent[0, [0, -1]] * half[[0, -1]]
        v[[0, -1]] += np.array([-1, 1]) * tangent[1, [0, -1]] * half[[0, -1]]
        dz = (z[:, None] - self.origin[2]) / self.scale
        faces = []
        for sign, (du, dv, dw) in zip((1.0, -1.0), self._side, strict=True):
            dy = (v - dv + dz * self._sin) / self._cos
            w = dy * self._sin + dz * self._cos + dw
            present = (w < crest + 4.0) & ((w > -60.0) | (t > 0.45))
            lateral = u - du + self.flare * np.clip(w, -45, 60) * ramp(v, -20.0, 40.0)
            x = self.origin[0] + sign * self.scale * np.where(present, lateral, np.nan)
            faces.append(np.stack([x, self.origin[1] + self.scale * dy], axis=-1))
        return np.concatenate(faces, axis=1)

    def _index(self, u, v, w):
        # wings lean outward toward the crest
        u = u - np.float32(self.flare) * np.clip(w, -45.0, 60.0) * ramp(v, -20.0, 40.0)
        return [(u - np.float32(_LOW[0])) / np.float32(_STEP), (v - np.float32(_LOW[1])) / np.float32(_STEP)]

    @cached_property
    def _splines(self):
        t = np.concatenate([[0], np.cumsum(np.hypot(np.diff(self._u), np.diff(self._v)))])
        return [CubicSpline(t / t[-1], values) for values in (self._u, self._v, self._half, self._crest)]

    @cached_property
    def _tables(self):
        """Distance and side, position along the sheet, half thickness and crest on a grid of lateral and anterior."""
        t = np.linspace(0, 1, 500)
        u, v, half, crest = (s(t) for s in self._splines)
        grid = [np.arange(low, high, _STEP) for low, high in zip(_LOW, _HIGH, strict=True)]
        points = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1)
        distance, nearest = cKDTree(np.stack([u, v], axis=-1)).query(points.reshape(-1, 2))
        du, dv = self._splines[0](t, 1)[nearest], self._splines[1](t, 1)[nearest]
        offset = points.reshape(-1, 2) - np.stack([u[nearest], v[nearest]], axis=-1)
        sign = np.where(offset[:, 0] * dv - offset[:, 1] * du > 0, 1.0, -1.0)
        tables = (distance, sign, t[nearest], half[nearest], crest[nearest])
        return [table.reshape(points.shape[:2]).astype(np.float32) for table in tables]
