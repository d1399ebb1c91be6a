"""What a pair set holds, in numbers and in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from CT2MRSynthLib.pairset.manifest import REJECTED, SPLITS, STATUSES, PairEntry, PairSet

#: Where no side is given.
NO_SIDE = "none"


def summary(found: PairSet) -> dict:
    """Counts of a set, ready for JSON.

    Returns:
        ``simulated``; ``sequences``; ``patients``; ``count`` of pairs; pairs by ``statuses``; by ``reasons`` the pairs
        that are not used (see ``reason_of``); ``splits``, by side the ``patients`` with accepted pairs and these
        ``pairs``; ``outdated``, pairs of an earlier run.
    """
    accepted = [entry for entry in found.pairs if entry.accepted]
    statuses = Counter(entry.decision.status for entry in found.pairs)
    reasons = Counter(reason_of(entry) for entry in found.pairs if not entry.accepted)
    sides = {side: [entry for entry in accepted if (entry.split or NO_SIDE) == side] for side in (*SPLITS, NO_SIDE)}
    return {
        "simulated": found.simulated,
        "sequences": sorted({entry.sequence for entry in found.pairs}),
        "patients": patients(found.pairs),
        "count": len(found.pairs),
        "statuses": {status: statuses[status] for status in STATUSES},
        "reasons": dict(reasons.most_common()),
        "splits": {side: {"patients": patients(entries), "pairs": len(entries)} for side, entries in sides.items()},
        "outdated": len(found.outdated),
    }


def sentence(found: PairSet) -> str:
    """Counts of a set in a line."""
    counts = summary(found)
    statuses = ", ".join(f"{number} {status}" for status, number in counts["statuses"].items())
    sides = ", ".join(
        f"{side} {one['pairs']} of {counted(one['patients'], 'patient')}"
        for side, one in counts["splits"].items()
        if one["pairs"] and side != NO_SIDE
    )
    kind = "SIMULATED. " if found.simulated else ""
    head = f"{kind}{counted(counts['count'], 'pair')} of {counted(counts['patients'], 'patient')}: {statuses}."
    return head + (f" Accepted, by side: {sides}." if sides else " Not split.")


def patients(entries: Iterable[PairEntry]) -> int:
    """How many patients pairs are of."""
    return len({entry.patient for entry in entries})


def failed_checks(entry: PairEntry) -> list[str]:
    """Names of the checks that a pair does not pass."""
    return [str(check.get("name")) for check in checks_of(entry) if check.get("passed") is False]


def checks_of(entry: PairEntry) -> list[dict]:
    """The checks in the details of a pair."""
    checks = entry.details.get("checks")
    return [check for check in checks if isinstance(check, dict)] if isinstance(checks, list) else []


def reason_of(entry: PairEntry) -> str:
    """Why a pair is not used, in words that pairs share: by hand, or the checks that failed, or the reason as it is."""
    if entry.decision.status == REJECTED:
        return "rejected by hand"
    return ", ".join(failed_checks(entry)) or entry.decision.reason or "no reason given"


def counted(number: int, word: str) -> str:
    """A number of things in words."""
    return f"{number} {word}" + ("" if number == 1 else "s")
