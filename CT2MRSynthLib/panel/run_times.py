"""What runs took on this computer, kept in the application's settings."""

from __future__ import annotations

import qt

from CT2MRSynthLib.estimate import RunTimes

KEY = "CT2MRSynth/RunTimes"


def load_run_times() -> RunTimes:
    """What is known; nothing where nothing was kept."""
    return RunTimes.from_text(str(qt.QSettings().value(KEY) or ""))


def keep_run_times(times: RunTimes) -> None:
    """Keep it for the next time."""
    qt.QSettings().setValue(KEY, times.to_text())
