"""Rigid and affine transforms as files that Slicer and ITK read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from CT2MRSynthLib.atomic import replacing
from CT2MRSynthLib.errors import InputError, OutputError

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_transform(path: str | Path, from_to: np.ndarray) -> Path:
    """Write a transform as an ITK transform file.

    An ITK transform maps points of the resampled image back to the image it is sampled from, in LPS. So the file holds
    the inverse: Slicer, which reads it so, moves a node put under the transform by ``from_to``.

    Args:
        path: Ends in .tfm or .h5.
        from_to: 4x4 matrix that moves points, RAS mm to RAS mm.

    Raises:
        OutputError: It cannot be written.
    """
    import SimpleITK

    matrix = _RAS_TO_LPS @ np.linalg.inv(from_to) @ _RAS_TO_LPS
    transform = SimpleITK.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    with replacing(path, suffix=Path(path).suffix) as temporary:
        try:
            SimpleITK.WriteTransform(transform, str(temporary))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise OutputError(f"The transform {path} cannot be written ({reason}); choose another folder.") from None
    return Path(path)


def read_transform(path: str | Path) -> np.ndarray:
    """The 4x4 matrix, RAS mm to RAS mm, by which Slicer moves a node under the transform of a file.

    Raises:
        InputError: The file holds no linear transform.
    """
    import SimpleITK

    try:
        transform = SimpleITK.ReadTransform(str(path))
    except RuntimeError:
        raise InputError(f"{path} is no transform file; give an ITK transform (.tfm, .h5).") from None
    if not transform.IsLinear():
        raise InputError(f"{path} holds no linear transform; give a rigid or affine one.")
    matrix = np.eye(4)
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    for axis in range(3):
        matrix[:3, axis] = np.subtract(transform.TransformPoint(np.eye(3)[axis].tolist()), matrix[:3, 3])
    return _RAS_TO_LPS @ np.linalg.inv(matrix) @ _RAS_TO_LPS
