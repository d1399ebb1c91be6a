"""A command of the library that goes on beside the panel, told of while it runs, and that ends with the panel."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from CT2MRSynthLib.childprocess import ChildProcess, library_command, said_of
from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.eventlog import EventLog
from CT2MRSynthLib.panel.signal import Signal
from CT2MRSynthLib.panel.ticker import Ticker

#: Seconds between two looks, and those that a process has to end by itself when asked.
EVERY, PATIENCE = 0.25, 5.0


@dataclass(frozen=True)
class JobEnd:
    """How a job ended.

    Args:
        status: Exit status of the process, negative for a signal.
        cancelled: The user ended it.
        sentence: What went wrong; empty where nothing did, or the user ended it.
        details: The last lines of its log.
        log: All that it has told.
    """

    status: int
    cancelled: bool
    sentence: str
    details: str
    log: EventLog


class LibraryJob:
    """One command at a time; ``changed`` tells of what goes on, ``ended`` with a ``JobEnd``."""

    def __init__(self) -> None:
        self.changed = Signal()
        self.ended = Signal()
        self.log = EventLog()
        self._process: ChildProcess | None = None
        self._until: float | None = None
        self._ticker = Ticker(EVERY, self._look)

    @property
    def is_running(self) -> bool:
        """Whether a process is at work."""
        return self._process is not None

    @property
    def is_cancelled(self) -> bool:
        """Whether the process was asked to end."""
        return self._until is not None

    def start(self, *words: str) -> None:
        """Start a command; where one is running, nothing happens.

        Args:
            words: Of the command line, such as "pairs", "audit", the folder, and what makes it tell events.

        Raises:
            CT2MRSynthError: It cannot be started.
        """
        if self.is_running:
            return
        self.log, self._until = EventLog(), None
        try:
            folder = tempfile.mkdtemp(prefix="ct2mrsynth-")
            self._process = ChildProcess(library_command(*words), folder, gentle=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise CT2MRSynthError(_("The work cannot be started: {reason}.").format(reason=reason)) from None
        self._ticker.start()

    def cancel(self) -> None:
        """Ask the process to end; what it has completed is kept."""
        if self.is_running and not self.is_cancelled:
            self._until = time.monotonic() + PATIENCE
            self._process.ask_to_end()
            self.changed.emit()

    def cleanup(self) -> None:
        """End the process, tell nobody."""
        self._ticker.stop()
        if self._process is not None:
            self._process.end(patience=1.0)
            self._forget()

    def _look(self) -> None:
        process = self._process
        if process is None:
            return
        status = process.status  # before the lines, so that none of a process that has ended is missed
        told = self._take()
        if status is not None:
            self._ticker.stop()
            self._take()
            end = self._end_of(status, process.last_words())
            self._forget()
            self.ended.emit(end)
        elif self.is_cancelled and time.monotonic() > self._until:
            process.end(patience=0.1)
        elif told:
            self.changed.emit()

    def _take(self) -> bool:
        try:
            return self.log.take(self._process.new_events())
        except OSError:  # the folder of temporary files was cleared
            return False

    def _end_of(self, status: int, details: str) -> JobEnd:
        lines = [line.removeprefix("ct2mrsynth: ") for line in details.splitlines() if line.strip()]
        sentence = ""
        if status != 0 and not self.is_cancelled:
            told = self.log.errors[-1:] or lines[-1:]
            sentence = told[0] if told else _("The process {ended}.").format(ended=said_of(status))
        return JobEnd(status, self.is_cancelled, sentence, details, self.log)

    def _forget(self) -> None:
        folder, self._process = Path(self._process.folder), None
        shutil.rmtree(folder, ignore_errors=True)


def time_left(seconds: float | None) -> str:
    """Words for the time that is left; empty where it is not known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return _("about {number} s left").format(number=max(1, round(seconds)))
    if seconds < 5400:
        return _("about {number} min left").format(number=round(seconds / 60))
    return _("about {number} h left").format(number=round(seconds / 3600))


def state_of(job: LibraryJob) -> str:
    """Words for what a running job does."""
    if job.is_cancelled:
        return _("Ending...")
    parts = [job.log.stage or _("Starting..."), time_left(job.log.seconds_left)]
    return ", ".join(part for part in parts if part)
