"""Vessels and other tubes that run along the body: center, radius and slope tabulated by height."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from CT2MRSynthLib.phantom.geometry import Geometry

#: Distance of table entries in mm.
STEP = 1.0
_PAD = 20


def spine_point(geometry: Geometry, phase: float, u: float, v: float) -> np.ndarray:
    """World RAS mm of a point beside the spine.

    Args:
        geometry: Frames.
        phase: Position along the spine; 3.0 is the middle of L3, 3.5 the disc below it.
        u, v: Right, and anterior of the posterior wall, in mm.
    """
    poses = geometry.along
    low = int(np.clip(np.floor(2 * phase), 0, len(poses) - 2))
    t = 2 * phase - low
    return (1 - t) * poses[low].world(u, v, 0) + t * poses[low + 1].world(u, v, 0)


class Tube:
    """A tube with one center at each height and an elliptic cross-section.

    Args:
        points: Centers in world RAS mm from superior to inferior, shape (n, 3), n > 1.
        radius: Radius at each center, one number, or shape (n,) or (n, 2): left-right and front-back.
    """

    def __init__(self, points: np.ndarray, radius: float | Sequence):
        points = np.asarray(points, dtype=float)
        radius = np.asarray(radius, dtype=float)
        radius = np.broadcast_to(radius[..., None] if radius.ndim < 2 else radius, (len(points), 2))
        order = np.argsort(points[:, 2])
        # heights must differ for the interpolation; a tube that runs level for a while still falls a little
        least = 0.5 * np.arange(len(points))
        heights = np.maximum.accumulate(points[order, 2] - least) + least
        self.low, self.high = float(heights[0]), float(heights[-1])
        z = np.arange(self.low, self.high + STEP, STEP)
        columns = np.column_stack([points[order, :2], radius[order]])
        table = np.stack([np.interp(z, heights, column) for column in columns.T], axis=1)
        # round the bends; the ends stay where they are
        table = gaussian_filter1d(np.pad(table, ((_PAD, _PAD), (0, 0)), "reflect", reflect_type="odd"), 7.0, axis=0)
        table = table[_PAD:-_PAD]
        slope = np.gradient(table[:, :2], STEP, axis=0) if len(z) > 1 else np.zeros((len(z), 2))
        self._table = np.concatenate([table, slope], axis=1).astype(np.float32)
        self.reach = float(np.max(radius) * np.sqrt(1 + np.max(np.sum(slope**2, axis=1))))

    def radius_at(self, x, y, z, margin: float = 0.0):
        """Indices of points within or near the tube, their radius relative to its wall, and where they lie.

        Args:
            x, y, z: World mm, flat arrays.
            margin: How far in mm from the wall points count as near.

        Returns:
            Indices; relative radius (1 at the wall); approximate distance from the wall in mm; angle around the center
            in radians (0: patient's right, positive: anterior).
        """
        inside = np.flatnonzero((z > self.low - margin) & (z < self.high + margin))
        row = ((z[inside] - np.float32(self.low)) * np.float32(1 / STEP) + np.float32(0.5)).astype(np.intp)
        np.clip(row, 0, len(self._table) - 1, out=row)
        reach = np.float32(self.reach + margin)
        dx = x[inside] - self._table[:, 0][row]
        near = np.flatnonzero(np.abs(dx) < reach)
        near = near[np.abs(y[inside[near]] - self._table[:, 1][row[near]]) < reach]
        where = inside[near]
        at = self._interpolated(z[where])
        dx, dy = x[where] - at[:, 0], y[where] - at[:, 1]
        sx, sy = at[:, 4], at[:, 5]
        # an oblique tube is cut lengthwise by the axial plane: take the part along the slope out
        along = (dx * sx + dy * sy) / (1 + sx * sx + sy * sy)
        ex, ey = dx - along * sx, dy - along * sy
        depth = along * along
        relative = np.sqrt((ex / at[:, 2]) ** 2 + (ey / at[:, 3]) ** 2 + depth / (at[:, 2] * at[:, 3]))
        distance = (relative - 1) * np.minimum(at[:, 2], at[:, 3])
        return where, relative, distance, np.arctan2(dy, dx)

    def _interpolated(self, z):
        position = np.clip((z - np.float32(self.low)) * np.float32(1 / STEP), 0, len(self._table) - 1.001)
        row = position.astype(np.intp)
        part = (position - row).astype(np.float32)[:, None]
        below = self._table[row]
        return below + part * (self._table[np.minimum(row + 1, len(self._table) - 1)] - below)
