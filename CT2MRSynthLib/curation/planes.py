"""Where a pair lies: in the plane of an MR slice, as thick slices are never interpolated across."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.frame import DiscFrame, Grid
from CT2MRSynthLib.resample import Resampled, resample
from CT2MRSynthLib.volume import Volume

#: Slices no farther apart than this (mm) can be interpolated across: the pair lies in the box's own plane.
ISOTROPIC = 1.5
#: Thickness in mm of a pair from such an MR, that of a usual axial slice.
REFORMATTED = 4.0
#: MR slices farther from the box (degrees), or from axial, show another view: no picture can be made.
ANOTHER_VIEW = 45.0
#: Step in mm with which the common field of view is looked for.
STEP = 1.0


@dataclass(frozen=True)
class Plane:
    """Where a pair lies and how far that is from where it should.

    Args:
        frame: The pair's box in the CT-world; its depth is the slice thickness.
        mr: Number of the MR stack, from 0.
        slice: Number of its slice, from 0; None: reformatted.
        angle: Between the MR slice and the plane asked for, degrees.
        offset: Of the plane from mid-disc, mm, to superior.
    """

    frame: DiscFrame
    mr: int
    slice: int | None
    angle: float
    offset: float

    @property
    def thickness(self) -> float:
        """Over which CT and MR are averaged, mm."""
        return float(self.frame.extent[2])

    @property
    def grid(self) -> Grid:
        """256 x 256 x 1 voxels."""
        return self.frame.grid()


def plane_of_box(frame: DiscFrame, mrs: list[Volume], mr_to_ct: list[np.ndarray]) -> Plane:
    """The slice nearest to the middle of a box, of the stack that fits it best.

    Args:
        frame: Of the disc, CT-world RAS mm.
        mrs: The MR's stacks.
        mr_to_ct: 4x4 matrix of each, from MR-world to CT-world RAS mm.
    """
    planes = [_nearest(frame, n, mr, matrix) for n, (mr, matrix) in enumerate(zip(mrs, mr_to_ct, strict=True))]
    # the stack of this disc: its middle is near a slice, and the slice is parallel to it
    return min(planes, key=lambda plane: (_missed(plane, mrs, mr_to_ct), plane.angle + abs(plane.offset)))


def planes_of_overlap(ct: Volume, mrs: list[Volume], mr_to_ct: list[np.ndarray], every: int) -> Iterator[Plane]:
    """Every N-th axial slice of the overlap of CT and MR, each a square as large as both fields of view allow.

    Args:
        ct: CT.
        mrs: The MR's stacks.
        mr_to_ct: 4x4 matrix of each, from MR-world to CT-world RAS mm.
        every: N.
    """
    for n, (mr, matrix) in enumerate(zip(mrs, mr_to_ct, strict=True)):
        frames = list(_slices(mr, matrix))
        if not frames:
            continue
        inside = [_common(ct, frame, mr, matrix) for _, frame in frames]
        most = max(mask.sum() for mask in inside)
        # the first and the last may lie just outside the CT
        kept = [k for k, mask in enumerate(inside) if most and mask.sum() >= 0.9 * most]
        if not kept:
            continue
        square = _largest_square(np.logical_and.reduce([inside[k] for k in kept]))
        if square is None:
            continue
        right, anterior, edge = square
        for k in kept[:: max(every, 1)]:
            number, frame = frames[k]
            center = frame.center + np.array([right, anterior]) @ frame.axes[:2]
            name = f"slice-{number + 1:03d}" if len(mrs) == 1 else f"mr{n + 1}-slice-{number + 1:03d}"
            yield Plane(
                DiscFrame(center, frame.axes, [edge, edge, frame.extent[2]], name),
                n,
                number,
                _angle_to_ct(frame.axes[2], ct),
                0.0,
            )


def within_both(ct: Volume, mr: Volume, mr_to_ct: np.ndarray, plane: Plane) -> Plane:
    """The plane with the largest square of its box that lies in both scans; the same where all of it does.

    Args:
        ct: CT.
        mr: The stack of the slice.
        mr_to_ct: 4x4, where it lies, from MR-world to CT-world RAS mm.
        plane: Of the slice.
    """
    frame = plane.frame
    inside = _common(ct, frame, mr, mr_to_ct)
    square = None if inside.all() else _largest_square(inside)
    if square is None:
        return plane
    right, anterior, edge = square
    center = frame.center + np.array([right, anterior]) @ frame.axes[:2]
    return replace(plane, frame=DiscFrame(center, frame.axes, [edge, edge, frame.extent[2]], frame.level))


def sample_ct(ct: Volume, plane: Plane) -> Resampled:
    """HU averaged over the slice's thickness, shape (1, 256, 256)."""
    return resample(ct, plane.grid, plane.thickness)


