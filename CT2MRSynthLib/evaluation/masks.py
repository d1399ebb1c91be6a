"""Where the body is in a CT slice: air around it is easy to synthesize and makes every error look smaller."""

from __future__ import annotations

import numpy as np

#: Between air and fat, HU.
SKIN = -300.0

#: Parts smaller than this share of the largest are no limbs but table or clothes.
SMALLEST = 0.1


def body_mask(ct: np.ndarray) -> np.ndarray:
    """The body with all that lies in it, gas too.

    Args:
        ct: HU, shape (h, w).

    Returns:
        Truth values of the same shape; empty where there is no body.
    """
    from scipy import ndimage

    dense = ndimage.binary_opening(ct > SKIN, iterations=2)
    parts, count = ndimage.label(dense)
    if not count:
        return np.zeros(ct.shape, dtype=bool)
    sizes = np.bincount(parts.ravel())[1:]
    large = np.flatnonzero(sizes >= SMALLEST * sizes.max()) + 1
    return ndimage.binary_fill_holes(np.isin(parts, large))
