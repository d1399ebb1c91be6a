"""What tests of the worker process need: a fake torch that does not start, and patience."""

from __future__ import annotations

import os
import time
from pathlib import Path


def wait_for(condition, patience: float = 60.0, meanwhile=None):
    """What ``condition`` gives once it is true."""
    until = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < until, "nothing came"
        if meanwhile is not None:
            meanwhile()
        time.sleep(0.01)
    return found


def is_alive(pid: int) -> bool:
    """Whether a process is there; one that waits to be asked how it ended does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def put_before_torch(monkeypatch, folder: Path, code: str) -> None:
    """Let children import a package torch that holds ``code`` in place of the real one."""
    (folder / "torch").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))


#: What a torch says whose libraries are missing.
BROKEN = "raise OSError('libtorch_cpu.so: cannot open shared object file\\nand so on')"

#: A torch that takes its time, so that a run can be met while it starts.
SLOW = "import time; time.sleep(60)"
