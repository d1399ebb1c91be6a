"""The paper's rules for a pair as checks, each with its number and its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.curation.agreement import correlation_ratio
from CT2MRSynthLib.curation.greymap import tissue_mask
from CT2MRSynthLib.greylevels import to_grey_levels

#: Share of a picture that may lie outside a scan: pixels at its rim.
OUTSIDE = 0.01
#: Least share of a CT picture that shows the body, and of its soft tissue where the MR has any signal.
BODY, SIGNAL = 0.25, 0.85
#: Hounsfield units from which on there is a body.
BODY_HU = -250.0
#: Least standard deviation in grey levels of a picture that is not flat.
CONTRAST = 6.0
#: Least correlation ratio. Of well aligned CT and T1 of limbs it was 0.55 to 0.9; displaced by a centimeter, in another
#: pose or with ghosts 0.1 to 0.45.
AGREEMENT = 0.5
#: Grey level up to which there is no signal but noise, or nothing.
NO_SIGNAL = 2


@dataclass(frozen=True)
class Check:
    """A rule, the number found, and whether it is kept.

    Args:
        name: Of the rule.
        value, limit: In ``unit``.
        passed: Whether the pair keeps the rule.
        reason: One sentence for the user where it does not.
    """

    name: str
    value: float
    limit: float
    unit: str
    passed: bool
    reason: str

    def to_json(self) -> dict:
        """Plain content for JSON."""
        return {
            "name": self.name,
            "value": round(float(self.value), 4),
            "limit": round(float(self.limit), 4),
            "unit": self.unit,
            "passed": bool(self.passed),
        }


def at_most(name: str, value: float, limit: float, unit: str, words: str) -> Check:
    """A number that may not be higher; ``words`` takes value and limit as {0} and {1}."""
    return Check(name, value, limit, unit, value <= limit + 1e-9, words.format(_said(value, unit), _said(limit, unit)))


def at_least(name: str, value: float, limit: float, unit: str, words: str) -> Check:
    """A number that may not be lower; ``words`` takes value and limit as {0} and {1}."""
    return Check(name, value, limit, unit, value >= limit - 1e-9, words.format(_said(value, unit), _said(limit, unit)))


def check_angle(angle: float, limit: float) -> Check:
    """Planes of CT and MR parallel; degrees."""
    return at_most(
        "angle", angle, limit, "deg", "The MR slice is turned by {0} against the plane of the CT; {1} at most."
    )


def check_offset(offset: float, disc_height: float) -> Check:
    """Through mid-disc, within the disc's height."""
    return at_most(
        "offset",
        abs(offset),
        disc_height / 2,
        "mm",
        "The MR slice lies {0} from mid-disc, more than half the disc's height ({1}).",
    )


def check_registration(succeeded: bool, reason: str) -> Check:
    """The registration is to be trusted."""
    return Check("registration", float(succeeded), 1.0, "", succeeded, reason or "The registration is not trusted.")


def check_days(days: float, limit: float) -> Check:
    """CT and MR of about one time."""
    return at_most("days", days, limit, "d", "CT and MR are {0} apart; {1} at most.")


def check_view(ct_outside: float, mr_outside: float) -> list[Check]:
    """Full field of view in both scans; shares (0 to 1) of the picture outside them."""
    return [
        at_most(
            f"{name}_outside", share, OUTSIDE, "", f"{{0}} of the box lies outside the {name.upper()}; {{1}} at most."
        )
        for name, share in (("ct", ct_outside), ("mr", mr_outside))
    ]


def check_agreement(ct: np.ndarray, mr: np.ndarray) -> Check:
    """The MR follows from the CT beside it; for slices, whose place no landmark vouches for.

    Args:
        ct: HU, shape (256, 256).
        mr: Stored values, same shape, NaN outside the MR.
    """
    return at_least(
        "agreement",
        correlation_ratio(ct, np.nan_to_num(mr)),
        AGREEMENT,
        "",
        "The CT explains {0} of what varies in the MR, {1} are needed: they lie beside each other wrongly, or one is "
        "spoiled by artifacts.",
    )


def check_content(ct: np.ndarray, mr: np.ndarray) -> list[Check]:
    """Enough to see in both.

    Args:
        ct: HU, shape (n, n).
        mr: Grey levels, uint8, same shape.
    """
    tissue = tissue_mask(ct)
    signal = float((mr[tissue] > NO_SIGNAL).mean()) if tissue.any() else 0.0
    body = float((ct > BODY_HU).mean())
    return [
        at_least("ct_body", body, BODY, "", "The body fills {0} of the CT slice; {1} are needed."),
        at_least("mr_signal", signal, SIGNAL, "", "The MR has signal in {0} of the CT's soft tissue; {1} are needed."),
        at_least(
            "ct_contrast",
            float(to_grey_levels(ct).std()),
            CONTRAST,
            "grey levels",
            "The CT slice is flat: its grey levels vary by {0}, {1} are needed.",
        ),
        at_least(
            "mr_contrast",
            float(mr.std()),
            CONTRAST,
            "grey levels",
            "The MR slice is flat: its grey levels vary by {0}, {1} are needed.",
        ),
    ]


def reason(checks: Sequence[Check]) -> str:
    """Why a pair is excluded, or empty."""
    return " ".join(check.reason for check in checks if not check.passed)


def _said(value: float, unit: str) -> str:
    if not unit:
        return f"{value:.1%}".replace(".0%", "%").replace("%", " %")
    if unit == "deg":
        return f"{value:.2f} degrees"
    if unit == "d":
        return f"{value:g} days"
    return f"{value:.1f} {unit}"
