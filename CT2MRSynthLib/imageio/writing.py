"""Volumes written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from CT2MRSynthLib.errors import OutputError
from CT2MRSynthLib.imageio.dicom_geometry import LPS_TO_RAS
from CT2MRSynthLib.imageio.filenames import check_name

EXTENSIONS = (".nii.gz", ".nii", ".nrrd")

#: A voxel corner may lie this far (mm) from where it should after reading back.
GEOMETRY_TOLERANCE = 1e-3


def write_volume(
    path: str | Path,
    array: np.ndarray,
    ijk_to_ras: np.ndarray,
    metadata: Mapping[str, str] | None = None,
    compress: bool = True,
) -> Path:
    """Write a volume as NRRD or NIfTI, by the extension of its name.

    It is written under a temporary name in the same folder, read back, compared, and only then takes its name.

    Args:
        path: Ends in .nrrd, .nii or .nii.gz. Missing folders are made.
        array: Shape (k, j, i).
        ijk_to_ras: 4x4 matrix from voxel index (i, j, k) to RAS mm.
        metadata: Key/value pairs for the NRRD header; in NIfTI the values go into the 79 characters of its description.
            Nothing that names a patient belongs here.
        compress: Compress with gzip.

    Returns:
        The path.

    Raises:
        OutputError: The folder cannot be written to or is full, the format cannot hold the volume, or what was
            written differs from what was given.
    """
    path = Path(path).expanduser()
    check_name(path, OutputError)
    ending = next((one for one in EXTENSIONS if path.name.lower().endswith(one)), None)
    if ending is None:
        raise OutputError(f"The volume '{path}' cannot be written: its name must end in .nrrd, .nii or .nii.gz.")
    array = np.asarray(array)
    if array.ndim != 3 or array.size == 0:
        raise OutputError(
            f"The volume '{path}' cannot be written: its array has shape {array.shape}, three dimensions are needed."
        )
    # SimpleITK chooses the format by the extension, so the temporary name keeps it
    temporary = path.with_name(f".{path.name[: -len(ending)]}.{secrets.token_hex(4)}.part{ending}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)  # says why it cannot, which SimpleITK does not
        _write(temporary, array, np.asarray(ijk_to_ras, dtype=float), metadata or {}, compress)
        _verify(temporary, path, array, np.asarray(ijk_to_ras, dtype=float))
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"The volume '{path}' cannot be written: {error.strerror or error}; choose another folder or make room."
        ) from error
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise OutputError(
            f"The volume '{path}' cannot be written ({reason}); check the space left in '{path.parent}'."
        ) from error
    finally:
        _remove(temporary)
    return path


def _write(file: Path, array: np.ndarray, ijk_to_ras: np.ndarray, metadata: Mapping[str, str], compress: bool) -> None:
    import SimpleITK as sitk

    lps = LPS_TO_RAS @ ijk_to_ras
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    if file.name.endswith(".nrrd"):
        for key, value in metadata.items():
            image.SetMetaData(str(key), " ".join(str(value).split()))
    elif metadata:
        image.SetMetaData("ITK_FileNotes", "; ".join(str(value) for value in metadata.values())[:79])
    sitk.WriteImage(image, str(file), compress)


def _verify(file: Path, path: Path, array: np.ndarray, ijk_to_ras: np.ndarray) -> None:
    """Read back: compression on a full disk ends early without a word, and a format may not hold the geometry."""
    import SimpleITK as sitk

    image = sitk.ReadImage(str(file))
    if not np.array_equal(sitk.GetArrayViewFromImage(image), array, equal_nan=array.dtype.kind == "f"):
        raise OutputError(f"The volume '{path}' was not written whole; check the space left in '{path.parent}'.")
    read = np.eye(4)
    read[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
    read[:3, 3] = image.GetOrigin()
    away = np.abs(_corners(LPS_TO_RAS @ read, array.shape) - _corners(ijk_to_ras, array.shape)).max()
    if not away <= GEOMETRY_TOLERANCE:
        raise OutputError(
            f"The volume '{path}' cannot be written: its format moves the voxels by {away:.2g} mm; write .nrrd."
        )


def _corners(ijk_to_ras: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    ends = np.array([[-0.5, count - 0.5] for count in reversed(shape)])
    ijk = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    return ijk @ ijk_to_ras[:3, :3].T + ijk_to_ras[:3, 3]


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):  # the folder is gone or locked: nothing of ours can be left in it
        file.unlink(missing_ok=True)
