"""How a run is doing, seen from outside by its files alone: another process, another day, a copy of its folder."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from CT2MRSynthLib.training.losses import COLUMNS, read_rows
from CT2MRSynthLib.training.losses import FILE as LOSSES
from CT2MRSynthLib.training.runfiles import EVENTS, STATE, STOP
from CT2MRSynthLib.training.runlock import is_held
from CT2MRSynthLib.training.tail import Tail

NONE, STARTING, RUNNING, STALLED = "none", "starting", "running", "stalled"
STOPPING, STOPPED, FINISHED, FAILED = "stopping", "stopped", "finished", "failed"

#: Seconds without a heartbeat, which comes every four, after which a run counts as stalled.
SILENT = 20.0

#: Names of previews and checkpoints, as the run gives them; a copy that somebody made is passed over.
PREVIEW, CHECKPOINT = re.compile(r"step-\d+\.png"), re.compile(r"checkpoint-\d+\.pt")

#: Events that say nothing of interest here, and those of which only the last does, as they begin in a line.
HEARTBEAT, PROGRESS = '{"event": "heartbeat"', '{"event": "progress"'

#: Warnings that are kept, the newest.
WARNINGS = 20


@dataclass(frozen=True)
class RunStatus:
    """A run at a moment.

    Args:
        folder: Of the run.
        state: "none" (there is no run), "starting", "running", "stalled" (it says it runs and gives no sign of life),
            "stopping", "stopped", "finished" or "failed".
        step: Steps done.
        steps: Of the whole run; 0: the clock ends it.
        fraction: Share of the run that is over, 0 to 1.
        rate: Steps a second; None before it was measured.
        seconds: Spent on it, in all.
        seconds_left: Estimated; None where nothing tells.
        silent: Seconds since the last sign of life.
        held: Whether a process of this machine holds the run, although it says nothing or does not run.
        pid: Of the process that wrote the state; 0: unknown.
        losses: Last row of losses.csv, by column.
        validation: Steps and errors on the pairs held back, in grey levels.
        previews: Pictures of the fixed cases, the oldest first.
        bundle: Folder of the result; None: there is none yet.
        weights_sha256: Of the result, as the run says; may be empty.
        checkpoint: Whether there is one to go on from.
        preset: Name; may be empty.
        device: In torch's words; may be empty.
        error: Sentence of a run that failed.
        warnings: The newest last.
    """

    folder: Path
    state: str = NONE
    step: int = 0
    steps: int = 0
    fraction: float = 0.0
    rate: float | None = None
    seconds: float = 0.0
    seconds_left: float | None = None
    silent: float = 0.0
    held: bool = False
    pid: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)
    validation: tuple[tuple[int, float], ...] = ()
    previews: tuple[Path, ...] = ()
    bundle: Path | None = None
    weights_sha256: str = ""
    checkpoint: bool = False
    preset: str = ""
    device: str = ""
    error: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether a process works on it, as far as one can tell."""
        return self.state in (STARTING, RUNNING, STOPPING) or self.held

    @property
    def resumable(self) -> bool:
        """Whether it can go on; one that is finished needs more steps for that."""
        return self.checkpoint and not self.alive


