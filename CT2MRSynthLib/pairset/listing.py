"""The pairs of a set as a list to go through: some of them, and each in a row."""

from __future__ import annotations

from dataclasses import dataclass

from CT2MRSynthLib.pairset.manifest import OTHER_IMAGES, PairEntry, PairSet
from CT2MRSynthLib.pairset.summary import NO_SIDE, failed_checks


@dataclass(frozen=True)
class PairFilter:
    """Which pairs are listed; what is empty lets all through.

    Args:
        status: Of the decision: accepted, rejected or excluded.
        side: Training, validation, test, or "none" for pairs without a side.
        words: All of them occur in the row of a pair, whatever the case.
    """

    status: str = ""
    side: str = ""
    words: str = ""

    def of(self, found: PairSet) -> list[PairEntry]:
        """The pairs of a set that pass, in the order of the set."""
        return [entry for entry in found.pairs if self.passes(entry)]

    def passes(self, entry: PairEntry) -> bool:
        """Whether a pair is listed."""
        if self.status and entry.decision.status != self.status:
            return False
        if self.side and (entry.split or NO_SIDE) != self.side:
            return False
        text = " ".join([entry.id, *row_of(entry)]).casefold()
        return all(word in text for word in self.words.casefold().split())


def row_of(entry: PairEntry) -> tuple[str, str, str, str, str]:
    """Patient, level, side (empty where it has none), decision, and why."""
    return entry.patient, entry.level, entry.split or "", entry.decision.status, why(entry)


def why(entry: PairEntry) -> str:
    """Why a pair is used or not, on one line: what the reviewer noted, what the checks found."""
    decision = entry.decision
    parts = [decision.note, decision.reason or ", ".join(failed_checks(entry))]
    if entry.details.get(OTHER_IMAGES):
        parts.insert(0, "decided on other images")
    words = "; ".join(part for part in parts if part)
    return f"{decision.reviewer}: {words}".removesuffix(": ") if decision.by_hand else words
