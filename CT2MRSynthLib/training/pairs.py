"""The slice pairs of a training, held in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.pairset import MANIFEST, PairEntry, read_manifest, read_pair
from CT2MRSynthLib.pairset.images import PIXELS
from CT2MRSynthLib.pairset.manifest import TEST, TRAINING, VALIDATION, check_patients

__all__ = ["PIXELS", "PairStore", "held_back"]


def held_back(folder: str | Path, most: int) -> int:
    """How many pairs to hold back for validation where nobody says: no more than a fifth, so that small sets train.

    Args:
        folder: The pair set; of one that is still being made counts what was asked for.
        most: So many of a large set.

    Raises:
        InputError: There is no usable pair set.
    """
    found = read_manifest(folder)
    asked = found.made_by.get("pairs")
    count = max(sum(entry.accepted for entry in found.pairs), asked if isinstance(asked, int) else 0)
    return min(most, count // 5)


class PairStore:
    """The accepted pairs of a pair set, those for testing left out; pairs that are added later come with ``refresh``.

    Where the manifest says which pairs are for validation, these are held back. Otherwise the first patients are, until
    ``validation`` pairs are together. Either way a patient is on one side only.

    Args:
        folder: The pair set.
        validation: How many pairs to hold back; rounded up to whole patients.

    Raises:
        InputError: There is no usable pair set, a patient is on both sides, or nothing is left to train on.
    """

    def __init__(self, folder: str | Path, validation: int = 20) -> None:
        self.folder = Path(folder)
        self.validation_count = validation
        self._read: set[str] = set()
        self._seen: tuple[int, int] | None = None
        self._ct: list[np.ndarray] = []
        self._mr: list[np.ndarray] = []
        self.validation: list[tuple[np.ndarray, np.ndarray]] = []
        self.field_of_view: tuple[float, float] | None = None
        self.slice_thickness: tuple[float, float] | None = None
        self._split: bool | None = None
        self._patients: dict[str, str] = {}
        self._images: dict[str, str] = {}
        self.refresh()
        if not self._ct:
            raise InputError(
                f"No training pairs are left in {self.folder} after {len(self.validation)} were held back for "
                "validation; give more pairs or hold back fewer."
            )

    def __len__(self) -> int:
        return len(self._ct)

    @property
    def subjects(self) -> int:
        """How many patients the training pairs are of."""
        return sum(side == TRAINING for side in self._patients.values())

    def refresh(self) -> int:
        """Take in pairs that were not there before; returns how many came for training."""
        before, seen = len(self), _state(self.folder / MANIFEST)
        if seen is not None and seen == self._seen:
            return 0
        entries = [entry for entry in read_manifest(self.folder).pairs if entry.accepted]
        check_patients(entries)
        if self._split is None:
            self._split = any(entry.split is not None for entry in entries)
        for entry in entries:
            if entry.id not in self._read and entry.split != TEST:
                self._take(entry)
        self._seen = seen
        return len(self) - before

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """CT (HU) and MR (grey levels) of a training pair, each of shape (256, 256)."""
        return self._ct[index], self._mr[index]

    def index_at(self, seed: int, draw: int) -> int:
        """Which pair the ``draw``-th of a run is: every epoch shows every pair once, in another order.

        It depends on nothing but its arguments and the number of pairs, so a resumed run goes on as if never stopped.
        """
        epoch, position = divmod(draw, len(self))
        return int(np.random.default_rng([seed, epoch]).permutation(len(self))[position])

    def _take(self, entry: PairEntry) -> None:
        side = self._side(entry)
        for file in entry.files.values():
            if self._images.setdefault(file.sha256, side) != side:
                raise InputError(
                    f"The image {file.path} is both in {TRAINING} and in {VALIDATION}, under two patients; "
                    "reject one of the two pairs."
                )
        images = read_pair(self.folder, entry)
        self._read.add(entry.id)
        if side == VALIDATION:
            self.validation.append(images)
            return
        self._ct.append(images[0])
        self._mr.append(images[1])
        self.field_of_view = _widened(self.field_of_view, entry.extent[:2])
        self.slice_thickness = _widened(self.slice_thickness, entry.extent[2:])

    def _side(self, entry: PairEntry) -> str:
        if self._split:
            wanted = entry.split or TRAINING
        else:
            wanted = VALIDATION if len(self.validation) < self.validation_count else TRAINING
        return self._patients.setdefault(entry.patient, wanted)


def _widened(span: tuple[float, float] | None, values: tuple[float, ...]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if span is None else (min(low, span[0]), max(high, span[1]))


def _state(path: Path) -> tuple[int, int] | None:
    """What changes when a file is replaced."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
