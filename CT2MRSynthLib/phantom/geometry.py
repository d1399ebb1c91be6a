"""Where each vertebra and disc lies: rigid frames along a curved spine, and the canal's own curved coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from CT2MRSynthLib.phantom.anatomy import DISCS, VERTEBRAE, Anatomy

#: No vertebra reaches farther down or up from its middle, mm.
VERTEBRA = (-44.0, 38.0)
#: Distance of the rows of tables along the spine, mm.
_FINE = 0.25


@dataclass(frozen=True)
class Pose:
    """A rigid frame: origin in the middle of the posterior wall; rows of ``axes`` are right, anterior, superior."""

    origin: np.ndarray
    axes: np.ndarray

    def local(self, x, y, z):
        """World coordinates to (u right, v anterior, w superior) in mm."""
        d = (x - np.float32(self.origin[0]), y - np.float32(self.origin[1]), z - np.float32(self.origin[2]))
        a = self.axes.astype(np.float32)
        return tuple(d[0] * a[n, 0] + d[1] * a[n, 1] + d[2] * a[n, 2] for n in range(3))

    def height(self, x, y, z):
        """w of world coordinates, mm."""
        a, o = self.axes[2].astype(np.float32), np.float32(self.axes[2] @ self.origin)
        return x * a[0] + y * a[1] + z * a[2] - o

    def within(self, x, y, z) -> np.ndarray:
        """Indices of the points at heights that a vertebra with this frame may reach."""
        low, high = VERTEBRA
        w = self.height(x, y, z)
        return np.flatnonzero((w > low) & (w < high))

    def world(self, u: float, v: float, w: float) -> np.ndarray:
        """Local mm to world RAS mm."""
        return self.origin + np.array([u, v, w]) @ self.axes

    def near(self, corners: np.ndarray, reach: float) -> bool:
        """Whether a box (corners in mm, shape (8, 3)) comes within ``reach`` mm of the frame's axial plane."""
        w = (corners - self.origin) @ self.axes[2]
        return bool(w.min() < reach and w.max() > -reach)


def _axes(tilt: float, lateral: float, rotation: float) -> np.ndarray:
    """Rows right, anterior, superior; the superior axis leans anterior by ``tilt`` and right by ``lateral`` degrees."""
    t, f, r = np.radians([tilt, lateral, rotation])
    superior = np.array([np.sin(f), np.sin(t) * np.cos(f), np.cos(t) * np.cos(f)])
    right = np.array([np.cos(r), np.sin(r), 0.0])
    right -= superior * (right @ superior)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(superior, right), superior])


