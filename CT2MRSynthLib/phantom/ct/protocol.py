"""How a CT volume is laid out: matrix, field of view, slices, and what is stored outside the field of view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.phantom.ct.settings import THICKNESSES


@dataclass(frozen=True)
class CTProtocol:
    """Layout of an axial CT.

    Args:
        matrix: Voxels along each edge of a slice.
        spacing: Voxel edge in plane, mm.
        thickness: Slice thickness, mm.
        increment: Distance of slices, mm; smaller than the thickness where slices overlap.
        targeted: The field of view is centered on the spine and cuts off the body, not the whole body.
        padding: Stored outside the circle that the field of view inscribes; None: the whole square is reconstructed.
    """

    matrix: int = 320
    spacing: float = 1.15
    thickness: float = 1.25
    increment: float = 1.25
    targeted: bool = False
    padding: int | None = None

    @classmethod
    def draw(cls, rng: np.random.Generator) -> CTProtocol:
        """A layout as scanners give it: 512 voxels over 300 to 500 mm, or 160 to 220 mm aimed at the spine."""
        targeted = bool(rng.random() < 0.25)
        wide, narrow = rng.uniform(300, 500), rng.uniform(160, 220)
        thickness = float(rng.choice(THICKNESSES))
        overlap = float(rng.choice([1.0, 0.8, 0.5], p=[0.6, 0.2, 0.2]))
        return cls(
            matrix=512,
            spacing=round((narrow if targeted else wide) / 512, 6),
            thickness=thickness,
            increment=round(thickness * overlap, 3),
            targeted=targeted,
            padding=None if targeted else draw_padding(rng),
        )


def draw_padding(rng: np.random.Generator) -> int | None:
    """What a vendor stores outside the circle."""
    chance = rng.random()
    return None if chance < 0.6 else -1024 if chance < 0.85 else -2000 if chance < 0.92 else -3024
