"""What the NIfTI reader keeps quiet about: a file cut off, a matrix (sform) it does not follow, NaN it makes zero.

Offsets are those of the NIfTI-1 and NIfTI-2 headers (https://nifti.nimh.nih.gov).
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np

GZIP_MAGIC = b"\x1f\x8b"

#: Millimeters in the spatial units of the header's xyzt_units.
UNITS = {1: 1000.0, 3: 0.001}

#: Offsets and formats of the fields in the two versions, by the size of the header.
LAYOUTS = {
    348: {
        "dim": (40, "8h"),
        "type": (70, "h"),
        "bits": (72, "h"),
        "offset": (108, "f"),
        "units": (123, "B"),
        "sform": (254, "h"),
        "rows": (280, "12f"),
    },
    540: {
        "dim": (16, "8q"),
        "type": (12, "h"),
        "bits": (14, "h"),
        "offset": (168, "q"),
        "units": (500, "i"),
        "sform": (348, "i"),
        "rows": (400, "12d"),
    },
}

#: NumPy's names of the data types that can hold NaN, by NIfTI's numbers.
FLOATS = {16: "f4", 64: "f8"}

BLOCK = 1 << 22

#: Bytes that a header with all its extensions may have.
MAXIMUM_OFFSET = 1 << 28


@dataclass(frozen=True)
class NiftiHeader:
    """The part of a header that is needed here.

    Args:
        offset: Bytes before the first voxel.
        size: Bytes of the header and of all voxels.
        sform: 4x4 matrix from voxel index to RAS mm, or None when the file gives none.
        floats: Data type of the voxels where they are floating point, otherwise empty.
        not_finite: Voxels that are NaN or infinite.
    """

    offset: int
    size: int
    sform: np.ndarray | None
    floats: str = ""
    not_finite: int = 0

    @property
    def is_sheared(self) -> bool:
        """Whether the axes of the sform are not at right angles, as of a CT with tilted gantry."""
        if self.sform is None:
            return False
        lengths = np.linalg.norm(self.sform[:3, :3], axis=0)
        if lengths.min() == 0:
            return False
        axes = self.sform[:3, :3] / lengths
        return bool(np.abs(axes.T @ axes - np.eye(3)).max() > 2e-3)  # 0.1 degrees


def read_nifti_header(path: Path) -> NiftiHeader | None:
    """The header of a .nii or .nii.gz file; None when it is damaged or the file ends before its voxels do."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == GZIP_MAGIC
        with gzip.open(path, "rb") if packed else open(path, "rb") as file:
            header = _parse(file.read(540))
            if header is None:
                return None
            size, not_finite = _walk(file, header)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return None
    return replace(header, not_finite=not_finite) if size >= header.size else None


def _walk(file, header: NiftiHeader) -> tuple[int, int]:
    """Bytes in the file and voxels that are not finite; to the end, where gzip compares the checksum."""
    file.seek(0)
    size = len(file.read(header.offset))
    not_finite, left = 0, header.size - header.offset
    while block := file.read(BLOCK):
        size += len(block)
        if header.floats and left > 0:
            item = np.dtype(header.floats).itemsize
            voxels = np.frombuffer(block[: min(len(block), left) // item * item], header.floats)
            not_finite += int(np.count_nonzero(~np.isfinite(voxels)))
            left -= len(block)
    return size, not_finite


def _parse(header: bytes) -> NiftiHeader | None:
    for order in "<>":
        layout = LAYOUTS.get(struct.unpack(order + "i", header[:4])[0]) if len(header) >= 348 else None
        if layout is None or (layout is LAYOUTS[540] and len(header) < 540):
            continue
        value = {name: struct.unpack_from(order + form, header, offset) for name, (offset, form) in layout.items()}
        dimensions = value["dim"][0]
        if not 1 <= dimensions <= 7:
            return None
        voxels = prod(max(size, 1) for size in value["dim"][1 : dimensions + 1])
        sform = np.vstack([np.reshape(value["rows"], (3, 4)), [0, 0, 0, 1]]) if value["sform"][0] > 0 else None
        if sform is not None:
            sform[:3] *= UNITS.get(value["units"][0] & 7, 1.0)
        if not 0 <= value["offset"][0] <= MAXIMUM_OFFSET:  # NaN, too
            return None
        offset = int(value["offset"][0])
        kind = FLOATS.get(value["type"][0], "")
        return NiftiHeader(offset, offset + voxels * value["bits"][0] // 8, sform, kind and order + kind)
    return None
