"""What a run tells others while it goes on: events, one JSON object a line, and a state file that shows that it lives.

Events go to ``progress.jsonl`` and to a listener. Each has ``event``, ``time`` (Unix seconds), ``step`` and ``steps``
(0: the run ends by the clock); unknown keys and events are to be ignored.

==========  ===========================================================================================================
event       further fields
==========  ===========================================================================================================
start       version, pairs, patients, validation_pairs, settings, preset, deterministic, device, processes, resumed
progress    fraction, l1, gan, discriminator (means since the last such event), learning_rate, rate (steps per second),
            seconds, seconds_left
heartbeat   nothing; comes where nothing else was said for eight seconds
validation  mae (grey levels of 0 to 255, over the pairs held back), pairs
checkpoint  file
warning     message
stopped     seconds: it was asked to stop and can be resumed; the last event
finished    seconds: the last event
failed      error: the last event
==========  ===========================================================================================================

``state.json`` holds ``status`` (running, stopped, finished, failed), ``step``, ``steps``, ``fraction``, ``heartbeat``
(Unix seconds, renewed while the process lives, however long a step takes), ``pid``, ``seconds``, ``seconds_left``,
``weights_sha256`` of the bundle, and ``error``. A status that stays running while the heartbeat grows old is that of a
process that was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.errors import OutputError

STATE, EVENTS, STOP = "state.json", "progress.jsonl", "stop"

#: Seconds between two looks for a stop request, between two renewals of the state, and of silence before a heartbeat.
LOOK, RENEW, SILENCE = 0.5, 4.0, 8.0


class RunFiles:
    """The events and the state of one run.

    Args:
        folder: Of the run.
        listener: Called with every event as well.
        active: False for a process that shall write and tell nothing (all but the first of a distributed run).
        on_stop: Called when the stop file is there.
    """

    def __init__(
        self,
        folder: Path,
        listener: Callable[[dict], None] | None = None,
        active: bool = True,
        on_stop: Callable[[], None] | None = None,
    ) -> None:
        self.folder, self.active = Path(folder), active
        self._listener, self._on_stop = listener, on_stop
        self._state: dict = {"status": "running", "step": 0, "steps": 0, "fraction": 0.0, "pid": os.getpid()}
        self._state |= {"seconds": 0.0, "seconds_left": None, "weights_sha256": None, "error": None}
        self._guard, self._voice = threading.Lock(), threading.Lock()  # a listener that is slow holds up no state
        self._over = threading.Event()
        self._said = self._written = time.monotonic()
        self._thread: threading.Thread | None = None

    def begin(self, **state) -> None:
        """Write the first state and let the heart beat.

        Raises:
            OutputError: The folder cannot be written.
        """
        if not self.active:
            return
        self.update(**state)
        self.write_state()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")
        self._thread.start()

    def update(self, **state) -> None:
        """Change entries of the state; they are written with the next heartbeat."""
        with self._guard:
            self._state.update(state)

    def say(self, event: str, **fields) -> None:
        """Tell an event. A full disk does not end a training."""
        if not self.active:
            return
        with self._voice:
            self._said = time.monotonic()
            with self._guard:
                place = {name: self._state[name] for name in ("step", "steps")}
            content = {"event": event, "time": round(time.time(), 3), **place, **fields}
            try:
                with open(self.folder / EVENTS, "a", encoding="utf-8") as file:
                    file.write(json.dumps(content) + "\n")
            except OSError:
                pass
            if self._listener is not None:
                self._listener(content)

    def warn(self, message: str) -> None:
        """Tell a warning."""
        self.say("warning", message=message)

    def write_state(self) -> None:
        """Write the state now.

        Raises:
            OutputError: It cannot be written.
        """
        if not self.active:
            return
        with self._guard:
            self._written = time.monotonic()
            state = {**self._state, "heartbeat": round(time.time(), 3)}
            write_text(self.folder / STATE, json.dumps(state) + "\n")

    def end(self, status: str, **fields) -> None:
        """Stop the heart, write the last state and tell the last event.

        Args:
            status: "stopped", "finished" or "failed".
            fields: Of the event; ``error`` also goes into the state.
        """
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self.update(status=status, error=fields.get("error"))
        if status == "finished":
            self.update(seconds_left=0.0)
        try:
            self.write_state()
        except OutputError:
            if status != "failed":  # of a full disk, the first sentence is the one that counts
                raise
        if self.active:
            (self.folder / STOP).unlink(missing_ok=True)
        self.say(status, **fields)

    def forget_after(self, step: int) -> None:
        """Remove events of steps that are not in the checkpoint from which the run goes on."""
        path = self.folder / EVENTS
        with self._voice:
            if self.active and path.exists():
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
                write_text(path, "".join(line + "\n" for line in lines if _step_of(line) <= step))

    def _beat(self) -> None:
        while not self._over.wait(LOOK):
            if self._on_stop is not None and (self.folder / STOP).exists():
                self._on_stop()
            if time.monotonic() - self._written >= RENEW:
                with contextlib.suppress(OutputError):  # the disk may have room again at the next beat
                    self.write_state()
            if time.monotonic() - self._said >= SILENCE:
                self.say("heartbeat")


def clean_up(folder: str | Path, asked: float) -> None:
    """Remove what a process that was killed left: half-written files, and a stop request meant for it.

    Args:
        folder: Of the run.
        asked: When the run that begins was asked for, Unix seconds; a later request to stop is for this one.
    """
    import shutil

    stop = Path(folder) / STOP
    if stop.exists() and stop.stat().st_mtime < asked - 1.0:  # file systems that know whole seconds only
        stop.unlink(missing_ok=True)
    for path in [*Path(folder).glob(".part-*"), *Path(folder).glob("*/.part-*")]:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _step_of(line: str) -> float:
    """The step of an event; endless for a line that was cut off."""
    try:
        return json.loads(line).get("step", 0)
    except (ValueError, AttributeError):
        return float("inf")
