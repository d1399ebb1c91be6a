"""One simulated subject: the tissue at any world point, and where the discs lie."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.phantom.abdomen.lumbar_vessels import LumbarVesselPainter
from CT2MRSynthLib.phantom.abdomen.painter import AbdomenPainter
from CT2MRSynthLib.phantom.abdomen.retroperitoneum import RetroperitonealPainter
from CT2MRSynthLib.phantom.abdomen.vessels import VesselPainter
from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.landmarks import Landmarks, find_landmarks
from CT2MRSynthLib.phantom.noise import Lattice, NoiseSpace
from CT2MRSynthLib.phantom.points import WARP, Points, warp
from CT2MRSynthLib.phantom.severities import Severities
from CT2MRSynthLib.phantom.spine.canal import CanalPainter
from CT2MRSynthLib.phantom.spine.discs import DiscPainter
from CT2MRSynthLib.phantom.spine.implants import ImplantPainter
from CT2MRSynthLib.phantom.spine.ligaments import LigamentPainter
from CT2MRSynthLib.phantom.spine.vertebrae import VertebraPainter
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.phantom.trunk.muscles import MusclePainter
from CT2MRSynthLib.phantom.trunk.pelvis import PelvisPainter
from CT2MRSynthLib.phantom.trunk.ribs import RibPainter
from CT2MRSynthLib.phantom.trunk.torso import TorsoPainter

#: From the outside inward: what is painted later covers what was there. Each has its own random stream, whose number
#: stays with it, so that a new painter changes none of the others.
_PAINTERS = (
    (20, TorsoPainter),
    (21, AbdomenPainter),
    (31, RetroperitonealPainter),
    (22, VesselPainter),
    (23, MusclePainter),
    (36, LumbarVesselPainter),
    (30, RibPainter),
    (25, CanalPainter),
    (26, DiscPainter),
    (27, LigamentPainter),
    (28, VertebraPainter),
    (24, PelvisPainter),
    (34, ImplantPainter),
)
#: What weakens X-rays most: the body's outline, bones and metal.
X_RAY_PAINTERS = (TorsoPainter, RibPainter, VertebraPainter, PelvisPainter, ImplantPainter)
#: What holds bones.
BONE_PAINTERS = (RibPainter, VertebraPainter, PelvisPainter)
#: What holds bones, discs and the canal.
SPINE_PAINTERS = (
    RibPainter,
    CanalPainter,
    DiscPainter,
    LigamentPainter,
    VertebraPainter,
    PelvisPainter,
    ImplantPainter,
)


class Subject:
    """The anatomy that one seed stands for.

    Args:
        seed: Any whole number from 0.
        severity: Severities to set, by name (``Severities.changed``); the others follow from the seed.

    Raises:
        UsageError: The seed is negative, or a severity unknown or out of range.
    """

    def __init__(self, seed: int, severity: Mapping[str, object] | None = None):
        if seed < 0:
            raise UsageError(f"The seed is {seed}; give a whole number from 0.")
        severity_rng, anatomy_rng, noise_rng = (np.random.default_rng([seed, stream]) for stream in range(3))
        self.seed = seed
        self.severity = Severities.draw(severity_rng).changed(severity or {})
        self.anatomy = Anatomy.build(seed, self.severity, anatomy_rng)
        self.geometry = Geometry(self.anatomy)
        self.noise = NoiseSpace(noise_rng)
        self._painters = {
            painter: painter(self.anatomy, self.geometry, self.noise, np.random.default_rng([seed, stream]))
            for stream, painter in _PAINTERS
        }
        self.torso: TorsoPainter = self._painters[TorsoPainter]
        self._painters[AbdomenPainter].enter(*(self._painters[p] for p in (TorsoPainter, PelvisPainter, MusclePainter)))
        self.canal: CanalPainter = self._painters[CanalPainter]
        self.implants: ImplantPainter = self._painters[ImplantPainter]
        self._landmarks: dict[str, Landmarks] = {}

    def own(self, lattice: Lattice) -> tuple[Subject, Lattice]:
        """What to paint on a lattice of the world that positions are given in: the anatomy, and the lattice in its."""
        return self, lattice

    def points(self, lattice: Lattice) -> Points:
        """The points of a lattice in world RAS mm, ready to be painted."""
        return Points.on(lattice, self.geometry, self.noise)

    def paint_points(self, points: Points, only: tuple[type, ...] | None = None, ground: Label = Label.AIR) -> Canvas:
        """The tissue at points: labels and mixing shares in the points' order.

        Args:
            points: Where.
            only: Painters to use, in their usual order; None: all.
            ground: What is painted on.
        """
        canvas = Canvas(points.size, points, ground)
        for kind, painter in self._painters.items():
            if only is None or kind in only:
                painter.paint(canvas, points)
        return canvas

    def paint(self, lattice: Lattice) -> Canvas:
        """The tissue at all points of a lattice, flat, in its order (k, j, i)."""
        return self.paint_points(self.points(lattice))

    def labels_at(self, positions: np.ndarray) -> np.ndarray:
        """The tissue at single world points.

        Args:
            positions: RAS mm, shape (n, 3).

        Returns:
            ``Label`` values, uint8, shape (n,).
        """
        return self.paint_points(Points.at(positions, self.geometry, self.noise)).label

    def spine_at(self, positions: np.ndarray) -> np.ndarray:
        """``labels_at`` in less time for those who ask for bones, discs and canal only: all else inside is fat."""
        points = Points.at(positions, self.geometry, self.noise)
        return self.paint_points(points, SPINE_PAINTERS, Label.FAT).label

    def inside(self, lattice: Lattice) -> np.ndarray:
        """Where the body may be: everything else is air. Bool, the lattice's shape."""
        return lattice.smooth(lambda x, y, z: [self.torso.depth(x, y, z)], 8.0)[0] > -6.0

    def deformed(self, points: np.ndarray) -> np.ndarray:
        """Where points of the undisturbed anatomy lie in the world.

        Args:
            points: RAS mm, shape (..., 3).
        """
        given = np.asarray(points, dtype=float)
        points = given.reshape(-1, 3)
        result = points.copy()
        for _ in range(8):
            shift = sum(np.stack(warp(self.noise, octave, *result.T), axis=-1) for octave in range(len(WARP)))
            result = points - shift
        return result.reshape(given.shape)

    def landmarks(self, level: str) -> Landmarks:
        """Landmarks of one disc level, world RAS mm."""
        if level not in self._landmarks:
            self._landmarks[level] = find_landmarks(self, level)
        return self._landmarks[level]

    def frame(self, level: str, thickness: float = 4.0) -> DiscFrame:
        """The crop box by the paper's rule: ventral cut through the ventral point, sac half-way, square in plane."""
        points = self.landmarks(level)
        half = float((points.ventral_point - points.sac_center) @ points.axes[1])
        return DiscFrame(points.sac_center, points.axes, [2 * half, 2 * half, thickness], level)
