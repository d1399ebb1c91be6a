"""Which patients are for training, validation and test: whole patients, who stay where they are when others come."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.pairset.manifest import (
    SPLITS,
    TEST,
    TRAINING,
    VALIDATION,
    PairEntry,
    PairSet,
    check_patients,
    read_manifest,
)

#: Shares of the patients for training, validation and test.
FRACTIONS = (0.8, 0.1, 0.1)
#: Who gets a patient where two sides lack one equally: a verdict needs test patients first.
URGENCY = (TEST, TRAINING, VALIDATION)


def assign_splits(
    entries: Iterable[PairEntry],
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 1,
    keep: Mapping[str, str] | None = None,
) -> list[PairEntry]:
    """Put every patient on one side; all pairs of a patient go with the patient, also those that are not used.

    Patients are counted, not pairs, and only those with accepted pairs. The numbers follow from ``fractions`` by the
    method of largest remainders; no side that is asked for stays empty while there are as many patients as sides. Who
    goes where follows from ``seed`` and the patients' codes alone, not from their order.

    Args:
        entries: Pairs of a set.
        fractions: Shares of training, validation and test.
        seed: For another draw.
        keep: Sides of patients who stay where they are, by code; the others fill up what the sides lack.

    Returns:
        The entries in their order, each with its side; None for patients without accepted pairs that are not kept.

    Raises:
        UsageError: The fractions are no shares of one.
        InputError: Two sides would share an image or a scan.
    """
    entries = list(entries)
    shares = check_fractions(fractions)
    used = {entry.patient for entry in entries if entry.accepted}
    sides = {patient: side for patient, side in (keep or {}).items() if side is not None}
    wanted = _patients_of_sides(len(used), shares)
    counts = Counter(sides[patient] for patient in used if patient in sides)
    for patient in sorted(used - sides.keys(), key=lambda code: _draw(seed, code)):
        side = max(URGENCY, key=lambda one: wanted[one] - counts[one])
        sides[patient] = side
        counts[side] += 1
    result = [replace(entry, split=sides.get(entry.patient)) for entry in entries]
    check_patients(result)
    return result


def split_again(folder: str | Path, fractions: Sequence[float] = FRACTIONS, seed: int = 1) -> PairSet:
    """Put all patients of a set on sides anew, wherever they were before.

    A run that began on the set before cannot go on; a verdict of before does not hold for a generator trained after.

    Args:
        folder: Of the pair set.
        fractions: Shares of training, validation and test.
        seed: For another draw.

    Returns:
        The set as it is now.

    Raises:
        UsageError: The fractions are no shares of one.
        InputError: There is no pair set, or two sides would share an image or a scan.
        OutputError: The manifest cannot be written.
    """
    found = read_manifest(folder)
    pairs = assign_splits(found.pairs, fractions, seed)
    # who comes later gets a side by the same rule; what a simulated set was asked for names its images alone
    asked = {} if found.simulated else {"split": list(check_fractions(fractions)), "seed": seed}
    changed = replace(found, pairs=tuple(pairs), made_by={**found.made_by, **asked})
    changed.write(Path(folder))
    return changed


def sides_of(entries: Iterable[PairEntry]) -> dict[str, str]:
    """The side of every patient who is on one, by code."""
    return {entry.patient: entry.split for entry in entries if entry.split is not None}


def check_fractions(fractions: Sequence[float]) -> tuple[float, float, float]:
    """Shares of training, validation and test.

    Raises:
        UsageError: They are not three numbers from 0 on that add up to 1, or leave nothing for training.
    """
    shares = tuple(float(share) for share in fractions)
    if (
        len(shares) != 3
        or not all(0 <= share <= 1 for share in shares)
        or not math.isclose(sum(shares), 1, abs_tol=1e-6)
    ):
        raise UsageError(
            f"The split is {'/'.join(f'{share:g}' for share in shares)}; give three shares (training/validation/test) "
            "that add up to 1, for example 0.8/0.1/0.1."
        )
    if shares[0] == 0:
        raise UsageError("The split leaves no patient for training; give it a share above 0, for example 0.8/0.1/0.1.")
    return shares


def parse_fractions(words: str) -> tuple[float, float, float]:
    """Shares from ``0.8/0.1/0.1``.

    Raises:
        UsageError: That is not what ``words`` holds.
    """
    try:
        return check_fractions([float(word) for word in words.split("/")])
    except UsageError:
        raise
    except ValueError:
        raise UsageError(f"The split is {words!r}; give three shares such as 0.8/0.1/0.1.") from None


def _patients_of_sides(patients: int, shares: Sequence[float]) -> dict[str, int]:
    """How many of so many patients each side gets."""
    quotas = {side: round(patients * share, 9) for side, share in zip(SPLITS, shares, strict=True)}
    counts = {side: math.floor(quota) for side, quota in quotas.items()}
    by_remainder = sorted(URGENCY, key=lambda side: counts[side] - quotas[side])
    for side in by_remainder[: patients - sum(counts.values())]:
        counts[side] += 1
    asked = [side for side in URGENCY if quotas[side] > 0]
    for side in asked if patients >= len(asked) else ():
        if counts[side] == 0:
            counts[max(counts, key=counts.__getitem__)] -= 1
            counts[side] = 1
    return counts


def _draw(seed: int, patient: str) -> bytes:
    """A place in the order of a draw that does not depend on who else takes part."""
    return hashlib.sha256(f"{seed} {patient}".encode()).digest()
