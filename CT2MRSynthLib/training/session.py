"""A run as somebody sees it who may start, stop and resume it; the run itself goes on without him."""

from __future__ import annotations

import time
from pathlib import Path

from CT2MRSynthLib.childprocess import ChildProcess, said_of
from CT2MRSynthLib.errors import CT2MRSynthError, OutputError
from CT2MRSynthLib.training.ending import ask_to_stop, end_by_force
from CT2MRSynthLib.training.runfiles import STOP
from CT2MRSynthLib.training.start import (
    StartRequest,
    check_new_folder,
    pairs_of,
    propose_folder,
    refusal,
    start,
    what_it_said,
)
from CT2MRSynthLib.training.watch import FINISHED, STARTING, STOPPING, RunStatus, Watch

#: What pressing Stop would do: nothing, ask, wait for what was asked, end the process.
NOTHING, ASK, WAIT, FORCE = "nothing", "ask", "wait", "force"

#: Seconds after which a process that was asked to stop and did not may be ended: a step with its checkpoint and
#: validation may take so long on a slow machine.
PATIENCE = 60.0


class RunSession:
    """Follows one run at a time.

    The processes it starts outlive it.
    """

    def __init__(self) -> None:
        self._watch: Watch | None = None
        self._children: dict[Path, ChildProcess] = {}
        self._refusals: dict[Path, str] = {}
        self.status: RunStatus | None = None

    @property
    def folder(self) -> Path | None:
        """Of the run; None: none was chosen."""
        return self._watch.folder if self._watch else None

    @property
    def rows(self) -> list[dict[str, float]]:
        """Of losses.csv so far."""
        return self._watch.rows if self._watch else []

    @property
    def generation(self) -> int:
        """Grows when ``rows`` begin anew."""
        return self._watch.generation if self._watch else 0

    @property
    def refusal(self) -> str:
        """Why the process that was started last ended before it had begun; empty: it did not."""
        return self._refusals.get(self.folder, "")

    def set_folder(self, folder: str | Path | None) -> None:
        """Follow another run.

        Args:
            folder: Its folder, which need not exist; None or empty: no run.
        """
        folder = Path(folder) if folder else None
        if folder != self.folder:
            self._watch = Watch(folder) if folder else None
        self.look()

    def look(self) -> RunStatus | None:
        """The status of the run now; None where no run was chosen."""
        if self._watch is None:
            self.status = None
            return None
        child = self._children.get(self.folder)
        if child is not None and child.status is not None:
            del self._children[self.folder]
            self._refusals[self.folder] = self._ended_with(child)
            child = None
        self.status = self._watch.look(starting=child is not None)
        return self.status

    def reason(self, pairs: Path | None, pairs_reason: str, steps: int) -> str:
        """Why it cannot be started or resumed; empty: it can.

        Args:
            pairs: Pair set that is chosen.
            pairs_reason: Why that cannot be trained on; empty: it can.
            steps: That are asked for; 0: as the preset or the run has them.
        """
        status = self.status
        if status is not None and status.alive:
            return "A process works on this run."
        known = pairs_of(status.folder) if status is not None and status.resumable else None
        if known is None:
            if pairs_reason:
                return pairs_reason
            if pairs is None:
                return "There is no pair set to train on; make or open one first."
        if status is None:
            return ""
        if status.resumable:
            if status.state == FINISHED and status.steps and steps <= status.steps:
                return f"The run is finished after {status.steps} steps; give it more steps, or begin a new run."
            return ""
        try:
            check_new_folder(status.folder)
        except CT2MRSynthError as error:
            return str(error)
        return ""

    def start(self, pairs: Path | None, preset: str, steps: int, width: int, device: str) -> Path:
        """Start the run, or go on with it; returns its folder, a new one beside the pair set where none was chosen.

        Args:
            pairs: Pair set that is chosen; a run that goes on takes its own.
            preset: Of a new run.
            steps: In all; 0: as the preset or the run has them.
            width: Of a new run; 0: as the preset.
            device: "auto", "cpu", "cuda" or "mps".

        Raises:
            UsageError: The run cannot be started.
            OutputError: Its folder cannot be written.
        """
        if self.folder is None:
            self.set_folder(propose_folder(pairs, preset))
        out, resume = self.folder, self.status.resumable
        if resume:
            pairs = pairs_of(out) or pairs
        self._refusals.pop(out, None)
        self._children[out] = start(StartRequest(pairs, out, preset, steps, width, device, resume))
        self.look()
        return out

    def stop_means(self) -> str:
        """What ``stop`` would do now: "nothing", "ask", "wait" or "force"."""
        status = self.status
        if status is None or not status.alive:
            return NOTHING
        asked = self._seconds_since_asked()
        if asked is None:
            return ASK
        silent = status.state in (STOPPING, STARTING) or status.held
        return FORCE if silent and asked > PATIENCE else WAIT

    def stop(self) -> None:
        """Ask the run to stop after its current step; where that was long ago, end its process.

        Raises:
            CT2MRSynthError: It cannot be asked, or its process not be told from others.
        """
        means = self.stop_means()
        if means == ASK:
            ask_to_stop(self.folder)
        elif means == FORCE and self.folder in self._children:
            self._children[self.folder].end(patience=0.3)  # it has been asked long ago, and somebody waits
            self._forget_request()
        elif means == FORCE:
            end_by_force(self.status)
            self._forget_request()
        self.look()

    def _forget_request(self) -> None:
        """Nobody is left to heed the request to stop."""
        try:
            (self.folder / STOP).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"Cannot remove {self.folder / STOP}: {error.strerror or error}.") from None

    def _seconds_since_asked(self) -> float | None:
        try:
            return time.time() - (self.folder / STOP).stat().st_mtime
        except OSError:
            return None

    def _ended_with(self, child: ChildProcess) -> str:
        """Why a process ended, where its run could not write it down itself."""
        if child.status == 0:
            return ""
        said = what_it_said(self.folder)
        last = (said.splitlines() or [""])[-1]
        sentence = refusal(said) or f"The process of the training {said_of(child.status)}. {last}".strip()
        return "" if sentence == self._watch.look().error else sentence
