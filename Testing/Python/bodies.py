"""Small CT-like volumes with a known, asymmetric content, for tests of geometry."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.volume import Volume


def tilted_axes(lateral: float, sagittal: float, axial: float) -> np.ndarray:
    """Right, anterior, superior axes (rows) after rotations in degrees about anterior, right and superior."""
    about = {0: np.radians(sagittal), 1: np.radians(lateral), 2: np.radians(axial)}
    result = np.eye(3)
    for axis, angle in about.items():
        u, v = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        turn[u, u] = turn[v, v] = np.cos(angle)
        turn[u, v], turn[v, u] = -np.sin(angle), np.sin(angle)
        result = turn @ result
    return result


def asymmetric_hounsfield(points: np.ndarray) -> np.ndarray:
    """A smooth field of RAS points, shape (n, 3), that no flip or turn maps onto itself; -150 to 500 HU."""
    r, a, s = points.T
    value = 60 + 120 * np.sin(r / 17) + 90 * np.cos(a / 13 + 0.3) + 60 * np.sin(s / 11 + 1)
    value += 300 * np.exp(-((r - 18) ** 2 + (a + 9) ** 2 + (s - 4) ** 2) / 150)  # a bright ball to the patient's right
    return np.clip(value, -150, 500)


def body(size=(72, 66, 60), spacing=(1.4, 1.3, 1.5), axes=None, center=(3.0, -5.0, 8.0)) -> Volume:
    """``asymmetric_hounsfield`` sampled on a grid whose index axes run along the rows of ``axes`` (default: RAS)."""
    axes = np.eye(3) if axes is None else axes
    matrix = np.eye(4)
    matrix[:3, :3] = axes.T * spacing
    matrix[:3, 3] = np.asarray(center) - matrix[:3, :3] @ ((np.asarray(size) - 1) / 2)
    k, j, i = np.mgrid[0 : size[2], 0 : size[1], 0 : size[0]]
    ijk = np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1)
    values = asymmetric_hounsfield(ijk @ matrix[:3, :3].T + matrix[:3, 3])
    return Volume(values.reshape(k.shape).round().astype(np.int16), matrix)


def all_orientations(volume: Volume):
    """The 48 volumes with the same content at the same place, one for each axis order and flip."""
    for order, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        array = np.transpose(volume.array, [2 - axis for axis in order][::-1])
        matrix = volume.ijk_to_ras.copy()
        matrix[:3, :3] = matrix[:3, list(order)]
        for axis, flip in enumerate(flips):
            if flip:
                array = np.flip(array, axis=2 - axis)
                matrix[:3, 3] += matrix[:3, axis] * (array.shape[2 - axis] - 1)
                matrix[:3, axis] *= -1
        yield order, flips, Volume(np.ascontiguousarray(array), matrix)


def oblique_frame(extent=(56.0, 56.0, 4.0)) -> DiscFrame:
    return DiscFrame([4.0, -4.0, 9.0], tilted_axes(6, 28, -5), extent, "L4-L5")
