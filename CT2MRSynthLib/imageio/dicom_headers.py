"""What a DICOM file says about its slices, without its pixels and without anything about the patient."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from CT2MRSynthLib.errors import InputError

#: Read from each file. Of the patient there is the ID alone, to tell one from another; it is not kept.
TAGS = [
    "SOPClassUID",
    "ImageType",
    "Modality",
    "PatientID",
    "FrameOfReferenceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "AcquisitionNumber",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "RescaleSlope",
    "RescaleIntercept",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]

#: Objects with pixels that are no scan: segmentations, doses, portal images.
NOT_A_SCAN = {"SEG", "RTDOSE", "RTIMAGE", "RTSTRUCT", "RTPLAN", "SR", "PR", "KO", "REG", "DOC"}

#: Elements with which a file without preamble may start: group length, length to end, character set, image type ...
FIRST_ELEMENTS = tuple(bytes((element, 0)) for element in (0x00, 0x01, 0x05, 0x08, 0x10, 0x12, 0x16))

#: Photometric interpretation (DICOM PS3.3 C.7.6.3.1.2) that turns grey levels round in display.
LOWEST_IS_WHITE = "MONOCHROME1"

NO_GEOMETRY = "image without position, orientation or pixel spacing"

#: More frames than any scanner makes are a damaged header.
MAXIMUM_FRAMES = 1 << 16

PIXEL_TAGS = (b"\xe0\x7f\x10\x00", b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00")


@dataclass(frozen=True)
class SliceHeader:
    """One slice: a single-frame file or one frame of a multi-frame file.

    Args:
        path: The file.
        frame: Number of the frame in the file, from 0.
        frames: How many frames the file holds.
        series: Series instance UID.
        number: Series number, None when the file gives none.
        description: Series description.
        modality: DICOM modality.
        acquisition: Acquisition number or an empty string.
        rows, columns: Pixels along the two edges.
        position: Image Position (Patient), LPS mm, shape (3,); None when the file gives none.
        orientation: Image Orientation (Patient), shape (2, 3): unit vectors, LPS, along which the column index and the
            row index grow; None when the file gives none.
        spacing: Pixel Spacing in mm: distance of rows, distance of columns; None when the file gives none.
        slope, intercept: To Hounsfield units.
        padding: Pixel Padding Value (stored value, not rescaled) or None.
        useless: Why this is no slice of a scan, or an empty string.
        truncated: The file ends before its pixels do.
        lowest_is_white: MONOCHROME1: a viewer shows the lowest value white; the values themselves are HU all the same.
        patient: A number that tells patients apart while the program runs and says nothing of them; None when the file
            gives no ID.
        frame_of_reference: UID of the coordinate system of the positions.
    """

    path: Path
    frame: int
    frames: int
    series: str
    number: int | None
    description: str
    modality: str
    acquisition: str
    rows: int
    columns: int
    position: np.ndarray | None
    orientation: np.ndarray | None
    spacing: tuple[float, float] | None
    slope: float
    intercept: float
    padding: float | None
    useless: str
    truncated: bool
    lowest_is_white: bool = False
    patient: int | None = field(default=None, repr=False)
    frame_of_reference: str = field(default="", repr=False)


def is_dicom(path: Path) -> bool:
    """Whether the file starts as a DICOM file does, with or without the 128 bytes of preamble."""
    try:
        with open(path, "rb") as file:
            start = file.read(132)
    except OSError as error:
        raise InputError(
            f"The file '{path}' cannot be read: {error.strerror or error}; check its permissions."
        ) from error
    if start[128:132] == b"DICM":
        return True
    # without preamble, as some old archives export: group 0002 or 0008 comes first, and its group length or first tags
    return start[:2] in (b"\x02\x00", b"\x08\x00") and start[2:4] in FIRST_ELEMENTS


def read_headers(path: Path) -> list[SliceHeader]:
    """The slices in one DICOM file; an empty list when it holds no image.

    Raises:
        InputError: The file is damaged.
    """
    import pydicom

    try:
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")  # odd but harmless values, such as a UID with a leading zero
            dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=TAGS)
            truncated = _is_truncated(dataset, file)
            headers = list(_slices(dataset, Path(path), truncated))
            file.seek(128)
            marked = file.read(4) == b"DICM"
    except OSError as error:
        raise InputError(f"The DICOM file '{path}' cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # pydicom raises whatever the bytes provoke: ValueError, struct.error, KeyError ...
        raise InputError(
            f"The DICOM file '{path}' is damaged or cut off ({error}); copy or export it again."
        ) from error
    cut = truncated and any(header.useless == NO_GEOMETRY for header in headers)
    if cut or (marked and not headers and _looks_cut(dataset)):
        raise InputError(f"The DICOM file '{path}' is cut off within its header; copy or export it again.")
    return headers


def _looks_cut(dataset) -> bool:
    """Whether a DICOM file without image says too little to be a report or another object without one."""
    sop_class = str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or "")
    # CT image storage with its enhanced and legacy kin
    return not sop_class or sop_class.startswith("1.2.840.10008.5.1.4.1.1.2")


def _slices(dataset, path: Path, truncated: bool) -> Iterator[SliceHeader]:
    if dataset.get("Rows") is None or dataset.get("Columns") is None:
        return
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > MAXIMUM_FRAMES:
        raise ValueError(f"it claims to hold {frames} frames")
    number = dataset.get("SeriesNumber")
    patient = str(dataset.get("PatientID") or "").strip()
    common = {
        "path": path,
        "frames": frames,
        "series": str(dataset.get("SeriesInstanceUID") or ""),
        "number": None if number is None else int(number),
        "description": str(dataset.get("SeriesDescription") or "").strip(),
        "modality": str(dataset.get("Modality") or "").strip().upper(),
        "acquisition": str(dataset.get("AcquisitionNumber") or ""),
        "rows": int(dataset.Rows),
        "columns": int(dataset.Columns),
        "padding": _padding(dataset),
        "truncated": truncated,
        "patient": hash(patient) if patient else None,  # of text, Python's hash is another in each process
        "frame_of_reference": str(dataset.get("FrameOfReferenceUID") or "").strip(),
        "lowest_is_white": str(dataset.get("PhotometricInterpretation") or "").strip().upper() == LOWEST_IS_WHITE,
    }
    for frame in range(frames):
        geometry = _geometry(dataset, frame)
        useless = _why_useless(dataset, geometry, common["modality"])
        yield SliceHeader(frame=frame, useless=useless, **geometry, **common)


def _padding(dataset) -> float | None:
    value = dataset.get("PixelPaddingValue")
    if value is None or isinstance(value, bytes):
        return None
    value = int(value)
    bits = int(dataset.get("BitsAllocated") or 16)
    if dataset.get("PixelRepresentation") == 1 and value >= 1 << (bits - 1):
        value -= 1 << bits  # written as unsigned into a signed image, as some scanners do
    return float(value)


def _geometry(dataset, frame: int) -> dict:
    def value(keyword: str, group: str):
        found = dataset.get(keyword)
        return found if found not in (None, "") else _functional(dataset, frame, group, keyword)

    position = _floats(value("ImagePositionPatient", "PlanePositionSequence"), 3)
    orientation = _floats(value("ImageOrientationPatient", "PlaneOrientationSequence"), 6)
    spacing = _floats(value("PixelSpacing", "PixelMeasuresSequence"), 2)
    slope = _floats(value("RescaleSlope", "PixelValueTransformationSequence"), 1)
    intercept = _floats(value("RescaleIntercept", "PixelValueTransformationSequence"), 1)
    return {
        "position": position,
        "orientation": None if orientation is None else orientation.reshape(2, 3),
        "spacing": None if spacing is None else (float(spacing[0]), float(spacing[1])),
        # a slope of 0 would make the image constant; readers take it for "not given"
        "slope": 1.0 if slope is None or slope[0] == 0 else float(slope[0]),
        "intercept": 0.0 if intercept is None else float(intercept[0]),
    }


def _functional(dataset, frame: int, group: str, keyword: str):
    """A value of an enhanced multi-frame image: of this frame, else of all frames."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for functional in [*per_frame[frame : frame + 1], *shared[:1]]:
        items = functional.get(group)
        if items and items[0].get(keyword) not in (None, ""):
            return items[0].get(keyword)
    return None


