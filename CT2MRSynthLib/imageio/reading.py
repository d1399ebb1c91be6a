"""One function that reads a CT from whatever holds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.imageio import dicom_series
from CT2MRSynthLib.imageio.archive import extracted
from CT2MRSynthLib.imageio.dicom_geometry import stack_slices
from CT2MRSynthLib.imageio.dicom_headers import is_dicom
from CT2MRSynthLib.imageio.dicom_pixels import read_pixels
from CT2MRSynthLib.imageio.filenames import check_name
from CT2MRSynthLib.imageio.image_file import extension, read_image, stem
from CT2MRSynthLib.volume import Volume

FORMATS = (
    "a DICOM folder or zip, a multi-frame DICOM file, NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) "
    "or MetaImage (.mha, .mhd)"
)

#: First bytes of what is often taken for a CT.
KNOWN_KINDS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"%PDF", "a PDF document"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
)


def read_ct(
    path: str | Path, series: str | int | None = None, progress: Callable[[float], None] | None = None
) -> Volume:
    """Read a CT.

    The volume is named after the file or folder, never after the patient. Whether it is a CT is for
    ``ctcheck.check_is_ct`` to say.

    Args:
        path: DICOM folder (searched to the bottom), zip of one, multi-frame DICOM file, NIfTI, NRRD or MetaImage.
        series: Which series, when there are several: its UID, number, or place in the list (from 1; "#2").
        progress: Called with the share (0 to 1) of the slices read.

    Returns:
        Hounsfield units, shape (k, j, i), int16 where they are whole; matrix to RAS mm; modality where known.

    Raises:
        InputError: The CT cannot be read, is incomplete or damaged.
        UsageError: There are several series and ``series`` does not pick one.
    """
    path = existing(path)
    if path.is_dir():
        return _read_folder(path, stem(path.resolve()), f"The folder '{path}'", series, progress)
    if _is_zip(path):
        with extracted(path) as folder:
            return _read_folder(folder, stem(path), f"The archive '{path}'", series, progress)
    if path.name.upper() == "DICOMDIR":
        return _read_folder(path.parent, stem(path.resolve().parent), f"The folder '{path.parent}'", series, progress)
    if extension(path):
        return _read_image(path, stem(path))
    if is_dicom(path):
        return _read_dicom_file(path, progress)
    raise InputError(f"'{path}' is {_kind(path)}; give {FORMATS}.")


def list_series(path: str | Path) -> tuple[dicom_series.Series, ...]:
    """The image series of a DICOM folder, zip or file, in the order in which ``read_ct`` counts them.

    Raises:
        InputError: The path does not exist or is damaged.
    """
    path = existing(path)
    if path.is_dir():
        return dicom_series.scan_folder(path).series
    if _is_zip(path):
        with extracted(path) as folder:
            return dicom_series.scan_folder(folder).series
    return dicom_series.group([path], 1).series if not extension(path) and is_dicom(path) else ()


def existing(path: str | Path) -> Path:
    """The path, if there is something to read at it.

    Raises:
        InputError: There is nothing, an empty file, or something that cannot be opened.
    """
    path = Path(path).expanduser()
    check_name(path)
    try:
        if not path.exists():
            raise InputError(f"There is no file or folder '{path}'; check the path of the CT.")
        if not path.is_dir() and not path.is_file():
            raise InputError(f"'{path}' is neither a file nor a folder; give the CT itself.")
        if path.is_file() and path.stat().st_size == 0:
            raise InputError(f"The file '{path}' is empty (0 bytes); copy or export the CT again.")
        if path.is_file():
            path.open("rb").close()
    except OSError as error:
        raise InputError(f"'{path}' cannot be opened: {error.strerror or error}.") from error
    return path


def _read_folder(folder: Path, name: str, where: str, series, progress) -> Volume:
    found = dicom_series.scan_folder(folder)
    if not found.dicom_files:
        images = [path for path in dicom_series.files_below(folder) if extension(path)]
        if len(images) == 1:
            return _read_image(existing(images[0]), name)
        if images:
            listed = ", ".join(f"'{path.name}'" for path in images[:5])
            raise InputError(f"{where} holds {len(images)} volume files ({listed}); give one of them.")
    return _read_series(dicom_series.choose(found, series, where), found.notes, name, where, progress)


def _read_dicom_file(path: Path, progress) -> Volume:
    found = dicom_series.group([path], 1)
    where = f"The DICOM file '{path}'"
    one = dicom_series.choose(found, None, where)
    if one.slices[0].frames == 1:
        raise InputError(f"{where} is a single slice; give the folder '{path.parent}' that holds the whole series.")
    return _read_series(one, found.notes, stem(path), where, progress)


def _read_series(series: dicom_series.Series, notes: tuple[str, ...], name: str, where: str, progress) -> Volume:
    stack = stack_slices(series.slices, where)
    array = read_pixels(stack.slices, where, progress)
    return Volume(array, stack.ijk_to_ras, name=name, modality=series.modality, notes=notes + stack.notes)


def _read_image(path: Path, name: str) -> Volume:
    array, matrix, notes = read_image(path)
    return Volume(array, matrix, name=name, notes=notes)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(4)
    return start in (b"PK\x03\x04", b"PK\x05\x06") or path.suffix.lower() == ".zip"


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(512)
    for magic, words in KNOWN_KINDS:
        if start.startswith(magic):
            return words
    if b"\x00" not in start:
        return "a text file" if start.isascii() else "no image"
    return "no image of a kind this program reads"
