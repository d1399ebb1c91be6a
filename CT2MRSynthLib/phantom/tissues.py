"""The tissues of the phantom: Hounsfield units, relaxation times, proton density.

Relaxation times at 1.5 T and 3 T: Stanisz 2005 (muscle, nerve), de Bazelaire 2004 (marrow, kidney, liver, spleen), Gold
2004 (fat); the rest are plausible values, all varied from subject to subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Label(IntEnum):
    """Tissue at a point. Some tissues are mixed, point by point, with a second one (see ``PARTNER``)."""

    AIR = 0
    SKIN = 1
    SUBCUTANEOUS_FAT = 2
    FAT = 3
    MUSCLE = 4
    MARROW = 5
    ARCH_MARROW = 6
    CORTEX = 7
    NUCLEUS = 8
    ANNULUS = 9
    LIGAMENT = 10
    CSF = 11
    ROOT = 12
    EPIDURAL_FAT = 13
    ARTERY = 14
    VEIN = 15
    KIDNEY = 16
    BOWEL_WALL = 17
    BOWEL_CONTENT = 18
    GAS = 19
    CALCIFICATION = 20
    JOINT = 21
    FASCIA = 22
    NERVE = 23
    MEDULLA = 24
    VACUUM = 25
    LIVER = 26
    SPLEEN = 27
    METAL = 28
    FLUID = 29
    PANCREAS = 30
    LYMPH_NODE = 31
    LUNG = 32
    OUTER_ANNULUS = 33
    URINE = 34


@dataclass(frozen=True)
class Tissue:
    """What a tissue looks like.

    Args:
        hu, hu_sd: Mean and standard deviation of HU over subjects.
        t1, t2: Relaxation times in ms at 1.5 T and 3 T.
        density: Proton density relative to fluid.
        fat: Share of the MR signal that comes from fat.
    """

    hu: float
    hu_sd: float
    t1: tuple[float, float]
    t2: tuple[float, float]
    density: float
    fat: float = 0.0


_FAT = ((288.0, 371.0), (165.0, 133.0))
_DARK = ((900.0, 1000.0), (20.0, 18.0))

TABLE: dict[Label, Tissue] = {
    Label.AIR: Tissue(-1000, 0, (1, 1), (1, 1), 0.0),
    Label.SKIN: Tissue(40, 10, (900, 1000), (30, 28), 0.60),
    Label.SUBCUTANEOUS_FAT: Tissue(-104, 6, *_FAT, 0.90, 1.0),
    Label.FAT: Tissue(-98, 7, *_FAT, 0.88, 1.0),
    Label.MUSCLE: Tissue(61, 8, (1008, 1412), (44, 50), 0.80),
    Label.MARROW: Tissue(190, 45, (549, 586), (49, 49), 0.75),
    Label.ARCH_MARROW: Tissue(340, 80, (549, 586), (49, 49), 0.70),
    Label.CORTEX: Tissue(950, 130, (100, 100), (1, 1), 0.15),
    Label.NUCLEUS: Tissue(72, 6, (1300, 1500), (115, 100), 0.90),
    Label.ANNULUS: Tissue(104, 7, (900, 1000), (36, 32), 0.60),
    Label.LIGAMENT: Tissue(72, 7, *_DARK, 0.50),
    Label.CSF: Tissue(17, 4, (4000, 4300), (2000, 2000), 1.00),
    Label.ROOT: Tissue(40, 4, (745, 993), (74, 78), 0.70),
    Label.EPIDURAL_FAT: Tissue(-88, 8, *_FAT, 0.85, 1.0),
    Label.ARTERY: Tissue(45, 5, (1441, 1932), (290, 275), 0.02),
    Label.VEIN: Tissue(45, 5, (1441, 1932), (290, 275), 0.04),
    Label.KIDNEY: Tissue(35, 4, (966, 1142), (87, 76), 0.85),
    Label.BOWEL_WALL: Tissue(45, 8, (1000, 1200), (50, 45), 0.75),
    Label.BOWEL_CONTENT: Tissue(22, 18, (1400, 1600), (90, 80), 0.80),
    Label.GAS: Tissue(-960, 15, (1, 1), (1, 1), 0.0),
    Label.CALCIFICATION: Tissue(700, 150, (100, 100), (1, 1), 0.10),
    Label.JOINT: Tissue(55, 15, (1300, 1500), (80, 70), 0.70),
    Label.FASCIA: Tissue(45, 10, *_DARK, 0.45),
    Label.NERVE: Tissue(32, 5, (745, 993), (74, 78), 0.70),
    Label.MEDULLA: Tissue(32, 4, (1412, 1545), (85, 81), 0.90),
    Label.VACUUM: Tissue(-500, 120, (1, 1), (1, 1), 0.0),
    Label.LIVER: Tissue(58, 6, (586, 809), (46, 34), 0.80),
    Label.SPLEEN: Tissue(48, 4, (1057, 1328), (79, 61), 0.85),
    Label.METAL: Tissue(3000, 0, (1, 1), (1, 1), 0.0),
    # bile and urine
    Label.FLUID: Tissue(8, 5, (3200, 3500), (600, 550), 1.0),
    Label.PANCREAS: Tissue(38, 7, (584, 725), (46, 43), 0.80),
    Label.LYMPH_NODE: Tissue(42, 6, (1000, 1200), (75, 68), 0.80),
    Label.LUNG: Tissue(-820, 25, (900, 1000), (30, 25), 0.10),
    # its own label because it holds contrast agent in the late phase, when bile does not
    Label.URINE: Tissue(6, 4, (3300, 3600), (650, 600), 1.0),
    Label.OUTER_ANNULUS: Tissue(126, 9, *_DARK, 0.50),
}

#: The tissue blended in by the share ``mix`` at each point, for example fat streaks in muscle.
PARTNER: dict[Label, Label] = {
    Label.MUSCLE: Label.FAT,
    Label.MARROW: Label.CORTEX,
    Label.ARCH_MARROW: Label.CORTEX,
    Label.ANNULUS: Label.NUCLEUS,
    Label.CSF: Label.ROOT,
    Label.LIGAMENT: Label.FAT,
    Label.SUBCUTANEOUS_FAT: Label.FASCIA,
    Label.FAT: Label.FASCIA,
    Label.LUNG: Label.VEIN,
    Label.JOINT: Label.LIGAMENT,
    Label.EPIDURAL_FAT: Label.FASCIA,
    Label.BOWEL_CONTENT: Label.GAS,
    Label.KIDNEY: Label.MEDULLA,
    Label.BOWEL_WALL: Label.BOWEL_CONTENT,
    Label.LIVER: Label.VEIN,
    Label.PANCREAS: Label.FAT,
    Label.OUTER_ANNULUS: Label.ANNULUS,
}


def partner_indices() -> np.ndarray:
    """Index of the blended-in tissue for each label; a tissue without one is its own partner."""
    return np.array([PARTNER.get(label, label) for label in Label], dtype=np.intp)


def column(name: str, field: int | None = None) -> np.ndarray:
    """One property of all tissues, ordered by label.

    Args:
        name: Field of ``Tissue``.
        field: 0 for 1.5 T, 1 for 3 T, where the property depends on field strength.
    """
    values = [getattr(TABLE[label], name) for label in Label]
    return np.array([v if field is None else v[field] for v in values], dtype=float)
