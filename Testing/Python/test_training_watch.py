"""Runs seen from outside: their state by their files alone, however these came about; starting, stopping, resuming."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from CT2MRSynthLib import atomic
from CT2MRSynthLib.childprocess import ERRORS
from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.training import session as sessions
from CT2MRSynthLib.training.ending import end_by_force
from CT2MRSynthLib.training.losses import COLUMNS
from CT2MRSynthLib.training.runlock import RunLock, is_held
from CT2MRSynthLib.training.session import ASK, FORCE, NOTHING, WAIT, RunSession
from CT2MRSynthLib.training.start import (
    FOLDER,
    REQUEST,
    StartRequest,
    check_new_folder,
    pairs_of,
    propose_folder,
    refusal,
)
from CT2MRSynthLib.training.watch import SILENT, RunStatus, Watch, look

HEADER = ",".join(COLUMNS) + "\n"


def a_run(folder, status="running", heartbeat=None, **state):
    """The files of a run at step 40 of 100."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"status": status, "step": 40, "steps": 100, "fraction": 0.4, "pid": 4_000_000, "seconds": 20.0}
    content |= {"seconds_left": 30.0, "weights_sha256": "ab", "error": None}
    content |= {"heartbeat": time.time() if heartbeat is None else heartbeat, **state}
    (folder / "state.json").write_text(json.dumps(content))
    (folder / "losses.csv").write_text(HEADER + "20,10,1e-4,0.5,1,2,31.5\n40,20,1e-4,0.25,1,2,\n")
    events = [{"event": "start", "preset": "best", "device": "cpu"}, {"event": "progress", "rate": 2.0}]
    events += [{"event": "warning", "message": f"number {n}"} for n in range(2)]
    (folder / "progress.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def holding(folder, *words):
    """A process that holds a run as a training does; ``words`` stand in its command line."""
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from CT2MRSynthLib.training.runlock import RunLock; "
        "lock = RunLock(sys.argv[2]); print('held', flush=True); time.sleep(60)"
    )
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", code, root, str(folder), *words], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout.readline().strip() == b"held"
    return process


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_folder_without_a_run_has_the_state_none(tmp_path):
    assert look(tmp_path / "nowhere") == RunStatus(tmp_path / "nowhere")
    assert look(tmp_path).state == "none"


def test_a_fresh_heartbeat_is_a_running_run_with_all_that_its_files_tell(tmp_path):
    status = look(a_run(tmp_path / "run"))
    assert (status.state, status.step, status.steps, status.fraction) == ("running", 40, 100, 0.4)
    assert (status.rate, status.seconds_left, status.preset, status.device) == (2.0, 30.0, "best", "cpu")
    assert status.losses["l1"] == 0.25 and status.validation == ((20, 31.5),)
    assert status.warnings == ("number 0", "number 1") and status.alive


def test_a_stop_file_makes_a_running_run_a_stopping_one(tmp_path):
    (a_run(tmp_path) / "stop").touch()
    assert look(tmp_path).state == "stopping"


@pytest.mark.parametrize("status", ["stopped", "finished", "failed"])
def test_a_run_that_ended_says_how_whatever_its_age(tmp_path, status):
    a_run(tmp_path, status, heartbeat=1.0, error="why" if status == "failed" else None)
    found = look(tmp_path)
    assert found.state == status and not found.alive and found.seconds_left is None
    assert found.error == ("why" if status == "failed" else "")


def test_a_running_run_without_heartbeat_is_stalled_and_its_process_is_looked_for(tmp_path):
    a_run(tmp_path, heartbeat=time.time() - SILENT - 1)
    (tmp_path / "checkpoint-000000040.pt").touch()
    status = look(tmp_path)
    assert (status.state, status.held, status.alive, status.resumable) == ("stalled", False, False, True)
    lock = RunLock(tmp_path)
    try:
        status = look(tmp_path)
        assert (status.state, status.held, status.resumable) == ("stalled", True, False)
    finally:
        lock.release()


def test_a_process_that_holds_a_run_without_a_word_is_starting(tmp_path):
    a_run(tmp_path, "stopped")
    lock = RunLock(tmp_path)
    try:
        assert look(tmp_path).state == "starting"
    finally:
        lock.release()
    assert look(tmp_path).state == "stopped"
    assert Watch(tmp_path).look(starting=True).state == "starting"


