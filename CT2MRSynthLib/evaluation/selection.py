"""Which pairs two generators are compared on: held back from both, as far as their cards can tell.

A card lists, as the first 16 hex digits of SHA-256, the codes of the patients and the images its generator was trained
or validated on (``training_data`` entries ``patients`` and ``images``). Cards of older versions do not; of these
nothing is known but what the split of the pair set says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from CT2MRSynthLib.errors import InputError, UsageError
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.pairset.manifest import TEST, TRAINING, VALIDATION, PairEntry, PairSet, check_patients

#: What ``split`` can ask for.
ALL = "all"
CHOICES = (TEST, VALIDATION, ALL)

#: Hex digits of a hash that a card keeps.
DIGITS = 16


@dataclass(frozen=True)
class Seen:
    """What a generator was made from.

    Args:
        name: "A" or "B", for sentences.
        patients: Marks of the patients' codes.
        images: Marks of the images.
        known: Whether it is known at all.
    """

    name: str
    patients: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    known: bool = True

    def holds(self, entry: PairEntry) -> bool:
        """Whether the pair's patient or one of its images was used, or may have been for all that is known."""
        if not self.known:
            return entry.split in (TRAINING, VALIDATION)
        images = {file.sha256[:DIGITS] for file in entry.files.values()}
        return patient_mark(entry.patient) in self.patients or bool(images & self.images)


@dataclass(frozen=True)
class Selection:
    """The pairs of a comparison.

    Args:
        entries: Accepted pairs, in the order of the manifest.
        training: The set's accepted training pairs.
        split: What they are: "test", "validation", "all", or "unseen" in a set without a split.
        seen: Patients that A or B was trained on, where that was allowed, by "A" and "B".
        notes: Sentences a reader of the verdict must be told.
    """

    entries: tuple[PairEntry, ...]
    training: tuple[PairEntry, ...]
    split: str
    seen: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]

    @property
    def patients(self) -> tuple[str, ...]:
        """Codes, each once."""
        return tuple(dict.fromkeys(entry.patient for entry in self.entries))


def patient_mark(code: str) -> str:
    """What a card keeps of a patient's code."""
    return hashlib.sha256(code.encode()).hexdigest()[:DIGITS]


def seen_by_bundle(name: str, card: ModelCard) -> Seen:
    """What the card of generator "A" or "B" tells."""
    patients, images = (card.training_data.get(key) for key in ("patients", "images"))
    if not isinstance(patients, list) or not isinstance(images, list):
        return Seen(name, known=False)
    return Seen(name, *(frozenset(str(mark)[:DIGITS] for mark in marks) for marks in (patients, images)))


def seen_of_entries(name: str, entries: Sequence[PairEntry]) -> Seen:
    """What a mapping that is fitted on these pairs has seen."""
    images = frozenset(file.sha256[:DIGITS] for entry in entries for file in entry.files.values())
    return Seen(name, frozenset(patient_mark(entry.patient) for entry in entries), images)


def training_pairs(pair_set: PairSet) -> tuple[PairEntry, ...]:
    """The accepted pairs of the split training."""
    return tuple(entry for entry in pair_set.pairs if entry.accepted and entry.split == TRAINING)


def select(pair_set: PairSet, seen: Sequence[Seen], split: str | None = None, allow_seen: bool = False) -> Selection:
    """Choose the pairs.

    Args:
        pair_set: The manifest.
        seen: What A and B were made from.
        split: "test", "validation" or "all". None: the test pairs; in a set without any split, the pairs of all
            patients that neither has seen.
        allow_seen: Take also patients that a generator was trained on, and say so.

    Raises:
        InputError: No pair is left, a patient or an image is on two sides of the split, or one of the pairs was seen.
        UsageError: The split is unknown.
    """
    accepted = [entry for entry in pair_set.pairs if entry.accepted]
    check_patients(accepted)
    if split not in (None, *CHOICES):
        raise UsageError(f"The split {split!r} is unknown; choose one of {', '.join(CHOICES)}.")
    has_split = any(entry.split for entry in accepted)
    notes = []
    if split is None and not has_split:
        entries, left_out = _unseen(accepted, seen, allow_seen)
        if left_out:
            notes.append(f"{_patients(len(left_out))} of the pair set left out, because A or B was trained on them.")
        split = "unseen"
    else:
        split = split or TEST
        entries = [entry for entry in accepted if split in (ALL, entry.split)]
    if not entries:
        raise InputError(_nothing_left(accepted, split, has_split))
    found = {one.name: _seen_patients(one, entries) for one in seen}
    for one in seen:
        if found[one.name] and not allow_seen:
            raise InputError(_refusal(one, found[one.name], len({entry.patient for entry in entries})))
        if found[one.name]:
            notes.append(
                f"{one.name} was{'' if one.known else ', for all that is known,'} trained on "
                f"{_patients(len(found[one.name]))} of this comparison: it is no verdict on patients unknown to it."
            )
        elif not one.known:
            notes.append(f"It is unknown whether {one.name} has seen these patients: its card does not list them.")
    return Selection(
        tuple(entries),
        training_pairs(pair_set),
        split,
        {key: value for key, value in found.items() if value},
        (*notes,),
    )


def _unseen(accepted: list[PairEntry], seen: Sequence[Seen], allow_seen: bool) -> tuple[list[PairEntry], set[str]]:
    """A patient one of whose pairs was seen is left out with all pairs."""
    if allow_seen:
        return accepted, set()
    known = {entry.patient for entry in accepted if any(one.holds(entry) for one in seen)}
    return [entry for entry in accepted if entry.patient not in known], known


def _seen_patients(seen: Seen, entries: list[PairEntry]) -> tuple[str, ...]:
    return tuple(sorted({entry.patient for entry in entries if seen.holds(entry)}))


def _nothing_left(accepted: list[PairEntry], split: str, has_split: bool) -> str:
    if not accepted:
        return "The pair set has no accepted pair; accept pairs, or make the set again."
    if split == "unseen":
        return "A or B was trained on all patients of this pair set; give pairs of other patients."
    if has_split:
        return f"The pair set has no accepted pair in {split}; put patients there, or choose another --split."
    return f"The pair set has no split, so no pair is in {split}; leave --split out to take all unseen patients."


def _refusal(seen: Seen, patients: tuple[str, ...], total: int) -> str:
    which = f"{len(patients)} of the {total} patients (the first: {patients[0]})"
    if not seen.known:
        return (
            f"{seen.name} may have been trained on {which}: they are not in test and its card does not say what it was "
            "trained on; compare on test, or add --allow-seen, which no gate accepts."
        )
    return (
        f"{seen.name} was trained on {which} or on their images; compare on other patients, or add --allow-seen, which "
        "no gate accepts."
    )


def _patients(count: int) -> str:
    return f"{count} patient{'' if count == 1 else 's'}"
