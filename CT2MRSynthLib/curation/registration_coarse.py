"""Where the MR might lie in the CT at all, if the patient coordinates do not tell: a search over translations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from CT2MRSynthLib.curation.registration_images import CT_WINDOW, Lattice, ct_picture, mr_picture
from CT2MRSynthLib.volume import Volume

#: mm between voxels, and between two translations that are tried: half the width of the metric's peak there.
SPACING, STEP = 6.0, 12.0

#: Gaussian filter on both, mm.
SIGMA = 4.0

#: Levels of the joint histogram along each axis: few, since few voxels fill it.
BINS = 16

#: Share of the MR's tissue that has to lie in the CT.
OVERLAP = 0.6

#: mm between two places that are taken to be different.
APART = 24.0

#: Voxels that are compared at most.
_MOST = 3000


def likely_starts(ct: Volume, stacks: Sequence[Volume], start: np.ndarray, count: int = 4) -> list[np.ndarray]:
    """The translations after ``start`` at which MR and CT have most mutual information, anywhere in the CT.

    The orientation is kept. Thousands of places are tried by counting on one coarse grid, which takes a thousandth of
    what a metric with interpolation and gradients does.

    Args:
        ct: HU.
        stacks: The MR, in one world.
        start: 4x4 matrix from MR-world to CT-world RAS mm.
        count: At most so many, the best first.

    Returns:
        4x4 matrices; none where no place holds enough of the MR.
    """
    corners = np.concatenate([stack.corners() for stack in stacks])
    mr = mr_picture(stacks, Lattice.around(corners, np.eye(3), SPACING)).smoothed(SIGMA)
    lattice = Lattice.around(ct.corners(), np.eye(3), SPACING)
    picture = ct_picture(ct, lattice).smoothed(SIGMA)
    levels = _levels(picture.values, *CT_WINDOW)
    points = mr.points()
    if len(points) < 100:
        return []
    values = _levels(mr.values[mr.mask], *np.percentile(mr.values[mr.mask], (1, 99)))
    chosen = np.arange(0, len(points), max(1, len(points) // _MOST))
    placed = points[chosen] @ start[:3, :3].T + start[:3, 3]
    index = np.rint((placed - lattice.origin) / SPACING).astype(int)
    scores, offsets = _scores(index, values[chosen], levels)
    result: list[np.ndarray] = []
    for n in np.argsort(-scores, kind="stable"):
        if len(result) == count or scores[n] <= 0:
            break
        moved = start.copy()
        moved[:3, 3] += offsets[n] * SPACING
        if all(np.linalg.norm(moved[:3, 3] - other[:3, 3]) >= APART for other in result):
            result.append(moved)
    return result


def _scores(index: np.ndarray, values: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mutual information at every offset (in voxels along x, y, z) that keeps enough of the points inside."""
    size = np.array(levels.shape[::-1])
    stride = int(STEP / SPACING)
    low, high = np.percentile(index, 100 * (1 - OVERLAP), axis=0), np.percentile(index, 100 * OVERLAP, axis=0)
    first, last = np.ceil(-high).astype(int), np.floor(size - 1 - low).astype(int)
    # whole strides from zero, so that the start itself is among the places tried
    axes = [np.arange(-(-a // stride) * stride, b + 1, stride) for a, b in zip(first, last, strict=True)]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    scores = np.zeros(len(offsets))
    flat = levels.ravel()
    for n, offset in enumerate(offsets):
        place = index + offset
        inside = ((place >= 0) & (place < size)).all(axis=1)
        if inside.mean() < OVERLAP:
            continue
        place = place[inside]
        found = flat[(place[:, 2] * size[1] + place[:, 1]) * size[0] + place[:, 0]]
        scores[n] = _information(values[inside] * BINS + found)
    return scores, offsets


def _information(pairs: np.ndarray) -> float:
    joint = np.bincount(pairs, minlength=BINS * BINS).reshape(BINS, BINS) / len(pairs)
    alone = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / alone[seen])).sum())


def _levels(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values - low) / max(high - low, 1e-6) * BINS, 0, BINS - 1).astype(int)