def sample_mr(mr: Volume, mr_to_ct: np.ndarray, plane: Plane) -> Resampled:
    """Stored values in the plane, shape (1, 256, 256); of a thick slice interpolated within it alone."""
    matrix = mr_to_ct @ mr.ijk_to_ras
    if plane.slice is None:
        moved = Volume(mr.array, matrix, name=mr.name)
        return resample(moved, plane.grid, plane.thickness, fill=0.0, limits=None)
    shifted = matrix.copy()
    shifted[:3, 3] += plane.slice * matrix[:3, 2]
    one = Volume(mr.array[plane.slice : plane.slice + 1], shifted, name=mr.name)
    # a sample lies in the slice's own plane, whatever its thickness: there is nothing else to average
    return resample(one, plane.grid, 1e-3, fill=0.0, limits=None)


def is_isotropic(mr: Volume) -> bool:
    """Whether slices lie near enough to each other to be interpolated across."""
    return float(mr.spacing[2]) <= ISOTROPIC


def is_axial(mr: Volume, mr_to_ct: np.ndarray) -> bool:
    """Whether its slices are nearer to axial than to another view."""
    return _angle(_normal(mr_to_ct @ mr.ijk_to_ras), np.array([0.0, 0.0, 1.0])) <= ANOTHER_VIEW


def _nearest(frame: DiscFrame, number: int, mr: Volume, mr_to_ct: np.ndarray) -> Plane:
    matrix = mr_to_ct @ mr.ijk_to_ras
    normal = _normal(matrix)
    if is_isotropic(mr):
        return Plane(frame.with_depth(REFORMATTED), number, None, 0.0, 0.0)
    normal = normal if normal @ frame.axes[2] >= 0 else -normal
    centers = matrix[:3, 3] + np.arange(mr.array.shape[0])[:, None] * matrix[:3, 2]
    # along the disc's normal: how far the slice is from mid-disc where the box has its middle
    distances = (centers - frame.center) @ normal
    k = int(np.argmin(np.abs(distances)))
    angle = _angle(normal, frame.axes[2])
    thickness = float(abs(matrix[:3, 2] @ normal))
    center = frame.center + distances[k] * normal
    extent = [*frame.extent[:2], thickness]
    # of a sagittal or coronal stack no axial box can be made: the disc's own axes stand for it
    axes = _axes(normal, frame.axes[1]) if angle <= ANOTHER_VIEW else frame.axes
    box = DiscFrame(center, axes, extent, frame.level)
    return Plane(box, number, k, angle, float(distances[k]))


def _missed(plane: Plane, mrs: list[Volume], mr_to_ct: list[np.ndarray]) -> bool:
    """Whether a stack does not hold the middle of the box, or shows another view."""
    mr = mrs[plane.mr]
    ijk = Volume(mr.array, mr_to_ct[plane.mr] @ mr.ijk_to_ras).world_to_ijk(plane.frame.center[None])[0]
    inside = ((ijk > -0.5 - 1e-6) & (ijk < np.array(mr.size) - 0.5 + 1e-6)).all()
    return plane.angle > ANOTHER_VIEW or abs(plane.offset) > plane.thickness or not inside


