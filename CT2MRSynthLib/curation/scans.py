"""The scans of a patient, read: is each what it is given as, and what hash does it have."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from CT2MRSynthLib.ctcheck import check_is_ct
from CT2MRSynthLib.curation.patients import ImageSource, Patient
from CT2MRSynthLib.errors import CT2MRSynthError, InputError
from CT2MRSynthLib.imageio import hash_input, list_series, read_ct
from CT2MRSynthLib.imageio.image_file import extension
from CT2MRSynthLib.volume import Volume

#: Slices lie at least so many times as far apart as pixels.
THICK = 1.5


@dataclass(frozen=True)
class Scans:
    """What was read of a patient.

    Args:
        ct: HU, int16.
        mrs: Stored values; one volume or several stacks.
        days_apart: Between the two, where known.
        warnings: For the user, one sentence each.
    """

    ct: Volume
    mrs: tuple[Volume, ...]
    days_apart: float | None
    warnings: tuple[str, ...]


def hash_sources(patient: Patient) -> dict[str, list[str]]:
    """SHA-256 of all that is given of a patient, by "ct", "mr" and "markups".

    Raises:
        InputError: A file cannot be read.
    """
    return {
        "ct": [_hash(patient.ct)],
        "mr": [_hash(source) for source in patient.mr],
        "markups": [hash_input(path) for path in patient.markups],
    }


def hash_voxels(volume: Volume) -> str:
    """SHA-256 of the voxels alone: the same image in another file, under another header, is the same image."""
    values = np.ascontiguousarray(volume.array)
    return hashlib.sha256(f"{values.shape} {values.dtype}".encode() + values.tobytes()).hexdigest()


def read_scans(patient: Patient, progress: Callable[[float], None] | None = None) -> Scans:
    """Read CT and MR of a patient and refuse what is not what it is given as.

    Args:
        patient: Where they lie.
        progress: Called with the share (0 to 1) that is read.

    Raises:
        InputError: A scan cannot be read, CT and MR are exchanged, or one of them is the other kind.
        UsageError: A folder holds several series.
    """
    tell = progress or (lambda fraction: None)
    ct = read_ct(patient.ct.path, patient.ct.series, lambda fraction: tell(0.5 * fraction))
    mrs = []
    for n, source in enumerate(patient.mr, 1):
        mrs.append(_read_mr(source))
        tell(0.5 + 0.5 * n / len(patient.mr))
    notes = [note for volume in (ct, *mrs) for note in volume.notes]
    warnings = [*dict.fromkeys(notes), *_check_kinds(ct, mrs)]
    days = patient.days_apart if patient.days_apart is not None else _days_apart(patient)
    return Scans(ct, tuple(mrs), days, tuple(warnings))


def slices_last(volume: Volume) -> Volume:
    """The same volume with its slices along k, where it was stored in another order; slices are what lies far apart.

    Args:
        volume: Any.
    """
    spacing = volume.spacing
    axis = int(np.argmax(spacing))
    if axis == 2 or spacing[axis] < THICK * np.median(spacing):
        return volume
    order = [n for n in range(3) if n != axis] + [axis]
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, :3] = matrix[:3, order]
    array = np.ascontiguousarray(np.transpose(volume.array, [2 - n for n in order][::-1]))
    return replace(volume, array=array, ijk_to_ras=matrix)


def _check_kinds(ct: Volume, mrs: list[Volume]) -> list[str]:
    """Whether the CT is one and no MR is; returns warnings."""
    for mr in mrs:
        if mr.array.min() == mr.array.max():
            raise InputError(f"The MR '{mr.name}' is empty: all its voxels are {mr.array.flat[0]:g}; export it again.")
    swapped = [mr for mr in mrs if _is_ct(mr)]
    try:
        warnings = check_is_ct(ct)
    except InputError as error:
        if swapped:
            raise InputError(
                f"CT and MR are exchanged: '{ct.name}' is no CT, and '{swapped[0].name}' has the values of one; "
                "exchange their names."
            ) from None
        raise InputError(str(error)) from None
    if swapped:
        raise InputError(f"'{swapped[0].name}' is given as MR but is a CT by its values; give the MR.")
    return warnings


def _is_ct(volume: Volume) -> bool:
    if volume.modality == "CT":
        return True
    try:
        check_is_ct(volume)
    except InputError:
        return False
    return True


def _read_mr(source: ImageSource) -> Volume:
    try:
        return slices_last(read_ct(source.path, source.series))  # reads any volume; its sentences speak of a CT
    except CT2MRSynthError as error:
        sentence, kept = (
            str(text).replace("the CT", "the MR").replace("a CT", "an MR") for text in (error, error.for_records)
        )
        raise type(error)(sentence, kept) from None


def _hash(source: ImageSource) -> str:
    """Of a DICOM series among others in a folder: of its files, whatever their names and order."""
    if not source.files and source.series is None:
        return hash_input(source.path)
    files = source.files or _series_files(source)
    return hashlib.sha256("".join(sorted(hash_input(path) for path in files)).encode()).hexdigest()


def _series_files(source: ImageSource) -> list[Path]:
    wanted = source.series.removeprefix("#")
    found = [
        series
        for place, series in enumerate(list_series(source.path), 1)
        if wanted in (series.uid, str(series.number), str(place))
    ]
    return sorted({header.path for series in found for header in series.slices}) or [source.path]


def _days_apart(patient: Patient) -> float | None:
    """Days between CT and the first MR by their DICOM headers; the dates themselves are not kept."""
    dates = [_date(source) for source in (patient.ct, patient.mr[0])]
    return None if None in dates else float(abs((dates[0] - dates[1]).days))


def _date(source: ImageSource) -> datetime | None:
    import pydicom

    tags = ("AcquisitionDate", "SeriesDate", "StudyDate")
    files = source.files
    if not files and (source.path.is_dir() or not (extension(source.path) or source.path.suffix.lower() == ".zip")):
        files = tuple(_series_files(source) if source.series else _all_files(source.path))
    for path in files[:1]:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(tags))
            text = next((str(header.get(tag)) for tag in tags if header.get(tag)), "")
            return datetime.strptime(text[:10].replace(".", ""), "%Y%m%d")
        except (OSError, ValueError, AttributeError):
            return None
    return None


def _all_files(path: Path) -> list[Path]:
    series = list_series(path)
    return [header.path for one in series[:1] for header in one.slices[:1]]
