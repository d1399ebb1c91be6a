"""The slice pairs of a training: which there are and who is held back is fixed when the run begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from CT2MRSynthLib.errors import InputError, UsageError
from CT2MRSynthLib.pairset import PairEntry, read_manifest, read_pair
from CT2MRSynthLib.pairset.images import PIXELS
from CT2MRSynthLib.pairset.manifest import TEST, TRAINING, VALIDATION, check_patients

__all__ = ["PIXELS", "PairStore", "held_back"]

#: With fewer training pairs than this the user is told that they are few.
FEW_PAIRS = 10


def held_back(folder: str | Path, most: int) -> int:
    """How many pairs to hold back for validation where nobody says.

    None of a set that is split: it has validation patients, or whoever split it wants all others trained on. Of other
    sets no more than a fifth, so that small ones train.

    Args:
        folder: The pair set.
        most: So many of a large set.

    Raises:
        InputError: There is no usable pair set.
    """
    entries = _usable(folder)
    return 0 if any(entry.split for entry in entries) else min(most, len(entries) // 5)


class PairStore:
    """The accepted pairs of a pair set, held in memory; those for testing are never read.

    Where the manifest says which patients are for validation, these are held back. Otherwise the first patients are,
    until ``validation`` pairs are together. Either way a patient is on one side only.

    Args:
        folder: The pair set.
        validation: How many pairs to hold back where the manifest names none; rounded up to whole patients.

    Raises:
        InputError: There is no usable pair set, a patient or an image is on both sides, or nothing is left to train on.
    """

    def __init__(self, folder: str | Path, validation: int = 20) -> None:
        self.folder = Path(folder)
        entries = _usable(self.folder)
        self.simulated = read_manifest(self.folder).simulated
        check_patients(entries)
        sides = _sides(entries, validation)
        _check_images(entries, sides)
        self.entries = tuple(entry for entry in entries if sides[entry.patient] == TRAINING)
        self.validation_entries = tuple(entry for entry in entries if sides[entry.patient] == VALIDATION)
        if not self.entries:
            raise InputError(
                f"No training pairs are left in {self.folder} after {len(self.validation_entries)} were held back for "
                "validation; give more pairs or hold back fewer."
            )
        self._pairs = [read_pair(self.folder, entry) for entry in self.entries]
        self.validation = [read_pair(self.folder, entry) for entry in self.validation_entries]
        self._order: tuple[tuple[int, int], np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def seen(self) -> tuple[PairEntry, ...]:
        """All pairs whose images the run looks at: those trained on and those held back for validation."""
        return self.entries + self.validation_entries

    @property
    def subjects(self) -> int:
        """How many patients the training pairs are of."""
        return len({entry.patient for entry in self.entries})

    @property
    def sequences(self) -> tuple[str, ...]:
        """The MR sequences of the training pairs."""
        return tuple(sorted({entry.sequence for entry in self.entries}))

    @property
    def field_of_view(self) -> tuple[float, float]:
        """Smallest and largest edge length of the training images in mm."""
        edges = [edge for entry in self.entries for edge in entry.extent[:2]]
        return min(edges), max(edges)

    @property
    def slice_thickness(self) -> tuple[float, float]:
        """Smallest and largest thickness of the training slices in mm."""
        edges = [entry.extent[2] for entry in self.entries]
        return min(edges), max(edges)

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """CT (HU) and MR (grey levels) of a training pair, each of shape (256, 256)."""
        return self._pairs[index]

    def index_at(self, seed: int, draw: int) -> int:
        """Which pair the ``draw``-th of a run is: every epoch shows every pair once, in another order.

        It depends on nothing but its arguments and the number of pairs, so a resumed run goes on as if never stopped.
        """
        epoch, position = divmod(draw, len(self))
        if self._order is None or self._order[0] != (seed, epoch):
            self._order = (seed, epoch), np.random.default_rng([seed, epoch]).permutation(len(self))
        return int(self._order[1][position])

    def preview_cases(self, most: int) -> tuple[list[int], bool]:
        """Pairs to be shown again and again, from as many patients as there are.

        Args:
            most: How many.

        Returns:
            Their places among those held back, and True; where none are, among those trained on, and False.
        """
        entries = self.validation_entries or self.entries
        return _spread(entries, most), bool(self.validation_entries)

    def record(self) -> dict:
        """Which pairs the run uses, by id and image hashes, for its checkpoints."""
        sides = ((TRAINING, self.entries), (VALIDATION, self.validation_entries))
        return {side: [[entry.id, *_hashes(entry)] for entry in entries] for side, entries in sides}

    def check_unchanged(self, record: dict) -> None:
        """Refuse a set that is not what it was when the run began.

        Args:
            record: What ``record`` gave then.

        Raises:
            UsageError: Pairs came or went, were moved to another side, or have other images.
        """
        before = {row[0]: (side, row[1:]) for side, rows in record.items() for row in rows}
        now = {row[0]: (side, row[1:]) for side, rows in self.record().items() for row in rows}
        problem = next(
            (_difference(name, before, now) for name in [*before, *now] if before.get(name) != now.get(name)), ""
        )
        if not problem and self.record() != record:
            problem = "its pairs are in another order"
        if problem:
            raise UsageError(
                f"The pair set {self.folder} changed since this run began: {problem}; start a new run in another "
                "folder, or give back the set as it was."
            )

    def warnings(self) -> list[str]:
        """What a user should know before hours of training, one sentence each."""
        sentences = []
        if len(self) < FEW_PAIRS:
            sentences.append(
                f"There are only {len(self)} pairs of {self.subjects} patients to train on; the result will fit these "
                "and little else."
            )
        if not self.validation:
            sentences.append(
                "No patients are held back for validation, so the previews show pairs that were trained on and there "
                "is no validation error."
            )
        if len(self.sequences) > 1:
            sentences.append(f"The set mixes the sequences {', '.join(self.sequences)}; one generator makes one.")
        return sentences


def _usable(folder: str | Path) -> list[PairEntry]:
    """The accepted pairs that are not for testing."""
    found = [entry for entry in read_manifest(folder).pairs if entry.accepted and entry.files]
    tested = {entry.patient for entry in found if entry.split == TEST}
    check_patients(found)
    hidden = {one for entry in found if entry.patient in tested for one in _hashes(entry)}
    usable = [entry for entry in found if entry.patient not in tested]
    for entry in usable:
        if hidden & set(_hashes(entry)):
            raise InputError(
                f"An image of the pair {entry.id} is also one of a test patient; reject one of the two pairs."
            )
    return usable


def _sides(entries: Sequence[PairEntry], validation: int) -> dict[str, str]:
    """On which side each patient is."""
    sides = {entry.patient: TRAINING for entry in entries}
    sides |= {entry.patient: entry.split for entry in entries if entry.split}
    if VALIDATION not in sides.values():
        count = 0
        for patient in list(sides):
            if count >= validation:
                break
            sides[patient] = VALIDATION
            count += sum(entry.patient == patient for entry in entries)
    return sides


def _check_images(entries: Sequence[PairEntry], sides: dict[str, str]) -> None:
    """Refuse an image that is on both sides."""
    places: dict[str, str] = {}
    for entry in entries:
        for file in entry.files.values():
            if places.setdefault(file.sha256, sides[entry.patient]) != sides[entry.patient]:
                raise InputError(
                    f"The image {file.path} is both in {TRAINING} and in {VALIDATION}, under two patients; "
                    "reject one of the two pairs."
                )


def _spread(entries: Sequence[PairEntry], most: int) -> list[int]:
    """Places of some entries: one of every patient, then a second one, and so on; patients evenly over the list."""
    places: dict[str, list[int]] = {}
    for n, entry in enumerate(entries):
        places.setdefault(entry.patient, []).append(n)
    patients = list(places.values())
    if len(patients) >= most:
        chosen = np.linspace(0, len(patients) - 1, most).round().astype(int)
        return [patients[n][len(patients[n]) // 2] for n in chosen]
    rounds = [own[n] for n in range(max(map(len, patients))) for own in patients if n < len(own)]
    return sorted(rounds[:most])


def _hashes(entry: PairEntry) -> list[str]:
    return [entry.files["ct"].sha256, entry.files["mr"].sha256]


def _difference(name: str, before: dict, now: dict) -> str:
    if name not in now:
        return f"the pair {name} is gone"
    if name not in before:
        return f"the pair {name} is new"
    moved = before[name][0] != now[name][0]
    return f"the pair {name} is now for {now[name][0]}" if moved else f"the pair {name} has other images"
