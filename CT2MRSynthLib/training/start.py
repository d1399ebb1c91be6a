"""Starting a run in a process of its own, which outlives whoever starts it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.childprocess import ERRORS, ChildProcess, last_lines, library_command
from CT2MRSynthLib.errors import OutputError, UsageError
from CT2MRSynthLib.training.runlock import is_held

#: In the folder of a run: what its process says, and what it was asked for.
FOLDER, REQUEST = "process", "request.json"


@dataclass(frozen=True)
class StartRequest:
    """What the panel asks of ``ct2mrsynth train``.

    Args:
        pairs: Folder of the pair set.
        out: Folder of the run.
        preset: Name; not used where a run goes on.
        steps: In all; 0: the preset's, or those of the run that goes on.
        width: Of the generator; 0: the preset's; not used where a run goes on.
        device: "auto", "cpu", "cuda" or "mps".
        resume: Go on with the run in ``out``.
    """

    pairs: Path
    out: Path
    preset: str = ""
    steps: int = 0
    width: int = 0
    device: str = "auto"
    resume: bool = False

    def words(self) -> list[str]:
        """Of the command, after ``ct2mrsynth``."""
        words = ["train", "--pairs", str(self.pairs), "--out", str(self.out), "--device", self.device]
        if self.steps > 0:
            words += ["--steps", str(self.steps)]
        if self.resume:
            return [*words, "--resume"]
        if self.preset:
            words += ["--preset", self.preset]
        return [*words, "--width", str(self.width)] if self.width > 0 else words


def start(request: StartRequest) -> ChildProcess:
    """Start the process of a run.

    Args:
        request: What for.

    Raises:
        UsageError: Another process works on the run.
        OutputError: The folder cannot be written.
    """
    if is_held(request.out):
        raise UsageError(f"Another process works on the run in {request.out} already.")
    try:
        folder = request.out / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / REQUEST, json.dumps({"pairs": str(request.pairs)}) + "\n")
        return ChildProcess(library_command(*request.words()), folder, gentle=True)
    except OSError as error:
        raise OutputError(
            f"The run cannot be started in {request.out}: {error.strerror or error}; choose another folder."
        ) from None


def pairs_of(run: str | Path) -> Path | None:
    """The pair set a run was started with from here; None where it is not known or gone."""
    try:
        content = json.loads((Path(run) / FOLDER / REQUEST).read_text(encoding="utf-8"))
        folder = Path(content["pairs"])
        return folder if os.path.isfile(folder / "manifest.json") else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def what_it_said(run: str | Path, lines: int = 20) -> str:
    """The end of what the process of a run wrote to standard error."""
    return last_lines(Path(run) / FOLDER / ERRORS, lines)


def refusal(said: str) -> str:
    """The sentence with which a command of this library ended; empty where it gave none.

    Args:
        said: The end of its standard error.
    """
    found = [line.partition(": ")[2] for line in said.splitlines() if line.startswith("ct2mrsynth: ")]
    return found[-1] if found else ""


def propose_folder(pairs: str | Path, preset: str) -> Path:
    """A folder for a new run beside a pair set, such as "runs/best-2"; nothing is made.

    Args:
        pairs: Folder of the pair set.
        preset: Name.
    """
    base = Path(pairs).absolute().parent / f"{Path(pairs).absolute().name}-runs"
    number = 1
    while os.path.exists(base / f"{preset}-{number}"):
        number += 1
    return base / f"{preset}-{number}"


def check_new_folder(run: str | Path) -> None:
    """Refuse a folder for a new run that holds something else.

    Raises:
        UsageError: It is a file, cannot be read, or is a folder with other things than what an earlier start left.
    """
    run = Path(run)
    if not run.is_absolute():
        raise UsageError(f"The folder of the run is {str(run)!r}; give its whole path.")
    try:
        names = os.listdir(run)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise UsageError(f"{run} is a file, or lies in one; give a folder for the run.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"The folder of the run cannot be used ({reason}); give another one.") from None
    if any(name not in (FOLDER, ".lock", "stop") for name in names):
        raise UsageError(f"The folder {run} is not empty; give a new one for the run.")