def _mean_axes(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    left, _, right = np.linalg.svd(a + b)
    return left @ right


class Geometry:
    """Frames of vertebrae and discs, and the map from world to canal coordinates.

    Args:
        anatomy: The subject; world origin lies in the middle of L3's body.
    """

    def __init__(self, anatomy: Anatomy):
        self.anatomy = anatomy
        a = anatomy
        axes = [_axes(a.tilt[n], a.lateral_tilt[n], a.rotation[n]) for n in range(len(VERTEBRAE))]
        disc_axes = [_mean_axes(axes[n], axes[n + 1]) for n in range(DISCS)]
        depth = a.body_depth / 2
        centers = [np.zeros(3)]
        for n in range(DISCS):
            step = axes[n][2] * a.body_height[n] / 2 + axes[n + 1][2] * a.body_height[n + 1] / 2
            step = step + disc_axes[n][2] * a.disc_height[n]
            centers.append(centers[-1] - step)
        centers = np.array(centers) - centers[3]
        self.vertebrae = [Pose(centers[n] - axes[n][1] * depth[n], axes[n]) for n in range(len(VERTEBRAE))]
        self.discs = []
        for n in range(DISCS):
            below = centers[n] - axes[n][2] * a.body_height[n] / 2
            above = centers[n + 1] + axes[n + 1][2] * a.body_height[n + 1] / 2
            half = (depth[n] + depth[n + 1]) / 2
            self.discs.append(Pose((below + above) / 2 - disc_axes[n][1] * half, disc_axes[n]))
        #: Vertebrae and the discs between them in turn, from above downward.
        self.along = [p for pair in zip(self.vertebrae, [*self.discs, None], strict=True) for p in pair if p]
        self._build_curve()

    def _build_curve(self) -> None:
        """A curve through the posterior walls, from below upward, with the frames along it."""
        poses, phase = [], []
        for n in reversed(range(len(VERTEBRAE))):
            poses.append(self.vertebrae[n])
            phase.append(n + 0.0)
            if n > 0:
                poses.append(self.discs[n - 1])
                phase.append(n - 0.5)
        points = np.array([p.origin for p in poses])
        frames = np.array([p.axes.ravel() for p in poses])
        top, bottom = poses[-1], poses[0]
        points = np.vstack([bottom.world(0, -10, -60), points, top.world(0, 0, 80)])
        frames = np.vstack([frames[:1], frames, frames[-1:]])
        phase = np.concatenate([[8.5], phase, [-2.5]])
        knots = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        arc = np.arange(0, knots[-1], 0.5)
        self._arc = arc
        self._points = CubicSpline(knots, points)(arc)
        fine = np.stack([np.interp(arc, knots, frames[:, c]) for c in range(9)], axis=1).reshape(-1, 3, 3)
        right = fine[:, 0] / np.linalg.norm(fine[:, 0], axis=1, keepdims=True)
        superior = fine[:, 2] - right * np.sum(fine[:, 2] * right, axis=1, keepdims=True)
        superior /= np.linalg.norm(superior, axis=1, keepdims=True)
        self._frames = np.stack([right, np.cross(superior, right), superior], axis=1)
        # position along the spine counted in vertebrae: 3.0 is the middle of L3, 3.5 the disc below it
        self._phase = np.interp(arc, knots, phase)
        self._tabulate()

    def _tabulate(self) -> None:
        """What points look up, float32: along the curve, and by height."""
        arc = np.arange(0, self._arc[-1] + _FINE, _FINE)
        columns = [self._points, self._frames[:, 2], self._frames[:, 0], self._frames[:, 1], self._phase[:, None]]
        columns = np.concatenate(columns, axis=1).T
        self._curve = np.stack([np.interp(arc, self._arc, c) for c in columns]).astype(np.float32)
        self._low = float(self._points[:, 2].min())
        z = np.arange(self._low, float(self._points[:, 2].max()) + _FINE, _FINE)
        columns = (self._points[:, 0], self._points[:, 1], self._phase, self._arc)
        self._heights = np.stack([np.interp(z, self._points[:, 2], c) for c in columns]).astype(np.float32)

    def spine_at_height(self, z):
        """Posterior wall of the spine at world height z: (x, y, phase), for soft tissue that lies in axial planes."""
        position = (np.asarray(z, dtype=np.float32) - np.float32(self._low)) * np.float32(1 / _FINE)
        position = np.minimum(np.maximum(position, np.float32(0)), np.float32(self._heights.shape[1] - 1.01))
        row = position.astype(np.intp)
        part = position - row.astype(np.float32)
        return tuple(c[row] + part * (c[row + 1] - c[row]) for c in self._heights[:3])

    def canal(self, x, y, z):
        """World to canal coordinates: u right, v anterior of the posterior wall, phase along the spine."""
        shape = np.shape(x)
        x, y, z = (np.ravel(c).astype(np.float32, copy=False) for c in (x, y, z))
        row = (z - np.float32(self._low)) * np.float32(1 / _FINE)
        arc = self._heights[3][np.clip(row, 0, self._heights.shape[1] - 1).astype(np.intp)]
        for _ in range(5):
            row, offset = self._nearest(arc, x, y, z)
            target = row.astype(np.float32) * np.float32(_FINE) + self._along(row, offset, 3)
            arc = arc + np.float32(0.8) * (target - arc)
        row, offset = self._nearest(arc, x, y, z)
        u, v = self._along(row, offset, 6), self._along(row, offset, 9)
        position = np.clip(arc * np.float32(1 / _FINE), 0, self._curve.shape[1] - 1.01)
        row = position.astype(np.intp)
        low, high = self._curve[12][row], self._curve[12][row + 1]
        phase = low + (position - row.astype(np.float32)) * (high - low)
        return u.reshape(shape), v.reshape(shape), phase.reshape(shape)

    def _nearest(self, arc, x, y, z):
        """Nearest row of the curve's table, and where points lie from there, world mm."""
        row = np.clip(arc * np.float32(1 / _FINE) + np.float32(0.5), 0, self._curve.shape[1] - 1).astype(np.intp)
        return row, [c - self._curve[axis].take(row) for axis, c in enumerate((x, y, z))]

    def _along(self, row, offset, first: int):
        """How far offsets point along one of the curve's directions, given by its first column."""
        return sum(offset[c] * self._curve[first + c].take(row) for c in range(3))

    def from_canal(self, u, v, phase: float) -> list[np.ndarray]:
        """World coordinates of points at one position along the spine; ``canal`` is the way back."""
        # the phase falls as the arc rises
        arc = np.interp(-phase, -self._phase, self._arc)
        origin = [np.interp(arc, self._arc, self._points[:, c]) for c in range(3)]
        right, anterior = ([np.interp(arc, self._arc, self._frames[:, row, c]) for c in range(3)] for row in (0, 1))
        return [origin[c] + right[c] * u + anterior[c] * v for c in range(3)]
