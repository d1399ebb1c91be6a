"""A run: what fails stops nothing else, what is complete is not made again, nothing half-made is left."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="no torch")

import runs  # noqa: E402
from dicom_samples import write_series  # noqa: E402

from CT2MRSynthLib.batch import run_job  # noqa: E402
from CT2MRSynthLib.errors import BundleError, Cancelled, OutputError  # noqa: E402
from CT2MRSynthLib.job import Job, Options, Task, job_from_paths, name_tasks  # noqa: E402
from CT2MRSynthLib.progress import Progress  # noqa: E402
from CT2MRSynthLib.report import SKIPPED, without_folders  # noqa: E402
from CT2MRSynthLib.steps import Steps  # noqa: E402


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Path:
    """A folder with a bundle, two CTs and boxes."""
    folder = tmp_path_factory.mktemp("material")
    runs.write_bundle(folder / "bundle")
    runs.write_ct(folder / "a.nrrd")
    runs.write_ct(folder / "b.nrrd", seed=1)
    runs.write_boxes(folder / "boxes.mrk.json", "L3-L4", "L4-L5")
    return folder


class Counting(Steps):
    """Counts what is really done."""

    def __init__(self) -> None:
        self.read, self.synthesized, self.held = [], [], 0

    def read_ct(self, path, series, progress):
        self.held += 1
        assert self.held == 1, "two CTs are held at once"
        self.read.append(path.name)
        return super().read_ct(path, series, progress)

    def synthesize(self, volume, frame, *rest):
        self.synthesized.append((volume.name, frame.level))
        return super().synthesize(volume, frame, *rest)

    def release(self, volume) -> None:
        self.held -= 1


def job(material: Path, out: Path, *cts: str, boxes=("boxes.mrk.json",), **options) -> Job:
    options = Options(**{"device": "cpu", "precision": "float32", "bundle": material / "bundle", **options})
    paths = [str(material / ct) for ct in cts or ("a.nrrd",)]
    return job_from_paths(paths, [str(material / box) for box in boxes], out, options)


def test_each_ct_is_read_once_for_all_its_boxes_and_let_go(material, tmp_path):
    steps = Counting()
    report = run_job(job(material, tmp_path, "a.nrrd", "b.nrrd"), steps=steps)
    assert report["exit_status"] == 0
    assert steps.read == ["a.nrrd", "b.nrrd"]
    assert len(steps.synthesized) == 4
    assert steps.held == 0
    kinds = ("json", "nrrd", "png")
    names = [f"{ct}_{level}_sMRT2.{kind}" for ct in "ab" for level in ("L3-L4", "L4-L5") for kind in kinds]
    assert runs.files_below(tmp_path) == sorted([*names, "a_overview.png", "b_overview.png", "report.json"])


def test_the_volume_on_disk_lies_where_the_box_lies(material, tmp_path):
    run_job(job(material, tmp_path, slices=3))
    image = runs.read(tmp_path / "a_L4-L5_sMRT2.nrrd")
    assert image.GetSize() == (256, 256, 3)
    assert image.GetPixelIDTypeAsString() == "8-bit unsigned integer"
    corner = np.array(image.TransformContinuousIndexToPhysicalPoint([-0.5, -0.5, -0.5])) * [-1, -1, 1]
    assert np.allclose(corner, [30, -2 + 30, 13 - 2], atol=1e-3)  # right, anterior, inferior
    assert "not for diagnosis" in image.GetMetaData("CT2MRSynth label")


def test_running_again_makes_nothing_again(material, tmp_path):
    run_job(job(material, tmp_path))
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.name != "report.json"}
    steps = Counting()
    report = run_job(job(material, tmp_path), steps=steps)
    assert [box["status"] for box in report["cts"][0]["boxes"]] == [SKIPPED] * 2
    assert (report["exit_status"], report["counts"]["skipped"], steps.read) == (0, 2, [])
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.name in before} == before


@pytest.mark.parametrize("ending", ["nrrd", "png", "json"])
@pytest.mark.parametrize("harm", ["gone", "altered"])
def test_what_is_not_whole_is_made_again(material, tmp_path, ending, harm):
    run_job(job(material, tmp_path))
    victim = tmp_path / f"a_L3-L4_sMRT2.{ending}"
    whole = victim.read_bytes()
    if harm == "gone":
        victim.unlink()
    else:
        victim.write_bytes(whole[:-20])
    steps = Counting()
    report = run_job(job(material, tmp_path), steps=steps)
    assert [level for _, level in steps.synthesized] == ["L3-L4"]
    assert report["counts"] == {**report["counts"], "written": 1, "skipped": 1, "failed": 0}
    if ending != "json":
        assert victim.read_bytes() == whole  # same input, same bytes


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"thickness": 2.0}, "another thickness"),
        ({"slices": 2}, "another slices"),
        ({"force": True}, "complete"),
    ],
)
def test_another_request_is_made_anew(material, tmp_path, change, reason):
    run_job(job(material, tmp_path))
    report = run_job(job(material, tmp_path, **change))
    assert [(box["status"], box["reason"]) for box in report["cts"][0]["boxes"]] == [("written", reason)] * 2


def test_another_ct_box_or_model_under_the_same_name_is_noticed(material, tmp_path):
    copy, out = tmp_path / "copy", tmp_path / "out"
    shutil.copytree(material, copy)
    run_job(job(copy, out))
    runs.write_ct(copy / "a.nrrd", seed=5)
    reasons = [run_job(job(copy, out))["cts"][0]["boxes"][0]["reason"]]
    runs.write_boxes(copy / "boxes.mrk.json", "L3-L4", centers=[[1, 0, 20]])
    reasons.append(run_job(job(copy, out))["cts"][0]["boxes"][0]["reason"])
    card = runs.load(copy / "bundle" / "card.json")
    del card["card_sha256"]  # changed on purpose
    (copy / "bundle" / "card.json").write_text(json.dumps({**card, "ct_window": [-100.0, 300.0]}))
    reasons.append(run_job(job(copy, out))["cts"][0]["boxes"][0]["reason"])
    assert reasons == ["another input", "another box", "another model card"]


def test_a_ct_that_fails_does_not_stop_the_others(material, tmp_path):
    bad = tmp_path / "in" / "bad.nrrd"
    bad.parent.mkdir()
    bad.write_bytes((material / "a.nrrd").read_bytes()[:5000])
    tasks = name_tasks(
        [
            Task(path, (material / "boxes.mrk.json",), tmp_path / "out")
            for path in (material / "a.nrrd", bad, material / "b.nrrd")
        ]
    )
    options = Options(device="cpu", precision="float32", bundle=material / "bundle")
    report = run_job(Job(tasks, tmp_path / "out", options))
    assert [ct["status"] for ct in report["cts"]] == ["done", "failed", "done"]
    assert report["exit_status"] == 1
    assert "bad.nrrd" in report["cts"][1]["error"]
    assert report["counts"] == {"cts": 3, "cts_failed": 1, "boxes": 6, "written": 4, "skipped": 0, "failed": 2}
    assert not [name for name in runs.files_below(tmp_path / "out") if name.startswith("bad")]
    assert runs.load(tmp_path / "out" / "report.json") == report


def test_an_image_that_is_no_ct_is_refused_and_leaves_nothing(material, tmp_path):
    mr = runs.write_ct(
        tmp_path / "mr.nrrd", array=np.random.default_rng(0).integers(0, 900, (40, 40, 40)).astype(np.int16)
    )
    tasks = name_tasks([Task(mr, (material / "boxes.mrk.json",), tmp_path / "out")])
    report = run_job(Job(tasks, tmp_path / "out", job(material, tmp_path).options))
    assert report["exit_status"] == 1
    assert "no CT" in report["cts"][0]["error"]
    assert runs.files_below(tmp_path / "out") == ["report.json"]


@pytest.mark.parametrize("series", [None, "1.2.99"])
def test_series_to_choose_from_are_told_but_not_kept(material, tmp_path, series):
    for index, uid in enumerate(("1.2.3.4711", "1.2.3.4712")):
        write_series(tmp_path / "ct" / str(index), series=uid, SeriesDescription="Erika M")
    heard = []
    progress = Progress([SimpleNamespace(send=heard.append)])
    tasks = name_tasks([Task(tmp_path / "ct", (material / "boxes.mrk.json",), tmp_path / "out", series=series)])
    report = run_job(Job(tasks, tmp_path / "out", job(material, tmp_path).options), progress)
    (told,) = [event["message"] for event in heard if event["event"] == "error"]
    assert "Erika M" in told and "1.2.3.4711" in told
    assert "image series" in report["cts"][0]["error"] and "--series" in report["cts"][0]["error"]
    kept = (tmp_path / "out" / "report.json").read_text()
    assert not any(words in kept for words in ("Erika", "1.2.3.47", "1.2.99"))


def test_a_box_that_fails_does_not_stop_the_others(material, tmp_path):
    runs.write_boxes(tmp_path / "far.mrk.json", "L1-L2", centers=[[500, 0, 0]])
    (tmp_path / "none.mrk.json").write_text("{}")
    boxes = (tmp_path / "far.mrk.json", tmp_path / "none.mrk.json", tmp_path / "absent.mrk.json")
    report = run_job(job(material, tmp_path / "out", boxes=(*boxes, "boxes.mrk.json")))
    entries = report["cts"][0]["boxes"]
    assert [box["status"] for box in entries] == ["failed"] * 3 + ["written"] * 2
    assert all(box["error"] for box in entries[:3])
    assert (report["exit_status"], report["cts"][0]["status"]) == (1, "partly")
    assert len(runs.files_below(tmp_path / "out")) == 2 * 3 + 2  # with the overview and the report


def test_names_that_no_system_takes_fail_alone(material, tmp_path):
    boxes, out = material / "boxes.mrk.json", tmp_path / "out"
    odd = "a\0b"
    tasks = [
        Task(material / odd, (boxes,), out),
        Task(material / "a.nrrd", (material / odd, boxes), out),
    ]
    report = run_job(Job(name_tasks(tasks), out, job(material, out).options))
    assert [ct["status"] for ct in report["cts"]] == ["failed", "partly"]
    for error in (report["cts"][0]["error"], report["cts"][1]["boxes"][0]["error"]):
        assert "Unexpected" not in error and "name" in error
    assert report["counts"]["written"] == 2


def test_two_boxes_of_one_level_do_not_overwrite_each_other(material, tmp_path):
    runs.write_boxes(tmp_path / "two.mrk.json", "L4-L5", "l4/5")
    first = run_job(job(material, tmp_path / "out", boxes=(tmp_path / "two.mrk.json",)))
    names = [box["files"]["volume"] for box in first["cts"][0]["boxes"]]
    assert names == ["a_L4-L5_sMRT2.nrrd", "a_L4-L5-2_sMRT2.nrrd"]
    again = run_job(job(material, tmp_path / "out", boxes=(tmp_path / "two.mrk.json",)))
    assert again["counts"]["skipped"] == 2


def test_cts_with_one_stem_do_not_overwrite_each_other(material, tmp_path):
    for name, seed in (("p1", 2), ("p2", 3)):
        runs.write_ct(tmp_path / name / "ct.nrrd", seed=seed)
    report = run_job(job(material, tmp_path / "out", tmp_path / "p1/ct.nrrd", tmp_path / "p2/ct.nrrd"))
    assert report["counts"]["written"] == 4
    assert {ct["name"] for ct in report["cts"]} == {"p1-ct", "p2-ct"}
    assert len(runs.files_below(tmp_path / "out")) == 4 * 3 + 2 + 1


def test_the_bundle_is_checked_before_anything_is_read_or_written(material, tmp_path):
    shutil.copytree(material / "bundle", tmp_path / "bundle")
    weights = tmp_path / "bundle" / "weights.pt"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    steps = Counting()
    with pytest.raises(BundleError):
        run_job(job(material, tmp_path / "out", bundle=tmp_path / "bundle"), steps=steps)
    assert steps.read == []
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file_is_refused_before_any_ct_is_read(material, tmp_path):
    (tmp_path / "out").write_text("mine")
    steps = Counting()
    with pytest.raises(OutputError, match="out"):
        run_job(job(material, tmp_path / "out"), steps=steps)
    assert steps.read == []
    assert (tmp_path / "out").read_text() == "mine"


def test_an_unwritable_folder_of_one_task_fails_that_task_only(material, tmp_path):
    (tmp_path / "file").touch()
    tasks = [
        Task(material / "a.nrrd", (material / "boxes.mrk.json",), tmp_path / "file"),
        Task(material / "b.nrrd", (material / "boxes.mrk.json",), tmp_path / "b"),
    ]
    report = run_job(Job(name_tasks(tasks), tmp_path / "out", job(material, tmp_path).options))
    assert [ct["status"] for ct in report["cts"]] == ["failed", "done"]
    assert report["cts"][1]["boxes"][0]["files"]["volume"] == "../b/b_L3-L4_sMRT2.nrrd"


@pytest.mark.parametrize("failing", ["write_volume", "picture"])
def test_a_result_that_cannot_be_written_whole_leaves_the_older_one(material, tmp_path, monkeypatch, failing):
    run_job(job(material, tmp_path))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "report.json"}

    def full(*_):
        raise OSError(28, "No space left on device")

    steps = Steps()
    if failing == "picture":
        monkeypatch.setattr("CT2MRSynthLib.picture.save", full)
    else:
        steps.write_volume = full
    report = run_job(job(material, tmp_path, thickness=1.0), steps=steps)
    assert report["counts"]["failed"] == 2
    assert "No space left" in report["cts"][0]["boxes"][0]["error"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "report.json"} == before


def test_cancelling_keeps_what_is_complete(material, tmp_path):
    steps = Counting()
    with pytest.raises(Cancelled):
        run_job(job(material, tmp_path), steps=steps, cancelled=lambda: len(steps.synthesized) > 0)
    assert runs.load(tmp_path / "report.json")["state"] == "stopped"
    left = runs.files_below(tmp_path)
    assert not [name for name in left if "L4-L5" in name or ".part" in name]
    report = run_job(job(material, tmp_path))
    assert report["counts"]["failed"] == 0


def test_the_step_that_synthesizes_can_be_replaced(material, tmp_path):
    class Nodes(Steps):
        def synthesize(self, volume, frame, synthesizer, options, progress, cancelled):
            seen.append((volume.name, frame.level, options.slices))
            return super().synthesize(volume, frame, synthesizer, options, progress, cancelled)

    seen = []
    run_job(job(material, tmp_path), steps=Nodes())
    assert seen == [("a", "L3-L4", 1), ("a", "L4-L5", 1)]


def test_a_ct_under_another_name_gives_the_same_bytes(material, tmp_path):
    shutil.copy(material / "a.nrrd", tmp_path / "other.nrrd")
    run_job(job(material, tmp_path / "1"))
    run_job(job(material, tmp_path / "2", tmp_path / "other.nrrd"))
    one, two = (runs.read(tmp_path / place) for place in ("1/a_L3-L4_sMRT2.nrrd", "2/other_L3-L4_sMRT2.nrrd"))
    assert one.GetSize() == (256, 256, 1)
    assert np.array_equal(runs.voxels(one), runs.voxels(two))


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        (
            "The file '/home/jane/Doe, John/ct.nrrd' is empty.",
            "/home/jane/Doe, John/ct.nrrd",
            "The file 'ct.nrrd' is empty.",
        ),
        ("The folder '/home/jane/data' is empty.", "/home/jane/data/ct.nrrd", "The folder 'data' is empty."),
        ("'/srv/x/y.png' or C:\\Users\\jane\\a.nrrd", "/other/ct.nrrd", "'y.png' or a.nrrd"),
        ("12 mm/px, see https://host/a/b, 1/2", "/other/ct.nrrd", "12 mm/px, see https://host/a/b, 1/2"),
    ],
)
def test_no_folder_name_enters_the_report(text, known, expected):
    assert without_folders(text, Path(known)) == expected


def test_what_another_running_process_is_writing_is_left_alone(material, tmp_path):
    running, ended = (subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2))
    ended.communicate(b"\n")
    try:
        for process in (running, ended):
            (tmp_path / f".a_L4-L5_sMRT2.{process.pid}.part").mkdir()
        run_job(job(material, tmp_path))
        left = [path.name for path in tmp_path.glob(".*.part")]
        assert left == [f".a_L4-L5_sMRT2.{running.pid}.part"]
    finally:
        running.communicate(b"\n")


def test_several_discs_of_a_ct_are_shown_on_one_sheet(material, tmp_path):
    report = run_job(job(material, tmp_path))
    sheet = Image.open(tmp_path / report["cts"][0]["overview"])
    panel = Image.open(tmp_path / report["cts"][0]["boxes"][0]["files"]["picture"])
    assert sheet.width > 2 * 350 and sheet.height > 2 * 350
    assert panel.size != sheet.size
    (tmp_path / "a_overview.png").unlink()
    assert (tmp_path / run_job(job(material, tmp_path))["cts"][0]["overview"]).is_file()


def test_one_disc_needs_no_sheet(material, tmp_path):
    runs.write_boxes(tmp_path / "one.mrk.json", "L4-L5")
    report = run_job(job(material, tmp_path / "out", boxes=(tmp_path / "one.mrk.json",)))
    assert "overview" not in report["cts"][0]
    assert not list((tmp_path / "out").glob("*overview*"))
