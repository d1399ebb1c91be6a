"""Stopping a run from outside: by asking, and by force where it does not hear."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from CT2MRSynthLib.childprocess import no_window
from CT2MRSynthLib.errors import OutputError, UsageError
from CT2MRSynthLib.training.runfiles import STOP
from CT2MRSynthLib.training.runlock import is_held
from CT2MRSynthLib.training.watch import RunStatus


def ask_to_stop(folder: str | Path) -> None:
    """Ask a run to stop after its current step; it writes a checkpoint and can go on later.

    Args:
        folder: Of the run.

    Raises:
        OutputError: The request cannot be written.
    """
    try:
        (Path(folder) / STOP).touch()
    except OSError as error:
        raise OutputError(f"The run in {folder} cannot be asked to stop: {error.strerror or error}.") from None


def end_by_force(status: RunStatus) -> None:
    """End the process of a run that does not hear; its checkpoints stay, and it can go on from the last one.

    Nothing is ended that is not sure to be that process: it must hold the run's lock on this machine, and its command
    must name the run.

    Args:
        status: Of the run, as seen last.

    Raises:
        UsageError: The process cannot be told from others.
    """
    folder, pid = status.folder, status.pid
    if not is_held(folder):
        return
    command = _command_of(pid) if pid > 1 and pid != os.getpid() else ""
    if "train" not in command.split() or folder.name not in command:
        raise UsageError(
            f"The process that works on the run in {folder} cannot be found on this machine; end it where it was "
            "started, and resume the run then."
        )
    _kill(pid)


def _command_of(pid: int) -> str:
    """The command line of a process; empty where there is none."""
    with contextlib.suppress(OSError):  # Linux: without a program of the system, which Slicer's libraries may upset
        return Path(f"/proc/{pid:d}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    words = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    if os.name == "nt":
        query = f"(Get-CimInstance Win32_Process -Filter 'ProcessId={pid:d}').CommandLine"
        words = ["powershell", "-NoProfile", "-NonInteractive", "-Command", query]
    try:
        found = subprocess.run(
            words, capture_output=True, timeout=20, stdin=subprocess.DEVNULL, creationflags=no_window()
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.decode("utf-8", "replace")


def _kill(pid: int) -> None:
    """The process, and the group that was made for it: a launcher, workers."""
    if os.name == "nt":
        words = ["taskkill", "/T", "/F", "/PID", str(pid)]
        subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, creationflags=no_window())
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        group = os.getpgid(pid)
        if group in (os.getpgrp(), 1):
            os.kill(pid, signal.SIGKILL)
        else:
            os.killpg(group, signal.SIGKILL)
