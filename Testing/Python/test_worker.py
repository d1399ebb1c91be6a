"""The worker gives what the generator gives, all or nothing, says what is wrong, and does not outlive its folder."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import runs
import workers

from CT2MRSynthLib import worker
from CT2MRSynthLib.bundle import check_bundle
from CT2MRSynthLib.errors import Cancelled
from CT2MRSynthLib.estimate import Estimate
from CT2MRSynthLib.greylevels import to_grey_levels
from CT2MRSynthLib.job import Options
from CT2MRSynthLib.workerclient import WorkerClient

pytest.importorskip("torch", reason="no torch")

OPTIONS = Options(device="cpu", precision="float32")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return check_bundle(runs.write_bundle(tmp_path_factory.mktemp("model") / "bundle"))


@pytest.fixture(scope="module")
def slices():
    hu = np.repeat(np.repeat(runs.hounsfield()[30:33], 4, axis=1), 4, axis=2)[:, 32:288, 32:288]
    return to_grey_levels(hu)


@pytest.fixture
def start(bundle, tmp_path):
    """Starts workers, and ends them."""
    clients = []

    def start(count: int = 3, options: Options = OPTIONS) -> WorkerClient:
        clients.append(WorkerClient(bundle, options, count, Estimate(2.0, 0.1), tmp_path))
        return clients[-1]

    yield start
    for client in clients:
        client.end()


def until_it_ends(client: WorkerClient) -> None:
    workers.wait_for(lambda: client.is_done or client.failure is not None, meanwhile=client.listen)


def test_a_worker_gives_what_the_generator_gives(start, bundle, slices):
    from CT2MRSynthLib.synthesizer import Synthesizer

    client = start()
    client.give(slices)
    shares = []
    workers.wait_for(
        lambda: client.is_done or client.failure, meanwhile=lambda: (client.listen(), shares.append(client.share))
    )
    assert client.failure is None
    client.listen()
    images, told = client.take()
    here = Synthesizer(bundle, "cpu", "float32")
    np.testing.assert_array_equal(images, here.run(slices))
    assert {key: told["computed_on"][key] for key in ("device", "precision", "torch", "threads")} == {
        key: here.computed_on[key] for key in ("device", "precision", "torch", "threads")
    }
    assert (client.device, client.slices_done) == (here.description, 3)
    assert shares == sorted(shares) and 0 < shares[-1] <= 1
    assert not [name for name in os.listdir(client.folder) if "part" in name]
    pid, folder = client.pid, client.folder
    client.end()
    assert not folder.exists() and not workers.is_alive(pid)


@pytest.mark.parametrize("when", ["at once", "while torch starts"])
def test_a_worker_whose_folder_is_gone_ends_by_itself(start, tmp_path, monkeypatch, when):
    workers.put_before_torch(monkeypatch, tmp_path / "fake", workers.SLOW)
    client = start()
    if when != "at once":
        workers.wait_for(lambda: client.words, meanwhile=client.listen)
    shutil.rmtree(client.folder)
    workers.wait_for(lambda: client._child.status == worker.ABANDONED)


def test_a_worker_whose_caller_is_gone_waits_no_longer(tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    with pytest.raises(Cancelled):
        worker._wait_for_slices(tmp_path, int(gone.stdout))


def test_what_a_crashed_caller_has_left_is_removed_by_the_next(start, tmp_path, monkeypatch):
    workers.put_before_torch(monkeypatch, tmp_path / "fake", workers.SLOW)
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    for name, caller in (("left", int(gone.stdout)), ("in use", os.getpid())):
        (tmp_path / f"ct2mrsynth-worker-{name}").mkdir()
        (tmp_path / f"ct2mrsynth-worker-{name}" / worker.MODEL).write_text(json.dumps({"caller": caller}))
    first = start()
    start()
    assert first.folder.is_dir() and not (tmp_path / "ct2mrsynth-worker-left").exists()
    assert (tmp_path / "ct2mrsynth-worker-in use").is_dir()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (workers.BROKEN, "PyTorch is installed but does not start: libtorch_cpu.so: cannot open shared object file"),
        ("raise ModuleNotFoundError('No module named torch', name='torch')", "PyTorch is not installed."),
        ("import numpy_is_not_here", "PyTorch is installed but does not start: No module named 'numpy_is_not_here'"),
        ("__version__ = '1.13.1+cu117'", "PyTorch 1.13.1+cu117 is too old; 2.2 or later is needed."),
        ("", "PyTorch is installed but does not start: the package is empty."),
    ],
    ids=["broken", "missing", "half installed", "old", "empty"],
)
def test_what_is_wrong_with_torch_is_one_sentence(start, tmp_path, monkeypatch, code, sentence):
    workers.put_before_torch(monkeypatch, tmp_path / "fake", code)
    client = start()
    until_it_ends(client)
    assert (client.failure.kind, client.failure.sentence) == ("torch", sentence)


def test_an_altered_model_is_refused(bundle, tmp_path, slices):
    copy = shutil.copytree(bundle.path, tmp_path / "copy")
    client = WorkerClient(check_bundle(copy), OPTIONS, 1, Estimate(2.0, 0.1), tmp_path)
    (copy / "weights.pt").write_bytes(b"something else")
    until_it_ends(client)
    assert client.failure.kind == "bundle" and "altered" in client.failure.sentence
    client.end()


def test_a_worker_that_is_killed_is_a_failure_in_words(start, tmp_path, monkeypatch):
    workers.put_before_torch(monkeypatch, tmp_path / "fake", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    client = start()
    until_it_ends(client)
    assert "signal 9 (SIGKILL)" in client.failure.sentence and "memory" in client.failure.sentence


def test_an_unforeseen_error_is_a_sentence_with_its_details_in_the_log(start, tmp_path, monkeypatch):
    fake = "__version__ = '2.2.0'\ndef __getattr__(name): raise RuntimeError('no ' + name)"
    workers.put_before_torch(monkeypatch, tmp_path / "fake", fake)
    client = start()
    until_it_ends(client)
    assert client.failure.sentence.startswith("The synthesis failed (RuntimeError: no ")
    assert "Traceback" in client.failure.log


def test_words_of_the_worker_are_events(tmp_path, bundle):
    """Whatever it prints can be read line by line as JSON."""
    (tmp_path / "fake" / "torch").mkdir(parents=True)
    (tmp_path / "fake" / "torch" / "__init__.py").write_text(workers.BROKEN)
    request = {"bundle": str(bundle.path), "sha256": bundle.sha256, "device": "cpu", "precision": "auto", "slices": 1}
    request |= {"caller": os.getpid(), "expected": {"start": 1.0, "slice": 0.1}}
    (tmp_path / "model.json").write_text(json.dumps(request))
    done = subprocess.run(
        [sys.executable, "-m", "CT2MRSynthLib.worker", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**runs.ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(tmp_path / "fake"), str(runs.ROOT)])},
    )
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert done.returncode == worker.FAILED
    assert events[0] == "progress" and events[-2:] == ["error", "end"]
