"""A pair set in the making: pairs are added one by one, and a run that was ended goes on where it was.

What a reviewer decided holds across runs. A set may be made again with other parameters (``update``): its pairs stay in
the manifest, listed as outdated, until the new run has come to them, so that it can be ended anywhere.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from CT2MRSynthLib.errors import InputError, UsageError
from CT2MRSynthLib.pairset.images import is_complete
from CT2MRSynthLib.pairset.manifest import MANIFEST, OTHER_IMAGES, Decision, PairEntry, PairSet, read_manifest
from CT2MRSynthLib.pairset.split import FRACTIONS, assign_splits, sides_of

#: The manifest is renewed so many seconds after it was written last, and not before so many times what that took.
EVERY, TIMES = 2.0, 50.0


class PairSetWriter:
    """Keeps the manifest of a folder up to date; a context manager, which writes it a last time at the end.

    Pairs are listed in the order of their identifiers, so that the manifest does not tell in what order, or in how many
    runs, they were made.

    Args:
        folder: Made if need be.
        made_by: The command and what it was asked for, ready for JSON.
        simulated: No patient was imaged.
        update: The same command may be asked for something else than before.

    Raises:
        UsageError: The folder holds a pair set that something else was asked for.
        InputError: Its manifest is damaged.
        OutputError: The folder cannot be written.
    """

    def __init__(self, folder: str | Path, made_by: Mapping, simulated: bool = False, update: bool = False) -> None:
        self.folder, self.made_by, self.simulated = Path(folder), dict(made_by), simulated
        self._entries: dict[str, PairEntry] = {}
        self._outdated: set[str] = set()
        self._former: dict[str, PairEntry] = {}
        self._seen = None
        if self.manifest.exists():
            found = read_manifest(self.folder)
            other = self._differences(found)
            if other and not (update and found.simulated == simulated and "command" not in other):
                other = ["command"] if "command" in other else other  # the rest does not matter then
                words = ", ".join(f"{key} {found.made_by.get(key)!r} not {self.made_by.get(key)!r}" for key in other)
                raise UsageError(
                    f"The folder {folder} holds another pair set ({words}); give another folder, or ask for the same."
                )
            self._take_over(found, bool(other), update)
        self._write()

    def __enter__(self) -> PairSetWriter:
        return self

    def __exit__(self, *_) -> None:
        self._write()

    @property
    def manifest(self) -> Path:
        """The manifest's path."""
        return self.folder / MANIFEST

    @property
    def entries(self) -> tuple[PairEntry, ...]:
        """All pairs, in the order of their identifiers."""
        return tuple(self._entries[key] for key in sorted(self._entries))

    @property
    def outdated(self) -> tuple[str, ...]:
        """Identifiers of pairs that an earlier run left and this one has neither added nor removed."""
        return tuple(sorted(self._outdated))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, identifier: str) -> bool:
        """Whether a pair is there, complete, and as it was asked for."""
        return identifier in self._entries and identifier not in self._outdated

    def get(self, identifier: str) -> PairEntry | None:
        """A pair as the manifest has it, also an outdated one."""
        return self._entries.get(identifier)

    def add(self, entry: PairEntry) -> None:
        """Take in a pair whose files are written; what a reviewer decided on it, and its side, hold on."""
        replaced = self._entries.get(entry.id)
        if replaced is not None and entry.split is None:
            entry = replace(entry, split=replaced.split)
        if replaced is not None and replaced.decision.by_hand:
            self._former[entry.id] = replaced
        former = self._former.get(entry.id)
        if former is not None and not entry.decision.by_hand and (entry.files or not former.accepted):
            entry = _decided(entry, former)
        if entry.decision.by_hand:  # otherwise it was accepted, and has no images now: until it has some again
            self._former.pop(entry.id, None)
        self._entries[entry.id] = entry
        self._outdated.discard(entry.id)
        if replaced is not None and not _paths([replaced]) <= _paths([entry]):
            self._write()
            self._clear([replaced])
        elif time.monotonic() > self._next:
            self._write()

    def remove(self, identifiers: Iterable[str]) -> None:
        """Take pairs out, then their files; what a reviewer decided on them holds again where they come back."""
        gone = [self._entries.pop(identifier) for identifier in set(identifiers) if identifier in self._entries]
        self._outdated.difference_update(entry.id for entry in gone)
        self._former.update({entry.id: entry for entry in gone if entry.decision.by_hand})
        self._write()  # before the files go, so that no pair is ever listed without its images
        self._clear(gone)

    def assign_splits(self, fractions: Sequence[float] = FRACTIONS, seed: int = 1) -> None:
        """Put every patient on one side (see ``split.assign_splits``); who is on one stays there."""
        divided = assign_splits(self.entries, fractions, seed, sides_of(self.entries))
        self._entries = {entry.id: entry for entry in divided}
        self._write()

    def _clear(self, gone: Iterable[PairEntry]) -> None:
        """Remove the files of pairs that are gone, and the folders that are empty then."""
        for path in _paths(gone) - _paths(self._entries.values()):
            with contextlib.suppress(OSError):  # what cannot be removed belongs to no pair any more
                (self.folder / path).unlink()
                (self.folder / path).parent.rmdir()

    def _differences(self, found: PairSet) -> list[str]:
        keys = {**found.made_by, **self.made_by}
        return [key for key in keys if found.made_by.get(key) != self.made_by.get(key)]

    def _take_over(self, found: PairSet, asked_otherwise: bool, update: bool) -> None:
        incomplete = {entry.id for entry in found.pairs if not is_complete(self.folder, entry)}
        self._former = {entry.id: entry for entry in found.former}
        self._entries = {entry.id: entry for entry in found.pairs}
        if update:
            self._outdated = set(self._entries) if asked_otherwise else incomplete | set(found.outdated)
            self._outdated &= self._entries.keys()
            return
        for identifier in incomplete:
            entry = self._entries.pop(identifier)
            if entry.decision.by_hand:
                self._former[identifier] = entry

    def _write(self) -> None:
        started = time.monotonic()
        self._take_in_decisions()
        former = tuple(self._former[key] for key in sorted(self._former))
        PairSet(self.entries, self.made_by, self.simulated, self.outdated, former).write(self.folder)
        self._seen = _state(self.manifest)
        now = time.monotonic()
        self._next = now + max(EVERY, TIMES * (now - started))

    def _take_in_decisions(self) -> None:
        """Keep what reviewers decided while this run was under way."""
        if self._seen is None or _state(self.manifest) in (None, self._seen):
            return
        try:
            others = read_manifest(self.folder).pairs
        except InputError:  # no reason to lose what this run has made
            return
        for other in others:
            entry = self._entries.get(other.id)
            if entry is not None and other.decision.by_hand and (entry.files or not other.accepted):
                self._entries[other.id] = _decided(entry, other)


def _decided(entry: PairEntry, former: PairEntry) -> PairEntry:
    """A pair with what was decided on it before: the reason is the present one of the checks."""
    decision = Decision(former.decision.status, entry.decision.reason, former.decision.reviewer, former.decision.note)
    details = {key: value for key, value in entry.details.items() if key != OTHER_IMAGES}
    if entry.files != former.files or former.details.get(OTHER_IMAGES):
        details[OTHER_IMAGES] = True
    return replace(entry, decision=decision, details=details)


def _paths(entries: Iterable[PairEntry]) -> set[str]:
    return {file.path for entry in entries for file in entry.files.values()}


def _state(path: Path) -> tuple[int, int] | None:
    """What changes when a file is replaced."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