def test_the_clock_of_another_machine_that_is_ahead_does_not_keep_a_dead_run_alive(tmp_path, monkeypatch):
    watch = Watch(a_run(tmp_path, heartbeat=time.time() + 3600))
    assert watch.look().state == "running"
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + SILENT + 5)
    assert watch.look().state == "stalled"
    a_run(tmp_path, heartbeat=time.time() + 3610)
    assert watch.look().state == "running"


def test_only_whole_lines_are_taken_and_each_once(tmp_path):
    watch = Watch(a_run(tmp_path))
    watch.look()
    with open(tmp_path / "losses.csv", "a") as file:
        file.write("60,30,1e-4,0.2")
    watch.look()
    assert [row["step"] for row in watch.rows] == [20, 40]
    with open(tmp_path / "losses.csv", "a") as file:
        file.write(",1,2,\n")
    assert watch.look().losses["l1"] == 0.2
    assert [row["step"] for row in watch.rows] == [20, 40, 60] and watch.generation == 0


def test_rows_begin_anew_when_a_run_steps_back(tmp_path):
    watch = Watch(a_run(tmp_path))
    watch.look()
    (tmp_path / "new").write_text(HEADER + "20,10,1e-4,0.5,1,2,\n30,15,1e-4,0.4,1,2,\n35,17,1e-4,0.4,1,2,30\n")
    os.replace(tmp_path / "new", tmp_path / "losses.csv")
    assert watch.look().validation == ((35, 30.0),)
    assert [row["step"] for row in watch.rows] == [20, 30, 35] and watch.generation == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"status": 3, "step": "x", "steps": null, "heartbeat": NaN, "pid": [], "fraction": 1e999}',
    ],
)
def test_no_content_of_its_files_upsets_the_look(tmp_path, content):
    for name in ("state.json", "losses.csv", "progress.jsonl"):
        (tmp_path / name).write_text(content + "\n\0\0\xff")
    status = look(tmp_path)
    assert (status.state, status.step, status.losses) == ("none", 0, {})


def test_a_state_that_is_half_written_leaves_the_last_one(tmp_path):
    watch = Watch(a_run(tmp_path))
    watch.look()
    (tmp_path / "state.json").write_text('{"status": "run')
    assert (watch.look().state, watch.look().step) == ("running", 40)


def test_a_file_that_is_read_at_the_moment_is_replaced_a_little_later(tmp_path, monkeypatch):
    replace, tries = os.replace, []

    def refused_twice(*names):
        tries.append(names)
        if len(tries) < 3:
            raise PermissionError
        replace(*names)

    monkeypatch.setattr(os, "replace", refused_twice)
    monkeypatch.setattr(atomic, "TRIES", (0.0, 0.0))
    assert atomic.write_text(tmp_path / "state.json", "new").read_text() == "new"
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_copy_of_a_run_shows_the_same_without_its_process(tmp_path):
    a_run(tmp_path / "run", heartbeat=time.time() - 500)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    lock = RunLock(tmp_path / "run")
    try:
        assert look(tmp_path / "run").held and not look(tmp_path / "copy").held
    finally:
        lock.release()


def test_looking_at_a_lock_does_not_keep_a_process_from_taking_it(tmp_path):
    assert not is_held(tmp_path / "nowhere") and not (tmp_path / "nowhere").exists()
    looked = holding(tmp_path / "run")
    try:
        assert is_held(tmp_path / "run")
    finally:
        end(looked)
    assert not is_held(tmp_path / "run")
    RunLock(tmp_path / "run").release()


def test_a_process_that_does_not_hear_is_ended_by_force_with_its_group(tmp_path):
    run = a_run(tmp_path / "run-seven")
    process = holding(run, "train")
    try:
        end_by_force(RunStatus(run, "stalled", held=True, pid=process.pid))
        assert process.wait(timeout=10) < 0 and not is_held(run)
    finally:
        end(process)


