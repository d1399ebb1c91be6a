"""DICOM files grouped into series, and the choice of one."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from CT2MRSynthLib.errors import InputError, UsageError
from CT2MRSynthLib.imageio.dicom_headers import SliceHeader, is_dicom, read_headers

#: Fewer slices than this make no volume in which a box could lie.
MINIMUM_SLICES = 3

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")


@dataclass(frozen=True)
class Series:
    """The slices of one DICOM series.

    Args:
        uid: Series instance UID.
        number: Series number or None.
        description: Series description.
        modality: DICOM modality.
        slices: Headers in no particular order.
    """

    uid: str
    number: int | None
    description: str
    modality: str
    slices: tuple[SliceHeader, ...] = field(repr=False)

    @property
    def image_count(self) -> int:
        """Number of slices."""
        return len(self.slices)

    def __str__(self) -> str:
        number = "without number" if self.number is None else f"number {self.number}"
        description = f" '{self.description}'" if self.description else ""
        return (
            f"{number}{description}, {self.modality or 'modality unknown'}, {self.image_count} images, UID {self.uid}"
        )


@dataclass(frozen=True)
class DicomFolder:
    """What a folder of DICOM files holds.

    Args:
        series: Series that can be read as a volume, by series number.
        notes: Sentences on what was left out.
        files: Number of files of any kind.
        dicom_files: Number of DICOM files.
        left_out: Kinds of images that are no slices of a scan, with their counts.
    """

    series: tuple[Series, ...]
    notes: tuple[str, ...]
    files: int
    dicom_files: int
    left_out: Counter


def files_below(folder: Path) -> list[Path]:
    """All files below a folder in a stable order, without what macOS and Windows leave beside them."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__MACOSX")
        found += [
            Path(root, name)
            for name in sorted(names)
            if not name.startswith("._") and name not in (".DS_Store", "Thumbs.db")
        ]
    return found


def scan_folder(folder: Path) -> DicomFolder:
    """Read the headers of all DICOM files below a folder.

    Raises:
        InputError: A DICOM file is damaged.
    """
    files = files_below(folder)
    dicom = [path for path in files if path.is_file() and is_dicom(path)]
    found = group(dicom, len(files))
    broken = [path for path in files if path.suffix.lower() in DICOM_SUFFIXES and path not in set(dicom)]
    if broken and dicom:  # a gap shows where such a file belongs inside the stack, not where it belongs at its end
        note = f"Left out {len(broken)} file(s) that should be DICOM by their names but are empty or damaged."
        return replace(found, notes=(*found.notes, note))
    return found


def group(dicom: list[Path], file_count: int) -> DicomFolder:
    """Group the slices of DICOM files by series and leave out what is no slice of a scan."""
    slices: dict[str, list[SliceHeader]] = {}
    left_out: Counter = Counter()
    for path in dicom:
        for header in read_headers(path):
            if header.useless:
                left_out[header.useless] += 1
            else:
                slices.setdefault(header.series, []).append(header)
    series = [_series(uid, headers) for uid, headers in slices.items()]
    whole = [one for one in series if one.image_count >= MINIMUM_SLICES]
    notes = [f"Left out {count} x {kind} in the DICOM folder." for kind, count in sorted(left_out.items())]
    if whole:  # a scout of one or two images asks nobody a question
        notes += [
            # notes end up in records: no description and no UID, they may name a patient
            f"Left out a series of {one.image_count} image(s), {one.modality or 'modality unknown'}: too few slices."
            for one in series
            if one not in whole
        ]
    chosen = sorted(whole or series, key=lambda one: (one.number is None, one.number or 0, one.uid))
    return DicomFolder(tuple(chosen), tuple(notes), file_count, len(dicom), left_out)


def _series(uid: str, headers: list[SliceHeader]) -> Series:
    first = headers[0]
    return Series(uid, first.number, first.description, first.modality, tuple(headers))


def choose(folder: DicomFolder, wanted: str | int | None, where: str) -> Series:
    """The one series to read.

    Args:
        folder: What was found.
        wanted: Series instance UID, series number, or place in the list (from 1; "#2" is a place for certain).
            None: the only one there is.
        where: The folder in words, for messages.

    Raises:
        InputError: There is no image series.
        UsageError: There are several and none is named, or the name fits none or two of them.
    """
    if not folder.series:
        raise InputError(_nothing_found(folder, where))
    listing = "; ".join(f"[{place}] {one}" for place, one in enumerate(folder.series, 1))
    if wanted is None or str(wanted).strip() == "":
        if len(folder.series) == 1:
            return folder.series[0]
        raise UsageError(
            f"{where} holds {len(folder.series)} image series: {listing}; say which one with --series, by its number, "
            "its UID or its place in this list (#1, #2 ...).",
            f"{where} holds {len(folder.series)} image series; say which one with --series.",
        )
    fitting = _fitting(folder.series, str(wanted).strip())
    if len(fitting) == 1:
        return fitting[0]
    how = "fits none" if not fitting else "fits more than one"
    raise UsageError(
        f"--series {wanted} {how} of these image series: {listing}; give a UID or a place such as #1.",
        f"--series {how} of the {len(folder.series)} image series; give a UID or a place such as #1.",
    )


def _fitting(series: tuple[Series, ...], wanted: str) -> list[Series]:
    by_uid = [one for one in series if one.uid == wanted]
    if by_uid:
        return by_uid
    place = wanted.removeprefix("#")
    by_place = [one for index, one in enumerate(series, 1) if place == str(index)]
    if wanted.startswith("#"):
        return by_place
    by_number = [one for one in series if one.number is not None and str(one.number) == wanted]
    # "2" may be the number of one series and the place of another: never guess between two patients' scans
    return by_number + [one for one in by_place if one not in by_number]


def _nothing_found(folder: DicomFolder, where: str) -> str:
    if folder.files == 0:
        return f"{where} is empty; give the folder that holds the CT's DICOM files."
    if folder.dicom_files == 0:
        return f"{where} holds {folder.files} files but none is DICOM; give the folder that holds the CT's DICOM files."
    if folder.left_out:
        kinds = ", ".join(f"{count} x {kind}" for kind, count in sorted(folder.left_out.items()))
        return f"{where} holds no slices of a CT, only {kinds}; give the original series of axial slices."
    return f"{where} holds DICOM without an image of a scan, such as a report; give the folder with the CT's slices."
