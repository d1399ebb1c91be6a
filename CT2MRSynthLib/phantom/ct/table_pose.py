"""How the patient lies on the CT table: turned and tilted by some degrees, anywhere in the scanner's world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.spatial.transform import Rotation

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.landmarks import Landmarks
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.severities import Severities


@dataclass(frozen=True)
class TablePose:
    """A rigid map from the anatomy's world (origin in L3, spine upright) to the scanner's, both RAS mm.

    Slices are axial in the scanner's world, so that a tilted patient is cut slightly askew while the volume's axes stay
    those of the scanner, as in real examinations.

    Args:
        rotation: Shape (3, 3); scanner = rotation @ anatomy + shift.
        shift: mm.
    """

    rotation: np.ndarray
    shift: np.ndarray

    @classmethod
    def draw(cls, seed: int) -> TablePose:
        """The pose of a subject's CT.

        Args:
            seed: The subject.
        """
        rng = np.random.default_rng([seed, 18])
        pitch, roll, yaw = np.clip(rng.normal(0, (2.0, 1.6, 2.6)), -7, 7)
        rotation = Rotation.from_euler("xyz", [pitch, roll, yaw], degrees=True).as_matrix()
        # the table moves the patient anywhere along the scanner; across it the patient lies near the middle
        return cls(rotation, np.array([rng.normal(0, 8), rng.normal(0, 15), rng.uniform(-900, 600)]).round(2))

    @classmethod
    def none(cls) -> TablePose:
        """Straight in the scanner, origin in L3."""
        return cls(np.eye(3), np.zeros(3))

    def to_scanner(self, points: np.ndarray) -> np.ndarray:
        """Scanner RAS mm of points of the anatomy, shape (..., 3)."""
        return np.asarray(points) @ self.rotation.T + self.shift

    def to_anatomy(self, points: np.ndarray) -> np.ndarray:
        """Anatomy RAS mm of points of the scanner, shape (..., 3)."""
        return (np.asarray(points) - self.shift) @ self.rotation

    def anatomy_lattice(self, lattice: Lattice) -> Lattice:
        """The same points in the anatomy's world."""
        return Lattice(self.to_anatomy(lattice.origin), lattice.steps @ self.rotation, lattice.shape)

    def frame_in_scanner(self, frame: DiscFrame) -> DiscFrame:
        """A box of the anatomy where the scanner shows it."""
        return DiscFrame(self.to_scanner(frame.center), frame.axes @ self.rotation.T, frame.extent, frame.level)

    def landmarks_in_scanner(self, landmarks: Landmarks) -> Landmarks:
        """Landmarks of the anatomy where the scanner shows them."""
        changed = {}
        for item in fields(landmarks):
            value = getattr(landmarks, item.name)
            if isinstance(value, np.ndarray):
                changed[item.name] = value @ self.rotation.T if item.name == "axes" else self.to_scanner(value)
        return replace(landmarks, **changed)

    def record(self) -> dict:
        """Plain numbers, for JSON: the 4x4 matrix from the anatomy's world to the scanner's."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation, self.shift
        return {"anatomy_to_ct": matrix.round(6).tolist()}


class LyingSubject:
    """A subject as it lies in the scanner: all positions are those of the scanner's world.

    Args:
        subject: The anatomy.
        pose: How it lies; None: as drawn from its seed.
    """

    def __init__(self, subject: Subject, pose: TablePose | None = None):
        self.upright = subject
        self.pose = pose or TablePose.draw(subject.seed)

    @classmethod
    def of(cls, seed: int, severity: Mapping[str, object] | None = None) -> LyingSubject:
        """The subject of a seed as its CT shows it (see ``Subject``)."""
        return cls(Subject(seed, severity))

    @property
    def seed(self) -> int:
        """The subject's seed."""
        return self.upright.seed

    @property
    def severity(self) -> Severities:
        """What the subject has."""
        return self.upright.severity

    @property
    def anatomy(self) -> Anatomy:
        """The subject's sizes."""
        return self.upright.anatomy

    def own(self, lattice: Lattice) -> tuple[Subject, Lattice]:
        """The anatomy, and a lattice of the scanner's world in its own."""
        return self.upright, self.pose.anatomy_lattice(lattice)

    def labels_at(self, positions: np.ndarray) -> np.ndarray:
        """The tissue at single points, RAS mm, shape (n, 3); ``Label`` values, uint8."""
        return self.upright.labels_at(self.pose.to_anatomy(positions))

    def landmarks(self, level: str) -> Landmarks:
        """Landmarks of one disc level."""
        return self.pose.landmarks_in_scanner(self.upright.landmarks(level))

    def frame(self, level: str, thickness: float = 4.0) -> DiscFrame:
        """The crop box of one disc level."""
        return self.pose.frame_in_scanner(self.upright.frame(level, thickness))
