"""Axial T2 stacks as scanners store them, one per disc, of a patient who lies differently than in the CT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from CT2MRSynthLib.frame import DiscFrame, Grid
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.landmarks import disc_index
from CT2MRSynthLib.phantom.mr import slice as mr
from CT2MRSynthLib.phantom.mr.settings import MRSettings
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.sampling import sample
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.volume import Volume

#: Points along each edge of a slice at which tissue is looked up: as fine as the scan resolves.
SAMPLED = 256
#: Weights of the planes at a slice's lower face, in its middle and at its upper face, which neighbors share: excited
#: slices have soft edges.
PROFILE = (0.22, 0.56, 0.22)
#: Limits of the patient's pose in the MR against the CT: degrees, mm, and mm of motion between two stacks.
TURN, MOVE, MOTION = 3.0, 6.0, 1.5


@dataclass(frozen=True)
class MRPose:
    """How the patient lies in the MR against the CT.

    Args:
        center: CT-world RAS mm about which the patient is turned.
        rotation: Degrees about the right, anterior and superior axis, applied in this order.
        translation: mm along them.
        motion: Further displacement in mm while the stack of a level was taken, by level.
    """

    center: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    motion: Mapping[str, np.ndarray]

    @classmethod
    def draw(cls, rng: np.random.Generator, center=(0.0, 0.0, 0.0)) -> MRPose:
        """A random pose.

        Args:
            rng: Source of randomness.
            center: CT-world RAS mm.
        """
        rotation = np.clip(rng.normal(0, 1.3, 3), -TURN, TURN)
        translation = np.clip(rng.normal(0, 2.5, 3), -MOVE, MOVE)
        motion = {}
        for level in LEVELS:
            step = rng.normal(0, (0.35, 0.45, 0.5))
            motion[level] = step * min(1.0, MOTION / np.linalg.norm(step))
        return cls(np.asarray(center, dtype=float), rotation, translation, motion)

    @classmethod
    def none(cls) -> MRPose:
        """The patient lies exactly as in the CT."""
        return cls(np.zeros(3), np.zeros(3), np.zeros(3), {level: np.zeros(3) for level in LEVELS})

    def matrix(self, level: str) -> np.ndarray:
        """4x4 matrix from CT-world to MR-world RAS mm while the stack of one level was taken."""
        result = np.eye(4)
        result[:3, :3] = Rotation.from_euler("xyz", self.rotation, degrees=True).as_matrix()
        result[:3, 3] = self.center - result[:3, :3] @ self.center + self.translation + self.motion[level]
        return result


@dataclass(frozen=True)
class MRProtocol:
    """Geometry of the stacks.

    Args:
        slices: Per stack.
        gap: Between slices, relative to their thickness.
        field_of_view: Edge of a slice, mm.
        matrix: Stored pixels along each edge, at least ``SAMPLED``.
        scale: Stored value of psoas muscle in the middle of the picture.
    """

    slices: int
    gap: float
    field_of_view: float
    matrix: int
    scale: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> MRProtocol:
        """A random protocol."""
        return cls(
            slices=5,
            gap=float(rng.choice([0.0, 0.0, 0.05, 0.1])),
            field_of_view=float(rng.choice([160.0, 170.0, 180.0, 190.0, 200.0])),
            matrix=int(rng.choice([320, 352, 384, 448, 512])),
            scale=float(rng.uniform(80, 140)),
        )


@dataclass(frozen=True)
class MRStack:
    """The T2 slices of one disc.

    Args:
        level: The disc.
        volume: Stored values (uint16) and where they lie in the MR's world, RAS mm.
        labels: ``tissues.Label`` in the middle of each slice, uint8, the volume's shape.
        ct_to_mr: 4x4 matrix from CT-world to MR-world RAS mm: what the CT shows at p is at ``ct_to_mr @ p`` here.
        frame: The stack's box in the MR's world.
    """

    level: str
    volume: Volume
    labels: np.ndarray
    ct_to_mr: np.ndarray
    frame: DiscFrame


def phantom_mr_stacks(
    subject: Subject,
    settings: MRSettings | None = None,
    protocol: MRProtocol | None = None,
    pose: MRPose | None = None,
    levels: Sequence[str] = LEVELS,
) -> dict[str, MRStack]:
    """One T2 stack per disc, parallel to its endplates as well as a technologist plans it.

    Args:
        subject: The anatomy.
        settings, protocol, pose: Of the scan; None: they follow from the subject's seed.
        levels: The discs.

    Returns:
        The stacks by level.
    """
    settings = settings or MRSettings.draw(np.random.default_rng([subject.seed, 11]), subject.severity)
    protocol = protocol or MRProtocol.draw(np.random.default_rng([subject.seed, 15]))
    pose = pose or MRPose.draw(np.random.default_rng([subject.seed, 16]), subject.frame("L3-L4").center)
    return {level: _stack(subject, level, settings, protocol, pose.matrix(level)) for level in levels}


def render_signal(
    subject: Subject,
    frame: DiscFrame,
    settings: MRSettings,
    rng: np.random.Generator,
    matrix: int = SAMPLED,
    front: float | None = None,
    ct_to_mr: np.ndarray | None = None,
    slices: int = 1,
) -> tuple[np.ndarray, np.ndarray, Grid]:
    """The signal pictures of the slices that fill a box, before they are stored as whole numbers.

    Args:
        subject: The anatomy.
        frame: The box in the MR's world, square in plane.
        settings: The scan.
        rng: Source of noise and of what changes from slice to slice.
        matrix: Pixels along each edge.
        front: mm from the middle of the box to the front of the vertebral body; None: the box's ventral edge.
        ct_to_mr: 4x4 matrix from the anatomy's (the CT's) world to the MR's; None: the two are one.
        slices: Their number.

    Returns:
        Signal (float32, about 1 in psoas muscle), labels (uint8), both of shape (slices, matrix, matrix), and the grid
        they lie on, in the MR's world.
    """
    planes = 2 * slices + 1
    painted = frame.with_depth(float(frame.extent[2]) * planes / (2 * slices))
    world = Grid.filling(painted, (SAMPLED, SAMPLED, planes)).ijk_to_ras
    if ct_to_mr is not None:
        world = np.linalg.inv(ct_to_mr) @ world
    lattice = Lattice.from_matrix(world, (planes, SAMPLED, SAMPLED))
    (water, fat), labels = sample(subject, lattice, lambda canvas: mr.signals(canvas, settings))
    water, fat = (
        sum(np.float32(weight) * values[n : planes - 2 + n : 2] for n, weight in enumerate(PROFILE))
        for values in (water, fat)
    )
    pixel = float(frame.extent[0]) / SAMPLED
    pictures = np.stack(
        [
            mr.acquire(water[k], fat[k], labels[2 * k : 2 * k + 3], settings, pixel, rng, front=front, size=matrix)
            for k in range(slices)
        ]
    )
    nearest = ((np.arange(matrix) + 0.5) * SAMPLED / matrix).astype(np.intp)
    labels = labels[1::2, nearest[:, None], nearest[None, :]]
    return pictures, labels, Grid.filling(frame, (matrix, matrix, slices))


def _stack(subject: Subject, level: str, settings: MRSettings, protocol: MRProtocol, ct_to_mr: np.ndarray) -> MRStack:
    rng = np.random.default_rng([subject.seed, 17, disc_index(level)])
    disc = subject.frame(level)
    turned = Rotation.from_euler("xyz", np.clip(rng.normal(0, 1.5, 3), -4, 4), degrees=True).as_matrix()
    axes = turned @ disc.axes @ ct_to_mr[:3, :3].T
    aim = disc.center + np.array([0.0, rng.uniform(0, 12), 0.0]) @ disc.axes
    center = ct_to_mr[:3, :3] @ aim + ct_to_mr[:3, 3] + np.clip(rng.normal(0, (2.0, 2.0, 0.8)), -4, 4) @ axes
    depth = protocol.slices * settings.thickness * (1 + protocol.gap)
    frame = DiscFrame(center, axes, [protocol.field_of_view, protocol.field_of_view, depth], level)
    ventral = ct_to_mr[:3, :3] @ subject.landmarks(level).ventral_point + ct_to_mr[:3, 3]
    front = float((ventral - center) @ axes[1])
    pictures, labels, grid = render_signal(
        subject, frame, settings, rng, protocol.matrix, front, ct_to_mr, protocol.slices
    )
    # slices taken one after the other disturb each other a little
    pictures = pictures * (protocol.scale * rng.normal(1, 0.015, protocol.slices))[:, None, None]
    stored = np.clip(np.rint(pictures), 0, 4095).astype(np.uint16)
    name = f"phantom_{subject.seed}_T2_{level}"
    return MRStack(level, Volume(stored, grid.ijk_to_ras, name=name, modality="MR"), labels, ct_to_mr, frame)
