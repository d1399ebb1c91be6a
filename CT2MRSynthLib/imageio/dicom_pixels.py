"""Hounsfield units of a stack of DICOM slices, decoded slice by slice into one array."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.imageio.dicom_headers import LOWEST_IS_WHITE, SliceHeader
from CT2MRSynthLib.imageio.filenames import check_name

#: Padding outside this range (HU) is set to air; padding inside it is a plausible value already.
PLAUSIBLE = (-1024.0, 3071.0)
AIR = -1024


def read_pixels(
    slices: tuple[SliceHeader, ...], where: str, progress: Callable[[float], None] | None = None
) -> np.ndarray:
    """Decode and rescale slices.

    Args:
        slices: In the order of the result's first axis.
        where: The series in words, for messages.
        progress: Called with the share (0 to 1) done.

    Returns:
        Array of shape (slices, rows, columns): int16 when all slopes and intercepts are whole, else float32.

    Raises:
        InputError: A file is damaged or cut off.
    """
    cut = sorted({header.path.name for header in slices if header.truncated})
    if cut:
        more = f" and {len(cut) - 1} more" if len(cut) > 1 else ""
        raise InputError(
            f"{where} is damaged: the pixel data of '{cut[0]}'{more} are cut off; copy or export the CT again."
        )
    whole = all(float(number).is_integer() for header in slices for number in (header.slope, header.intercept))
    shape = (len(slices), slices[0].rows, slices[0].columns)
    array = np.empty(shape, dtype=np.int16 if whole else np.float32)
    if any(header.frames > 1 for header in slices):
        _read_frames(slices, array, where)
    else:
        _read_files(slices, array, where, progress)
    return array


def _read_files(slices: tuple[SliceHeader, ...], array: np.ndarray, where: str, progress) -> None:
    # One after the other: several threads in the decoder at once damage memory. With 4 or 8 of them 5 of 270 processes
    # crashed, some only later and elsewhere; with one none of 480.
    for index, header in enumerate(slices):
        pixels = _decode(header, where)
        if pixels.shape[-2:] != array.shape[1:] or pixels.size != array[index].size:
            raise InputError(
                f"{where} is damaged: '{header.path.name}' decodes to shape {pixels.shape}; export the CT again."
            )
        _store(pixels.reshape(array.shape[1:]), header, array[index])
        if progress is not None:
            progress((index + 1) / len(slices))


def _read_frames(slices: tuple[SliceHeader, ...], array: np.ndarray, where: str) -> None:
    paths = {header.path for header in slices}
    if len(paths) > 1:
        names = ", ".join(f"'{path.name}'" for path in sorted(paths)[:3])
        raise InputError(
            f"{where} consists of {len(paths)} files of which some hold several frames ({names}); give one such file."
        )
    pixels = _decode(slices[0], where)
    if pixels.shape != (slices[0].frames, *array.shape[1:]):
        raise InputError(f"{where} is damaged: it decodes to shape {pixels.shape}; export the CT again.")
    applied = _rescale_of_frames(slices, where)
    for index, header in enumerate(slices):
        frame = pixels[header.frame]
        if applied != (header.slope, header.intercept):
            frame = (frame.astype(np.float64) - applied[1]) / applied[0] * header.slope + header.intercept
        _store(frame, header, array[index])


def _rescale_of_frames(slices: tuple[SliceHeader, ...], where: str) -> tuple[float, float]:
    """Slope and intercept that the decoder applies to all frames of a file: those of its first frame."""
    first = min(slices, key=lambda header: header.frame)
    if first.frame != 0:
        raise InputError(f"{where} has no usable first frame; export the CT as single slices.")
    return first.slope, first.intercept


def _decode(header: SliceHeader, where: str) -> np.ndarray:
    check_name(header.path)
    if not header.lowest_is_white:
        return _execute(header.path, header.path.name, where)
    with tempfile.TemporaryDirectory(prefix="ct2mrsynth-") as folder:
        copy = Path(folder, "slice.dcm")
        _copy_as_monochrome2(header.path, copy, where)
        return _execute(copy, header.path.name, where)


def _execute(path: Path, name: str, where: str) -> np.ndarray:
    import SimpleITK as sitk

    try:
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        return sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise InputError(
            f"{where} cannot be decoded: '{name}' is damaged or of an unknown compression ({reason})."
        ) from error


def _copy_as_monochrome2(path: Path, copy: Path, where: str) -> None:
    """Copy a file with its photometric interpretation changed: the decoder would turn MONOCHROME1 values round.

    It concerns display only: rescale slope and intercept apply to the values as they are stored (DICOM PS3.3
    C.7.6.3.1.2 and C.11.1).
    """
    import pydicom

    try:
        dataset = pydicom.dcmread(
            path, stop_before_pixels=True, force=True, specific_tags=["PhotometricInterpretation"]
        )
        place = dataset.get_item("PhotometricInterpretation").value_tell
        shutil.copyfile(path, copy)
        with open(copy, "r+b") as file:
            file.seek(place)
            found = file.read(len(LOWEST_IS_WHITE)) == LOWEST_IS_WHITE.encode()
            file.seek(place)
            file.write(b"MONOCHROME2")
    except OSError as error:
        raise InputError(f"{where} cannot be read: {error.strerror or error} ('{path.name}').") from error
    if not found:  # the header is deflated: its places are not those of the file
        raise InputError(
            f"{where} is stored as {LOWEST_IS_WHITE} in a deflated file ('{path.name}'); export it uncompressed."
        )


def _store(pixels: np.ndarray, header: SliceHeader, target: np.ndarray) -> None:
    """Put rescaled pixels into their place, padding as air, values beyond 16 bit at its end."""
    padding = None
    if header.padding is not None:
        value = header.padding * header.slope + header.intercept
        if not PLAUSIBLE[0] <= value <= PLAUSIBLE[1]:
            padding = pixels == value
    if target.dtype == np.int16 and pixels.dtype != np.int16:
        pixels = np.clip(np.rint(pixels), -32768, 32767)
    target[...] = pixels
    if padding is not None:
        target[padding] = AIR