def _floats(value, count: int) -> np.ndarray | None:
    if value in (None, ""):
        return None
    numbers = np.asarray(value, dtype=float).reshape(-1)
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else None


def _why_useless(dataset, geometry: dict, modality: str) -> str:
    image_type = [str(word).upper() for word in dataset.get("ImageType") or []]
    if "LOCALIZER" in image_type:
        return "localizer"
    if modality in NOT_A_SCAN:
        return f"{modality} object"
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        return "color picture"
    if any(geometry[name] is None for name in ("position", "orientation", "spacing")):
        return NO_GEOMETRY
    return ""


def _is_truncated(dataset, file) -> bool:
    """Whether the file ends before its pixels do; ``file`` stands where the header ends."""
    syntax = getattr(dataset.file_meta, "TransferSyntaxUID", None) if hasattr(dataset, "file_meta") else None
    if syntax is not None and (syntax.is_deflated or not syntax.is_little_endian):
        return False  # left to the decoder
    tag = file.read(4)
    if tag not in PIXEL_TAGS:
        return dataset.get("Rows") is not None  # an image whose pixels are missing altogether
    implicit = syntax.is_implicit_VR if syntax is not None else getattr(dataset, "is_implicit_VR", True)
    length = _uint32(file) if implicit else (file.read(4), _uint32(file))[1]
    end = os.fstat(file.fileno()).st_size
    if length is None:
        return True
    if length != 0xFFFFFFFF:
        frames = int(dataset.get("NumberOfFrames") or 1)
        expected = (dataset.Rows * dataset.Columns * frames * int(dataset.get("BitsAllocated") or 16)) // 8
        expected *= int(dataset.get("SamplesPerPixel") or 1)
        return min(length, end - file.tell()) < expected
    return not _fragments_end(file, end)


def _fragments_end(file, end: int) -> bool:
    """Whether the fragments of compressed pixels are followed by the item that closes them."""
    while file.tell() <= end - 8:
        tag, length = file.read(4), _uint32(file)
        if tag == b"\xfe\xff\xdd\xe0":
            return True
        if tag != b"\xfe\xff\x00\xe0" or length is None:
            return False
        file.seek(length, os.SEEK_CUR)
    return False


def _uint32(file) -> int | None:
    data = file.read(4)
    return struct.unpack("<I", data)[0] if len(data) == 4 else None