def _slices(mr: Volume, mr_to_ct: np.ndarray) -> Iterator[tuple[int, DiscFrame]]:
    """The axial slices of a stack as boxes as large as its field of view."""
    if not is_axial(mr, mr_to_ct):
        return
    matrix = mr_to_ct @ mr.ijk_to_ras
    normal = _normal(matrix)
    normal = normal if normal[2] >= 0 else -normal
    axes = _axes(normal, np.array([0.0, 1.0, 0.0]))
    thickness = float(abs(matrix[:3, 2] @ normal))
    middle = (np.array(mr.size) - 1) / 2.0
    edges = matrix[:3, :2] * np.array(mr.size[:2])
    # along the box's axes, which may be turned against the rows and columns
    extent = np.abs(axes[:2] @ edges).sum(axis=1)
    for k in range(mr.array.shape[0]):
        center = matrix[:3, :3] @ [middle[0], middle[1], k] + matrix[:3, 3]
        yield k, DiscFrame(center, axes, [*extent, thickness], f"slice-{k + 1:03d}")


def _common(ct: Volume, frame: DiscFrame, mr: Volume, mr_to_ct: np.ndarray) -> np.ndarray:
    """Where both scans are, in steps of ``STEP`` over a box; rows run to posterior, columns to the right."""
    across, along = (max(int(edge // STEP), 1) for edge in frame.extent[:2])
    rows = -(np.arange(along) - (along - 1) / 2) * STEP
    columns = (np.arange(across) - (across - 1) / 2) * STEP
    points = frame.center + columns[None, :, None] * frame.axes[0] + rows[:, None, None] * frame.axes[1]
    points = points.reshape(-1, 3)
    result = np.ones(len(points), dtype=bool)
    for volume in (ct, Volume(mr.array, mr_to_ct @ mr.ijk_to_ras)):
        ijk = volume.world_to_ijk(points)
        result &= ((ijk >= -0.5) & (ijk <= np.array(volume.size) - 0.5)).all(axis=1)
    return result.reshape(along, across)


def _largest_square(inside: np.ndarray) -> tuple[float, float, float] | None:
    """Where the largest square within a mask lies, mm to right and anterior of its middle, and its edge in mm."""
    distance = ndimage.distance_transform_cdt(np.pad(inside, 1), metric="chessboard")[1:-1, 1:-1]
    reach = int(distance.max())
    if reach < 10:
        return None
    places = np.argwhere(distance == reach)
    row, column = places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))]
    middle = (np.array(inside.shape) - 1) / 2.0
    # this grid's columns run to the patient's right, its rows to posterior
    return float(column - middle[1]) * STEP, float(middle[0] - row) * STEP, (2 * reach - 1) * STEP


def _axes(normal: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """Right, anterior and superior axis of a plane as rows."""
    anterior = forward - (forward @ normal) * normal
    anterior = anterior / np.linalg.norm(anterior)
    return np.stack([np.cross(anterior, normal), anterior, normal])


def _angle_to_ct(normal: np.ndarray, ct: Volume) -> float:
    """Degrees to the plane of the CT nearest to it: files hold a CT in any order of its axes."""
    columns = ct.ijk_to_ras[:3, :3].T
    crossed = [np.cross(columns[n - 2], columns[n - 1]) for n in range(3)]
    return min(_angle(normal, one / np.linalg.norm(one)) for one in crossed)


def _normal(matrix: np.ndarray) -> np.ndarray:
    normal = np.cross(matrix[:3, 0], matrix[:3, 1])
    return normal / np.linalg.norm(normal)


def _angle(one: np.ndarray, other: np.ndarray) -> float:
    """Degrees between two lines."""
    return float(np.degrees(np.arccos(np.clip(abs(one @ other), 0, 1))))
