"""Work that tells its parts by name, as stages of the progress."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping


class Stages:
    """Turns what the library tells ("CT", 0.3) into stages of the progress; a context manager.

    Args:
        progress: A ``progress.Progress``.
        expected: By name of each part to come, the seconds it is expected to take.
    """

    def __init__(self, progress, expected: Mapping[str, float]) -> None:
        self._progress = progress
        self._stages = {name: progress.expect(name, seconds) for name, seconds in expected.items()}
        self._name, self._advance, self._stack = "", None, contextlib.ExitStack()

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *error) -> None:
        self._stack.__exit__(*error)

    def __call__(self, name: str, fraction: float) -> None:
        """How far (0 to 1) the part of this name is."""
        if name != self._name:
            self._stack.close()
            self._name = name
            self._advance = self._stack.enter_context(self._progress.stage(self._stages[name], name))
        self._advance(fraction)
