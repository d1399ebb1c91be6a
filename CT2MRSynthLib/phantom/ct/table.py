"""The CT table under the patient, with or without a pad, and a blanket over some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.ct.artifacts import BODY_PIXEL, SIZE, BodyScan


@dataclass(frozen=True)
class Table:
    """A table top of thin shells around foam: a shallow trough, curved from below as well.

    Args:
        radius: Of the trough's curvature, mm.
        half_width: mm.
        depth: Between the shells in the middle, mm.
        shell: Thickness of the shells, mm.
        shell_hu, foam_hu: HU.
        pad, pad_hu: Thickness in mm (0: none) and HU of a mattress.
        blanket, blanket_hu: Thickness in mm (0: none) and HU of a cover.
        gap: Between the skin's lowest point and the pad or the table, mm; clothes lie between.
    """

    radius: float
    half_width: float
    depth: float
    shell: float
    shell_hu: float
    foam_hu: float
    pad: float
    pad_hu: float
    blanket: float
    blanket_hu: float
    gap: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Table:
        """The table of one scanner."""
        has_pad, has_blanket = rng.random(2)
        return cls(
            radius=float(rng.uniform(380, 1500)),
            half_width=float(rng.uniform(195, 265)),
            depth=float(rng.uniform(18, 70)),
            shell=float(rng.uniform(0.7, 2.2)),
            shell_hu=float(rng.uniform(-100, 200)),
            foam_hu=float(rng.uniform(-960, -880)),
            pad=float(rng.uniform(6, 25) * (has_pad < 0.5)),
            pad_hu=float(rng.uniform(-975, -890)),
            blanket=float(rng.uniform(1.5, 5) * (has_blanket < 0.3)),
            blanket_hu=float(rng.uniform(-940, -780)),
            gap=float(rng.uniform(0.5, 5)),
        )

    def top(self, scan: BodyScan) -> float:
        """World y of the middle of the table's surface, so low that no skin reaches through it or the pad."""
        rows, columns = np.arange(SIZE) - (SIZE - 1) / 2, np.arange(SIZE) - (SIZE - 1) / 2
        below = scan.body.any(axis=0)
        lowest = np.where(below.any(axis=0), SIZE - 1 - np.argmax(below[::-1], axis=0), -1)
        x, used = -columns * BODY_PIXEL, lowest >= 0
        used &= np.abs(x) < self.half_width
        if not used.any():
            return float(scan.center[1] - SIZE / 2 * BODY_PIXEL)
        skin = -rows[lowest[used]] * BODY_PIXEL - BODY_PIXEL / 2
        return float(scan.center[1] + np.min(skin - x[used] ** 2 / (2 * self.radius)) - self.gap - self.pad)

    def paint(self, x: np.ndarray, y: np.ndarray, top: float, pixel: float) -> np.ndarray:
        """HU of table and pad at world points of an axial plane; air is -1000.

        Args:
            x, y: mm; x from the table's middle.
            top: See ``top``.
            pixel: Edge of a voxel, over which edges are drawn out, mm.
        """
        across = x / self.half_width
        surface = top + x * x / (2 * self.radius)
        under = surface - y
        thickness = self.depth * np.sqrt(np.maximum(1 - across**2, 0)) ** 0.7
        inside = _cover(under, pixel) * _cover(thickness - under, pixel) * _cover(self.half_width - np.abs(x), pixel)
        core = _cover(under - self.shell, pixel) * _cover(thickness - self.shell - under, pixel) * inside
        pad = _cover(-under, pixel) * _cover(self.pad + under, pixel) * _cover(0.9 * self.half_width - np.abs(x), pixel)
        hu = -1000 + pad * (self.pad_hu + 1000) * (self.pad > 0)
        return (hu + (inside - core) * (self.shell_hu + 1000) + core * (self.foam_hu + 1000)).astype(np.float32)

    def cover(self, scan: BodyScan, away: np.ndarray, x, y, z, pixel: float) -> np.ndarray:
        """HU of the blanket over the patient.

        Args:
            scan: The body.
            away: Of the skin (``skin_distance``).
            x, y, z: World points, mm.
            pixel: Edge of a voxel, mm.
        """
        # cloth sags between the high points and makes folds
        folds = 6 + 3 * np.sin(x / 31.0 + z / 47.0) + 2 * np.sin(x / 13.0 + 2.0)
        skin = scan.at(away, x, y, z)
        distance = skin - folds
        share = (
            _cover(distance, pixel)
            * _cover(self.blanket - distance, pixel)
            * (y > scan.center[1] - 30)
            * np.clip(skin / 2, 0, 1)
        )
        return (-1000 + share * (self.blanket_hu + 1000)).astype(np.float32)


def skin_distance(scan: BodyScan) -> np.ndarray:
    """Distance from the skin in mm on the planes of a scan, 0 in the body, smoothed as cloth would be."""
    away = np.stack([ndimage.distance_transform_edt(~body) for body in scan.body])
    return ndimage.gaussian_filter(away.astype(np.float32) * BODY_PIXEL, (0, 1.5, 1.5))


def _cover(distance, pixel: float):
    """Share of a voxel inside an edge at a signed distance in mm, positive inside."""
    return np.clip(distance / pixel + 0.5, 0, 1)
