"""How far an MR slice follows from the CT slice beside it: a number for pairs that lie wrong or are spoiled."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

#: Standard deviations in pixels over which CT and MR are averaged: noise and a pixel of displacement do not count.
CT_SIGMA, MR_SIGMA = 3.0, 2.0
#: Limits and width in HU of the classes of density.
LOW, HIGH, CLASS = -300.0, 800.0, 25.0
#: HU from which on there is a body: air would agree with itself everywhere.
BODY = -250.0


def correlation_ratio(ct: np.ndarray, mr: np.ndarray) -> float:
    """Share of the MR's variance in the body that the local density explains, 0 to 1.

    Roche et al., "The correlation ratio as a new similarity measure for multimodal image registration", MICCAI 1998:
    1 - Var(mr | class of HU) / Var(mr).

    Args:
        ct: HU, shape (256, 256).
        mr: Any unit, same shape.
    """
    density = ndimage.gaussian_filter(np.clip(ct, LOW, HIGH).astype(np.float32), CT_SIGMA)
    body = density > BODY
    values = ndimage.gaussian_filter(np.asarray(mr, dtype=np.float32), MR_SIGMA)[body].astype(np.float64)
    if values.size < 2 or values.var() <= 0:
        return 0.0
    classes = ((density[body] - LOW) / CLASS).astype(int)
    counts = np.bincount(classes)
    means = np.bincount(classes, values) / np.maximum(counts, 1)
    return float(1.0 - np.mean((values - means[classes]) ** 2) / values.var())
