"""One process a run: a lock that the system takes back when the process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from CT2MRSynthLib.errors import OutputError, UsageError

FILE = ".lock"

#: Seconds for which a lock that is held is tried again: whoever only looks whether it is held (``is_held``) has it for
#: a moment.
PATIENCE = 0.3


class RunLock:
    """Holds a run for this process.

    Args:
        folder: Of the run; made if need be.

    Raises:
        UsageError: Another process holds it.
        OutputError: The folder cannot be made or written.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = folder = Path(folder)
        self._made = not os.path.exists(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(
                f"The run cannot be written to {folder}: {error.strerror or error}; choose another folder."
            ) from None
        if not _locked_in_time(self._handle):
            os.close(self._handle)
            raise UsageError(
                f"Another process works on the run in {folder}; wait for it, stop it (an empty file {folder / 'stop'} "
                "does), or give another folder."
            )

    def release(self) -> None:
        """Let another process have the run; a folder made for one that never began is removed."""
        if self._handle is not None:
            if self._made and os.listdir(self._folder) == [FILE]:
                with contextlib.suppress(OSError):  # Windows keeps open files
                    os.unlink(self._folder / FILE)
                    self._folder.rmdir()
            os.close(self._handle)
            self._handle = None


def is_held(folder: str | Path) -> bool:
    """Whether a process of this machine works on a run.

    Args:
        folder: Of the run; it need not exist.
    """
    try:
        handle = os.open(Path(folder) / FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _locked(handle)
    finally:
        os.close(handle)


def _locked_in_time(handle: int) -> bool:
    """Whether the lock is ours now or in a moment."""
    until = time.monotonic() + PATIENCE
    while not _locked(handle):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _locked(handle: int) -> bool:
    """Whether the lock is ours now; also where the file system knows no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _locked_on_windows(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _locked_on_windows(handle: int) -> bool:
    import msvcrt

    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
