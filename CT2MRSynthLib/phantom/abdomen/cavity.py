"""Where the abdominal cavity ends: its radius around an axis, measured once on what is painted around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.lookup import Cells
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.tissues import Label

#: Heights measured, in mm above the middle of L3, and number of directions.
_LOW, _HIGH, _STEP = -216.0, 156.0, 12.0
_DIRECTIONS = 60
_REACH, _SKIP, _RADIAL = 216.0, 9.0, 3.0


class Cavity:
    """The abdominal cavity of one subject, without the random deformation.

    Args:
        walls: Painters of torso, pelvis and muscles; what they leave as fat is the cavity.
        geometry: Frames.
        front: Distance of the cavity's axis from the posterior wall of the bodies, mm.
    """

    def __init__(self, walls: Sequence, geometry: Geometry, front: float = 72.0):
        self.geometry, self.front = geometry, front
        heights = np.arange(_LOW, _HIGH + _STEP / 2, _STEP)
        angle = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
        z, t = np.meshgrid(heights, angle, indexing="ij")
        # far apart first, then in between
        radius = np.arange(_SKIP, _REACH, _SKIP)
        outside = self._outside(walls, z, t, np.broadcast_to(radius, (*z.shape, radius.size)))
        radius = radius[np.where(outside.any(axis=2), outside.argmax(axis=2), radius.size - 1)]
        between = radius[..., None] + np.arange(_RADIAL - _SKIP, _RADIAL / 2, _RADIAL)
        outside = self._outside(walls, z, t, between)
        outside[..., -1] = True
        radius = np.take_along_axis(between, outside.argmax(axis=2)[..., None], axis=2)[..., 0]
        radius = np.maximum(radius - _RADIAL / 2, 1.0)
        radius = ndimage.gaussian_filter(radius, (0.6, 0.8), mode=("nearest", "wrap")).astype(np.float32)
        # directions repeat
        self._radius = np.concatenate([radius, radius[:, :1]], axis=1)

    def _outside(self, walls: Sequence, z, angle, radius) -> np.ndarray:
        """Which points are no fat: bool, shape (heights, directions, radii)."""
        x, y = self.axis(z)
        x, y = (c[..., None] + radius * turn(angle)[..., None] for c, turn in ((x, np.cos), (y, np.sin)))
        positions = np.stack([x, y, np.broadcast_to(z[..., None], x.shape)], axis=-1)
        canvas = Canvas(x.size)
        points = Points.at(positions.reshape(-1, 3), self.geometry, _still)
        for wall in walls:
            wall.paint(canvas, points)
        return (canvas.label != Label.FAT).reshape(x.shape)

    def axis(self, z):
        """x, y of the axis at some heights."""
        x, y, _ = self.geometry.spine_at_height(z)
        # the cavity follows scoliosis and lordosis in part only
        middle = float(self.geometry.vertebrae[3].origin[1])
        return 0.3 * x, 0.6 * (y - middle) + (middle + self.front)

    def radius(self, angle, z) -> np.ndarray:
        """Distance in mm from the axis to the cavity's wall.

        Args:
            angle: Direction in radians; 0 is the patient's right, positive anterior.
            z: World mm.
        """
        turns = np.asarray(angle, dtype=np.float32) * np.float32(_DIRECTIONS / (2 * np.pi))
        turns = turns - np.floor(turns * np.float32(1 / _DIRECTIONS)) * np.float32(_DIRECTIONS)
        level = (np.asarray(z, dtype=np.float32) - np.float32(_LOW)) * np.float32(1 / _STEP)
        level, turns = np.broadcast_arrays(level, turns)
        return Cells([level.ravel(), turns.ravel()], self._radius.shape).of(self._radius).reshape(level.shape)

    def depth(self, x, y, z) -> np.ndarray:
        """Distance in mm from the wall inward along the ray from the axis; negative outside."""
        ax, ay = self.axis(z)
        return self.radius(np.arctan2(y - ay, x - ax), z) - np.hypot(x - ax, y - ay)

    def point(self, degrees: float, depth: float, z: float) -> np.ndarray:
        """World RAS mm of the point at some depth under the wall.

        Args:
            degrees: Direction; 0 is the patient's right, 90 anterior.
            depth: Distance from the wall, mm.
            z: Height, world mm.
        """
        t = np.radians(degrees)
        reach = float(self.radius(np.array([t]), z)[0]) - depth
        ax, ay = self.axis(z)
        return np.array([ax + reach * np.cos(t), ay + reach * np.sin(t), z])


def _still(field: int, x, y, z, wavelength) -> np.ndarray:
    """Random fields that vanish: the torso as it is before the random deformation."""
    return np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(z)), dtype=np.float32)
