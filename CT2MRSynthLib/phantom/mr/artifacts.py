"""What coil, saturation band, moving organs and metal do to a T2 picture before it is sampled in k-space."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.mr.settings import COIL_SPAN, Coil, Motion
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label

_BOWEL = (Label.BOWEL_WALL, Label.BOWEL_CONTENT, Label.GAS)
_VESSELS = (Label.ARTERY, Label.VEIN)
#: Metal: mm by which it displaces neighboring signal along the frequency axis, by field; reach of its field in mm.
_METAL_SHIFT, _METAL_REACH = (5.0, 8.0), 2.6
#: Parts of a pixel that are moved apart from each other, so that stretched signal has no gaps.
_PARTS = 5


def sensitivity(coil: Coil, ahead: np.ndarray, left: np.ndarray, falloff: float) -> np.ndarray:
    """Sensitivity of a coil under the back, 1 in the middle of the picture.

    Args:
        coil: The coil.
        ahead: mm ahead of the picture's middle, by row.
        left: mm to the patient's left of it, by column.
        falloff: Ratio over ``COIL_SPAN``, dorsal to ventral.

    Returns:
        Shape (rows, columns).
    """
    depth = ahead / (COIL_SPAN / 2)
    # steeper near the coil, flatter far from it, with the stated ratio between the ends of the span
    depth = depth - coil.bend * (np.minimum(depth**2, 1.0))
    side = left / 90.0
    linear, quadratic, ripple = coil.lateral
    across = 1 + linear * side + quadratic * side**2 + ripple * np.cos(2 * np.pi * side * 1.5 + coil.ripple_phase)
    return (falloff ** (-0.5 * depth))[:, None] * across[None, :] / across[np.argmin(np.abs(side))]


def saturation(motion: Motion, ahead: np.ndarray, left: np.ndarray, front: float) -> np.ndarray:
    """Share of signal that the ventral saturation band leaves, shape (rows, columns).

    Args:
        motion: The scan.
        ahead, left: mm from the picture's middle, by row and by column.
        front: mm from the picture's middle to the front of the vertebral body.
    """
    edge = front + motion.saturation_gap + motion.saturation_tilt * left[None, :]
    half = motion.saturation_edge / 2
    return 1 - motion.saturation * ramp((ahead[:, None] - edge) / half, -1.0, 1.0)


def share_of(labels: np.ndarray, kinds) -> np.ndarray | None:
    """Share of planes with one of some tissues, shape (rows, columns); None where there is none.

    Args:
        labels: Tissue in the planes of a slice, shape (planes, rows, columns).
        kinds: Tissues.
    """
    lookup = np.zeros(256, dtype=np.float32)
    lookup[list(kinds)] = 1.0
    result = lookup[labels].mean(axis=0)
    return result if result.any() else None


def blur_bowel(pictures, labels: np.ndarray, motion: Motion, phase_axis: int, pixel: float) -> list[np.ndarray]:
    """Bowel that moved while k-space was filled: smeared along the phase axis."""
    bowel = share_of(labels, _BOWEL)
    if bowel is None:
        return list(pictures)
    width = np.array([0.8, 0.8])
    width[phase_axis] = motion.bowel
    spread = 0.6 * ndimage.gaussian_filter(bowel, width / pixel, truncate=2.5) + 0.4 * bowel
    result = []
    for picture in pictures:
        moved = 0.6 * ndimage.gaussian_filter(picture * bowel, width / pixel, truncate=2.5) + 0.4 * picture * bowel
        # what bowel has moved over shows the mean of both
        result.append((picture * (1 - bowel) + moved) / (1 - bowel + np.maximum(spread, 1e-3)))
    return result


def pulsation(water: np.ndarray, labels: np.ndarray, motion: Motion) -> np.ndarray | None:
    """What ghosts show: vessels in spite of their void, and cerebrospinal fluid; None without either."""
    vessels, fluid = share_of(labels, _VESSELS), share_of(labels, (Label.CSF,))
    if vessels is None and fluid is None:
        return None
    result = np.zeros_like(water)
    if vessels is not None:
        result += motion.ghost * vessels
    if fluid is not None:
        result += motion.fluid_ghost * fluid * water
    return result


def distort_by_metal(pictures, labels: np.ndarray, field: int, frequency_axis: int, pixel: float) -> list[np.ndarray]:
    """Signal lost around metal, and displaced along the frequency axis: a void with a bright rim on one side.

    Signal at x is read at x + s(x), where s follows the metal's field; near to it slices are bent and spins dephase.
    """
    metal = share_of(labels, (Label.METAL,))
    if metal is None:
        return list(pictures)
    reach = _METAL_REACH / pixel
    # a rod of 6 mm reaches about 1 in its middle
    strength = np.minimum(2.0 * ndimage.gaussian_filter(metal, reach, truncate=3.0), 1.0)
    shift = _METAL_SHIFT[field] * strength / pixel
    kept = (1 - ramp(strength, 0.28, 0.6)) * (1 - np.minimum(metal * 4, 1))
    return [_displaced(picture * kept, shift, frequency_axis) for picture in pictures]


def _displaced(picture: np.ndarray, shift: np.ndarray, axis: int) -> np.ndarray:
    """Each part of a pixel's signal moved along an axis and added up where it lands (linear weights)."""
    length = picture.shape[axis]
    signal, move = (
        ndimage.zoom(np.moveaxis(values, axis, 1), (1, _PARTS), order=1, mode="nearest", grid_mode=True)
        for values in (picture / _PARTS, shift)
    )
    target = np.clip((np.arange(length * _PARTS) + 0.5) / _PARTS - 0.5 + move, 0, length - 1.001)
    low = target.astype(np.intp)
    weight = target - low
    flat = low + np.arange(signal.shape[0])[:, None] * length
    total = np.zeros(picture.size)
    for index, part in ((flat, signal * (1 - weight)), (flat + 1, signal * weight)):
        total += np.bincount(index.ravel(), part.ravel(), minlength=picture.size)[: picture.size]
    return np.moveaxis(total.reshape(signal.shape[0], length), 1, axis).astype(np.float32)
