"""The image files of a pair."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np

from CT2MRSynthLib.errors import InputError, OutputError
from CT2MRSynthLib.frame import Grid
from CT2MRSynthLib.pairset.manifest import IMAGES, Geometry, ImageFile, PairEntry

#: Edge length in pixels of the slices of a pair.
PIXELS = 256
SHAPE = (PIXELS, PIXELS)
TYPES = {"ct": np.dtype(np.int16), "mr": np.dtype(np.uint8)}


def write_pair(
    folder: str | Path,
    patient: str,
    level: str,
    ct: np.ndarray,
    mr: np.ndarray,
    grid: Grid,
    sequence: str = "T2",
    details: dict | None = None,
    metadata: dict[str, str] | None = None,
) -> PairEntry:
    """Write the images of a pair as ``<patient>/<patient>_<level>_CT.nrrd`` and ``..._<sequence>.nrrd``.

    Args:
        folder: Of the pair set.
        patient: Study code, never a name.
        level: Disc level, or another name of the slice.
        ct: HU, shape (256, 256); row 0 ventral, column 0 the patient's right.
        mr: Grey levels, uint8, same shape, in the CT's space.
        grid: Where both lie: 256 x 256 x 1 voxels.
        sequence: Of the MR.
        details: For the entry, ready for JSON.
        metadata: For the headers of the files; nothing that names a patient.

    Returns:
        The entry for the manifest.

    Raises:
        OutputError: The images have another shape, or cannot be written.
    """
    from CT2MRSynthLib.imageio import write_volume

    if ct.shape != SHAPE or mr.shape != SHAPE or mr.dtype != TYPES["mr"] or tuple(grid.size) != (*SHAPE, 1):
        raise OutputError(
            f"The pair {patient} {level} cannot be written: CT and MR of 256 x 256 pixels are needed, the MR in grey "
            f"levels (uint8), not {ct.shape} and {mr.shape} ({mr.dtype})."
        )
    stem = f"{_plain(patient)}_{_plain(level)}"
    images = {"ct": np.clip(np.rint(ct), -32768, 32767).astype(TYPES["ct"]), "mr": mr}
    files = {}
    for name, ending in zip(IMAGES, ("CT", _plain(sequence)), strict=True):
        path = Path(folder) / _plain(patient) / f"{stem}_{ending}.nrrd"
        write_volume(path, images[name][None], grid.ijk_to_ras, metadata)
        files[name] = ImageFile(path.relative_to(folder).as_posix(), _sha256(path.read_bytes()))
    matrix = np.round(np.asarray(grid.ijk_to_ras, dtype=float), 9) + 0.0
    geometry = Geometry(
        tuple(int(n) for n in grid.size),
        tuple(round(float(edge), 9) for edge in grid.spacing),
        tuple(tuple(row) for row in matrix.tolist()),
    )
    return PairEntry(stem, patient, level, sequence, files, geometry, details=details or {})


def is_complete(folder: str | Path, entry: PairEntry) -> bool:
    """Whether its files, where it has any, are there, byte by byte as they were written."""
    return all(_bytes(folder, file) is not None for file in entry.files.values())


def read_pair(folder: str | Path, entry: PairEntry) -> tuple[np.ndarray, np.ndarray]:
    """CT (HU, int16) and MR (grey levels, uint8) of a pair, each of shape (256, 256).

    Raises:
        InputError: The pair has no images, or a file is missing, altered or no such image.
    """
    import SimpleITK

    if not entry.files:
        raise InputError(f"The pair {entry.id} has no images: {entry.decision.reason or 'none could be made'}")
    images = []
    for name in IMAGES:
        file = entry.files[name]
        path = Path(folder) / file.path
        if _bytes(folder, file) is None:
            problem = "was altered after it was written" if path.is_file() else "is missing"
            raise InputError(f"The image {path} of the pair {entry.id} {problem}; make the pair set again.")
        try:
            array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
        except RuntimeError:
            raise InputError(
                f"The image {path} of the pair {entry.id} cannot be read; make the pair set again."
            ) from None
        if array.shape != (1, *SHAPE) or array.dtype != TYPES[name]:
            raise InputError(
                f"The image {path} of the pair {entry.id} has shape {array.shape} and type {array.dtype}; "
                f"(1, 256, 256) and {TYPES[name]} are needed."
            )
        images.append(array[0])
    return images[0], images[1]


def _bytes(folder: str | Path, file: ImageFile) -> bytes | None:
    """The content of a file where it is what it was."""
    try:
        content = (Path(folder) / file.path).read_bytes()
    except OSError:
        return None
    return content if _sha256(content) == file.sha256 else None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _plain(name: str) -> str:
    """A name without what a file name cannot hold."""
    return re.sub(r"[^\w.+-]+", "_", name).strip("_.") or "free"
