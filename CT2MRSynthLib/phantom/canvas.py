"""The sample points of one rendering and the tissue painted at each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from CT2MRSynthLib.phantom.tissues import Label

if TYPE_CHECKING:
    from CT2MRSynthLib.phantom.points import Points


class Canvas:
    """Tissue label and mixing share at flat arrays of points; what is painted later covers what was there.

    Args:
        size: Number of points.
        points: Where they are; None: unknown.
        ground: What is there before anything is painted.
    """

    def __init__(self, size: int, points: Points | None = None, ground: Label = Label.AIR):
        self.points = points
        self.label = np.full(size, ground, dtype=np.uint8)
        self.mix = np.zeros(size, dtype=np.float32)

    def paint(self, where: np.ndarray, label: Label, mix=0.0) -> None:
        """Paint a tissue.

        Args:
            where: Indices of points.
            label: The tissue.
            mix: Share of the tissue's partner, one number or one per index.
        """
        self.label[where] = label
        self.mix[where] = mix
