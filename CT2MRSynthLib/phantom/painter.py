"""What all painters of a subject share."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.points import Points


class Painter(ABC):
    """Paints one group of organs of one subject, as a pure function of position.

    Random numbers are drawn when it is made, always as many and none that depend on a severity: the same seed with
    another severity is the same person.

    Args:
        anatomy: Sizes and severities.
        geometry: Frames of the spine.
        noise: Random fields.
        rng: For what varies beyond the anatomy.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise
        self.draw(rng)

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> None:
        """Draw what varies beyond the anatomy."""

    @abstractmethod
    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint what lies near the points over what is there."""
