"""A whole simulated subject in memory: CT with labels, boxes and landmarks, T2 stacks, and how they go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.ct.protocol import CTProtocol
from CT2MRSynthLib.phantom.ct.table_pose import LyingSubject
from CT2MRSynthLib.phantom.ct.volume import phantom_ct, scan_ct
from CT2MRSynthLib.phantom.landmarks import Landmarks
from CT2MRSynthLib.phantom.mr.settings import MRSettings
from CT2MRSynthLib.phantom.mr.stack import MRPose, MRProtocol, MRStack, phantom_mr_stacks
from CT2MRSynthLib.volume import Volume

__all__ = ["CT_WORDS", "MR_WORDS", "PhantomSubject", "phantom_ct", "phantom_subject", "take_mr"]

#: What the two parts of the work are called while they last.
CT_WORDS, MR_WORDS = "CT", "T2 stacks"

Told = Callable[[str, float], None]


@dataclass(frozen=True)
class PhantomSubject:
    """What one seed stands for. All positions are in the world of the CT scanner, RAS mm, but the stacks' own.

    Args:
        seed: The subject.
        body: The tissue at any point (``labels_at``), severities, sizes.
        ct: HU, int16.
        labels: ``tissues.Label`` at the CT's voxel centers, uint8, the CT's shape.
        frames: Crop box of each level, by the paper's rule.
        landmarks: Of each level.
        stacks: T2 slices of each level, in the MR's world; empty where none were asked for.
        settings: How both were taken, as plain numbers for JSON.
        set_severities: What was set, by name.
    """

    seed: int
    body: LyingSubject
    ct: Volume
    labels: np.ndarray
    frames: dict[str, DiscFrame]
    landmarks: dict[str, Landmarks]
    stacks: dict[str, MRStack]
    settings: dict
    set_severities: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its files and nodes."""
        return self.ct.name

    @property
    def severities(self) -> dict:
        """All severities as plain numbers: of the subject, and by level under "levels"."""
        return self.body.severity.record()

    @property
    def ct_to_mr(self) -> dict[str, np.ndarray]:
        """By level the 4x4 matrix from CT-world to MR-world RAS mm: it moves the CT onto the stack."""
        return {level: stack.ct_to_mr for level, stack in self.stacks.items()}


def phantom_subject(
    seed: int,
    severity: Mapping[str, object] | None = None,
    protocol: CTProtocol | None = None,
    mr: bool = True,
    progress: Told | None = None,
) -> PhantomSubject:
    """Make a subject with CT, labels, landmarks and T2 stacks.

    Args:
        seed: Any whole number from 0; same seed, same subject.
        severity: Severities to set, by name, for example ``{"stenosis": 0.8, "L4-L5:protrusion": 1.0}``.
        protocol: Layout of the CT; None: the usual one.
        mr: Make the T2 stacks.
        progress: Called with what is being made (``CT_WORDS``, ``MR_WORDS``) and the fraction of it that is done.

    Raises:
        UsageError: The seed is negative, or a severity unknown or out of range.
    """
    told = progress or (lambda words, fraction: None)
    body = LyingSubject.of(seed, severity)
    scan = scan_ct(body, protocol, lambda fraction: told(CT_WORDS, fraction))
    settings = {"ct": {**scan.settings.record(), **asdict(scan.protocol)}}
    stacks: dict[str, MRStack] = {}
    if mr:
        stacks, settings["mr"] = take_mr(body, progress=told)
    return PhantomSubject(
        seed,
        body,
        scan.volume,
        scan.labels,
        {level: body.frame(level) for level in LEVELS},
        {level: body.landmarks(level) for level in LEVELS},
        stacks,
        settings,
        dict(severity or {}),
    )


def take_mr(
    body: LyingSubject, levels: Sequence[str] = LEVELS, progress: Told | None = None
) -> tuple[dict[str, MRStack], dict]:
    """The T2 stacks of a subject, who lies a little differently than in the CT.

    Args:
        body: The subject as the CT shows it.
        levels: Discs.
        progress: As for ``phantom_subject``.

    Returns:
        The stacks by level, and how they were taken, for JSON.
    """
    settings = MRSettings.draw(np.random.default_rng([body.seed, 11]), body.severity)
    protocol = MRProtocol.draw(np.random.default_rng([body.seed, 15]))
    pose = MRPose.draw(np.random.default_rng([body.seed, 16]), body.pose.to_scanner(np.zeros(3)))
    stacks: dict[str, MRStack] = {}
    for n, level in enumerate(levels):
        if progress:
            progress(MR_WORDS, n / len(levels))
        stacks |= phantom_mr_stacks(body, settings, protocol, pose, (level,))
    return stacks, {**settings.record(), **asdict(protocol)}
