"""The command in a process of its own: exit status, what it says where, and what is left when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import runs

import CT2MRSynthLib
from CT2MRSynthLib.cli import COMMANDS, main

HEAVY = ("torch", "numpy", "scipy", "SimpleITK", "pydicom", "PIL", "vtk", "slicer", "qt")


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Path:
    """A folder with a bundle, a CT and boxes."""
    pytest.importorskip("torch", reason="no torch")
    folder = tmp_path_factory.mktemp("material")
    runs.write_bundle(folder / "bundle")
    runs.write_ct(folder / "a.nrrd")
    runs.write_boxes(folder / "a.mrk.json", "L3-L4", "L4-L5")
    return folder


def words(material: Path, out: Path, ct="a.nrrd", roi="a.mrk.json", bundle="bundle") -> list:
    """Arguments for a run on the material."""
    return ["--ct", material / ct, "--roi", material / roi, "--bundle", material / bundle, "--out", out]


def here(*argv) -> int:
    """The command in this process, where all is imported already."""
    return main(["synthesize", *map(str, argv), "--device", "cpu", "--precision", "float32"])


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_states_the_exit_status_and_imports_nothing_heavy(command):
    script = (
        "import sys; from CT2MRSynthLib.cli import main; status = main(sys.argv[1:]);"
        f"print('LOADED', sorted(set({HEAVY!r}) & set(sys.modules))); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command, "--help"],
        env=runs.ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "LOADED []" in done.stdout
    for status in ("0  all done", "1  some inputs failed", "2  wrong usage", "3  the model bundle is refused"):
        assert status in done.stdout
    assert "not for diagnosis" in done.stdout


def test_importing_the_package_imports_nothing_heavy():
    script = f"import sys, CT2MRSynthLib; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=runs.ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ct2mrsynth {CT2MRSynthLib.__version__}\n"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["nonsense"],
        ["synthesize", "--nonsense"],
        ["synthesize"],
        ["synthesize", "--ct", "a.nrrd", "--out", "o"],
        ["synthesize", "--ct", "a.nrrd", "--roi", "b"],
        ["synthesize", "--ct", "a.nrrd", "--roi", "b", "--out", "o", "--slices", "0"],
        ["synthesize", "--ct", "a.nrrd", "--roi", "b", "--out", "o", "--thickness", "nan"],
        ["synthesize", "--ct", "a.nrrd", "--roi", "b", "--out", "o", "--device", "gpu"],
        ["synthesize", "--ct", "none/*.nrrd", "--roi", "b", "--out", "o"],
        ["synthesize", "--job", "none.json", "--out", "o"],
        ["synthesize", "--job", "none.json", "--ct", "a.nrrd", "--out", "o"],
    ],
)
def test_wrong_usage_is_2_and_leaves_nothing(argv, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    said = capsys.readouterr()
    assert "ct2mrsynth" in said.err and not said.out
    assert list(tmp_path.iterdir()) == []


def test_all_done_is_0_and_standard_output_stays_empty(material, tmp_path, capsys):
    done = runs.run(*words(material, tmp_path / "out"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "2 written" in done.stderr and "100 %" in done.stderr
    assert len(runs.files_below(tmp_path / "out")) == 2 * 3 + 2  # with the overview and the report
    assert here(*words(material, tmp_path / "out"), "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert runs.load(tmp_path / "out" / "report.json")["counts"]["skipped"] == 2


def test_one_bad_ct_among_three_is_1_and_the_report_says_which(material, tmp_path, capsys):
    for name, seed in (("one", 1), ("two", 2)):
        runs.write_ct(tmp_path / "cts" / f"{name}.nrrd", seed=seed)
    (tmp_path / "cts" / "three.nrrd").write_text("no image")
    assert here(*words(material, tmp_path / "out", ct=tmp_path / "cts" / "*.nrrd")) == 1
    assert "Error: three: " in capsys.readouterr().err
    report = runs.load(tmp_path / "out" / "report.json")
    assert {ct["name"]: ct["status"] for ct in report["cts"]} == {"one": "done", "three": "failed", "two": "done"}
    assert len(runs.files_below(tmp_path / "out")) == 4 * 3 + 2 + 1


@pytest.mark.parametrize("ct", ["missing.nrrd", "empty.nrrd", "photo.png", "text.txt"])
def test_a_bad_ct_gets_one_sentence_and_leaves_nothing_but_the_report(material, tmp_path, ct, capsys):
    from PIL import Image

    (tmp_path / "empty.nrrd").touch()
    (tmp_path / "text.txt").write_text("words")
    Image.new("RGB", (300, 200)).save(tmp_path / "photo.png")
    assert here(*words(material, tmp_path / "out", ct=tmp_path / ct), "--quiet") == 1
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1 and ct in said
    assert runs.files_below(tmp_path / "out") == ["report.json"]


def test_a_refused_bundle_is_3_and_leaves_nothing(material, tmp_path, capsys):
    assert here(*words(material, tmp_path / "out", bundle=tmp_path / "nowhere"), "--events", "--quiet") == 3
    said = capsys.readouterr()
    assert said.err.startswith("ct2mrsynth: ") and len(said.err.strip().splitlines()) == 1
    events = [json.loads(line) for line in said.out.splitlines()]
    assert [event["event"] for event in events if event["event"] != "progress"] == ["start", "error", "end"]
    assert events[-1]["exit_status"] == 3
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file_is_1_with_one_sentence(material, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert here(*words(material, tmp_path / "out"), "--quiet") == 1
    said = capsys.readouterr().err
    assert said.startswith("ct2mrsynth: The output folder") and len(said.strip().splitlines()) == 1
    assert (tmp_path / "out").read_text() == "mine"


def test_events_are_json_lines_and_nothing_else_is_on_standard_output(material, tmp_path):
    runs.write_boxes(tmp_path / "b.mrk.json", "L2-L3", "L4-L5", centers=[[900, 0, 0], [0, 0, 0]])
    done = runs.run(*words(material, tmp_path / "out", roi=tmp_path / "b.mrk.json"), "--events", "--quiet")
    assert done.returncode == 1
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds.count("start") == kinds.count("end") == 1 and kinds[-1] == "end"
    results = [event for event in events if event["event"] == "result"]
    assert [(event["ct"], event["level"], event["status"]) for event in results] == [("a", "L4-L5", "written")]
    assert Path(results[0]["volume"]).is_file()
    errors = [event for event in events if event["event"] == "error"]
    assert [(event["ct"], event["level"]) for event in errors] == [("a", "L2-L3")]
    assert (events[-1]["exit_status"], events[-1]["written"], events[-1]["failed"]) == (1, 1, 1)
    assert Path(events[-1]["report"]).is_file()
    percents = [event["percent"] for event in events if event["event"] == "progress"]
    assert percents == sorted(percents) and percents[-1] == 100


def test_a_job_file_runs_and_the_command_line_goes_first(material, tmp_path):
    job = {
        "schema": 1,
        "out": "results",
        "tasks": [{"ct": str(material / "a.nrrd"), "roi": str(material / "a.mrk.json")}],
        "options": {"bundle": str(material / "bundle"), "slices": 9},
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    assert here("--job", tmp_path / "job.json", "--slices", "8") == 0
    report = runs.load(tmp_path / "results" / "report.json")
    assert (report["options"]["slices"], report["counts"]["written"]) == (8, 2)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_leaves_only_whole_results_and_resumes(material, tmp_path, number):
    levels = [f"box {n}" for n in range(8)]
    runs.write_boxes(tmp_path / "many.mrk.json", *levels, centers=[[0, 0, 3.0 * n] for n in range(8)])
    argv = words(material, tmp_path / "out", roi=tmp_path / "many.mrk.json")
    process = subprocess.Popen(
        runs.command(*argv, "--events"), env=runs.ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if json.loads(line)["event"] == "result":
            break
    time.sleep(0.02)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[number], stderr
    assert "Traceback" not in stderr
    records = list((tmp_path / "out").glob("*_sMRT2.json"))
    assert 1 <= len(records) < 8
    if number != signal.SIGKILL:
        assert json.loads(stdout.splitlines()[-1])["exit_status"] == process.returncode
        assert len(runs.files_below(tmp_path / "out")) == 3 * len(records) + 1
        assert runs.load(tmp_path / "out" / "report.json")["state"] == "stopped"
    assert here(*argv) == 0
    counts = runs.load(tmp_path / "out" / "report.json")["counts"]
    assert counts["skipped"] == len(records) and counts["written"] == 8 - len(records)
    assert len(runs.files_below(tmp_path / "out")) == 8 * 3 + 2  # nothing of the killed process is left


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
@pytest.mark.parametrize("limit", [3_000, 120_000])
def test_no_room_for_a_whole_result_leaves_none(material, tmp_path, limit, monkeypatch, capsys):
    """A limit on the size of files stops the volume (small limit) or the picture (large) as a full disk does."""
    import resource

    monkeypatch.setattr("CT2MRSynthLib.results.PROBE_BYTES", 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        status = here(*words(material, tmp_path / "out"), "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert status == 1
    said = capsys.readouterr().err
    assert "cannot be written" in said or "Cannot write" in said
    assert [name for name in runs.files_below(tmp_path / "out") if name != "report.json"] == []


def test_a_reader_of_events_that_leaves_ends_the_run_quietly(material, tmp_path):
    process = subprocess.Popen(
        runs.command(*words(material, tmp_path / "out"), "--events", "--quiet"),
        env=runs.ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.wait(timeout=120) == 1
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_without_torch_the_sentence_names_it(material, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("CT2MRSynthLib.") and "cli" not in name]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["synthesize", *map(str, words(material, tmp_path / "out"))]) == 1
    assert "'torch' is missing" in capsys.readouterr().err
