"""Rigid mutual-information registration of two pictures by SimpleITK, and the metric at a pose."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from CT2MRSynthLib.curation.registration_images import Picture

#: Bins of the joint histogram along each axis.
BINS = 40

#: Seed of the positions within voxels at which the metric is sampled.
SEED = 1

_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Stage:
    """One resolution.

    Args:
        sigma: Gaussian filter on both pictures, mm.
        step: First step of the descent, mm of the physical shift it causes.
        finest: Step at which it ends.
        iterations: At most.
        share: Of the MR's voxels that are compared.
    """

    sigma: float
    step: float
    finest: float
    iterations: int = 60
    share: float = 1.0


def to_transform(matrix: np.ndarray, center: np.ndarray) -> sitk.Euler3DTransform:
    """A rigid 4x4 matrix in RAS mm as a transform in LPS mm about ``center`` (RAS mm in the matrix's input world)."""
    lps = _FLIP @ matrix @ _FLIP
    pivot = _FLIP[:3, :3] @ center
    transform = sitk.Euler3DTransform()
    transform.SetCenter(pivot.tolist())
    transform.SetMatrix(lps[:3, :3].ravel().tolist(), 1e-4)
    transform.SetTranslation((lps[:3, 3] + lps[:3, :3] @ pivot - pivot).tolist())
    return transform


def to_matrix(transform: sitk.Euler3DTransform) -> np.ndarray:
    """The inverse of ``to_transform``."""
    rotation = np.array(transform.GetMatrix()).reshape(3, 3)
    pivot = np.array(transform.GetCenter())
    lps = np.eye(4)
    lps[:3, :3] = rotation
    lps[:3, 3] = np.array(transform.GetTranslation()) + pivot - rotation @ pivot
    return _FLIP @ lps @ _FLIP


def descend(mr: Picture, ct: Picture, start: np.ndarray, stages: Sequence[Stage]) -> np.ndarray:
    """Turn and move the MR until its mutual information with the CT is greatest.

    Args:
        mr, ct: Each in its own world.
        start: 4x4 matrix from MR-world to CT-world RAS mm.
        stages: From coarse to fine.

    Returns:
        The matrix found; where too little overlaps to compare, the one reached until then.
    """
    center = mr.points().mean(axis=0)
    matrix = np.asarray(start, dtype=float)
    for stage in stages:
        method = _method(stage.share)
        _, fixed_mask = mr.images()
        _, moving_mask = ct.images()
        method.SetMetricFixedMask(fixed_mask)
        method.SetMetricMovingMask(moving_mask)
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=stage.step,
            minStep=stage.finest,
            numberOfIterations=stage.iterations,
            relaxationFactor=0.5,
            gradientMagnitudeTolerance=1e-6,
        )
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetInitialTransform(to_transform(matrix, center), inPlace=False)
        fixed, moving = mr.smoothed(stage.sigma), ct.smoothed(stage.sigma)
        try:
            with _one_thread():
                found = method.Execute(fixed.images()[0], moving.images()[0])
        except RuntimeError:
            break
        inner = found.GetNthTransform(0) if isinstance(found, sitk.CompositeTransform) else found
        matrix = to_matrix(sitk.Euler3DTransform(inner))
    return matrix


def mutual_information(mr: Picture, ct: Picture, matrix: np.ndarray) -> float:
    """Mutual information (nats) of the voxels that both masks hold; 0 where they hold too few."""
    method = _method(1.0)
    fixed, fixed_mask = mr.images()
    moving, moving_mask = ct.images()
    method.SetMetricFixedMask(fixed_mask)
    method.SetMetricMovingMask(moving_mask)
    method.SetInitialTransform(to_transform(np.asarray(matrix, dtype=float), mr.points().mean(axis=0)))
    try:
        with _one_thread():
            return -float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:
        return 0.0


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order: the same bits every time. A method's own number of threads does not reach its optimizer."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _method(share: float) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(BINS)
    if share < 1:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(share, SEED)
    else:
        method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.MetricUseMovingImageGradientFilterOff()
    method.MetricUseFixedImageGradientFilterOff()
    return method
