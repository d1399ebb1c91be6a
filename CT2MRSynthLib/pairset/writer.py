"""A pair set in the making: pairs are added one by one, and a run that was ended goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.pairset.images import is_complete
from CT2MRSynthLib.pairset.manifest import MANIFEST, PairEntry, PairSet, read_manifest

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

    Raises:
        UsageError: The folder holds a pair set that something else was asked for.
        InputError: Its manifest is damaged.
        OutputError: The folder cannot be written.
    """

    def __init__(self, folder: str | Path, made_by: Mapping, simulated: bool = False) -> None:
        self.folder, self.made_by, self.simulated = Path(folder), dict(made_by), simulated
        self._entries: dict[str, PairEntry] = {}
        if (self.folder / MANIFEST).exists():
            found = read_manifest(self.folder)
            other = [
                key for key in {**found.made_by, **self.made_by} if found.made_by.get(key) != self.made_by.get(key)
            ]
            if other:
                words = ", ".join(f"{key} {found.made_by.get(key)!r} not {self.made_by.get(key)!r}" for key in other)
                raise UsageError(
                    f"The folder {folder} holds another pair set ({words}); give another folder, or ask for the same."
                )
            self._entries = {entry.id: entry for entry in found.pairs if is_complete(self.folder, entry)}
        self._write()

    def __enter__(self) -> PairSetWriter:
        return self

    def __exit__(self, *_) -> None:
        self._write()

    @property
    def manifest(self) -> Path:
        """The manifest's path."""
        return self.folder / MANIFEST

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, identifier: str) -> bool:
        """Whether a pair is there, complete."""
        return identifier in self._entries

    def add(self, entry: PairEntry) -> None:
        """Take in a pair whose files are written."""
        self._entries[entry.id] = entry
        if time.monotonic() > self._next:
            self._write()

    def _write(self) -> None:
        started = time.monotonic()
        PairSet(tuple(self._entries[key] for key in sorted(self._entries)), self.made_by, self.simulated).write(
            self.folder
        )
        now = time.monotonic()
        self._next = now + max(EVERY, TIMES * (now - started))