@pytest.mark.parametrize("words", [(), ("train",)])
def test_no_process_is_ended_that_is_not_sure_to_be_the_run_s(tmp_path, words):
    run, other = a_run(tmp_path / "run-seven"), tmp_path / "elsewhere"
    lock = RunLock(run)
    process = holding(other, *words)
    try:
        for pid in (process.pid, os.getpid(), 1, 0, 4_000_000):
            with pytest.raises(UsageError, match="cannot be found on this machine"):
                end_by_force(RunStatus(run, "stalled", held=True, pid=pid))
        assert process.poll() is None
    finally:
        lock.release()
        end(process)


def test_the_words_of_a_command_leave_out_what_the_preset_decides(tmp_path):
    request = StartRequest(tmp_path / "pairs", tmp_path / "run", "quick", device="cpu")
    assert request.words()[5:] == ["--device", "cpu", "--preset", "quick"]
    more = StartRequest(tmp_path / "pairs", tmp_path / "run", "best", 500, 32, "cuda")
    assert more.words()[5:] == ["--device", "cuda", "--steps", "500", "--preset", "best", "--width", "32"]
    again = StartRequest(tmp_path / "pairs", tmp_path / "run", "best", 500, 32, "auto", resume=True)
    assert again.words()[5:] == ["--device", "auto", "--steps", "500", "--resume"]


def test_the_command_line_takes_every_word(tmp_path):
    from CT2MRSynthLib.cli import _parser

    words = StartRequest(tmp_path, tmp_path / "run", "best", 5, 8, "cpu").words()
    assert _parser(words).parse_args(words).steps == 5


def test_a_new_run_gets_a_folder_of_its_own_beside_the_pairs(tmp_path):
    first = propose_folder(tmp_path / "pairs", "best")
    assert first == tmp_path / "pairs-runs" / "best-1"
    first.mkdir(parents=True)
    assert propose_folder(tmp_path / "pairs", "best").name == "best-2"


def test_a_folder_with_other_things_takes_no_run(tmp_path):
    check_new_folder(tmp_path / "new")
    check_new_folder(tmp_path)
    (tmp_path / FOLDER).mkdir()
    check_new_folder(tmp_path)
    (tmp_path / "letter.txt").touch()
    for folder, words in ((tmp_path, "is not empty"), (tmp_path / "letter.txt", "is a file"), ("a/b", "whole path")):
        with pytest.raises(UsageError, match=words):
            check_new_folder(folder)


@pytest.mark.parametrize("content", ["{}", "[1]", '{"pairs": 3}', '{"pairs": "/nowhere"}', "{", '{"pairs": "\\u0000"}'])
def test_a_damaged_note_of_the_pair_set_is_no_pair_set(tmp_path, content):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / REQUEST).write_text(content)
    assert pairs_of(tmp_path) is None


def test_the_sentence_of_a_refusal_is_found_among_what_was_said():
    assert refusal("Warning: x\nct2mrsynth: There is no pair set.\n") == "There is no pair set."
    assert refusal("Traceback\n") == ""


def test_why_a_run_cannot_be_started_is_said_in_the_order_in_which_one_would_mend_it(tmp_path):
    session = RunSession()
    assert "no pair set" in session.reason(None, "", 0)
    assert session.reason(None, "All pairs are excluded.", 0) == "All pairs are excluded."
    assert session.reason(tmp_path, "", 0) == ""
    session.set_folder("relative")
    assert "whole path" in session.reason(tmp_path, "", 0)
    session.set_folder(a_run(tmp_path / "running"))
    assert "A process works" in session.reason(tmp_path, "", 0)
    done = a_run(tmp_path / "done", "finished", step=100)
    (done / "checkpoint-000000100.pt").touch()
    session.set_folder(done)
    assert "give it more steps" in session.reason(tmp_path, "", 100)
    assert session.reason(tmp_path, "", 101) == ""


def test_stop_asks_then_waits_then_may_use_force(tmp_path, monkeypatch):
    session = RunSession()
    assert session.stop_means() == NOTHING
    session.set_folder(a_run(tmp_path))
    assert session.stop_means() == ASK
    session.stop()
    assert (session.status.state, session.stop_means()) == ("stopping", WAIT)
    monkeypatch.setattr(sessions, "PATIENCE", 0.0)
    assert session.stop_means() == FORCE
    a_run(tmp_path, "stopped")
    session.look()
    assert session.stop_means() == NOTHING


