"""Whether a registration can be trusted, by measures that are small where CT and MR do not show the same patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.curation.registration_images import Picture
from CT2MRSynthLib.curation.registration_search import mutual_information

#: Voxels of the MR that are compared at most: more of them change the metric's second digit, but cost.
MOST = 50000

#: mm by which the MR is displaced to see how sharply the metric peaks.
STEP = 5.0


@dataclass(frozen=True)
class Fit:
    """How well two pictures fit at a pose.

    Args:
        metric: Mutual information, nats.
        sharpness: Share of it that is lost 5 mm beside, mean of the two axes along which it loses most: the thick
            axis of a stack says little. 0 if not measured.
        overlap: Share of the MR's tissue that lies on the CT's.
    """

    metric: float
    sharpness: float
    overlap: float


def measure_fit(mr: Picture, ct: Picture, matrix: np.ndarray, sharpness: bool = True) -> Fit:
    """Metric, its sharpness and the overlap at a pose.

    Args:
        mr, ct: Each in its own world.
        matrix: 4x4, from MR-world to CT-world RAS mm.
        sharpness: Measure it: six times the work of the metric alone.
    """
    mr = _thinned(mr)
    overlap = overlap_of(mr, ct, matrix)
    if overlap < 0.05:
        return Fit(0.0, 0.0, overlap)
    metric = mutual_information(mr, ct, matrix)
    if metric <= 0 or not sharpness:
        return Fit(metric, 0.0, overlap)
    lost = []
    for axis in ct.lattice.axes:
        beside = [mutual_information(mr, ct, displaced(matrix, way * STEP * axis)) for way in (-1, 1)]
        lost.append(1 - sum(beside) / 2 / metric)
    return Fit(metric, float(np.mean(sorted(lost)[1:])), overlap)


def overlap_of(mr: Picture, ct: Picture, matrix: np.ndarray) -> float:
    """Share (0 to 1) of the MR's tissue that lies on the CT's."""
    points = mr.points()
    if not len(points):
        return 0.0
    placed = points @ matrix[:3, :3].T + matrix[:3, 3]
    index = np.rint((placed - ct.lattice.origin) @ ct.lattice.axes.T / ct.lattice.spacing).astype(int)
    inside = ((index >= 0) & (index < np.array(ct.lattice.size))).all(axis=1)
    i, j, k = index[inside].T
    return float(ct.mask[k, j, i].sum()) / len(points)


def displaced(matrix: np.ndarray, by: np.ndarray) -> np.ndarray:
    """The matrix followed by a translation in mm."""
    result = np.array(matrix, dtype=float)
    result[:3, 3] += by
    return result


def mean_distance(one: np.ndarray, other: np.ndarray, points: np.ndarray) -> float:
    """Mean distance in mm between where two matrices take points, shape (n, 3)."""
    step = one - other
    return float(np.linalg.norm(points @ step[:3, :3].T + step[:3, 3], axis=1).mean())


def rotation_deg(matrix: np.ndarray) -> float:
    """Angle of a rigid 4x4 matrix, degrees."""
    return float(np.degrees(np.arccos(np.clip((np.trace(matrix[:3, :3]) - 1) / 2, -1, 1))))


def _thinned(picture: Picture) -> Picture:
    """The same with at most ``MOST`` voxels in the mask, spread evenly."""
    chosen = np.flatnonzero(picture.mask)
    if len(chosen) <= MOST:
        return picture
    kept = chosen[np.linspace(0, len(chosen) - 1, MOST).astype(int)]
    mask = np.zeros(picture.mask.size, dtype=bool)
    mask[kept] = True
    return picture.within(mask.reshape(picture.mask.shape))
