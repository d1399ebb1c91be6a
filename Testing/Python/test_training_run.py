"""A run loses no work and says how it fares, whatever ends it; and its result is a usable bundle."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import runs
from training_sets import TINY, a_trainer, events_of, state_of, steps_in_table, words, write_pairs

from CT2MRSynthLib.cli import main
from CT2MRSynthLib.errors import CT2MRSynthError, OutputError

torch = pytest.importorskip("torch", reason="no torch")

from CT2MRSynthLib.bundle import load_bundle  # noqa: E402
from CT2MRSynthLib.training.checkpoint import checkpoint_paths, load_checkpoint  # noqa: E402
from CT2MRSynthLib.training.launch import Request, train  # noqa: E402
from CT2MRSynthLib.training.runlock import RunLock  # noqa: E402

ENDLESS = replace(TINY, steps=100_000)


@pytest.fixture
def pairs(tmp_path):
    """A pair set of six patients."""
    return write_pairs(tmp_path / "pairs")


@pytest.fixture
def full_disk():
    """Called with a number of bytes: no file can be longer any more, as on a full disk; None: it can again."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, before if size is None else (size, before[1]))

    yield fill
    fill(None)


def assert_same(one, other, where="state"):
    """Two nested states are equal, bit for bit."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        for n, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{n}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where


def test_a_run_that_was_stopped_gives_the_same_weights_bit_for_bit(pairs, tmp_path):
    whole = a_trainer(pairs, tmp_path / "whole")
    assert whole.run() == "finished"
    part = a_trainer(pairs, tmp_path / "parts", report=lambda event: event["step"] == 3 and part.request_stop())
    part.report_every = 0.0
    assert part.run() == "stopped" and part.step in (3, 4)
    rest = a_trainer(pairs, tmp_path / "parts")
    rest.restore(load_checkpoint(tmp_path / "parts")[0])
    assert rest.run() == "finished"
    assert_same(whole.training.state_dict(), rest.training.state_dict())


def test_a_run_killed_at_five_random_moments_gives_the_same_weights_bit_for_bit(pairs, tmp_path):
    """Each life is killed after some checkpoint and a random while, or while one is being written."""
    steps, every = 30, 2  # so many that no life comes to its end before it is killed
    command = words(pairs, tmp_path / "killed", "--deterministic", "--threads", 1, "--steps", steps)
    command += ["--checkpoint-steps", str(every), "--resume", "--seed", "3"]
    rng, killed = np.random.default_rng(8), 0
    for after, written in zip(sorted(rng.choice(np.arange(1, 7), 5, replace=False)), (1, 0, 1, 0, 0), strict=True):
        pause = rng.uniform(0.0, 0.15)
        killed += _killed_life(command, tmp_path / "killed", int(after) * every, pause, bool(written))
    assert killed == 5
    threads = torch.get_num_threads()
    try:
        assert main(command) == 0
        whole = words(pairs, tmp_path / "whole", "--deterministic", "--threads", 1, "--steps", steps, "--seed", 3)
        assert main(whole) == 0
    finally:
        torch.set_num_threads(threads)
    states = [load_checkpoint(tmp_path / name)[0] for name in ("killed", "whole")]
    assert states[0]["step"] == steps
    assert_same(states[0]["training"], states[1]["training"])
    assert state_of(tmp_path / "killed")["weights_sha256"] == state_of(tmp_path / "whole")["weights_sha256"]
    assert steps_in_table(tmp_path / "killed") == sorted(set(steps_in_table(tmp_path / "killed")))
    told = [event["step"] for event in events_of(tmp_path / "killed", "checkpoint")]
    assert told == sorted(set(told))
    assert not list((tmp_path / "killed").rglob(".part-*"))


def _killed_life(command, run, step, pause, while_writing):
    """Let a process go on with a run and kill it; whether it still lived."""
    process = subprocess.Popen(
        [sys.executable, "-m", "CT2MRSynthLib", *command], env=runs.ENVIRONMENT, cwd=runs.ROOT, stdout=subprocess.PIPE
    )
    for line in process.stdout:
        event = json.loads(line)
        if event["step"] >= step and event["event"] == "checkpoint":
            break
    deadline = time.monotonic() + 10
    while while_writing and not list(run.glob(".part-*.pt")) and time.monotonic() < deadline:
        pass
    if not while_writing:
        time.sleep(pause)
    lived = process.poll() is None
    process.kill()
    process.wait()
    process.stdout.close()
    return lived


def test_a_terminated_run_goes_on_later(pairs, tmp_path, capsys):
    run = tmp_path / "run"
    command = words(pairs, run, "--steps", 100_000, "--checkpoint-steps", 2)
    process = subprocess.Popen(
        [sys.executable, "-m", "CT2MRSynthLib", *command], env=runs.ENVIRONMENT, cwd=runs.ROOT, stdout=subprocess.PIPE
    )
    for line in process.stdout:
        if json.loads(line)["event"] == "checkpoint" and json.loads(line)["step"] > 0:
            break
    process.send_signal(signal.SIGTERM)
    last = json.loads(process.stdout.read().splitlines()[-1])
    assert process.wait(60) == 0
    step = load_checkpoint(run)[0]["step"]
    assert (last["event"], last["step"], state_of(run)["status"]) == ("stopped", step, "stopped")
    assert main(words(pairs, run, "--steps", step + 2, "--resume")) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (told[0]["event"], told[0]["resumed"], told[0]["step"]) == ("start", True, step)
    assert (told[-1]["event"], told[-1]["step"], state_of(run)["status"]) == ("finished", step + 2, "finished")
    assert state_of(run)["weights_sha256"] == load_bundle(run / "bundle").sha256


def test_ctrl_c_is_a_request_to_stop_while_a_run_goes_on_and_no_longer(pairs, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    changes = {"width": 2, "discriminator_width": 2, "blocks": 1, "steps": 100_000, "validation_pairs": 2}
    request = Request(pairs, tmp_path / "run", changes=changes, device="cpu")
    press = lambda event: signal.raise_signal(signal.SIGINT) if event["event"] == "checkpoint" else None  # noqa: E731
    assert train(request, press, signals=True) == "stopped"
    assert state_of(tmp_path / "run")["status"] == "stopped"
    assert signal.getsignal(signal.SIGINT) is before


def test_a_stop_file_is_a_request_that_holds_once(pairs, tmp_path):
    run = tmp_path / "run"
    ask = lambda event: (run / "stop").touch() if event["event"] == "checkpoint" else None  # noqa: E731
    stopped = a_trainer(pairs, run, ENDLESS, report=ask)
    assert stopped.run() == "stopped"
    assert stopped.step == load_checkpoint(run)[0]["step"] == state_of(run)["step"]
    assert not (run / "stop").exists()


def test_a_request_to_stop_that_came_while_the_program_started_is_heard_and_an_older_one_is_not(pairs, tmp_path):
    changes = {"width": 2, "discriminator_width": 2, "blocks": 1, "steps": 100_000, "validation_pairs": 2}
    run = tmp_path / "run"
    run.mkdir()
    (run / "stop").touch()
    started = time.time() - 60
    assert train(Request(pairs, run, changes=changes, device="cpu", asked=started)) == "stopped"
    (run / "stop").touch()
    os.utime(run / "stop", (started, started))
    few = {"steps": load_checkpoint(run)[0]["step"] + 1}
    assert train(Request(pairs, run, changes=few, device="cpu", resume=True)) == "finished"


def test_the_command_runs_in_a_thread_too(pairs, tmp_path):
    done = []
    thread = threading.Thread(target=lambda: done.append(main(words(pairs, tmp_path / "run", "--steps", 1))))
    thread.start()
    thread.join(120)
    assert done == [0]


def test_a_full_disk_at_the_start_is_said_before_training(pairs, tmp_path, full_disk):
    trainer = a_trainer(pairs, tmp_path / "run")
    full_disk(20_000)
    with pytest.raises(OutputError, match="free some space"):
        trainer.run()
    full_disk(None)
    assert trainer.step == 0 and state_of(tmp_path / "run")["status"] == "failed"
    assert runs.files_below(tmp_path / "run") == ["progress.jsonl", "state.json"]


def test_too_little_room_is_said_before_training(pairs, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        with pytest.raises(OutputError, match="The run needs .* MB in .* and there are 16 MB"):
            a_trainer(pairs, small / "run").run()
        assert not checkpoint_paths(small / "run")
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_disk_that_fills_up_and_is_emptied_costs_no_work(pairs, tmp_path, full_disk):
    run = tmp_path / "run"

    def fill_and_empty(event):
        if event["event"] == "checkpoint" and event["step"] == 2:
            full_disk(10_000)
        elif event["event"] == "warning" and "was not written" in event["message"]:
            full_disk(None)

    assert a_trainer(pairs, run, report=fill_and_empty, checkpoint_steps=2).run() == "finished"
    assert [path.name[-4:] for path in checkpoint_paths(run)] == ["6.pt", "2.pt"]
    assert "The training goes on" in events_of(run, "warning")[-1]["message"]


def test_a_disk_that_stays_full_fails_the_run_and_keeps_the_checkpoints(pairs, tmp_path, full_disk):
    run = tmp_path / "run"
    fill = lambda event: full_disk(10_000) if event["event"] == "checkpoint" and event["step"] == 2 else None  # noqa: E731
    with pytest.raises(OutputError, match="checkpoint-000000006"):
        a_trainer(pairs, run, report=fill, checkpoint_steps=2).run()
    full_disk(None)
    assert load_checkpoint(run)[0]["step"] == 2
    assert state_of(run)["status"] == "failed" and "checkpoint-000000006" in state_of(run)["error"]
    assert not list(run.rglob(".part-*"))


def test_a_folder_that_cannot_be_written_is_said(pairs, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(words(pairs, tmp_path / "file" / "run", "--steps", 2)) == 1
    assert "choose another folder" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_leads_back_once(pairs, tmp_path):
    def poison(event):
        if event["event"] == "checkpoint" and event["step"] == 4 and trainer.rate_factor == 1.0:
            trainer.training.generator.last.bias.data.fill_(float("nan"))

    trainer = a_trainer(pairs, tmp_path / "run", report=poison, checkpoint_steps=2)
    assert trainer.run() == "finished"
    state = load_checkpoint(tmp_path / "run")[0]
    assert (state["step"], state["rate_factor"]) == (6, 0.1)
    assert "went back to step 4" in events_of(tmp_path / "run", "warning")[-1]["message"]
    assert all(torch.isfinite(tensor).all() for tensor in state["training"]["mean_weights"].values())
    assert steps_in_table(tmp_path / "run") == [2, 4, 6]


def test_a_run_that_diverges_again_stops_and_says_so(pairs, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(words(pairs, run, "--steps", 4, "--learning-rate", "1e38", "--set", "warmup=0")) == 1
    assert "diverged again before step" in capsys.readouterr().err
    assert state_of(run)["status"] == "failed" and "lower --learning-rate" in state_of(run)["error"]
    assert load_checkpoint(run)[0]["step"] == 0 and not (run / "bundle").exists()


def test_an_error_in_a_step_fails_the_run_and_keeps_its_checkpoints(pairs, tmp_path):
    def break_it(event):
        if event["event"] == "checkpoint" and event["step"] == 2:
            trainer.tensors._ct = trainer.tensors._ct[:, :100]

    trainer = a_trainer(pairs, tmp_path / "run", report=break_it, checkpoint_steps=2)
    with pytest.raises(CT2MRSynthError, match="failed in step 3 .* its checkpoints are kept"):
        trainer.run()
    assert state_of(tmp_path / "run")["status"] == "failed"
    assert events_of(tmp_path / "run")[-1]["event"] == "failed"
    assert load_checkpoint(tmp_path / "run")[0]["step"] == 2


def test_a_run_is_neither_overwritten_nor_worked_on_by_two(pairs, tmp_path, capsys):
    run = tmp_path / "run"
    a_trainer(pairs, run).run()
    assert main(words(pairs, run, "--steps", 1)) == 2
    assert "add --resume" in capsys.readouterr().err
    lock = RunLock(run)
    assert main(words(pairs, run, "--steps", 9, "--resume")) == 2
    assert "Another process works on the run" in capsys.readouterr().err
    lock.release()
    assert state_of(run)["status"] == "finished"


def test_a_run_goes_on_as_it_was_begun_but_for_its_end(pairs, tmp_path, capsys):
    run = tmp_path / "run"
    a_trainer(pairs, run, preset="quick").run()
    again = ["train", "--pairs", str(pairs), "--out", str(run), "--resume", "--device", "cpu"]
    for other, sentence in [
        (["--width", "8"], "has width 4, not 8"),
        (["--preset", "paper"], "has the preset quick, not paper"),
        (["--set", "noise=1"], "has noise 20.0, not 1.0"),
        (["--init", str(run / "bundle")], "did not start from"),
    ]:
        assert main([*again, *other]) == 2
        assert sentence in capsys.readouterr().err
    write_pairs(pairs, "g", seed=9)
    assert main([*again, "--steps", "8"]) == 2
    assert "is new; start a new run" in capsys.readouterr().err
    assert state_of(run)["status"] == "finished" and load_checkpoint(run)[0]["step"] == 6


def test_a_deterministic_run_does_not_end_by_the_clock(pairs, tmp_path, capsys):
    assert main(words(pairs, tmp_path / "run", "--deterministic", "--minutes", 1)) == 2
    assert "give --steps instead" in capsys.readouterr().err


def test_an_error_at_the_start_is_an_event_too(tmp_path, capsys):
    assert main(words(tmp_path / "nowhere", tmp_path / "run", "--steps", 1)) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["event"] == "failed" and "There is no pair set" in told["error"]
    assert not (tmp_path / "run").exists()
    heard = []
    with pytest.raises(CT2MRSynthError):
        train(Request(tmp_path / "nowhere", tmp_path / "run", device="tpu"), heard.append)
    assert heard[0]["event"] == "failed" and "'tpu' is unknown" in heard[0]["error"]