class Watch:
    """Looks at one run again and again, and reads only what is new.

    Args:
        folder: Of the run; it need not exist.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        #: Rows of losses.csv so far; ``generation`` grows when they begin anew.
        self.rows: list[dict[str, float]] = []
        self.generation = 0
        self._losses, self._events = Tail(self.folder / LOSSES), Tail(self.folder / EVENTS)
        self._header = ",".join(COLUMNS)
        self._start: dict = {}
        self._rate: float | None = None
        self._warnings: list[str] = []
        self._validation: list[tuple[int, float]] = []
        self._state: dict = {}
        self._beat: tuple[float, float] = (0.0, 0.0)

    def look(self, starting: bool = False) -> RunStatus:
        """The status now.

        Args:
            starting: The caller has started a process for this run that is alive: until its first state is written,
                the run is starting, whatever its files say of earlier ones.
        """
        self._read_losses()
        self._read_events()
        self._read_state()
        status = self._described()
        state, held = self._judged(status.silent, starting)
        left = status.seconds_left if state in (RUNNING, STOPPING) else None
        return replace(status, state=state, held=held, seconds_left=left)

    def peek(self) -> str:
        """The state now, without reading what is long."""
        self._read_state()
        return self._judged(self._silence(), False)[0]

    def _judged(self, silent: float, starting: bool) -> tuple[str, bool]:
        """State, and whether a process holds a run that seems to have none."""
        said = self._state.get("status")
        if said == RUNNING and silent <= SILENT:
            return (STOPPING if os.path.exists(self.folder / STOP) else RUNNING), False
        if starting:
            return STARTING, False
        held = is_held(self.folder)
        if said == RUNNING:
            return STALLED, held
        if held:
            return STARTING, True
        return (said if said in (STOPPED, FINISHED, FAILED) else NONE), False

    def _described(self) -> RunStatus:
        state, bundle = self._state, self.folder / "bundle"
        step, steps = int(_number(state.get("step"))), int(_number(state.get("steps")))
        by_steps = step / steps if steps > 0 else 0.0  # the fraction is told less often
        return RunStatus(
            self.folder,
            step=step,
            steps=steps,
            fraction=min(max(_number(state.get("fraction")), by_steps, 0.0), 1.0),
            rate=self._rate,
            seconds=_number(state.get("seconds")),
            seconds_left=_number(state.get("seconds_left"), None),
            silent=self._silence(),
            pid=int(_number(state.get("pid"))),
            losses=dict(self.rows[-1]) if self.rows else {},
            validation=tuple(self._validation),
            previews=tuple(self.folder / "previews" / name for name in _names(self.folder / "previews", PREVIEW)),
            bundle=bundle if os.path.isfile(bundle / "card.json") else None,
            weights_sha256=_text(state.get("weights_sha256")),
            checkpoint=bool(_names(self.folder, CHECKPOINT)),
            preset=_text(self._start.get("preset")),
            device=_text(self._start.get("device")),
            error=_text(state.get("error")),
            warnings=tuple(self._warnings),
        )

    def _silence(self) -> float:
        """Seconds since the last heartbeat.

        By the clock of the run where that is not ahead of ours (a folder on a network drive), otherwise since the
        heartbeat was seen to change.
        """
        heartbeat = _number(self._state.get("heartbeat"))
        if heartbeat != self._beat[0]:
            self._beat = heartbeat, time.monotonic()
        if not heartbeat:
            return 0.0
        by_clock = time.time() - heartbeat
        return by_clock if by_clock >= 0 else time.monotonic() - self._beat[1]

    def _read_state(self) -> None:
        """Renew the state; one that cannot be read at this moment leaves the last one."""
        try:
            state = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._state = {}
        except (OSError, ValueError, RecursionError):
            return
        else:
            if isinstance(state, dict):
                self._state = state

    def _read_losses(self) -> None:
        lines, anew = self._losses.read()
        if anew:
            self.rows, self._validation, self.generation = [], [], self.generation + 1
        if lines and lines[0].startswith("step"):
            self._header = lines.pop(0)
        for row in read_rows("\n".join([self._header, *lines, ""])):
            if all(map(math.isfinite, row.values())) and row["step"] >= self._last_step():
                self.rows.append(row)
                if "validation_mae" in row:
                    self._validation.append((int(row["step"]), row["validation_mae"]))

    def _last_step(self) -> float:
        return self.rows[-1]["step"] if self.rows else 0.0

    def _read_events(self) -> None:
        lines, anew = self._events.read()
        if anew:
            self._start, self._rate, self._warnings = {}, None, []
        last = next((n for n in reversed(range(len(lines))) if lines[n].startswith(PROGRESS)), 0)
        for n, line in enumerate(lines):
            if line.startswith(HEARTBEAT) or (n < last and line.startswith(PROGRESS)):
                continue  # a run of days has a hundred thousand of them
            with contextlib.suppress(ValueError, RecursionError):
                event = json.loads(line)
                if isinstance(event, dict):
                    self._take(event)

    def _take(self, event: dict) -> None:
        kind = event.get("event")
        if kind == "start":
            self._start, self._rate = event, None
        elif kind == "progress":
            self._rate = _number(event.get("rate"), None)
        elif kind == "warning":
            self._warnings = [*self._warnings, _text(event.get("message"))][-WARNINGS:]


def look(folder: str | Path) -> RunStatus:
    """The status of a run, once.

    Args:
        folder: Of the run; it need not exist.
    """
    return Watch(folder).look()


def _names(folder: Path, pattern: re.Pattern) -> list[str]:
    """Names in a folder that match, in order; none where it cannot be read."""
    try:
        return sorted(name for name in os.listdir(folder) if pattern.fullmatch(name))
    except OSError:
        return []


def _number(value, otherwise: float | None = 0.0):
    """A finite number as it is, anything else as ``otherwise``: a file may hold whatever it likes."""
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if plain and math.isfinite(value) else otherwise


def _text(value) -> str:
    return value if isinstance(value, str) else ""
