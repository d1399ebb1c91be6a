"""Outlines of vertebral bodies and discs, and the iliac wings."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.shapes import segment2d, smooth_max, superellipse

#: Index of S1 among the vertebrae.
SACRUM = 6


def outline(u, v, half_width, half_depth, power, notch, width, posterior=0.0):
    """Signed distance and normalized radius of a vertebral outline: an ellipse cut by a flat or notched back."""
    shape, radius = superellipse(u, v - (half_depth - 2.0), half_width, half_depth + 2.0, power)
    back = notch * np.exp(-((u / (0.2 * width)) ** 2)) - posterior - v
    return smooth_max(shape, back, 4.0), radius


def ilium(u, v, z, scale: float):
    """Signed distance of the iliac wings; u, v from the spine, z in mm above the middle of S1."""
    au = np.abs(u)
    first, t1 = segment2d(au, v, (43.0 * scale, -38.0), (66.0 * scale, -2.0))
    second, t2 = segment2d(au, v, (66.0 * scale, -2.0), (118.0 * scale, 42.0))
    thick = np.where(first < second, 7.5 - 1.5 * t1, 6.0 - 2.5 * np.sin(np.pi * t2) + 2.0 * t2)
    t = np.where(first < second, 0.4 * t1, 0.4 + 0.6 * t2)
    crest = 6.0 + 46.0 * np.sin(np.pi * np.clip(t * 0.95, 0, 1)) ** 0.8
    return smooth_max(np.minimum(first, second) - thick, z - crest, 4.0)
