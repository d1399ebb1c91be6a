"""``ct2mrsynth pairs``: what it prints, and how it ends."""

import json
import subprocess
import sys

import pytest
import runs
from test_cli import HEAVY
from test_pairset_update import pair, without_images

from CT2MRSynthLib.cli import main
from CT2MRSynthLib.cli import pairs as group
from CT2MRSynthLib.pairset import PairSetWriter, read_manifest


@pytest.fixture
def pairs(tmp_path):
    with PairSetWriter(tmp_path, {"command": "build"}, update=True) as writer:
        for patient in "abc":
            writer.add(pair(tmp_path, patient, "L4-L5"))
        writer.add(without_images("d", "L4-L5"))
        writer.assign_splits((1 / 3, 1 / 3, 1 / 3))
    return tmp_path


@pytest.mark.parametrize("command", group.COMMANDS)
def test_help_is_quick_and_states_the_exit_status(command):
    script = (
        "import sys; from CT2MRSynthLib.cli import main; status = main(sys.argv[1:]);"
        f"print('LOADED', sorted(set({HEAVY!r}) & set(sys.modules))); sys.exit(status)"
    )
    words = [sys.executable, "-c", script, "pairs", command, "--help"]
    done = subprocess.run(words, env=runs.ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"ct2mrsynth pairs {command}" in done.stdout and "LOADED []" in done.stdout
    assert "exit status" in done.stdout and "not for diagnosis" in done.stdout


def test_the_list_as_json_has_the_pairs_as_the_manifest_has_them(pairs, capsys):
    assert main(["pairs", "list", str(pairs), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["statuses"] == {"accepted": 3, "rejected": 0, "excluded": 1} and content["patients"] == 4
    listed = [{key: value for key, value in one.items() if key != "status"} for one in content["pairs"]]
    assert listed == json.loads((pairs / "manifest.json").read_text(encoding="utf-8"))["pairs"]
    assert [one["status"] for one in content["pairs"]] == ["accepted"] * 3 + ["excluded"]


def test_the_list_can_be_filtered(pairs, capsys):
    sides = {entry.patient: entry.split for entry in read_manifest(pairs).pairs}
    (tested,) = (patient for patient, side in sides.items() if side == "test")
    for words, expected in [(["--split", "test"], tested), (["--status", "excluded"], "d"), (["--split", "none"], "d")]:
        assert main(["pairs", "list", str(pairs), *words]) == 0
        rows = capsys.readouterr().out.splitlines()[1:-2]
        assert [row.split()[0] for row in rows] == [f"{expected}_L4-L5"]


def test_deciding_prints_what_was_decided(pairs, capsys):
    assert main(["pairs", "reject", str(pairs), "a_L4-L5", "b_*", "--reviewer", "AB", "--note", "moved"]) == 0
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        "a_L4-L5 rejected by AB",
        "b_L4-L5 rejected by AB",
    ]
    assert main(["pairs", "accept", str(pairs), "a_L4-L5", "--reviewer", "CD"]) == 0
    found = {entry.id: entry.decision for entry in read_manifest(pairs).pairs}
    assert (found["a_L4-L5"].status, found["a_L4-L5"].reviewer, found["a_L4-L5"].note) == ("accepted", "CD", "")
    assert (found["b_L4-L5"].status, found["b_L4-L5"].note) == ("rejected", "moved")


def test_the_audit_prints_where_its_files_are(pairs, capsys):
    assert main(["pairs", "audit", str(pairs), "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.split() == [str(pairs / "audit.html"), str(pairs / "contact_sheet.png")]
    assert all((pairs / name).stat().st_size > 1000 for name in ("audit.html", "contact_sheet.png"))


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["reject", "PAIRS", "a_L4-L6", "--reviewer", "AB"], 1, "did you mean a_L4-L5"),
        (["reject", "PAIRS", "a_L4-L5", "--reviewer", "A B"], 2, "give a code"),
        (["reject", "PAIRS", "a_L4-L5"], 2, "--reviewer"),
        (["accept", "PAIRS", "d_L4-L5", "--reviewer", "AB"], 1, "has no images"),
        (["list", "PAIRS/none"], 1, "There is no pair set"),
        (["audit", "PAIRS/none"], 1, "There is no pair set"),
        ([], 2, "COMMAND"),
    ],
)
def test_wrong_requests_are_refused(pairs, capsys, words, status, sentence):
    assert main(["pairs", *(word.replace("PAIRS", str(pairs)) for word in words)]) == status
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("command", ["list", "audit", "accept"])
def test_a_set_of_a_newer_schema_is_refused_in_one_sentence(pairs, capsys, command):
    path = pairs / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"schema": 1', '"schema": 2'), encoding="utf-8")
    before = sorted(pairs.rglob("*"))
    words = ["a_L4-L5", "--reviewer", "AB"] if command == "accept" else []
    assert main(["pairs", command, str(pairs), *words]) == 1
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0 and "schema 2, this version reads 1; update CT2MRSynth" in said
    assert sorted(pairs.rglob("*")) == before
