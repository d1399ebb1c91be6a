"""From the positions of DICOM slices to one voxel-to-world matrix, or a sentence that says why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.imageio.dicom_headers import SliceHeader
from CT2MRSynthLib.imageio.dicom_series import MINIMUM_SLICES

#: A slice may lie this far (mm, or share of the slice distance) from its place in an even stack: what rounding in
#: the headers brings about.
POSITION_TOLERANCE = 0.1
POSITION_TOLERANCE_SHARE = 0.05

#: Slices nearer to each other than this (mm) are at one position.
SAME_POSITION = 0.01

#: A stack that leans by less than this (degrees) is not worth a word, though it is followed exactly too.
NOTED_TILT = 0.1

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Stack:
    """Slices in order and where they lie.

    Args:
        slices: Headers, sorted along the slice normal.
        ijk_to_ras: 4x4 matrix from voxel index (column, row, slice) to RAS mm; sheared when the gantry was tilted.
        notes: Sentences for the user.
    """

    slices: tuple[SliceHeader, ...]
    ijk_to_ras: np.ndarray
    notes: tuple[str, ...]


def stack_slices(headers: tuple[SliceHeader, ...], where: str) -> Stack:
    """Sort the slices of one series and find their voxel-to-world matrix.

    The matrix follows DICOM PS3.3 C.7.6.2.1.1; its third column is the mean step from slice to slice, whether or not
    that is along the normal.

    Args:
        headers: The slices of one series.
        where: The series in words, for messages.

    Raises:
        InputError: Too few slices, slices of different shape, a slice missing or doubled, uneven distances,
            slices of several patients or coordinate systems.
    """
    if len(headers) < MINIMUM_SLICES:
        raise InputError(
            f"{where} has {len(headers)} slice{'s' if len(headers) > 1 else ''}; at least {MINIMUM_SLICES} are needed: "
            "give the folder with all slices of the CT."
        )
    _check_one_scan(headers, where)
    _check_alike(headers, where)
    rows_and_columns = _orthonormal(headers[0], where)
    normal = np.cross(rows_and_columns[0], rows_and_columns[1])
    ordered = sorted(headers, key=lambda header: float(header.position @ normal))
    positions = np.array([header.position for header in ordered])
    _check_duplicates(ordered, positions @ normal, where)
    _check_gaps(positions, normal, where)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    _check_even(positions, step, where)

    row_distance, column_distance = ordered[0].spacing
    matrix = np.eye(4)
    matrix[:3, 0] = rows_and_columns[0] * column_distance
    matrix[:3, 1] = rows_and_columns[1] * row_distance
    matrix[:3, 2] = step
    # the middle of the stack is kept exactly when single positions are rounded
    matrix[:3, 3] = positions.mean(axis=0) - step * (len(positions) - 1) / 2
    return Stack(tuple(ordered), LPS_TO_RAS @ matrix, _tilt_note(step, normal))


def _check_one_scan(headers: tuple[SliceHeader, ...], where: str) -> None:
    """Refuse what only shares a series UID; no ID and no UID is named, the sentence may end in records."""
    patients = {header.patient for header in headers} - {None}
    if len(patients) > 1:
        raise InputError(
            f"{where} mixes slices of {len(patients)} patients (Patient ID) in one series; "
            "export the CT of one patient alone."
        )
    systems = {header.frame_of_reference for header in headers} - {""}
    if len(systems) > 1:
        raise InputError(
            f"{where} mixes slices of {len(systems)} coordinate systems (Frame of Reference UID) in one series, "
            "which do not lie in one place; export one scan alone."
        )


def _check_alike(headers: tuple[SliceHeader, ...], where: str) -> None:
    first = headers[0]
    for what, value in (
        ("image sizes", lambda header: (header.columns, header.rows)),
        ("pixel spacings (mm)", lambda header: tuple(round(distance, 4) for distance in header.spacing)),
        ("orientations", lambda header: None if _same_orientation(header, first) else header.path),
    ):
        kinds = {value(header) for header in headers}
        if len(kinds) > 1:
            listed = (
                ""
                if what == "orientations"
                else ": " + ", ".join(" x ".join(f"{number:g}" for number in kind) for kind in sorted(kinds))
            )
            raise InputError(
                f"{where} mixes slices of different {what}{listed}; export one reconstruction of the CT alone."
            )


def _same_orientation(one: SliceHeader, other: SliceHeader) -> bool:
    return bool(np.allclose(one.orientation, other.orientation, atol=1e-3))


def _orthonormal(header: SliceHeader, where: str) -> np.ndarray:
    """Unit vectors along the columns' and the rows' index, at right angles to each other."""
    axes = header.orientation
    lengths = np.linalg.norm(axes, axis=1)
    if np.abs(lengths - 1).max() > 0.01 or abs(axes[0] @ axes[1]) > 0.01 or min(header.spacing) <= 0:
        raise InputError(
            f"{where} has an impossible geometry: orientation {axes.ravel().tolist()}, "
            f"pixel spacing {list(header.spacing)} mm; export the CT again."
        )
    first = axes[0] / lengths[0]
    second = axes[1] - (axes[1] @ first) * first
    return np.stack([first, second / np.linalg.norm(second)])


def _check_duplicates(ordered: list[SliceHeader], along: np.ndarray, where: str) -> None:
    same = np.flatnonzero(np.diff(along) < SAME_POSITION)
    if not len(same):
        return
    one, other = ordered[same[0]], ordered[same[0] + 1]
    acquisitions = sorted({header.acquisition for header in ordered})
    hint = f" (acquisitions {', '.join(acquisitions)}: give one of them)" if len(acquisitions) > 1 else ""
    files = (
        f"'{one.path.name}' and '{other.path.name}'" if one.path != other.path else f"two frames of '{one.path.name}'"
    )
    raise InputError(
        f"{where} has {len(same)} duplicate position{'s' if len(same) > 1 else ''}: {files} both lie at "
        f"{_words(one.position, ordered[0].orientation)}{hint}; keep one slice at each position."
    )


def _check_gaps(positions: np.ndarray, normal: np.ndarray, where: str) -> None:
    steps = np.diff(positions @ normal)
    usual = float(np.median(steps))
    missing = []
    for index, distance in enumerate(steps):
        count = int(round(distance / usual)) - 1
        if count >= 1 and abs(distance - (count + 1) * usual) < 0.2 * usual:
            whole = positions[index + 1] - positions[index]
            missing += [positions[index] + whole * part / (count + 1) for part in range(1, count + 1)]
    if missing:
        shown = ", ".join(_coordinate(position, normal) for position in missing[:8]) + (
            " ..." if len(missing) > 8 else ""
        )
        plural = "slices are" if len(missing) > 1 else "slice is"
        raise InputError(
            f"{where} is incomplete: {len(missing)} {plural} missing at {shown} (slices lie {usual:.3g} mm apart); "
            "export or copy the whole series."
        )


def _check_even(positions: np.ndarray, step: np.ndarray, where: str) -> None:
    even = positions[0] + np.arange(len(positions))[:, None] * step
    away = np.linalg.norm(positions - even, axis=1)
    distance = float(np.linalg.norm(step))
    if away.max() > max(POSITION_TOLERANCE, POSITION_TOLERANCE_SHARE * distance):
        distances = np.linalg.norm(np.diff(positions, axis=0), axis=1)
        raise InputError(
            f"{where} has uneven slices: they lie {distances.min():.3g} to {distances.max():.3g} mm apart and up to "
            f"{away.max():.2g} mm from an even stack; give a reconstruction with one slice distance."
        )


def _tilt_note(step: np.ndarray, normal: np.ndarray) -> tuple[str, ...]:
    tilt = np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1)))
    if tilt < NOTED_TILT:
        return ()
    return (f"The gantry was tilted: the slices lean {tilt:.1f} degrees from their stack; this is followed exactly.",)


def _words(position: np.ndarray, orientation: np.ndarray) -> str:
    return _coordinate(position, np.cross(orientation[0], orientation[1]))


def _coordinate(position: np.ndarray, normal: np.ndarray) -> str:
    """Position (LPS mm) along the patient axis nearest to the normal, as Slicer shows it: R, A or S in mm."""
    axis = int(np.argmax(np.abs(normal)))
    return f"{'RAS'[axis]} {(LPS_TO_RAS[:3, :3] @ position)[axis]:.1f} mm"
