"""A job gives what the engine gives, ends at once when told to, and leaves nothing behind when it does not succeed."""

import os
import signal

import numpy as np
import pytest
import runs
import workers
from bodies import tilted_axes

from CT2MRSynthLib.errors import CT2MRSynthError, InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.job import Options
from CT2MRSynthLib.volume import Volume

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("torch", reason="no torch")
from scenes import add_ct, put_under_grid_transform, put_under_linear_transform, snapshot

from CT2MRSynthLib.bundle import load_bundle
from CT2MRSynthLib.scene import synthesis_job
from CT2MRSynthLib.scene.boxes import roi_from_frame
from CT2MRSynthLib.scene.preparation import Preparation, place_of
from CT2MRSynthLib.scene.results import find_result
from CT2MRSynthLib.scene.run import synthesize_in_scene
from CT2MRSynthLib.scene.synthesis_job import SynthesisJob
from CT2MRSynthLib.scene.volumes import voxels

FRAMES = [
    DiscFrame([2.0, -3.0, 5.0], tilted_axes(3, 14, -5), [62, 58, 8], "L4-L5"),
    DiscFrame([0.0, 0.0, -20.0], tilted_axes(-3, 5, 5), [60, 60, 8], "L5-S1"),
]
OPTIONS = Options(slices=2, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_bundle(runs.write_bundle(tmp_path_factory.mktemp("model") / "bundle"))


@pytest.fixture
def ct(mrml_scene):
    return add_ct(mrml_scene, Volume(runs.hounsfield(), runs.geometry()), "Abdomen", study="Lumbar spine")


@pytest.fixture
def boxes(mrml_scene):
    return [roi_from_frame(mrml_scene, frame) for frame in FRAMES]


@pytest.fixture
def start(ct, boxes, bundle, tmp_path):
    jobs = []

    def start(box_nodes=boxes) -> SynthesisJob:
        jobs.append(SynthesisJob(ct, box_nodes, bundle, OPTIONS, temporary=tmp_path / "work"))
        return jobs[-1]

    yield start
    for job in jobs:
        job.cancel()


@pytest.fixture
def slow_torch(monkeypatch, tmp_path):
    """A worker that never gets ready."""
    workers.put_before_torch(monkeypatch, tmp_path / "fake", workers.SLOW)


def reach(job: SynthesisJob, state: str) -> None:
    workers.wait_for(lambda: job.state == state or job.is_over, meanwhile=lambda: job.advance(0.001))
    assert job.state == state


def is_gone(job: SynthesisJob) -> bool:
    return not workers.is_alive(job.worker.pid) and not job.worker.folder.exists()


def test_a_job_gives_what_the_engine_gives(mrml_scene, ct, boxes, bundle, start, monkeypatch):
    from CT2MRSynthLib.synthesizer import Synthesizer

    put_under_linear_transform(ct, np.diag([1.0, 1.0, 1.0, 1.0]))
    job, seen = start(), []
    workers.wait_for(lambda: job.is_over, meanwhile=lambda: (job.advance(), seen.append((job.percent, job.state))))
    assert job.failure is None
    assert seen == sorted(seen, key=lambda one: one[0])
    assert [state for n, (_, state) in enumerate(seen) if n == 0 or seen[n - 1][1] != state] == [
        "preparing",
        "running",
        "importing",
        "done",
    ]
    assert job.percent == 100 and job.box_percent == [100, 100]
    assert job.timing.slices == 4 and job.timing.where.startswith("CPU, float32, ")
    made = [voxels(node).copy() for node in job.results]
    attributes = [node.GetAttribute("CT2MRSynth.Box") for node in job.results]
    again = synthesize_in_scene(ct, boxes, Synthesizer(bundle, "cpu", "float32"), 2, 4.0)
    assert again == job.results
    for node, pixels, box in zip(again, made, attributes, strict=True):
        np.testing.assert_array_equal(voxels(node), pixels)
        assert node.GetAttribute("CT2MRSynth.Box") == box
    assert is_gone(job)


@pytest.mark.parametrize("state", ["preparing", "running"])
def test_cancelling_leaves_no_process_no_folder_and_the_scene_as_it_was(mrml_scene, start, slow_torch, state):
    was = snapshot(mrml_scene)
    job = start()
    reach(job, state)
    job.cancel()
    assert job.state == "cancelled" and is_gone(job)
    job.advance()
    assert job.state == "cancelled" and snapshot(mrml_scene) == was


def test_cancelling_when_the_slices_are_there_adds_nothing(mrml_scene, ct, boxes, start, bundle):
    was = snapshot(mrml_scene)
    job = start()
    reach(job, "importing")
    job.cancel()
    assert is_gone(job) and job.results == []
    assert snapshot(mrml_scene) == was and find_result(mrml_scene, ct, boxes[0], "L4-L5") is None


@pytest.mark.parametrize("gone", ["CT", "box", "scene"])
def test_what_is_removed_meanwhile_ends_the_job_without_a_word(mrml_scene, ct, boxes, start, slow_torch, gone):
    job = start()
    reach(job, "running")
    if gone == "scene":
        mrml_scene.Clear(0)
    else:
        mrml_scene.RemoveNode(ct if gone == "CT" else boxes[1])
    job.advance()
    assert job.state == "cancelled" and job.failure is None and is_gone(job)


def test_a_ct_that_is_moved_meanwhile_is_not_given_a_picture_of_where_it_was(mrml_scene, ct, start):
    job = start()
    reach(job, "importing")
    matrix = np.eye(4)
    matrix[0, 3] = 5.0
    put_under_linear_transform(ct, matrix)
    was = snapshot(mrml_scene)
    job.advance()
    assert job.state == "failed" and "moved or changed" in job.failure.sentence
    assert snapshot(mrml_scene) == was


@pytest.mark.parametrize("change", ["matrix", "linear", "grid", "bent further", "voxels", "image"])
def test_every_move_and_change_of_a_ct_is_noticed(mrml_scene, ct, change):
    if change == "bent further":
        bent = put_under_grid_transform(ct, lambda points: np.tile([10.0, 0.0, 0.0], (len(points), 1)))
    before = place_of(ct)
    assert place_of(ct) == before
    if change == "matrix":
        ct.SetOrigin(1, 2, 3)
    elif change == "linear":
        put_under_linear_transform(ct, np.diag([1.0, 1.0, 1.1, 1.0]))
    elif change == "grid":
        put_under_grid_transform(ct, lambda points: np.tile([10.0, 0.0, 0.0], (len(points), 1)))
    elif change == "bent further":
        put_under_linear_transform(bent, np.diag([1.0, 1.0, 1.1, 1.0]))
    elif change == "voxels":
        ct.GetImageData().GetPointData().GetScalars().Modified()
    else:
        from CT2MRSynthLib.scene.volumes import image_of

        ct.SetAndObserveImageData(image_of(runs.hounsfield(seed=1)))
    assert place_of(ct) != before


def test_a_box_outside_the_ct_ends_the_job_before_the_generator_runs(mrml_scene, boxes, start, slow_torch):
    far = roi_from_frame(mrml_scene, DiscFrame([900.0, 0, 0], np.eye(3), [60, 60, 4], "L1-L2"))
    was = snapshot(mrml_scene)
    job = start([boxes[0], far])
    with pytest.raises(CT2MRSynthError, match="'L1-L2' lies outside"):
        job.wait()
    assert is_gone(job) and snapshot(mrml_scene) == was


def test_a_worker_that_is_killed_fails_the_job(mrml_scene, start, slow_torch):
    was = snapshot(mrml_scene)
    job = start()
    reach(job, "running")
    os.kill(job.worker.pid, signal.SIGKILL)
    workers.wait_for(lambda: job.is_over, meanwhile=job.advance)
    assert "SIGKILL" in job.failure.sentence and is_gone(job) and snapshot(mrml_scene) == was


def test_a_failure_nobody_foresaw_is_a_sentence(mrml_scene, start, slow_torch, monkeypatch):
    job = start()
    monkeypatch.setattr(synthesis_job.WorkerClient, "give", lambda *_: 1 / 0)
    workers.wait_for(lambda: job.is_over, meanwhile=job.advance)
    assert "ZeroDivisionError" in job.failure.sentence and "Traceback" in job.failure.log and is_gone(job)


def test_what_cannot_be_used_starts_no_process(mrml_scene, ct, bundle, tmp_path):
    (tmp_path / "work").mkdir()
    for node, box_nodes in ((ct, []), (None, [ct]), (ct, [ct])):
        with pytest.raises(InputError):
            SynthesisJob(node, box_nodes, bundle, OPTIONS, temporary=tmp_path / "work")
    assert os.listdir(tmp_path / "work") == []


def test_steps_of_a_preparation_rise_to_the_whole(mrml_scene, ct, boxes, bundle):
    prepared = Preparation(ct, boxes, bundle.card, OPTIONS)
    shares = list(prepared.steps())
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == pytest.approx(1.0)
    slices = len(FRAMES) * OPTIONS.slices
    assert len(shares) > 2 * slices, "every slice is more than one step"
    assert prepared.grey.shape == (slices, 256, 256) and prepared.source.sha256
