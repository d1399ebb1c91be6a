"""A command in a process of its own, watched without threads: its output goes to files, which are read now and then.

Files instead of pipes, because nobody need empty them: a process that outlives its parent does not block, and a
parent whose threads stand still (a Slicer that waits for events) misses nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

#: The folder that holds the package.
BASE = Path(__file__).resolve().parents[1]

#: Names of the files in the folder of a process.
OUTPUT, ERRORS = "output.txt", "errors.txt"

#: Nice value of a gentle process.
GENTLE = 10


def python_executable() -> str:
    """The interpreter for children: in Slicer its launcher, which sets up the libraries; otherwise this one."""
    inside = "slicer" in os.path.basename(sys.executable).lower() or sys.executable == ""
    return (shutil.which("PythonSlicer") if inside else None) or sys.executable or "python"


def library_command(*words: str, module: str = "CT2MRSynthLib") -> list[str]:
    """The words that run a module of this library, such as ``library_command("train", "--pairs", folder)``.

    The path of the library is said in the command, since PythonSlicer knows nothing of extensions.
    """
    code = (
        f"import sys, runpy; sys.path.insert(0, {str(BASE)!r}); sys.argv[0] = {module!r}; "
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    return [python_executable(), "-X", "utf8", "-c", code, *words]


class ChildProcess:
    """A process in a group of its own.

    Args:
        words: The command.
        folder: For its output; made where it is missing.
        environment: Variables besides those of this process.
        gentle: Whether it gives way to other programs: for work of hours beside which the computer is used.
    """

    def __init__(
        self,
        words: Sequence[str],
        folder: str | Path,
        environment: Mapping[str, str] | None = None,
        gentle: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._read = 0
        options = {"creationflags": _windows_flags(gentle)} if os.name == "nt" else {"start_new_session": True}
        with open(self.folder / OUTPUT, "wb") as output, open(self.folder / ERRORS, "wb") as errors:
            self._process = subprocess.Popen(
                list(words),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
                **options,
            )
        if gentle and os.name != "nt":
            with contextlib.suppress(OSError):  # it has ended already
                os.setpriority(os.PRIO_PGRP, self.pid, GENTLE)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def new_lines(self) -> list[str]:
        """Whole lines of output since the last time; once the process has ended, also an unfinished one."""
        ended = self.status is not None
        with open(self.folder / OUTPUT, "rb") as file:
            file.seek(self._read)
            content = file.read()
        if not ended:
            content = content[: content.rfind(b"\n") + 1]
        self._read += len(content)
        return content.decode("utf-8", "replace").splitlines()

    def new_events(self) -> list[dict]:
        """The JSON objects among the new lines."""
        found = []
        for line in self.new_lines():
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    found.append(event)
        return found

    def last_words(self, lines: int = 20) -> str:
        """The end of what it wrote to standard error."""
        return last_lines(self.folder / ERRORS, lines)

    def ask_to_end(self) -> None:
        """Ask it to end and return at once; where nothing can be asked (Windows), end it."""
        if os.name == "nt":
            self.end()
        else:
            _signal_group(self.pid, signal.SIGTERM)

    def end(self, patience: float = 3.0) -> None:
        """End it with all processes it has started: asked first, killed after ``patience`` seconds.

        One that has ended is left alone: its number may be another's by now.
        """
        if self.status is not None:
            return
        if os.name == "nt":
            subprocess.run(
                ["taskkill", "/T", "/F", "/PID", str(self.pid)],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                creationflags=no_window(),
            )
        else:
            _signal_group(self.pid, signal.SIGTERM)
            self._wait(patience, reap=False)
            _signal_group(self.pid, signal.SIGKILL)  # what it has started may not have listened
        self._wait(max(patience, 1.0))

    def _wait(self, patience: float, reap: bool = True) -> None:
        """Wait for its end; until it is reaped, its number, which is that of its group, is nobody else's."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if self.status is not None if reap or not hasattr(os, "waitid") else _has_ended(self.pid):
                return  # macOS knows waitid only from Python 3.13 on
            time.sleep(0.01)


def last_lines(path: str | Path, lines: int = 20) -> str:
    """The end of a text file; empty where there is none."""
    try:
        content = Path(path).read_bytes()[-20_000:]
    except OSError:
        return ""
    return "\n".join(content.decode("utf-8", "replace").splitlines()[-lines:])


def said_of(status: int) -> str:
    """An exit status in words: "ended with status 3", "was killed by signal 9 (SIGKILL)"."""
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by signal {-status} ({signal.Signals(-status).name})"
    return f"was ended by signal {-status}"


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _has_ended(pid: int) -> bool:
    """Whether a child process has ended, without reaping it."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # reaped already
        return True


def no_window() -> int:
    """Creation flags for a console program on Windows that shall not open a window; 0 elsewhere."""
    return getattr(subprocess, "CREATE_NO_WINDOW", 0)


def _windows_flags(gentle: bool) -> int:
    """No console window, a process group of its own, and where it shall be gentle a priority below the usual."""
    names = ["CREATE_NEW_PROCESS_GROUP", *(["BELOW_NORMAL_PRIORITY_CLASS"] if gentle else [])]
    return no_window() | sum(getattr(subprocess, name, 0) for name in names)
