"""The direct path to training pairs: CT and T2 of one disc level from one painting of the tissue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.ct import hounsfield as ct
from CT2MRSynthLib.phantom.ct.settings import CTSettings
from CT2MRSynthLib.phantom.ct.slab import CTSlab
from CT2MRSynthLib.phantom.landmarks import disc_index
from CT2MRSynthLib.phantom.mr import slice as mr
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.sampling import sample
from CT2MRSynthLib.phantom.scene import Subject

PIXELS = 256
PLANES = 3


@dataclass(frozen=True)
class Pair:
    """A disc-level pair; row 0 is ventral, column 0 the patient's right.

    Args:
        ct: HU, float32, shape (256, 256).
        mr: T2 grey levels, uint8, shape (256, 256).
        frame: Where the pair lies, world RAS mm.
        labels: ``tissues.Label`` in the middle plane, uint8, shape (256, 256).
        truth: Seed, level, severities, settings and the sac's center in pixels (row, column).
    """

    ct: np.ndarray
    mr: np.ndarray
    frame: DiscFrame
    labels: np.ndarray
    truth: dict


def render_pair(
    seed: int,
    level: str | None = None,
    jitter: float = 1.0,
    misalignment: float = 0.5,
    severity: Mapping[str, object] | None = None,
) -> Pair:
    """Render CT and T2 of one disc level of one subject.

    Args:
        seed: The subject; the scans' settings follow from it as well.
        level: One of ``levels.LEVELS``; None: drawn from the seed.
        jitter: Strength of the random displacement of the box against the crop rule; 0: exactly the rule.
        misalignment: Standard deviation in mm of the MR's displacement against the CT.
        severity: Severities to set, by name; the others follow from the seed.
    """
    subject = Subject(seed, severity)
    rng = np.random.default_rng([seed, 100])
    drawn = LEVELS[int(rng.choice(5, p=[0.12, 0.16, 0.22, 0.28, 0.22]))]
    level = level or drawn
    rng = np.random.default_rng([seed, 101 + disc_index(level)])
    frame = _displaced(subject.frame(level), rng, jitter)
    ct_settings = CTSettings.draw(np.random.default_rng([seed, 10]), subject.severity)
    mr_settings = mr.MRSettings.draw(np.random.default_rng([seed, 11]), subject.severity)

    def values(canvas):
        return [ct.hounsfield(canvas, ct_settings), *mr.signals(canvas, mr_settings)]

    slab = CTSlab(subject, frame, ct_settings)
    (hu, water, fat), labels, offsets = sample_slab(subject, frame, slab.depth, values, planes=slab.planes)
    pixel = float(frame.extent[0] / PIXELS)
    ct_picture = slab.picture(hu, offsets, (seed, 102 + disc_index(level)))
    weights = profile(offsets, mr_settings.thickness, 0.3)
    water, fat = np.tensordot(weights, water, axes=1), np.tensordot(weights, fat, axes=1)
    shift = np.clip(rng.standard_normal(2), -2, 2) * misalignment
    mr_picture = mr.finish_slice(water, fat, labels, mr_settings, pixel, rng, (float(shift[0]), float(shift[1])))
    sac = (subject.landmarks(level).sac_center - frame.center) @ frame.axes.T / pixel
    truth = {
        "level": level,
        "sac_row_column": [float(127.5 - sac[1]), float(127.5 - sac[0])],
        # the grid's rows run to posterior, its columns to the patient's left
        "mr_shift_mm": {"posterior": round(float(shift[0]), 4), "left": round(float(shift[1]), 4)},
        "anatomy": subject.anatomy.record(),
        "ct": ct_settings.record(),
        "mr": mr_settings.record(),
    }
    return Pair(ct_picture, mr_picture, frame, labels[slab.planes // 2], truth)


def sample_slab(
    subject: Subject, frame: DiscFrame, depth: float, values, pixels: int = PIXELS, planes: int = PLANES
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Quantities in some planes over ``depth`` mm of a box (see ``sampling.sample``).

    Returns:
        The quantities and the labels, each of shape (planes, pixels, pixels), and the planes' offsets from the middle
        in mm.
    """
    grid = frame.with_depth(depth).grid(slices=planes, pixels=pixels)
    lattice = Lattice.from_matrix(grid.ijk_to_ras, (planes, pixels, pixels))
    result, labels = sample(subject, lattice, values, outside=True)
    return result, labels, (np.arange(planes) - (planes - 1) / 2) * (depth / planes)


def profile(offsets: np.ndarray, thickness: float, scan_thickness: float) -> np.ndarray:
    """Weights of planes: a slice of ``thickness`` cut from slices of ``scan_thickness`` (two boxes convolved)."""
    half, ramp_width = thickness / 2, max(scan_thickness, 0.3)
    weights = np.clip((half + ramp_width / 2 - np.abs(offsets)) / ramp_width, 0, 1)
    return (weights / weights.sum()).astype(np.float32)


def _displaced(frame: DiscFrame, rng: np.random.Generator, strength: float) -> DiscFrame:
    """A box as a user would draw it: moved by millimeters, turned by degrees, somewhat larger or smaller."""
    normal = rng.standard_normal(8)
    uniform = rng.random(2)
    wide = 2.0 if uniform[0] < 0.3 else 0.8
    angles = np.radians(normal[:3] * np.array([3.2, 3.8, 2.5]) * strength)
    axes = frame.axes.copy()
    for axis, angle in enumerate(angles):
        other = [n for n in range(3) if n != axis]
        turned = axes.copy()
        turned[other[0]] = np.cos(angle) * axes[other[0]] + np.sin(angle) * axes[other[1]]
        turned[other[1]] = -np.sin(angle) * axes[other[0]] + np.cos(angle) * axes[other[1]]
        axes = turned
    shift = np.clip(normal[3:6], -2.2, 2.2) * np.array([2.2 * wide, 2.2 * wide, 1.6 * wide]) * strength
    size = 1.0 + strength * (0.03 + 0.05 * normal[6] + 0.12 * (uniform[1] - 0.3) * (wide > 1))
    extent = frame.extent * np.array([size, size, 1.0])
    return DiscFrame(frame.center + shift @ axes, axes, extent, frame.level)
