"""What all tests share: the package on the path, real data where present, a real MRML scene."""

import os
import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT, Path(__file__).resolve().parent, ROOT / "Testing" / "Slicer"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

# Processes of tests beside each other share the cores; threads of theirs on top of that would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

# Whoever runs the tests may have let a bundle of his own in; tests and the processes they start use the shipped one.
os.environ["CT2MRSYNTH_HOME"] = str(ROOT / "no-user-here")

# A shell's background job ignores Ctrl+C and so would the processes it starts: those that tests interrupt must not.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real CTs beside the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is absent")
    return folder


@pytest.fixture
def mrml_scene():
    """An empty MRML scene with Slicer's colors and subject hierarchy."""
    pytest.importorskip("slicer", reason="no MRML: install slicer-core")
    from scenes import new_scene

    scene = new_scene()
    yield scene
    scene.Clear(1)


@pytest.fixture
def slicer_app(mrml_scene):
    """The stand-in for the application, with views and a main window: see Testing/Slicer/README.md."""
    yield from _session(mrml_scene, main_window=True)


@pytest.fixture
def slicer_app_without_window(mrml_scene):
    """The stand-in as Slicer is under --no-main-window: no layout manager."""
    yield from _session(mrml_scene, main_window=False)


def _session(scene, main_window):
    pytest.importorskip("PySide6", reason="no Qt: install PySide6-Essentials")
    from standin.session import Session

    session = Session(scene, main_window)
    yield session
    session.close()
    assert not session.errors, "raised in a function connected to a signal"
