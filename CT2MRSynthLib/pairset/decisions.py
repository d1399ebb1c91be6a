"""Decisions by hand: a reviewer accepts or rejects pairs of a set, with a note."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from CT2MRSynthLib.errors import InputError, UsageError
from CT2MRSynthLib.pairset.manifest import (
    ACCEPTED,
    OTHER_IMAGES,
    REJECTED,
    Decision,
    PairEntry,
    PairSet,
    check_patients,
    read_manifest,
)
from CT2MRSynthLib.pairset.split import FRACTIONS, assign_splits, parse_fractions, sides_of

#: A code such as AB or reader-1: short and without spaces, so that it is not a name.
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}")
#: Letters of a note.
NOTE = 500


def decide(
    folder: str | Path, identifiers: Sequence[str], status: str, reviewer: str, note: str = ""
) -> list[PairEntry]:
    """Accept or reject pairs by hand; all that are named or none.

    A patient who gets a first accepted pair in a set that is split gets a side by the same rule as the others.

    Args:
        folder: Of the pair set.
        identifiers: Of the pairs; ``*`` stands for any letters, as in ``P01_*`` for all pairs of a patient.
        status: "accepted" or "rejected".
        reviewer: A code, never a name.
        note: Why; nothing that names a patient.

    Returns:
        The pairs as they are now.

    Raises:
        UsageError: The reviewer has no code, or there is no such status.
        InputError: There is no such pair or pair set, an accepted pair has no images, or would be on two sides.
        OutputError: The manifest cannot be written.
    """
    if status not in (ACCEPTED, REJECTED):
        raise UsageError(f"A pair is {ACCEPTED} or {REJECTED} by hand, not {status!r}.")
    if not CODE.fullmatch(reviewer):
        raise UsageError(
            f"The reviewer is {reviewer!r}; give a code of up to 16 letters and digits without spaces, such as AB."
        )
    found = read_manifest(folder)
    known = {entry.id: entry for entry in found.pairs}
    named = ([known[word]] if word in known else _matching(found, word) for word in identifiers)
    chosen = {entry.id: entry for entries in named for entry in entries}
    decided = {key: _decide(entry, Decision(status, "", reviewer, _line(note))) for key, entry in chosen.items()}
    if status == ACCEPTED:
        for entry in decided.values():
            _check_images(folder, entry)
    pairs = [decided.get(entry.id, entry) for entry in found.pairs]
    if any(entry.split for entry in found.pairs):
        pairs = _sides_for_new_patients(pairs, found.made_by)
    check_patients(pairs)
    replace(found, pairs=tuple(pairs)).write(Path(folder))
    return [entry for entry in pairs if entry.id in decided]


def _matching(found: PairSet, word: str) -> list[PairEntry]:
    entries = [entry for entry in found.pairs if fnmatch.fnmatchcase(entry.id, word)]
    if entries:
        return entries
    folded = {entry.id.casefold(): entry.id for entry in found.pairs}
    near = [folded[name] for name in difflib.get_close_matches(word.casefold(), folded, 3, 0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else "ct2mrsynth pairs list shows what it holds."
    raise InputError(f"There is no pair {word!r} in this set; {hint}")


def _decide(entry: PairEntry, decision: Decision) -> PairEntry:
    """The pair with a decision on its images as they are; the reason of the checks stays."""
    details = {key: value for key, value in entry.details.items() if key != OTHER_IMAGES}
    return replace(entry, decision=replace(decision, reason=entry.decision.reason), details=details)


def _check_images(folder: str | Path, entry: PairEntry) -> None:
    from CT2MRSynthLib.pairset.images import is_complete

    if not entry.files:
        reason = entry.decision.reason or "none could be made"
        raise InputError(f"The pair {entry.id} cannot be accepted, it has no images: {reason}")
    if not is_complete(folder, entry):
        raise InputError(
            f"The pair {entry.id} cannot be accepted: an image is missing or was altered; make the pair set again."
        )


def _sides_for_new_patients(pairs: list[PairEntry], made_by: dict) -> list[PairEntry]:
    fractions, seed = made_by.get("split"), made_by.get("seed")
    if isinstance(fractions, (list, tuple)):
        fractions = "/".join(str(share) for share in fractions)
    try:
        shares = parse_fractions(fractions) if isinstance(fractions, str) else FRACTIONS
    except UsageError:
        shares = FRACTIONS
    return assign_splits(pairs, shares, seed if isinstance(seed, int) else 1, sides_of(pairs))


def _line(note: str) -> str:
    """A note on one line."""
    return " ".join(note.split())[:NOTE]
