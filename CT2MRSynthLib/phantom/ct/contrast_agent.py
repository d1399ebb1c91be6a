"""What contrast agent does to Hounsfield units: in vessels and organs by phase, in bowel, in urine."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.tissues import Label

#: Not given; about 30 s, 70 s and several minutes after the injection.
PHASES = ("none", "arterial", "portal venous", "delayed")

# HU that a tissue takes (aorta and renal cortex) or gains, low and high; veins below the kidneys fill late.
_TAKES = {
    "arterial": {Label.ARTERY: (220, 400), Label.VEIN: (45, 85), Label.KIDNEY: (140, 220), Label.MEDULLA: (45, 90)},
    "portal venous": {
        Label.ARTERY: (130, 200),
        Label.VEIN: (95, 160),
        Label.KIDNEY: (150, 225),
        Label.MEDULLA: (120, 200),
    },
    "delayed": {Label.ARTERY: (90, 125), Label.VEIN: (88, 118), Label.KIDNEY: (115, 150), Label.MEDULLA: (115, 160)},
}
_GAINS = {
    "arterial": {
        Label.LIVER: (4, 18),
        Label.SPLEEN: (50, 90),
        Label.PANCREAS: (45, 75),
        Label.LYMPH_NODE: (5, 20),
        Label.BOWEL_WALL: (20, 60),
        Label.MUSCLE: (0, 5),
        Label.MARROW: (0, 6),
    },
    "portal venous": {
        Label.LIVER: (38, 62),
        Label.SPLEEN: (58, 85),
        Label.PANCREAS: (35, 60),
        Label.LYMPH_NODE: (20, 50),
        Label.BOWEL_WALL: (30, 60),
        Label.MUSCLE: (3, 10),
        Label.MARROW: (3, 12),
    },
    "delayed": {
        Label.LIVER: (22, 40),
        Label.SPLEEN: (25, 45),
        Label.PANCREAS: (20, 35),
        Label.LYMPH_NODE: (20, 40),
        Label.BOWEL_WALL: (20, 40),
        Label.MUSCLE: (3, 9),
        Label.MARROW: (2, 10),
    },
}


def give_contrast(hu: np.ndarray, phase: str, rng: np.random.Generator) -> np.ndarray:
    """HU of tissues after contrast agent.

    Args:
        hu: HU by label, native.
        phase: One of ``PHASES``.
        rng: How much each tissue takes up, and whether the bowel holds agent (in any phase).

    Returns:
        HU by label.
    """
    result = np.array(hu, dtype=float)
    share = dict(zip(Label, rng.random(256), strict=False))
    for label, (low, high) in _TAKES.get(phase, {}).items():
        result[label] = low + (high - low) * share[label]
    for label, (low, high) in _GAINS.get(phase, {}).items():
        result[label] += low + (high - low) * share[label]
    if phase == "portal venous":  # the medulla catches up with the cortex
        result[Label.MEDULLA] = min(result[Label.MEDULLA], result[Label.KIDNEY])
    excreted, oral = rng.uniform(300, 1400), rng.uniform(90, 380)
    if phase == "delayed":
        result[Label.URINE] = excreted
    if rng.random() < 0.22:
        result[Label.BOWEL_CONTENT] = oral
    return result
