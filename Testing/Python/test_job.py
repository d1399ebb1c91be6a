"""The job: what the command line or a job file asks for, without doubt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.job import Options, Task, file_part, job_from_file, job_from_paths, name_tasks


def write_job(folder: Path, content) -> Path:
    path = folder / "job.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


TASK = {"ct": "cts/a.nrrd", "roi": ["a.mrk.json"]}


def test_paths_in_a_job_file_are_relative_to_it(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    content = {
        "schema": 1,
        "out": "results",
        "tasks": [TASK, {"ct": "b.nii.gz", "roi": "b.mrk.json", "series": "3", "out": "elsewhere"}],
        "options": {"slices": 3, "thickness": 2, "bundle": "bundle"},
    }
    job = job_from_file(write_job(tmp_path, content), device="cpu", slices=None, thickness=5.0)
    assert [task.ct for task in job.tasks] == [tmp_path / "cts/a.nrrd", tmp_path / "b.nii.gz"]
    assert job.tasks[0].boxes == (tmp_path / "a.mrk.json",)
    assert (job.tasks[1].out, job.tasks[1].series, job.out) == (tmp_path / "elsewhere", "3", tmp_path / "results")
    assert job.options == Options(slices=3, thickness=5.0, device="cpu", bundle=tmp_path / "bundle")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ([], "not an object"),
        ({"tasks": [TASK], "out": "o"}, '"schema"'),
        ({"schema": 2, "tasks": [TASK], "out": "o"}, "schema 2"),
        ({"schema": 1, "out": "o"}, '"tasks"'),
        ({"schema": 1, "tasks": [], "out": "o"}, "no tasks"),
        ({"schema": 1, "tasks": [TASK]}, '"out"'),
        ({"schema": 1, "tasks": [{"ct": "a"}], "out": "o"}, "task 1"),
        ({"schema": 1, "tasks": [{**TASK, "rio": "b"}], "out": "o"}, '"rio"'),
        ({"schema": 1, "tasks": [{**TASK, "roi": []}], "out": "o"}, '"roi"'),
        ({"schema": 1, "tasks": [{**TASK, "roi": [3]}], "out": "o"}, "[3]"),
        ({"schema": 1, "tasks": [{**TASK, "ct": 5}], "out": "o"}, '"ct"'),
        ({"schema": 1, "tasks": [TASK], "out": "o", "options": {"slices": 0}}, "slices is 0"),
        ({"schema": 1, "tasks": [TASK], "out": "o", "options": {"slices": True}}, '"slices"'),
        ({"schema": 1, "tasks": [TASK], "out": "o", "options": {"thickness": -1}}, "thickness is -1"),
        ({"schema": 1, "tasks": [TASK], "out": "o", "options": {"device": "gpu"}}, "'gpu'"),
        ({"schema": 1, "tasks": [TASK], "out": "o", "options": {"pixels": 3}}, '"pixels"'),
    ],
)
def test_a_job_file_that_is_wrong_is_refused_by_name(tmp_path, content, named):
    with pytest.raises(UsageError) as refused:
        job_from_file(write_job(tmp_path, content))
    assert named in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


def test_a_missing_job_file_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="nothing.json"):
        job_from_file(tmp_path / "nothing.json")


def test_a_pattern_finds_all_cts_once_and_fills_in_their_boxes(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.nii.gz").touch()
    pattern = str(tmp_path / "*.nii.gz")
    job = job_from_paths([pattern, str(tmp_path / "a.nii.gz")], [str(tmp_path / "{ct}.mrk.json")], tmp_path / "out")
    assert [task.name for task in job.tasks] == ["a", "b"]
    assert [task.boxes for task in job.tasks] == [(tmp_path / "a.mrk.json",), (tmp_path / "b.mrk.json",)]
    assert not job.warnings


def test_the_folder_of_each_ct_can_hold_its_boxes(tmp_path):
    for name in ("p1", "p2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ct.nrrd").touch()
    job = job_from_paths([str(tmp_path / "*/ct.nrrd")], ["{folder}/box.mrk.json"], tmp_path / "out")
    assert [task.boxes[0] for task in job.tasks] == [tmp_path / "p1/box.mrk.json", tmp_path / "p2/box.mrk.json"]
    assert [task.name for task in job.tasks] == ["p1-ct", "p2-ct"]


def test_one_box_file_for_several_cts_is_pointed_out(tmp_path):
    job = job_from_paths(["a.nrrd", "b.nrrd"], ["box.mrk.json"], tmp_path)
    assert "all 2 CTs" in job.warnings[0]


@pytest.mark.parametrize(
    ("cts", "boxes"), [([], ["b"]), (["a"], []), (["/nowhere/*.nrrd"], ["b"]), ([""], ["b"]), (["a"], [""])]
)
def test_nothing_to_do_is_wrong_usage(tmp_path, cts, boxes):
    with pytest.raises(UsageError):
        job_from_paths(cts, boxes, tmp_path)


@pytest.mark.parametrize(
    "paths",
    [
        ["x/ct.nrrd", "y/ct.nrrd"],
        ["x/ct.nrrd", "x/ct.nii.gz"],
        ["x/CT.nrrd", "y/ct.nrrd"],
        ["x/1/ct.nrrd", "y/1/ct.nrrd", "y/2/ct.nrrd"],
        ["a b.nrrd", "a_b.nrrd", "a  b.nrrd"],
    ],
)
def test_two_cts_never_share_a_name(paths):
    tasks = name_tasks([Task(Path("/data") / path, (), Path("out")) for path in paths])
    names = [task.name.casefold() for task in tasks]
    assert len(set(names)) == len(paths)
    again = name_tasks([Task(Path("/data") / path, (), Path("out")) for path in reversed(paths)])
    assert {task.ct: task.name for task in again} == {task.ct: task.name for task in tasks}


def test_the_same_ct_named_twice_keeps_one_name():
    tasks = name_tasks([Task(Path("/data/ct.nrrd"), (), Path("out"))] * 2)
    assert [task.name for task in tasks] == ["ct", "ct"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("L4/L5", "L4-L5"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ("a b\tc\n", "a_b_c"),
        (".hidden", "hidden"),
        ("", "unnamed"),
        ("..", "unnamed"),
        ("Größe 5", "Größe_5"),
        ("x" * 300, "x" * 80),
    ],
)
def test_a_file_name_part_holds_nothing_a_file_system_minds(text, part):
    assert file_part(text) == part
    assert "/" not in part and not part.startswith(".")
