"""Something to be done again and again while the application stays responsive."""

from __future__ import annotations

from collections.abc import Callable

import qt


class Ticker:
    """Calls a function at intervals, on the main thread, until stopped.

    Background threads of Python stand still while the application waits for events, so whatever goes on beside
    the panel is looked at from here.

    Args:
        seconds: Between two calls.
        call: What to call.
    """

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self._timer = qt.QTimer()
        self._timer.setInterval(int(seconds * 1000))
        self._timer.connect("timeout()", call)

    def start(self) -> None:
        """Begin, or go on."""
        self._timer.start()

    def stop(self) -> None:
        """Stop; ``start`` begins again."""
        self._timer.stop()
