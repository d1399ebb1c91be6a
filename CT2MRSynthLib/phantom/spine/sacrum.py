"""Lateral parts of the sacrum and its foramina."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.shapes import segment2d, smooth_max
from CT2MRSynthLib.phantom.spine.outline import SACRUM
from CT2MRSynthLib.phantom.spine.vertebral_arches import Part, sided


def lateral_parts(a: Anatomy, n: int, rng: np.random.Generator) -> list[Part]:
    """The lateral parts (alae) of one sacral vertebra, in its frame.

    Args:
        a: The subject.
        n: S1 or S2.
        rng: For shapes. What is drawn does not depend on severities.
    """
    return [_lateral(a, n, side, rng) for side in range(2)]


def _lateral(a: Anatomy, n: int, side: int, rng: np.random.Generator) -> Part:
    k, first = a.scale, n == SACRUM
    reach = (51.0 if first else 44.0) * k * rng.uniform(0.96, 1.04)
    front = (21.0 if first else 15.0) * k + rng.normal(0, 1.0)
    top = (10.0 if first else 14.0) * k
    fall = rng.uniform(0.12, 0.3) if first else 0.0
    hollow = rng.uniform(0.05, 0.25)

    def distance(u, v, w):
        auricular = 0.905 * (u - reach) - 0.426 * (v - 2.0)
        anterior = 0.49 * (u - 22.0 * k) + 0.872 * (v - front) + hollow * np.minimum(np.abs(u - 34.0 * k), 12.0) - 1.5
        posterior = -0.45 * (u - 20.0 * k) - 0.89 * (v + 21.0) if first else -0.45 * (u - 20.0 * k) - 0.89 * (v + 18.0)
        sides = smooth_max(smooth_max(auricular, anterior, 5.0), posterior, 4.0)
        ends = np.maximum(w - top + fall * (u - 22.0), -16.0 * k - w)
        # the canal stays free
        return smooth_max(np.maximum(sides, 14.0 - u - 0.5 * np.maximum(v + 4.0, 0.0)), ends, 4.0)

    return sided(side, ((10, reach + 10), (-44, front + 8), (-17 * k, top + 4)), distance)


def foramina(u, v, w, scale: float):
    """Signed distance of the first pair of sacral foramina, in the frame of the disc between S1 and S2.

    Each runs from the front of the sacrum to its canal, and, narrower, on to the back.
    """
    au = np.abs(u)
    ventral, t = segment2d(au, v, (23.0 * scale, 18.0), (16.0 * scale, -6.0))
    dorsal, _ = segment2d(au, v, (16.0 * scale, -6.0), (20.0 * scale, -34.0))
    radius = (6.0 - 1.2 * t) * scale
    tunnel = np.sqrt(ventral * ventral + w * w) - radius
    return np.minimum(tunnel, np.sqrt(dorsal * dorsal + w * w) - 3.4 * scale)
