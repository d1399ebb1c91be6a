"""Sample a subject on a lattice: one point per voxel, more where tissues meet, nothing outside the body."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.scene import BONE_PAINTERS, Subject
from CT2MRSynthLib.phantom.tissues import Label

#: Along axes with voxels larger than this (mm) edges are sampled more finely; smaller ones the scanner's blur covers.
FINE = 0.6
#: Where the further samples lie, in voxels from the middle. Opposite each other they shift nothing, and with the one in
#: the middle they divide the voxel evenly: four scattered ones come no nearer to the mean of many.
OFFSETS = np.array([[-1 / 3, -0.35, 0.35], [1 / 3, 0.35, -0.35]])
#: Distance in voxels of the places where bone beyond the outermost planes is looked for.
COARSE = 4
_BONE = (Label.MARROW, Label.ARCH_MARROW)


def sample(
    subject: Subject,
    lattice: Lattice,
    values: Callable[[Canvas], Sequence[np.ndarray]],
    extra: bool = True,
    outside: bool = False,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Mean of quantities over each voxel.

    Args:
        subject: The anatomy.
        lattice: Voxel centers in world RAS mm.
        values: Turns painted points into arrays of quantities, for example HU.
        extra: Whether voxels at the border of two tissues have further samples (``OFFSETS``).
        outside: Whether bone that begins within the depth of the first and last plane, but beyond their middle, counts
            as such a border: with few thick planes it would set in suddenly.

    Returns:
        One float32 array per quantity and the label at each voxel's center (uint8), all of the lattice's shape.
    """
    subject, lattice = subject.own(lattice)
    part, at = _inside(subject, lattice)
    empty = values(Canvas(1))
    label = np.full(lattice.shape, Label.AIR, dtype=np.uint8)
    result = [np.full(lattice.shape, value[0], dtype=np.float32) for value in empty]
    if part is None:
        return result, label
    points = subject.points(part)
    body = np.flatnonzero(subject.inside(part).ravel())
    points = points.take(body) if body.size < points.size else points
    canvas = subject.paint_points(points)
    part_label = np.full(part.shape, Label.AIR, dtype=np.uint8)
    part_label.ravel()[body] = canvas.label
    edges = _edges(part_label, part.steps)
    if outside:
        edges |= _edges_outside(subject, points, body, part_label, part.steps)
    edge = np.flatnonzero(edges.ravel()[body])
    total = [np.array(v, dtype=np.float32) for v in values(canvas)]
    if edge.size and extra:
        stagger = _stagger(body[edge], part.shape)
        for t, added in zip(total, _between(subject, points, edge, part.steps, values, stagger), strict=True):
            t[edge] = (t[edge] + added) / np.float32(len(OFFSETS) + 1)
    label[at] = part_label
    for target, t in zip(result, total, strict=True):
        inner = target[at].copy()
        inner.ravel()[body] = t
        target[at] = inner
    return result, label


def _between(subject: Subject, points: Points, edge: np.ndarray, steps: np.ndarray, values, stagger) -> list:
    """Sums of quantities over the further samples of some points.

    All are painted in one go: painters take a while however few points there are.

    Args:
        subject, points: What is sampled.
        edge: Indices of the points.
        steps: Of the lattice, mm.
        values: As ``sample`` takes them.
        stagger: How much farther apart each point's further samples lie along the first axis, voxels.
    """
    offsets = np.repeat(OFFSETS[:, None], edge.size, axis=1)
    offsets[..., 0] += np.sign(OFFSETS[:, :1]) * stagger
    shift = tuple((offsets.reshape(-1, 3) @ steps).astype(np.float32).T)
    canvas = subject.paint_points(points.take(np.tile(edge, len(OFFSETS)), shift))
    return [np.reshape(v, (len(OFFSETS), -1)).sum(axis=0, dtype=np.float32) for v in values(canvas)]


def _stagger(voxel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A pattern of eight steps from -1/6 to 1/6: endplates that planes graze fade instead of rising in steps."""
    _, j, i = np.unravel_index(voxel, shape)
    return (((3 * j + 5 * i) % 8 + 0.5) / 8 - 0.5) / 3


def _edges(label: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Voxels with a neighbor of another label along axes with large voxels."""
    result = np.zeros(label.shape, dtype=bool)
    for axis, step in enumerate(steps):
        if label.shape[axis] > 1 and np.linalg.norm(step) > FINE:
            first, second = (np.moveaxis(label, axis, 0)[s] for s in (slice(None, -1), slice(1, None)))
            differ = first != second
            moved = np.moveaxis(result, axis, 0)
            moved[:-1] |= differ
            moved[1:] |= differ
    return result


def _edges_outside(subject: Subject, points: Points, body: np.ndarray, label: np.ndarray, steps) -> np.ndarray:
    """Voxels of the first and last plane at whose outer face bone begins or ends, looked for at some voxels only."""
    coarse = np.arange(label.size).reshape(label.shape)[[0, -1], ::COARSE, ::COARSE]
    at = np.minimum(np.searchsorted(body, coarse.ravel()), len(body) - 1)
    found = np.flatnonzero(body[at] == coarse.ravel())
    at = at[found]
    # both planes in one go: painters take a while however few points there are
    side = np.where(found < coarse[0].size, np.float32(-0.45), np.float32(0.45))
    shift = tuple(side * np.float32(c) for c in steps[0])
    bone = np.isin(subject.paint_points(points.take(at, shift), BONE_PAINTERS, Label.FAT).label, _BONE)
    differ = np.zeros(coarse.shape, dtype=bool)
    differ.ravel()[found] = bone != np.isin(label.ravel()[body[at]], _BONE)
    result = np.zeros(label.shape, dtype=bool)
    for k, plane in zip((0, -1), differ, strict=True):
        fine = ndimage.binary_dilation(plane).repeat(COARSE, axis=0).repeat(COARSE, axis=1)
        result[k] |= fine[: label.shape[1], : label.shape[2]]
    return result


def _inside(subject: Subject, lattice: Lattice) -> tuple[Lattice | None, tuple[slice, ...]]:
    """The part of the lattice that holds the body, and where it lies."""
    inside = subject.inside(lattice)
    if not inside.any():
        return None, ()
    at = []
    for axis in range(3):
        used = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        at.append(slice(int(used[0]), int(used[-1]) + 1))
    return lattice.part(tuple(at)), tuple(at)
