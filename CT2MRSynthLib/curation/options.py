"""What pairs are asked for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from CT2MRSynthLib.errors import UsageError

#: How the MR is brought to the CT: "none" trusts the patient coordinates of both.
REGISTRATIONS = ("rigid", "none")


@dataclass(frozen=True)
class BuildOptions:
    """How the pairs of all patients are made.

    Args:
        sequence: Of the MR, a name.
        every: Every N-th axial slice of the overlap, for body parts without discs; None: the disc levels.
        split: Shares of the patients for training, validation and test; None: nobody is put on a side.
        seed: Of the split.
        max_angle: Between CT and MR slice plane, degrees.
        max_days: Between CT and MR, where known; None: any number.
        registration: One of ``REGISTRATIONS``.
        n4: Take out the coil's shading.
        lateral_half_width: mm that show both sides of the vertebral body; None: measured over all landmarks.

    Raises:
        UsageError: A value is out of range.
    """

    sequence: str = "T2"
    every: int | None = None
    split: tuple[float, float, float] | None = None
    seed: int = 1
    max_angle: float = 3.0
    max_days: float | None = None
    registration: str = "rigid"
    n4: bool = False
    lateral_half_width: float | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.+-]{1,32}", self.sequence):
            raise UsageError(f"--sequence is {self.sequence!r}; give a short name such as T2, T1 or STIR.")
        if self.every is not None and self.every < 1:
            raise UsageError(f"--every is {self.every}; give a whole number from 1.")
        if self.registration not in REGISTRATIONS:
            raise UsageError(f"--registration is {self.registration!r}; choose {' or '.join(REGISTRATIONS)}.")
        for name, value, low, high in (
            ("max-angle", self.max_angle, 0, 90),
            ("max-days", self.max_days, 0, math.inf),
            ("lateral-half-width", self.lateral_half_width, 10, 100),
            ("seed", self.seed, 0, math.inf),
        ):
            if value is not None and not low <= value <= high:
                limits = f"from {low:g}" + (f" to {high:g}" if high < math.inf else "")
                raise UsageError(f"--{name} is {value:g}; give a number {limits}.")

    def of_images(self) -> dict:
        """What the images and the checks depend on, ready for JSON."""
        return {
            "sequence": self.sequence,
            "every": self.every,
            "max_angle": self.max_angle,
            "max_days": self.max_days,
            "registration": self.registration,
            "n4": self.n4,
            "lateral_half_width": self.lateral_half_width,
        }

    def to_words(self) -> list[str]:
        """The options of ``ct2mrsynth pairs build`` that ask for this."""
        given = {
            "--sequence": self.sequence,
            "--every": self.every,
            "--split": "/".join(str(share) for share in self.split) if self.split else None,
            "--seed": self.seed,
            "--max-angle": self.max_angle,
            "--max-days": self.max_days,
            "--registration": self.registration,
            "--lateral-half-width": self.lateral_half_width,
        }
        words = [word for name, value in given.items() if value is not None for word in (name, str(value))]
        return words + (["--n4"] if self.n4 else [])
