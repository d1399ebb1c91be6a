"""What is known of a pair, in words for a person: what was decided, its checks, its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from CT2MRSynthLib.pairset.manifest import OTHER_IMAGES, PairEntry
from CT2MRSynthLib.pairset.summary import checks_of

#: Details that are numbers to look at, but for matrices.
NUMBERS = ("registration", "plane", "grey_mapping", "days_apart", "mr_shift_mm")
#: What the checks of curated pairs mean, by name.
MEANINGS = {
    "registration": "1 where metric, overlap and parts of the MR say that its registration to the CT can be trusted.",
    "angle": "Between the planes of the MR slice and of the CT or the disc.",
    "offset": "From the MR slice to mid-disc; the limit is half the disc's height.",
    "days": "Between CT and MR.",
    "ct_outside": "Share of the picture that lies outside the CT.",
    "mr_outside": "Share of the picture that lies outside the MR.",
    "agreement": "Share of the MR's variance within the body that the CT's local density explains (correlation ratio): "
    "low where a slice lies in the wrong place, in another pose, or is spoiled by artifacts. Only of slices without a "
    "disc (--every), whose place no landmark vouches for.",
    "ct_body": "Share of the CT picture that shows the body.",
    "mr_signal": "Share of the CT's soft tissue in which the MR has signal.",
    "ct_contrast": "Standard deviation of the CT picture: a flat one shows nothing.",
    "mr_contrast": "Standard deviation of the MR picture: a flat one shows nothing.",
}


@dataclass(frozen=True)
class CheckFact:
    """A check: what was measured, the limit with its sign, whether it was kept, and what the check means."""

    name: str
    value: str
    limit: str
    passed: bool
    meaning: str


def decision_facts(entry: PairEntry) -> list[tuple[str, str]]:
    """What was decided on a pair and what it is, by name; nothing that is empty."""
    decision = entry.decision
    how = " by hand" if decision.by_hand else " by the checks" if checks_of(entry) else ""
    rows = [
        ("decision", decision.status + how),
        ("reason", decision.reason),
        ("reviewer", decision.reviewer),
        ("note", decision.note),
        ("patient", entry.patient),
        ("level", entry.level),
        ("sequence", entry.sequence),
        ("pixel", " x ".join(f"{edge:.3g}" for edge in entry.geometry.spacing_mm) + " mm" if entry.geometry else ""),
    ]
    return [row for row in rows if row[1]]


def check_facts(entry: PairEntry) -> list[CheckFact]:
    """The checks of a pair."""
    facts = []
    for check in checks_of(entry):
        value, limit, passed = check.get("value"), check.get("limit"), check.get("passed") is True
        unit = str(check.get("unit") or "")
        sign = ""
        if isinstance(value, (int, float)) and isinstance(limit, (int, float)) and value != limit:
            sign = "\u2264 " if (value <= limit) == passed else "\u2265 "
        meaning = MEANINGS.get(str(check.get("name")), "")
        words = (f"{said(value)} {unit}".rstrip(), f"{sign}{said(limit)} {unit}".rstrip())
        facts.append(CheckFact(in_words(check.get("name")), *words, passed, meaning))
    return facts


def number_facts(entry: PairEntry) -> list[tuple[str, str]]:
    """The numbers in the details of a pair, by name: of its registration, its plane, its grey levels."""
    return [
        (in_words(name), said(value))
        for key in NUMBERS
        if entry.details.get(key) is not None
        for name, value in _flat(key, entry.details[key])
        if value is not None and not _is_matrix(value)
    ]


def notices_of(entry: PairEntry, has_pictures: bool, outdated: bool) -> list[str]:
    """Why a reviewer should look at a pair again.

    Args:
        entry: The pair.
        has_pictures: Whether its images could be read.
        outdated: An earlier run left it.
    """
    notices = []
    if entry.files and not has_pictures:
        notices.append("Its images are missing, altered or cannot be read; make the pair set again.")
    if entry.details.get(OTHER_IMAGES):
        notices.append(f"The images have changed since {entry.decision.reviewer} decided; decide again.")
    if outdated:
        notices.append("An earlier run with other settings made this pair; run pairs build to its end.")
    warnings = entry.details.get("warnings")
    return notices + [str(warning) for warning in (warnings if isinstance(warnings, list) else [])]


def said(value) -> str:
    """A number, a list of numbers or another plain value for a person."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(said(one) for one in value)
    return "-" if value is None else str(value)


def in_words(name) -> str:
    """The key of a detail for a person."""
    return str(name).replace("_", " ")


def _flat(name: str, value) -> Iterator[tuple[str, object]]:
    """Numbers below a name, one by one."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, one in value.items():
        yield from _flat(f"{name} {key}", one)


def _is_matrix(value) -> bool:
    return isinstance(value, list) and any(isinstance(row, list) for row in value)
