"""Relative signals of tissues in simulated T2 slices, and the bands in which their means must lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.landmarks import disc_index
from CT2MRSynthLib.phantom.mr.settings import MRSettings
from CT2MRSynthLib.phantom.mr.stack import render_signal
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.tissues import Label

#: Band of the mean over subjects of a tissue's median signal, psoas muscle = 1, coil included. Real axial T2 slices
#: (1.5 and 3 T, 0.5 x 0.5 x 3.5 mm) gave: fluid between the roots 10 to 12, dorsal subcutaneous fat 9 and more,
#: retroperitoneal fat about 6, marrow of lamina and spinous process about 4.4, of bodies 4 to 5, back muscles between
#: fat streaks 1.8 to 2.1, degenerated nucleus about 1.5, ventral annulus, ligaments and cortex 0.6 and less, aorta and
#: vena cava 0.5 to 0.8.
MR_BANDS: dict[str, tuple[float, float]] = {
    "sac_fluid": (9.0, 12.5),
    "dorsal_subcutaneous_fat": (8.5, 15.0),
    "retroperitoneal_fat": (5.0, 7.0),
    "arch_marrow": (3.7, 5.2),
    "body_marrow": (3.8, 5.2),
    "back_muscle": (1.55, 2.2),
    "degenerated_nucleus": (1.0, 2.2),
    "ventral_annulus": (0.1, 0.6),
    "aorta": (0.3, 0.8),
    "vena_cava": (0.3, 1.2),
}

#: Edge of the slices that are measured, mm: psoas, vessels and subcutaneous fat are in the picture.
FIELD_OF_VIEW = 190.0
_FEWEST = 25


@dataclass(frozen=True)
class SignalPicture:
    """A T2 slice to measure, before grey levels.

    Args:
        signal: In units of the median of psoas muscle in this picture, shape (n, n).
        labels: Tissue, the same shape.
        left: mm to the patient's left of the middle of the spine, by column; shape (1, n).
        ahead: mm ahead of the sac's middle, by row; shape (n, 1).
        front: ``ahead`` of the front of the disc.
    """

    signal: np.ndarray
    labels: np.ndarray
    left: np.ndarray
    ahead: np.ndarray
    front: float

    def median(self, mask: np.ndarray, percentile: float = 50.0) -> float:
        """Percentile of the signal under a mask; NaN where it covers too little."""
        return float(np.percentile(self.signal[mask], percentile)) if mask.sum() >= _FEWEST else float("nan")


def signal_picture(
    subject: Subject, level: str, above: float = 0.0, settings: MRSettings | None = None
) -> SignalPicture:
    """Render a T2 slice in units of psoas muscle.

    Args:
        subject: The anatomy.
        level: The disc to which the slice is parallel.
        above: mm by which the slice lies above the middle of the disc.
        settings: Of the scan; None: they follow from the subject's seed.

    Raises:
        UsageError: The level is unknown.
    """
    settings = settings or MRSettings.draw(np.random.default_rng([subject.seed, 11]), subject.severity)
    box, points = subject.frame(level), subject.landmarks(level)
    center = box.center + np.array([0.0, 15.0, above]) @ box.axes
    frame = DiscFrame(center, box.axes, [FIELD_OF_VIEW, FIELD_OF_VIEW, settings.thickness], level)
    front = float((points.ventral_point - center) @ box.axes[1])
    rng = np.random.default_rng([subject.seed, 18, disc_index(level)])
    pictures, labels, grid = render_signal(subject, frame, settings, rng, front=front)
    at = (np.arange(grid.size[0]) - (grid.size[0] - 1) / 2) * grid.spacing[0]
    left, ahead = at[None, :], 15.0 - at[:, None]
    picture = SignalPicture(pictures[0], labels[0], left, ahead, front + 15.0)
    psoas = picture.median(_psoas(picture))
    return SignalPicture(pictures[0] / psoas, labels[0], left, ahead, front + 15.0)


def measure_mr(seed: int, level: str) -> dict[str, float]:
    """Relative signals of one subject at one disc and in the body above it; NaN for what is not in the picture.

    Args:
        seed: The subject.
        level: The disc.
    """
    subject = Subject(seed)
    disc, body = signal_picture(subject, level), signal_picture(subject, level, above=13.0)
    worn = subject.severity.signal_loss[disc_index(level)] > 0.6
    result = {name: measure(disc) for name, measure in _IN_DISC.items()}
    result |= {name: measure(body) for name, measure in _IN_BODY.items()}
    if not worn:
        result["degenerated_nucleus"] = float("nan")
    return {name: result[name] for name in MR_BANDS}


def measure_subjects(seeds, progress: Callable[[float], None] | None = None) -> dict[str, list[float]]:
    """Relative signals of several subjects, whose levels go round from L1-L2 to L5-S1.

    Args:
        seeds: The subjects.
        progress: Called with the share that is done.
    """
    seeds = list(seeds)
    result: dict[str, list[float]] = {name: [] for name in MR_BANDS}
    for n, seed in enumerate(seeds):
        for name, value in measure_mr(seed, LEVELS[n % len(LEVELS)]).items():
            result[name].append(value)
        if progress:
            progress((n + 1) / len(seeds))
    return result


def _inside(picture: SignalPicture, *labels: Label, margin: int = 2) -> np.ndarray:
    return ndimage.binary_erosion(np.isin(picture.labels, labels), iterations=margin)


def _psoas(p: SignalPicture) -> np.ndarray:
    beside = (np.abs(p.left) > 18) & (np.abs(p.left) < 75) & (p.ahead > 8) & (p.ahead < p.front + 12)
    return _inside(p, Label.MUSCLE, margin=3) & beside


def _sac_fluid(p: SignalPicture) -> float:
    # partial volume of the roots: the brighter pixels lie between them
    return p.median(_inside(p, Label.CSF) & (np.abs(p.left) < 15), 75)


def _subcutaneous(p: SignalPicture) -> float:
    behind = (p.ahead < -30) & (np.abs(p.left) < 60)
    return p.median(_inside(p, Label.SUBCUTANEOUS_FAT) & behind)


def _retroperitoneal(p: SignalPicture) -> float:
    # behind the front of the body: no saturation band
    beside = (np.abs(p.left) > 25) & (p.ahead > 0) & (p.ahead < p.front - 6)
    return p.median(_inside(p, Label.FAT) & beside)


def _back_muscle(p: SignalPicture) -> float:
    behind = (p.ahead < -22) & (np.abs(p.left) < 50)
    return p.median(_inside(p, Label.MUSCLE, margin=3) & behind)


def _nucleus(p: SignalPicture) -> float:
    middle = (p.left / 12) ** 2 + ((p.ahead - (p.front + 6) / 2) / 7) ** 2 < 1
    return p.median(_inside(p, Label.ANNULUS) & middle)


def _ventral_annulus(p: SignalPicture) -> float:
    dark = np.isin(p.labels, (Label.ANNULUS, Label.OUTER_ANNULUS, Label.LIGAMENT, Label.CORTEX))
    outside = ~(dark | (p.labels == Label.MARROW))
    near = ndimage.distance_transform_edt(~outside) * FIELD_OF_VIEW / p.labels.shape[0]
    return p.median(dark & (near > 1.5) & (near < 3.5) & (np.abs(p.left) < 15) & (p.ahead > p.front - 9))


def _vessel(p: SignalPicture, label: Label) -> float:
    return p.median(_inside(p, label) & (np.abs(p.left) < 45) & (p.ahead > p.front - 15))


def _body_marrow(p: SignalPicture) -> float:
    return p.median(_inside(p, Label.MARROW) & (np.abs(p.left) < 25) & (p.ahead > 12))


def _arch_marrow(p: SignalPicture) -> float:
    return p.median(_inside(p, Label.ARCH_MARROW) & (np.abs(p.left) < 20) & (p.ahead < -6), 60)


_IN_DISC = {
    "sac_fluid": _sac_fluid,
    "dorsal_subcutaneous_fat": _subcutaneous,
    "retroperitoneal_fat": _retroperitoneal,
    "back_muscle": _back_muscle,
    "degenerated_nucleus": _nucleus,
    "ventral_annulus": _ventral_annulus,
    "arch_marrow": _arch_marrow,
    "aorta": lambda p: _vessel(p, Label.ARTERY),
    "vena_cava": lambda p: _vessel(p, Label.VEIN),
}
_IN_BODY = {"body_marrow": _body_marrow}
