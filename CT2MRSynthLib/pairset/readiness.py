"""Whether a pair set can be trained on, found out in a moment: the manifest is read, the images are not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.pairset.manifest import TEST, TRAINING, VALIDATION, PairEntry, PairSet, check_patients

#: So many accepted pairs of a set that is not split hold one patient back for validation.
PAIRS_TO_HOLD_BACK = 5

#: Seconds for which images are looked for; on a network drive ten thousand take longer. The training reads all.
PATIENCE = 0.3


def problem_of(folder: str | Path, found: PairSet) -> str:
    """Why nothing can be trained on a set, in a sentence; empty where it can.

    Args:
        folder: Of the set.
        found: Its manifest.
    """
    accepted = [entry for entry in found.pairs if entry.accepted]
    if not accepted:
        return "No pair of this set is accepted; look through the pairs and accept the good ones."
    try:
        check_patients(found.pairs)
    except InputError as error:
        return str(error)
    tested = {entry.patient for entry in accepted if entry.split == TEST}
    left = [entry for entry in accepted if entry.patient not in tested]
    if not any(entry.split in (None, TRAINING) for entry in left):
        return "All accepted pairs are held back for validation or test; split the patients again."
    split = any(entry.split for entry in left)
    if not split and len({entry.patient for entry in left}) == 1 and len(left) >= PAIRS_TO_HOLD_BACK:
        return "All accepted pairs are of one patient, and one is needed for validation; add patients."
    missing = _missing(folder, left)
    if missing:
        return f"The image {missing} is missing; make the pair set again."
    return ""


def advice_on(found: PairSet) -> list[str]:
    """What a set that can be trained on still lacks, one sentence each."""
    accepted = [entry for entry in found.pairs if entry.accepted]
    sides = {side: {entry.patient for entry in accepted if entry.split == side} for side in (VALIDATION, TEST)}
    sentences = []
    if accepted and not sides[TEST]:
        sentences.append("No patient is held back for the test, which the verdict needs; split the patients.")
    elif accepted and not sides[VALIDATION]:
        sentences.append("No patient is held back for validation; split the patients.")
    if found.outdated:
        sentences.append(f"{len(found.outdated)} pairs are of an earlier run with other settings; make the set again.")
    return sentences


def _missing(folder: str | Path, entries: Iterable[PairEntry]) -> str:
    """The first image that is not there; empty where none was found missing in time."""
    until = time.monotonic() + PATIENCE
    for entry in entries:
        for file in entry.files.values():
            if not os.path.isfile(os.path.join(folder, file.path)):  # false also where the folder must not be read
                return file.path
        if time.monotonic() > until:
            break
    return ""
