"""Something to be done again and again while the application stays responsive."""

from __future__ import annotations

import time
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


class Lookout(Ticker):
    """Looks at files at intervals: not while nobody would see it, and less often where a look takes long.

    Files may lie on a network drive, where each look holds up the application.

    Args:
        seconds: Between two looks.
        look: How to look.
        is_seen: Whether somebody would see what is found.
    """

    #: After a look nothing is done for so many times as long as it took.
    TIMES = 20.0

    def __init__(self, seconds: float, look: Callable[[], None], is_seen: Callable[[], bool]) -> None:
        self._look, self._is_seen, self._not_before = look, is_seen, 0.0
        super().__init__(seconds, self._on_time)

    def _on_time(self) -> None:
        started = time.monotonic()
        if started < self._not_before or not self._is_seen():
            return
        try:
            self._look()
        finally:
            ended = time.monotonic()
            self._not_before = ended + self.TIMES * (ended - started)
