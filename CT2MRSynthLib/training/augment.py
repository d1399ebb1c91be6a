"""Variation of a pair: the numbers are drawn on the host and recordable, applying them runs where the images are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from CT2MRSynthLib.training.settings import Augmentation

if TYPE_CHECKING:
    import torch


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


def apply(variation: Variation, ct: torch.Tensor, mr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Vary a pair; all numbers go to the device as arguments of its operations, so nothing waits for it.

    Args:
        variation: What to do.
        ct: Hounsfield units, float32, shape (rows, columns).
        mr: Grey levels 0 to 255, same shape and device.

    Returns:
        Both images, float32.
    """
    if variation.flip:
        ct, mr = ct.flip(-1), mr.flip(-1)
    if variation.rotation or variation.scale != 1.0 or any(variation.shift):
        ct, mr = _moved(variation, ct, mr)
    return _other_scanner(variation, ct), mr


def _moved(variation: Variation, ct: torch.Tensor, mr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate and scale about the center, then shift; linear interpolation, the border continued outward."""
    import torch
    from torch.nn import functional

    rows, columns = ct.shape
    angle = math.radians(variation.rotation)
    cosine, sine = math.cos(angle) / variation.scale, math.sin(angle) / variation.scale
    row = torch.arange(rows, device=ct.device, dtype=ct.dtype)[:, None] - ((rows - 1) / 2 + variation.shift[0])
    column = torch.arange(columns, device=ct.device, dtype=ct.dtype)[None] - ((columns - 1) / 2 + variation.shift[1])
    source_row, source_column = cosine * row - sine * column, sine * row + cosine * column
    grid = torch.stack([source_column / ((columns - 1) / 2), source_row / ((rows - 1) / 2)], dim=-1)
    both = torch.stack([ct, mr])[None]
    moved = functional.grid_sample(both, grid[None], mode="bilinear", padding_mode="border", align_corners=True)
    return moved[0, 0], moved[0, 1]


def _other_scanner(variation: Variation, ct: torch.Tensor) -> torch.Tensor:
    import torch

    if variation.blur > 0:
        ct = _smoothed(ct, variation.blur)
    elif variation.blur < 0:
        ct = 2.0 * ct - _smoothed(ct, -variation.blur)
    if variation.noise > 0:
        source = torch.Generator(ct.device).manual_seed(variation.noise_seed)
        noise = torch.randn(ct.shape, generator=source, device=ct.device)
        if variation.noise_grain > 0:
            noise = _smoothed(noise, variation.noise_grain)
        ct = ct + noise * (variation.noise / noise.std().clamp_min(1e-6))
    return ct * variation.hu_scale + variation.hu_offset


def _smoothed(image: torch.Tensor, deviation: float) -> torch.Tensor:
    """Gaussian filter, cut at four standard deviations, the border continued outward."""
    import torch
    from torch.nn import functional

    radius = int(4.0 * deviation + 0.5)
    if radius == 0:
        return image
    offsets = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (offsets / deviation) ** 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(image[None, None], (radius,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel.view(1, 1, -1, 1))
    return functional.conv2d(rows, kernel.view(1, 1, 1, -1))[0, 0]
