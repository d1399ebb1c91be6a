"""Small implicit shapes: signed distances in mm, negative inside, and their smooth unions."""

from __future__ import annotations

import numpy as np


def smooth_min(a, b, blend: float):
    """Union of two shapes whose joint is rounded over ``blend`` mm (Quilez' polynomial smooth minimum)."""
    within = np.maximum(blend - np.abs(a - b), 0.0)
    return np.minimum(a, b) - within * within * (0.25 / blend)


def smooth_max(a, b, blend: float):
    """Intersection of two shapes whose edge is rounded over ``blend`` mm."""
    within = np.maximum(blend - np.abs(a - b), 0.0)
    return np.maximum(a, b) + within * within * (0.25 / blend)


def superellipse(x, y, half_x, half_y, power: float = 2.0):
    """Approximate signed distance to the superellipse |x/a|^p + |y/b|^p = 1, and the normalized radius."""
    if power == 2.0:
        radius = np.sqrt((x / half_x) ** 2 + (y / half_y) ** 2)
    else:
        radius = (np.abs(x / half_x) ** power + np.abs(y / half_y) ** power) ** np.float32(1.0 / power)
    return (radius - 1.0) * np.minimum(half_x, half_y), radius


def ellipsoid(x, y, z, a, b, c):
    """Approximate signed distance to an ellipsoid."""
    return (np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2) - 1.0) * min(a, b, c)


def capsule(x, y, z, start, end, radius_start, radius_end):
    """Distance to a segment minus a radius that runs linearly from one end to the other."""
    start, end = np.asarray(start, dtype=np.float32), np.asarray(end, dtype=np.float32)
    axis = end - start
    dx, dy, dz = x - start[0], y - start[1], z - start[2]
    t = np.clip((dx * axis[0] + dy * axis[1] + dz * axis[2]) / np.float32(axis @ axis), 0.0, 1.0)
    distance = np.sqrt((dx - t * axis[0]) ** 2 + (dy - t * axis[1]) ** 2 + (dz - t * axis[2]) ** 2)
    return distance - (radius_start + t * np.float32(radius_end - radius_start))


def segment2d(x, y, start, end):
    """Distance in the plane to a segment, and the position 0..1 along it."""
    ax, ay = end[0] - start[0], end[1] - start[1]
    t = np.clip(((x - start[0]) * ax + (y - start[1]) * ay) / (ax * ax + ay * ay), 0.0, 1.0)
    return np.sqrt((x - start[0] - t * ax) ** 2 + (y - start[1] - t * ay) ** 2), t


def ramp(value, low, high):
    """0 below ``low``, 1 above ``high``, smooth between (smoothstep); in the value's precision."""
    # numbers of numpy's own types would make float32 arrays double
    low, high = (end if isinstance(end, np.ndarray) else float(end) for end in (low, high))
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    result = t * -2.0
    result += 3.0
    result *= t
    result *= t
    return result
