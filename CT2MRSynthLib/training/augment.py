"""Variation of a pair: drawing the numbers and applying them are two steps, so that a draw can be recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.training.settings import Augmentation


@dataclass(frozen=True)
class Variation:
    """One draw; the defaults leave a pair as it is.

    Args:
        flip: Exchange left and right.
        rotation: Degrees.
        scale: Factor of size.
        shift: Rows, columns, in pixels.
        hu_scale: Factor on Hounsfield units.
        hu_offset: Added Hounsfield units.
        blur: Standard deviation in pixels; negative: sharpen by as much.
        noise: Standard deviation of added noise in HU.
        noise_grain: Standard deviation in pixels by which the noise is smoothed (a soft kernel's texture).
        noise_seed: Of the noise.
    """

    flip: bool = False
    rotation: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    hu_scale: float = 1.0
    hu_offset: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    noise_grain: float = 0.0
    noise_seed: int = 0


def draw(settings: Augmentation, rng: np.random.Generator) -> Variation:
    """Draw a variation."""
    values: dict = {"flip": bool(rng.random() < settings.flip)}
    if rng.random() < settings.geometric:
        values["rotation"] = rng.uniform(-settings.rotation, settings.rotation)
        values["scale"] = 1.0 + rng.uniform(-settings.scale, settings.scale)
        values["shift"] = tuple(rng.uniform(-settings.shift, settings.shift, 2))
    if rng.random() < settings.intensity:
        values["hu_offset"] = rng.normal(0.0, settings.hu_offset)
        values["hu_scale"] = 1.0 + rng.normal(0.0, settings.hu_scale)
        values["blur"] = rng.uniform(-settings.blur, settings.blur) if rng.random() < 0.5 else 0.0
        values["noise"] = rng.uniform(0.0, settings.noise)
        values["noise_grain"] = rng.uniform(0.0, 1.5) if rng.random() < 0.5 else 0.0
        values["noise_seed"] = int(rng.integers(2**31))
    return Variation(**values)


def apply(variation: Variation, ct: np.ndarray, mr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vary a pair.

    Args:
        variation: What to do.
        ct: Hounsfield units, shape (rows, columns).
        mr: Grey levels 0 to 255, same shape.

    Returns:
        Both images, float32.
    """
    ct, mr = ct.astype(np.float32), mr.astype(np.float32)
    if variation.flip:
        ct, mr = ct[:, ::-1], mr[:, ::-1]
    if variation.rotation or variation.scale != 1.0 or any(variation.shift):
        ct, mr = _moved(variation, ct), _moved(variation, mr)
    return _other_scanner(variation, ct), mr


def _moved(variation: Variation, image: np.ndarray) -> np.ndarray:
    angle = np.radians(variation.rotation)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / variation.scale
    center = (np.asarray(image.shape) - 1) / 2.0
    offset = center - matrix @ (center + np.asarray(variation.shift))
    return ndimage.affine_transform(image, matrix, offset, order=1, mode="nearest")


def _other_scanner(variation: Variation, ct: np.ndarray) -> np.ndarray:
    if variation.blur > 0:
        ct = ndimage.gaussian_filter(ct, variation.blur)
    elif variation.blur < 0:
        ct = 2.0 * ct - ndimage.gaussian_filter(ct, -variation.blur)
    if variation.noise > 0:
        noise = np.random.default_rng(variation.noise_seed).standard_normal(ct.shape, dtype=np.float32)
        if variation.noise_grain > 0:
            noise = ndimage.gaussian_filter(noise, variation.noise_grain)
        ct = ct + noise * (variation.noise / max(float(noise.std()), 1e-6))
    return ct * np.float32(variation.hu_scale) + np.float32(variation.hu_offset)
