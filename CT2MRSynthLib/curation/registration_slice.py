"""The last step for a single slice: turned and moved within its own plane, where limbs and skin have shifted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from CT2MRSynthLib.curation.planes import Plane, sample_ct, sample_mr, within_both
from CT2MRSynthLib.curation.registration_search import BINS
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.volume import Volume

#: mm of CT around the slice, so that it may move.
MARGIN = 20.0
#: Bone and air say no more than these HU.
CT_LIMITS = (-300.0, 400.0)
#: Farther than this from where the whole MR lies (mm, degrees) a slice is not moved.
MOVE, TURN = 15.0, 8.0
#: The share that mutual information has to gain.
GAIN = 0.03


@dataclass(frozen=True)
class SliceFit:
    """Where a slice lies after the search.

    Args:
        mr_to_ct: 4x4, from MR-world to CT-world RAS mm.
        plane: The pair's plane, moved with the slice, and smaller where it would leave the CT.
        numbers: For JSON: right_mm, anterior_mm, turn_deg, metric_before, metric_found (nats), kept_start.
    """

    mr_to_ct: np.ndarray
    plane: Plane
    numbers: dict


def refine_in_plane(ct: Volume, mr: Volume, mr_to_ct: np.ndarray, plane: Plane) -> SliceFit:
    """Register one MR slice to the CT in its plane by mutual information; kept as it was where nothing is gained.

    Args:
        ct: HU.
        mr: The stack of the slice.
        mr_to_ct: 4x4, where the whole of it lies.
        plane: Of the slice.
    """
    fixed = _image(sample_mr(mr, mr_to_ct, plane).array[0], plane.frame, 1.0)
    edge = float(plane.frame.extent[0]) + 2 * MARGIN
    wide = DiscFrame(plane.frame.center, plane.frame.axes, [edge, edge, plane.thickness], plane.frame.level)
    moving = _image(np.clip(sample_ct(ct, replace(plane, frame=wide)).array[0], *CT_LIMITS), wide, 1.0)
    transform, before, found = _search(fixed, moving)
    angle, left, posterior = transform.GetParameters()
    numbers = {
        "right_mm": round(-left, 2),
        "anterior_mm": round(-posterior, 2),
        "turn_deg": round(float(np.degrees(angle)), 2),
        "metric_before": round(before, 4),
        "metric_found": round(found, 4),
    }
    kept = found <= (1 + GAIN) * before or np.hypot(left, posterior) > MOVE or abs(np.degrees(angle)) > TURN
    if kept:
        return SliceFit(mr_to_ct, plane, {**numbers, "kept_start": True})
    move = _in_world(transform, plane.frame)
    frame = plane.frame
    moved = DiscFrame(move[:3, :3] @ frame.center + move[:3, 3], frame.axes @ move[:3, :3].T, frame.extent, frame.level)
    moved_mr = move @ mr_to_ct
    return SliceFit(
        moved_mr, within_both(ct, mr, moved_mr, replace(plane, frame=moved)), {**numbers, "kept_start": False}
    )


def _search(fixed: sitk.Image, moving: sitk.Image) -> tuple[sitk.Euler2DTransform, float, float]:
    """The transform, and mutual information (nats) before and after; the start where nothing can be compared."""
    start = sitk.Euler2DTransform()
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums in one order: the same result every time
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.05, 60, gradientMagnitudeTolerance=1e-6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 1.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=False)
    try:
        before = -float(method.MetricEvaluate(fixed, moving))
        found = method.Execute(fixed, moving)
        inner = found.GetNthTransform(0) if isinstance(found, sitk.CompositeTransform) else found
        transform = sitk.Euler2DTransform(inner)
        method.SetInitialTransform(transform, inPlace=False)
        return transform, before, -float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:
        return sitk.Euler2DTransform(), 0.0, 0.0


def _image(array: np.ndarray, frame: DiscFrame, spacing: float) -> sitk.Image:
    """A picture of 256 x 256 pixels with its middle at (0, 0), x to the patient's left and y to posterior, in mm."""
    pixel = float(frame.extent[0]) / array.shape[1]
    image = sitk.GetImageFromArray(np.nan_to_num(array).astype(np.float32))
    image.SetSpacing((pixel, pixel))
    image.SetOrigin((-(array.shape[1] - 1) / 2 * pixel, -(array.shape[0] - 1) / 2 * pixel))
    factor = max(1, round(spacing / pixel))
    return sitk.BinShrink(image, [factor, factor])


def _in_world(transform: sitk.Euler2DTransform, frame: DiscFrame) -> np.ndarray:
    """The 4x4 matrix in CT-world RAS mm of a movement within the plane of a box."""
    left, posterior = -frame.axes[0], -frame.axes[1]
    basis = np.stack([left, posterior, frame.axes[2]])
    inner = np.eye(3)
    inner[:2, :2] = np.array(transform.GetMatrix()).reshape(2, 2)
    turn = basis.T @ inner @ basis
    shift = np.array(transform.TransformPoint((0.0, 0.0)))
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = frame.center - turn @ frame.center + shift @ basis[:2]
    return matrix
