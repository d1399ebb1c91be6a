"""Children are read line by line through files, and end with all that they have started."""

import os
import subprocess
import sys
import time

import pytest

from CT2MRSynthLib.childprocess import ChildProcess, last_lines, library_command, python_executable, said_of


def a_child(folder, code: str, environment=None) -> ChildProcess:
    return ChildProcess([sys.executable, "-c", code], folder, environment)


def wait_for(condition, patience: float = 20.0):
    until = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < until, "nothing came"
        time.sleep(0.01)
    return found


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:  # a zombie whose parent has gone waits for init
        return stat.read().rpartition(")")[2].split()[0] != "Z"


def test_every_line_is_read_once_and_none_before_it_is_whole(tmp_path):
    go = tmp_path / "go"
    code = (
        "import pathlib, sys, time; out = sys.stdout\n"
        "out.write('first\\nsec'); out.flush()\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
        "out.write('ond\\nlast without an end')"
    )
    child = a_child(tmp_path / "child", code)
    wait_for(lambda: (tmp_path / "child" / "output.txt").stat().st_size == len("first\nsec"))
    assert child.new_lines() == ["first"]
    assert child.new_lines() == []
    go.touch()
    wait_for(lambda: child.status is not None)
    assert child.new_lines() == ["second", "last without an end"]


def test_events_are_told_from_other_output(tmp_path):
    code = 'print(\'{"event": "a"}\'); print("warning: {"); print("[1]"); print(\'{"event": "b"}\')'
    child = a_child(tmp_path, code)
    wait_for(lambda: child.status is not None)
    assert child.new_events() == [{"event": "a"}, {"event": "b"}]


@pytest.mark.skipif(os.name == "nt", reason="priorities are read another way there")
def test_a_gentle_child_gives_way_with_all_it_has_started(tmp_path):
    code = "import subprocess, sys; print(subprocess.run(['nice'], capture_output=True, text=True).stdout.strip())"
    words = [sys.executable, "-c", "import time; time.sleep(0.5); " + code]
    child = ChildProcess(words, tmp_path, gentle=True)
    wait_for(lambda: child.status is not None)
    assert child.new_lines() == [str(max(10, os.nice(0)))]


def test_output_that_is_no_utf8_does_no_harm(tmp_path):
    child = a_child(
        tmp_path, r"import sys; sys.stdout.buffer.write(b'\xff\xfe\nok\n'); sys.stderr.buffer.write(b'\xe9\n')"
    )
    wait_for(lambda: child.status is not None)
    assert child.new_lines()[1] == "ok"
    assert len(child.last_words()) == 1


def test_the_end_of_standard_error_is_kept(tmp_path):
    child = a_child(tmp_path, "import sys\nfor n in range(50): print(n, file=sys.stderr)\nsys.exit(3)")
    wait_for(lambda: child.status is not None)
    assert child.status == 3
    assert child.last_words(3) == "47\n48\n49"
    assert last_lines(tmp_path / "nothing") == ""


@pytest.mark.skipif(os.name != "posix", reason="asks the system as Linux does")
@pytest.mark.parametrize("deaf", [False, True], ids=["listens", "does not listen"])
def test_ending_a_child_ends_what_it_has_started(tmp_path, deaf):
    """Also when neither of the two listens to being asked."""
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" if deaf else ""
    grandchild = f"{ignore}print('up', flush=True)\nimport time; time.sleep(60)"
    code = (
        f"{ignore}import subprocess, sys, time\n"
        f"one = subprocess.Popen([sys.executable, '-c', {grandchild!r}], stdout=subprocess.PIPE)\n"
        "one.stdout.readline(); print(one.pid, flush=True); time.sleep(60)"
    )
    child = a_child(tmp_path, code)
    grandchild_pid = int(wait_for(child.new_lines)[0])
    child.end(patience=0.2)
    assert child.status is not None and child.status < 0
    wait_for(lambda: not is_alive(grandchild_pid))


def test_ending_one_that_has_ended_touches_nobody(tmp_path, monkeypatch):
    child = a_child(tmp_path, "pass")
    wait_for(lambda: child.status == 0)
    signalled = []
    monkeypatch.setattr(os, "killpg", lambda *one: signalled.append(one), raising=False)
    child.end()
    assert signalled == [] and child.status == 0


def test_a_module_of_the_library_runs_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    done = subprocess.run(library_command("--version"), capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("ct2mrsynth "), done.stderr


def test_variables_are_added_to_those_of_this_process(tmp_path, monkeypatch):
    monkeypatch.setenv("FROM_HERE", "1")
    child = a_child(tmp_path, "import os; print(os.environ['FROM_HERE'], os.environ['ADDED'])", {"ADDED": "2"})
    wait_for(lambda: child.status is not None)
    assert child.new_lines() == ["1 2"]


def test_in_slicer_children_run_in_its_python(tmp_path, monkeypatch):
    launcher = tmp_path / "PythonSlicer"
    launcher.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "SlicerApp-real"))
    assert python_executable() == str(launcher)


def test_endings_are_said_in_words():
    assert said_of(3) == "ended with status 3"
    assert said_of(-9) == "was ended by signal 9 (SIGKILL)"
    assert said_of(-1000) == "was ended by signal 1000"
