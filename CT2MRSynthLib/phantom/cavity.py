"""Where the abdominal cavity ends: its radius around an axis, measured once on what is painted around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.tissues import Label

#: Heights measured, in mm above the middle of L3, and number of directions.
_LOW, _HIGH, _STEP = -216.0, 156.0, 12.0
_DIRECTIONS = 60
_REACH, _RADIAL = 216.0, 3.0


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
        reach = np.arange(_RADIAL, _REACH, _RADIAL)
        z, t, r = np.meshgrid(heights, angle, reach, indexing="ij")
        x, y = self.axis(z)
        positions = np.stack([x + r * np.cos(t), y + r * np.sin(t), z], axis=-1)
        canvas = Canvas(z.size)
        points = Points.at(positions.reshape(-1, 3), geometry, _still)
        for wall in walls:
            wall.paint(canvas, points)
        outside = (canvas.label != Label.FAT).reshape(z.shape)
        first = np.where(outside.any(axis=2), outside.argmax(axis=2), reach.size - 1)
        radius = np.maximum(reach[first] - _RADIAL / 2, 1.0)
        self._radius = ndimage.gaussian_filter(radius, (0.6, 0.8), mode=("nearest", "wrap")).astype(np.float32)

    def axis(self, z):
        """x, y of the axis at some heights."""
        x, y, _ = self.geometry.spine_at_height(z)
        # the cavity follows scoliosis and lordosis in part only
        return 0.3 * x, 0.6 * (y - self.geometry.vertebrae[3].origin[1]) + self.geometry.vertebrae[3].origin[1] + (
            self.front
        )

    def radius(self, angle, z) -> np.ndarray:
        """Distance in mm from the axis to the cavity's wall.

        Args:
            angle: Direction in radians; 0 is the patient's right, positive anterior.
            z: World mm.
        """
        turns = np.asarray(angle) * (_DIRECTIONS / (2 * np.pi))
        # the height's end values hold beyond it, directions repeat
        level = np.clip((np.asarray(z) - _LOW) / _STEP, 0, self._radius.shape[0] - 1)
        index = np.broadcast_arrays(level, turns)
        return ndimage.map_coordinates(self._radius, index, order=1, mode="grid-wrap", output=np.float32)

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
