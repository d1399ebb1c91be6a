"""Where the landmarks of the crop rule lie in a simulated subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.anatomy import FIRST_DISC

if TYPE_CHECKING:
    from CT2MRSynthLib.phantom.scene import Subject


@dataclass(frozen=True)
class Landmarks:
    """World RAS mm of one level: middle of the disc, sac center, most ventral point, and disc points for its plane."""

    level: str
    disc_center: np.ndarray
    sac_center: np.ndarray
    ventral_point: np.ndarray
    disc_points: np.ndarray

    def points(self) -> list[tuple[str, np.ndarray]]:
        """Labels and positions as ``ct2mrsynth crop`` reads them."""
        disc = [
            (f"disc {name}", point)
            for name, point in zip(("front", "back", "right", "left"), self.disc_points, strict=True)
        ]
        return [*disc, ("ventral", self.ventral_point), ("sac", self.sac_center)]


def find_landmarks(subject: Subject, level: str) -> Landmarks:
    """Landmarks of one disc level.

    Raises:
        UsageError: No such level.
    """
    disc = disc_index(level)
    pose, a = subject.geometry.discs[disc], subject.anatomy
    depth = float(a.body_depth[disc] + a.body_depth[disc + 1]) / 2
    width = float(a.body_width[disc] + a.body_width[disc + 1]) / 2
    sac = float(subject.canal.sac(np.array([disc + 0.5]))[3][0])
    local = [(0, depth / 2), (0, sac), (0, depth)]
    local += [(0, 0.9 * depth), (0, 0.1 * depth), (0.38 * width, 0.5 * depth), (-0.38 * width, 0.5 * depth)]
    center, sac_center, ventral, *around = subject.deformed([pose.world(u, v, 0) for u, v in local])
    return Landmarks(level, center, sac_center, ventral, np.array(around))


def disc_index(level: str) -> int:
    """Index of a disc in the anatomy's arrays.

    Raises:
        UsageError: No such level.
    """
    if level not in LEVELS:
        raise UsageError(f"The level {level!r} is unknown; use one of {', '.join(LEVELS)}.")
    return LEVELS.index(level) + FIRST_DISC
