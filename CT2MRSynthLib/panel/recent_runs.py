"""The runs of late, kept in the application's settings, so that they are found again when it restarts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import qt

KEY = "CT2MRSynth/RecentRuns"

KEPT = 12


def recent_runs() -> list[Path]:
    """Folders of runs, the latest first, as far as they are still there."""
    try:
        content = json.loads(qt.QSettings().value(KEY) or "[]")
    except (TypeError, ValueError, RecursionError):
        return []
    names = [name for name in content if isinstance(name, str)] if isinstance(content, list) else []
    return [Path(name) for name in names if os.path.isdir(name)]


def remember_run(folder: Path) -> None:
    """Put a run first among those of late."""
    runs = recent_runs()
    others = [other for other in runs if other != folder]
    if not others or runs[0] != folder:
        qt.QSettings().setValue(KEY, json.dumps([str(path) for path in [folder, *others][:KEPT]]))


def run_going_on() -> Path | None:
    """The latest run that a process works on, or was working on when something ended it; None: there is none."""
    from CT2MRSynthLib.training.watch import RUNNING, STALLED, STARTING, STOPPING, Watch

    going_on = (STARTING, RUNNING, STOPPING, STALLED)
    return next((folder for folder in recent_runs() if Watch(folder).peek() in going_on), None)
