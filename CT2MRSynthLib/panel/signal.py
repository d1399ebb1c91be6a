"""A signal between parts of the panel."""

from __future__ import annotations

from collections.abc import Callable


class Signal:
    """Calls what is connected to it, in the order of connection."""

    def __init__(self) -> None:
        self._receivers: list[Callable] = []

    def connect(self, receiver: Callable) -> None:
        """Call ``receiver`` with what ``emit`` is given."""
        self._receivers.append(receiver)

    def disconnect(self, receiver: Callable) -> None:
        """Call it no more; nothing happens where it is not connected."""
        self._receivers = [one for one in self._receivers if one != receiver]

    def emit(self, *values) -> None:
        """Call all receivers."""
        for receiver in list(self._receivers):
            receiver(*values)
