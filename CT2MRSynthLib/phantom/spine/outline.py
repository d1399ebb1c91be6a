"""Outlines of vertebral bodies and discs."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.shapes import smooth_max, superellipse

#: Index of S1 among the vertebrae.
SACRUM = 6


def outline(u, v, half_width, half_depth, power, notch, width, posterior=0.0):
    """Signed distance and normalized radius of a vertebral outline: an ellipse cut by a flat or notched back."""
    shape, radius = superellipse(u, v - (half_depth - 2.0), half_width, half_depth + 2.0, power)
    back = notch * np.exp(-((u / (0.2 * width)) ** 2)) - posterior - v
    return smooth_max(shape, back, 4.0), radius
