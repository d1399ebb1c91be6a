"""A volume in one file: NIfTI, NRRD or MetaImage."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.imageio.detached import data_files
from CT2MRSynthLib.imageio.dicom_geometry import LPS_TO_RAS
from CT2MRSynthLib.imageio.dicom_series import MINIMUM_SLICES
from CT2MRSynthLib.imageio.meta_header import find_fault
from CT2MRSynthLib.imageio.nifti_header import NiftiHeader, read_nifti_header

#: Longest first, so that the whole of ".nii.gz" is taken off a name.
EXTENSIONS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")

IMAGE_IO = {
    "nii": "NiftiImageIO",
    "nrrd": "NrrdImageIO",
    "nhdr": "NrrdImageIO",
    "mha": "MetaImageIO",
    "mhd": "MetaImageIO",
}

DAMAGED = (
    "The file '{path}' cannot be read: it is damaged, cut off or not what its name says; copy or export the CT again."
)

INCOMPLETE = "The file '{path}' cannot be read: {fault}; copy or export the CT again."

NOT_FINITE = "'{path}' is not a number (NaN or infinite) in {bad} of its voxels; repair or export the CT again."

#: Directions of NRRD that say where the patient is; by the others left cannot be told from right.
NRRD_SPACES = ("left-posterior-superior", "right-anterior-superior", "left-anterior-superior")

#: The two matrices of a NIfTI header may differ by this much (mm) at the corners before a word is said.
MATRIX_TOLERANCE = 0.1


def extension(path: Path) -> str:
    """The extension of a volume file in lower case, or an empty string."""
    return next((ending for ending in EXTENSIONS if path.name.lower().endswith(ending)), "")


def stem(path: Path) -> str:
    """The name of a file without its extension, ".nii.gz" and ".zip" included; of a folder, its name."""
    ending = extension(path)
    if ending:
        return path.name[: -len(ending)] or path.name
    return path.stem if path.suffix.lower() in (".zip", ".dcm", ".dicom", ".ima") else path.name


def read_image(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read a volume.

    Returns:
        Array of shape (k, j, i), int16 where all values are whole and fit, else float32; the 4x4 matrix from voxel
        index to RAS mm; notes.

    Raises:
        InputError: The file is damaged, not three-dimensional, in color, or holds values that are not a number.
    """
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what matters of them is said in our own words
    ending = extension(path)
    header = _check_whole(path, ending)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(
        IMAGE_IO[ending.split(".")[1]]
    )  # by the name alone, so that a picture named .nii is not read as one
    try:
        reader.ReadImageInformation()
        _check_kind(reader, path)
        image = reader.Execute()
    except RuntimeError as error:
        raise InputError(DAMAGED.format(path=path)) from error
    if image.GetDimension() == 4:
        image = image[:, :, :, 0]
    if min(image.GetSize()) < MINIMUM_SLICES:
        raise InputError(
            f"'{path}' is {_times(image.GetSize())} voxels; at least {MINIMUM_SLICES} along each axis are needed."
        )
    matrix = _ijk_to_ras(image)
    return _compact(sitk.GetArrayViewFromImage(image), path), matrix, _notes(reader, path, matrix, header)


def _check_whole(path: Path, ending: str) -> NiftiHeader | None:
    missing = [file.name for file in data_files(path) if not file.is_file()]
    if missing:
        raise InputError(f"The data file '{missing[0]}' that '{path}' names is missing; copy both into one folder.")
    if ending in (".mha", ".mhd"):
        try:
            fault = find_fault(path)
        except OSError as error:
            fault = str(error.strerror or error)
        if fault:
            raise InputError(INCOMPLETE.format(path=path, fault=fault))
    if not ending.startswith(".nii"):
        return None
    header = read_nifti_header(path)
    if header is None:
        raise InputError(DAMAGED.format(path=path))
    if header.is_sheared:
        raise InputError(
            f"'{path}' is sheared (tilted gantry), which NIfTI readers do not follow; give the DICOM folder or an NRRD."
        )
    if header.not_finite:
        raise InputError(NOT_FINITE.format(path=path, bad=header.not_finite))
    return header


def _check_kind(reader, path: Path) -> None:
    size = reader.GetSize()
    components = reader.GetNumberOfComponents()
    if components != 1:
        raise InputError(
            f"'{path}' holds {components} values per voxel (a color image or a vector field); give a CT with one."
        )
    if len(size) == 4 and size[3] == 1:
        return
    if len(size) != 3:
        raise InputError(f"'{path}' has {len(size)} dimensions ({_times(size)}); give a CT volume with three.")


def _ijk_to_ras(image) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return LPS_TO_RAS @ matrix


def _compact(values: np.ndarray, path: Path) -> np.ndarray:
    """A copy of the voxels, int16 where nothing is lost by it; slice by slice, to spare memory."""
    if values.dtype.kind == "f":
        bad = sum(int(values_k.size - np.isfinite(values_k).sum()) for values_k in values)
        if bad:
            raise InputError(NOT_FINITE.format(path=path, bad=bad))
    limits = np.iinfo(np.int16)
    fits = limits.min <= values.min() and values.max() <= limits.max
    whole = fits and (values.dtype.kind != "f" or all((values_k == np.rint(values_k)).all() for values_k in values))
    return values.astype(np.int16 if whole else np.float32)


def _notes(reader, path: Path, matrix: np.ndarray, header: NiftiHeader | None) -> tuple[str, ...]:
    def value(key: str) -> str:
        return reader.GetMetaData(key).strip() if reader.HasMetaDataKey(key) else ""

    if header is None:
        without = IMAGE_IO[extension(path).strip(".")] == "NrrdImageIO" and value("NRRD_space") not in NRRD_SPACES
        return ("The NRRD header gives no orientation; check in the picture that left is left.",) if without else ()
    if value("qform_code") == "0" and value("sform_code") == "0":
        return ("The NIfTI header gives no orientation; check in the picture that left is left.",)
    away = 0.0 if header.sform is None else _greatest_distance(matrix, header.sform, reader.GetSize())
    if away > MATRIX_TOLERANCE:
        return (
            f"The two matrices of the NIfTI header (qform and sform) lie {away:.1f} mm apart; the one that 3D Slicer"
            " follows was taken: check in the picture that it shows the disc.",
        )
    return ()


def _greatest_distance(one: np.ndarray, other: np.ndarray, size) -> float:
    """How far two voxel-to-world matrices lie apart at the outermost voxels, in mm."""
    ends = [[0, count - 1] for count in size[:3]]
    ijk = np.stack(np.meshgrid(*ends, [1], indexing="ij"), axis=-1).reshape(-1, 4)
    return float(np.linalg.norm(ijk @ (one - other).T, axis=1).max())


def _times(size) -> str:
    return " x ".join(str(number) for number in size)