def until(session, states, seconds=60):
    """Look until the run is in one of some states."""
    ends = time.monotonic() + seconds
    while session.look().state not in states:
        said = (session.folder / FOLDER / ERRORS).read_text()
        assert time.monotonic() < ends, (session.status, said)
        time.sleep(0.05)
    return session.status.state


def test_a_run_is_started_found_again_by_another_session_stopped_and_resumed(tmp_path):
    pytest.importorskip("torch")
    from training_sets import write_pairs

    pairs = write_pairs(tmp_path / "pairs")
    session = RunSession()
    run = session.start(pairs, "quick", 20_000, 1, "cpu")
    assert session.status.state == "starting" and run == tmp_path / "pairs-runs" / "quick-1"
    until(session, ["running"])
    other = RunSession()
    other.set_folder(run)
    assert other.status.state == "running" and "A process works" in other.reason(pairs, "", 0)
    with pytest.raises(UsageError, match="works on the run"):
        other.start(pairs, "quick", 20_000, 1, "cpu")
    other.stop()
    assert until(other, ["stopped", "failed"]) == "stopped" and other.status.resumable
    assert not (run / "stop").exists() and other.status.bundle == run / "bundle"
    assert pairs_of(run) == pairs and other.reason(None, "none is chosen", 0) == ""
    step = other.status.step
    other.start(None, "best", 0, 0, "cpu")
    until(other, ["running"])
    other.stop()
    assert until(other, ["stopped", "failed"]) == "stopped" and other.status.step > step


def test_a_refused_start_says_why_and_leaves_room_for_another(tmp_path):
    pytest.importorskip("torch")
    session = RunSession()
    session.set_folder(tmp_path / "run")
    session.start(tmp_path / "no-pairs", "quick", 0, 0, "cpu")
    until(session, ["none"])
    assert "no-pairs" in session.refusal
    assert session.reason(tmp_path, "", 0) == ""


def test_a_path_that_cannot_be_looked_at_is_no_run_and_says_why_it_takes_none(tmp_path):
    folder = tmp_path / ("long" * 100)
    session = RunSession()
    session.set_folder(folder)
    assert session.status.state == "none" and session.stop_means() == NOTHING
    assert "cannot be used" in session.reason(tmp_path, "", 0)
    assert pairs_of(folder) is None and propose_folder(folder / "pairs", "best").name == "best-1"


def test_what_was_read_stays_while_a_file_cannot_be_read_and_goes_on_afterwards(tmp_path):
    watch = Watch(a_run(tmp_path / "run"))
    assert watch.look().step == 40
    losses, aside = tmp_path / "run" / "losses.csv", tmp_path / "aside"
    losses.rename(aside)
    losses.mkdir()  # opening it fails, and it is not missing
    generation = watch.generation
    assert watch.look().losses["step"] == 40 and watch.generation == generation
    losses.rmdir()
    with open(aside, "a") as file:
        file.write("60,30,1e-4,0.2,1,2,30.5\n")
    aside.rename(losses)
    status = watch.look()
    assert [row["step"] for row in watch.rows] == [20, 40, 60] and watch.generation == generation
    assert status.validation == ((20, 31.5), (60, 30.5))


def test_copies_of_previews_that_somebody_made_are_no_previews(tmp_path):
    previews = a_run(tmp_path / "run") / "previews"
    previews.mkdir()
    for name in ("step-000000020.png", "step-000000020 (copy).png", "step-x.png", ".part-step-1.png"):
        (previews / name).touch()
    assert [path.name for path in look(tmp_path / "run").previews] == ["step-000000020.png"]


def test_of_many_events_the_last_speed_and_all_warnings_count(tmp_path):
    run = a_run(tmp_path / "run")
    with open(run / "progress.jsonl", "a") as file:
        for n in range(30):
            file.write(json.dumps({"event": "progress", "rate": 3.0 + n}) + "\n")
            file.write(json.dumps({"event": "heartbeat", "time": n}) + "\n")
        file.write(json.dumps({"event": "warning", "message": "the last"}) + "\n")
    status = look(run)
    assert status.rate == 32.0 and status.warnings[-1] == "the last" and status.preset == "best"
