"""How far a run is: one percentage over all stages, the time left, and what happened, for a person or a program.

Everything that is said is an event, a flat JSON object. With ``--events`` each is one line on standard output (ASCII,
flushed), so that a Slicer panel reads it line by line. Unknown keys and events are to be ignored. ``ct`` and ``level``
name the box and are left out where they do not apply.

=========  =============================================================================================================
event      fields
=========  =============================================================================================================
start      schema (1), version of the software, cts, boxes
progress   percent (0 to 100, never falls), seconds_left (null until it can be estimated), stage (words), ct, level.
           Also the heartbeat: one comes at least every two seconds while the process lives.
warning    message, ct, level
result     status ("written" or "skipped"), ct, level, volume, picture, sidecar (paths under the output folder as given)
error      message, ct, level: this CT or box failed; without both, the run cannot go on
end        exit_status, written, skipped, failed, report (path, null if there is none), seconds. Always the last line;
           where it is missing, the process was killed.
=========  =============================================================================================================
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

from CT2MRSynthLib import __version__

#: Version of the events above.
EVENT_SCHEMA = 1

#: Seconds between two heartbeats.
HEARTBEAT = 1.0

#: Share of a stage that elapsed time alone may fill, where the stage itself does not say how far it is.
ASSUMED_AT_MOST = 0.95


class Terminal:
    """Writes events for a person: one line that is renewed on a terminal, now and then a line elsewhere (a log file).

    Args:
        stream: Text stream, as a rule standard error.
        quiet: Warnings and errors only.
        step: Percent between two lines where the stream is no terminal.
    """

    def __init__(self, stream, quiet: bool = False, step: float = 10.0) -> None:
        self._stream, self._quiet, self._step = stream, quiet, step
        self._renews = stream.isatty()
        self._width = 0
        self._said = -step

    def send(self, event: dict) -> None:
        """Show one event."""
        kind = event["event"]
        if kind == "progress":
            self._progress(event)
        elif kind in ("warning", "error"):
            if "ct" in event or kind == "warning":  # an error of the whole run is said by the command
                self._line(f"{kind.capitalize()}{_where(event, ': {}')}: {event['message']}")
        elif kind == "result" and not self._quiet:
            words = "written" if event["status"] == "written" else "skipped: already complete"
            self._line(f"{_where(event, '{}')}: {words}, {event['volume']}")
        elif kind == "end" and not self._quiet and event["report"]:
            counts = ", ".join(f"{event[name]} {name}" for name in ("written", "skipped", "failed") if event[name])
            self._line(f"Boxes: {counts or 'none'}, {_duration(event['seconds'])}. Report: {event['report']}")
        elif kind == "end":
            self._clear()

    def _progress(self, event: dict) -> None:
        if self._quiet:
            return
        left = event["seconds_left"]
        time_left = "" if not left else f", about {_duration(left)} left"
        text = f"{event['percent']:3.0f} %  {_where(event, '{}: ')}{event['stage']}{time_left}"
        if self._renews:
            padding = " " * max(0, self._width - len(text))
            self._stream.write(f"\r{text}{padding}")
            self._stream.flush()
            self._width = len(text)
        elif event["percent"] >= self._said + self._step:
            self._said = event["percent"] // self._step * self._step
            self._line(text)

    def _line(self, text: str) -> None:
        self._clear()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def _clear(self) -> None:
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._width = 0


class Events:
    """Writes events for a program: one JSON object a line.

    Args:
        stream: Text stream, as a rule standard output.
    """

    def __init__(self, stream) -> None:
        self._stream = stream

    def send(self, event: dict) -> None:
        """Write one event."""
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()


@dataclass(eq=False)
class Stage:
    """A piece of work that lies ahead.

    Args:
        kind: Stages of one kind keep one pace: when reading is slow here, so will be the next reading.
        seconds: How long it is expected to take before anything was measured.
    """

    kind: str
    seconds: float


class Progress:
    """Keeps account of the stages of a run and tells its sinks.

    The percentage weighs each stage by the seconds expected of it. The time left scales what lies ahead by the pace
    measured so far, kind by kind. Safe to call from several threads.

    Args:
        sinks: Objects with ``send(event)``, such as ``Terminal`` and ``Events``.
        clock: Seconds, monotonic.
        every: Least seconds between two progress events of one stage.
    """

    def __init__(self, sinks=(), clock=time.monotonic, every: float = 0.25) -> None:
        self._sinks, self._clock, self._every = list(sinks), clock, every
        self._lock = threading.RLock()
        self._ahead: list[Stage] = []
        self._passed = 0.0
        self._percent = 0.0
        self._paces: dict[str, list[float]] = {}
        self._current: tuple[Stage, str, dict, float] | None = None
        self._fraction = 0.0
        self._told = float("-inf")
        self._started = clock()
        self._ended = threading.Event()
        self._counts = {"written": 0, "skipped": 0, "failed": 0}

    def __enter__(self) -> Progress:
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._started

    def start(self, cts: int, boxes: int) -> None:
        """Say what lies ahead."""
        self._send({"event": "start", "schema": EVENT_SCHEMA, "version": __version__, "cts": cts, "boxes": boxes})

    def expect(self, kind: str, seconds: float) -> Stage:
        """Add a stage to what lies ahead."""
        stage = Stage(kind, max(float(seconds), 1e-3))
        with self._lock:
            self._ahead.append(stage)
        return stage

    def drop(self, *stages: Stage) -> None:
        """These stages are not needed (box skipped, CT failed)."""
        with self._lock:
            for stage in stages:
                if stage in self._ahead:
                    self._ahead.remove(stage)
                    self._passed += stage.seconds

    @contextmanager
    def stage(self, stage: Stage, words: str, **where: str):
        """Work on a stage; yields a function that takes the fraction done, 0 to 1.

        Args:
            stage: From ``expect``.
            words: What a person reads.
            where: ``ct`` and ``level``.
        """
        with self._lock:
            began = self._clock()
            self._current, self._fraction = (stage, words, where, began), 0.0
            self._tell(force=True)
        complete = False
        try:
            yield self.advance
            complete = True
        finally:
            with self._lock:
                if complete:
                    pace = self._paces.setdefault(stage.kind, [0.0, 0.0])
                    pace[0] += self._clock() - began
                    pace[1] += stage.seconds
                self._current = None
                self.drop(stage)

    def advance(self, fraction: float) -> None:
        """The current stage is done to this fraction, 0 to 1."""
        with self._lock:
            self._fraction = min(max(float(fraction), self._fraction), 1.0)
            self._tell()

    def warn(self, message: str, **where: str) -> None:
        """Tell the user something that does not stop the work."""
        self._send({"event": "warning", "message": message, **where})

    def fail(self, message: str, boxes: int = 1, **where: str) -> None:
        """A CT, with so many boxes, or a box failed."""
        self._counts["failed"] += boxes
        self._send({"event": "error", "message": message, **where})

    def result(self, status: str, files: dict[str, str], **where: str) -> None:
        """A box is complete: ``status`` is "written" or "skipped", ``files`` holds volume, picture and sidecar."""
        self._counts[status] += 1
        self._send({"event": "result", "status": status, **files, **where})

    def end(self, exit_status: int, report: str | None) -> None:
        """Nothing more comes."""
        self._ended.set()
        if exit_status == 0 or (exit_status == 1 and report):
            self._percent = 100.0
            self._send({"event": "progress", "percent": 100.0, "seconds_left": 0.0, "stage": "finished"})
        seconds = round(self.elapsed, 2)
        self._send({"event": "end", "exit_status": exit_status, **self._counts, "report": report, "seconds": seconds})

    def stop(self, message: str, exit_status: int) -> None:
        """The run cannot go on."""
        self._send({"event": "error", "message": message})
        self.end(exit_status, None)

    def position(self) -> tuple[float, float | None]:
        """Percent done and seconds left; None before anything was measured."""
        with self._lock:
            done, current, spent = self._passed, 0.0, 0.0
            if self._current:
                stage, _, _, began = self._current
                spent = self._clock() - began
                current = stage.seconds * max(self._fraction, self._assumed(stage, spent))
            total = self._passed + sum(stage.seconds for stage in self._ahead)
            if total > 0:
                self._percent = max(self._percent, min(100.0 * (done + current) / total, 99.9))
            return self._percent, self._seconds_left(spent)

    def _assumed(self, stage: Stage, spent: float) -> float:
        return min(spent / (stage.seconds * self._pace(stage.kind)), ASSUMED_AT_MOST)

    def _pace(self, kind: str) -> float:
        """Seconds taken for each second expected: of this kind, otherwise of all, otherwise one."""
        measured = self._paces.get(kind) or [sum(pace[n] for pace in self._paces.values()) for n in (0, 1)]
        return max(measured[0] / measured[1], 1e-3) if measured[1] > 0 else 1.0

    def _seconds_left(self, spent: float) -> float | None:
        if not self._paces and not self._fraction:
            return None
        left = 0.0
        for stage in self._ahead:
            seconds = stage.seconds * self._pace(stage.kind)
            if self._current and stage is self._current[0]:
                if self._fraction > 0:
                    seconds = spent * (1 - self._fraction) / self._fraction
                else:
                    seconds = max(seconds - spent, seconds * (1 - ASSUMED_AT_MOST))
            left += seconds
        return left

    def _tell(self, force: bool = False) -> None:
        now = self._clock()
        if not self._current or (not force and now - self._told < self._every):
            return
        self._told = now
        percent, left = self.position()
        event = {
            "event": "progress",
            "percent": round(percent, 1),
            "seconds_left": None if left is None else round(left, 1),
        }
        self._send({**event, "stage": self._current[1], **self._current[2]})

    def _send(self, event: dict) -> None:
        with self._lock:
            for sink in self._sinks:
                sink.send(event)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            with self._lock:
                try:
                    self._tell(force=True)
                except OSError:  # the reader has left; the main thread meets the same and ends the run
                    return


def _where(event: dict, form: str) -> str:
    names = [event[key] for key in ("ct", "level") if event.get(key)]
    return form.format(" ".join(names)) if names else ""


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
