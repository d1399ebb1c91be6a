"""The caller's side of ``worker``: starts it, gives it slices, listens, takes its result, ends it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from CT2MRSynthLib import worker
from CT2MRSynthLib.atomic import replacing, write_text
from CT2MRSynthLib.bundle import Bundle
from CT2MRSynthLib.childprocess import ChildProcess, library_command, said_of
from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.estimate import Estimate
from CT2MRSynthLib.job import Options

#: Seconds the worker has to end when asked; it holds nothing that must be saved.
PATIENCE = 0.3

#: Seconds without a word of the worker, which speaks every second, after which the user is told.
SILENCE = 20.0

#: Names of the folders of workers begin with it.
PREFIX = "ct2mrsynth-worker-"

#: Seconds after which a folder is abandoned where it cannot be asked whether its caller lives.
OLD = 86400.0


@dataclass(frozen=True)
class Failure:
    """Why the work failed.

    Args:
        sentence: For the user.
        kind: "torch" where PyTorch is missing or does not start, "bundle", "device" or "".
        log: Last lines of the worker's log.
    """

    sentence: str
    kind: str = ""
    log: str = ""


class WorkerClient:
    """A worker and its folder.

    After ``listen``, ``share`` is the share of its work done, 0 to 1, ``words`` says what it does, ``device`` where it
    runs (empty until it is ready, after ``start_seconds``), ``slices_done`` how many slices it has made, and
    ``failure`` why it failed.

    Args:
        bundle: The model, checked.
        options: Device and precision.
        slices: How many will be given.
        estimate: What the run is expected to take, to weigh the progress.
        temporary: Where to make the folder. None: the system's temporary folder.

    Raises:
        OSError: The folder cannot be made or the process not started.
    """

    def __init__(
        self,
        bundle: Bundle,
        options: Options,
        slices: int,
        estimate: Estimate,
        temporary: str | Path | None = None,
    ) -> None:
        self.words, self.share, self._told_left = "", 0.0, None
        self.device, self.start_seconds, self.slices_done = "", 0.0, 0
        self.failure: Failure | None = None
        self._given: tuple[int, ...] = ()
        self._start, self._total = max(estimate.start, 0.1), max(estimate.seconds(slices), 0.2)
        self._began = self._heard = time.monotonic()
        parent = Path(temporary or tempfile.gettempdir())
        parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(parent)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        request = {
            "bundle": str(bundle.path),
            "sha256": bundle.sha256,
            "device": options.device,
            "precision": options.precision,
            "slices": slices,
            "caller": os.getpid(),
            "expected": {"start": estimate.start, "slice": estimate.slice},
        }
        try:
            write_text(self.folder / worker.MODEL, json.dumps(request))
            words = library_command(str(self.folder), module="CT2MRSynthLib.worker")
            self._child = ChildProcess(words, self.folder)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._child.pid

    @property
    def seconds_left(self) -> float | None:
        """As it estimates them; while it starts, as expected. None where there is nothing to go by."""
        if self.device:
            return self._told_left
        left = self._total - (time.monotonic() - self._began)
        return left if left > 0 else None

    @property
    def is_silent(self) -> bool:
        """Whether it has not spoken for so long that something may be wrong."""
        return time.monotonic() - self._heard > SILENCE

    @property
    def is_done(self) -> bool:
        """Whether the result is there."""
        return (self.folder / worker.RESULT).exists()

    def give(self, grey: np.ndarray) -> None:
        """Give it the slices, uint8, shape (n, 256, 256)."""
        self._given = grey.shape
        with replacing(self.folder / worker.SLICES) as temporary, temporary.open("wb") as stream:
            np.save(stream, grey, allow_pickle=False)

    def listen(self) -> None:
        """Take in what it has said since the last time; ``failure`` says whether it failed."""
        ended = self._child.status  # asked before reading, lest its last words are missed
        for event in self._child.new_events():
            self._heard = time.monotonic()
            self._take(event)
        if not self.device:  # while it starts it says little: the time that has passed tells
            passed = min((time.monotonic() - self._began) / self._start, 0.95)
            self._reach(passed * self._start / self._total)
        if ended is None or self.failure is not None or self.is_done:
            return
        if ended == 0:
            self._fail("The process that runs the generator ended without a result.")
        else:
            self._fail(f"The process that runs the generator {said_of(ended)}{_memory(ended)}.")

    def take(self) -> tuple[np.ndarray, dict]:
        """The result: slices, uint8, of the shape that was given, and what ``worker`` tells in result.json.

        Raises:
            CT2MRSynthError: It is not what was asked for.
        """
        told = json.loads((self.folder / worker.RESULT).read_text(encoding="utf-8"))
        images = np.load(self.folder / worker.IMAGES, allow_pickle=False)
        if images.shape != self._given or images.dtype != np.uint8:
            raise CT2MRSynthError(f"The generator gave slices of {images.dtype} and shape {images.shape}; run again.")
        return images, told

    def end(self) -> None:
        """End the process and remove the folder."""
        self._child.end(PATIENCE)
        for _ in range(5):  # Windows keeps files for a moment after their process has ended
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.05)

    @property
    def log(self) -> str:
        """Last lines of what it wrote to standard error."""
        return self._child.last_words()

    def _take(self, event: dict) -> None:
        kind = event.get("event")
        if kind == "progress":
            self._reach(float(event.get("percent") or 0.0) / 100)
            self.words, self._told_left = str(event.get("stage") or ""), event.get("seconds_left")
        elif kind == "ready":
            self.start_seconds, self.device = time.monotonic() - self._began, str(event.get("device") or "")
        elif kind == "slices":
            self.slices_done = int(event.get("done") or 0)
        elif kind == "error":
            self._fail(str(event.get("message") or ""), str(event.get("kind") or ""))

    def _reach(self, share: float) -> None:
        self.share = max(self.share, min(share, 1.0))

    def _fail(self, sentence: str, kind: str = "") -> None:
        self.failure = self.failure or Failure(sentence, kind, self.log)


def remove_abandoned(parent: Path) -> None:
    """Remove what callers that crashed have left in a temporary folder: it holds slices of a patient."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            caller = int(json.loads((folder / worker.MODEL).read_text(encoding="utf-8"))["caller"])
            age = time.time() - (folder / worker.MODEL).stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError):  # just made, or just removed
            continue
        if not worker.lives(caller) or (os.name != "posix" and age > OLD):
            shutil.rmtree(folder, ignore_errors=True)


def _memory(status: int) -> str:
    """What an ending without a word most often means."""
    return "; the memory of this computer may not suffice, close other programs and try again" if status == -9 else ""
