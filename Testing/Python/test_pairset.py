"""Pair sets: files that open in place, a manifest that tells the truth of them, runs that can be ended anywhere."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import runs

from CT2MRSynthLib.errors import InputError, OutputError, UsageError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.pairset import PairSetWriter, is_complete, read_manifest, read_pair, write_pair
from CT2MRSynthLib.pairset.manifest import Decision
from CT2MRSynthLib.phantom.pair import render_pair
from CT2MRSynthLib.phantom.pairset import plan_pairs, write_pairs

TURNED = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


def images(seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 300, (256, 256)), rng.integers(0, 256, (256, 256)).astype(np.uint8)


@pytest.fixture
def pairs(tmp_path):
    """A set of three pairs of two patients on oblique grids."""
    with PairSetWriter(tmp_path / "set", {"command": "test"}) as writer:
        for n, (patient, level) in enumerate([("a", "L3-L4"), ("a", "L4-L5"), ("b", "L4-L5")]):
            grid = DiscFrame([5, n, -40], TURNED, [80 + n, 80 + n, 4], level).grid()
            writer.add(write_pair(writer.folder, patient, level, *images(n), grid, details={"number": n}))
    return tmp_path / "set"


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """Three simulated pairs of two subjects, made in two processes."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_pairs(folder, 3, seed=40, subjects=2, processes=2)
    return folder


def contents(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_lie_where_the_pair_lies(pairs):
    for entry in read_manifest(pairs).pairs:
        for file in entry.files.values():
            image = runs.read(pairs / file.path)
            assert image.GetSize() == entry.geometry.size == (256, 256, 1)
            np.testing.assert_allclose(image.GetSpacing(), entry.geometry.spacing_mm, atol=1e-6)
            for index in ([0, 0, 0], [255, 3, 0]):
                place = np.array(entry.geometry.ijk_to_ras)[:3] @ [*index, 1] * [-1, -1, 1]
                np.testing.assert_allclose(image.TransformIndexToPhysicalPoint(index), place, atol=1e-5)


def test_a_pair_comes_back_as_it_was(pairs):
    for n, entry in enumerate(read_manifest(pairs).pairs):
        ct, mr = read_pair(pairs, entry)
        np.testing.assert_array_equal(ct, np.rint(images(n)[0]))
        np.testing.assert_array_equal(mr, images(n)[1])
        assert entry.details == {"number": n} and entry.accepted
        assert entry.extent == pytest.approx((80 + n, 80 + n, 4))


def test_an_altered_or_missing_image_is_refused(pairs):
    first, second, _ = read_manifest(pairs).pairs
    shutil.copy(pairs / second.files["ct"].path, pairs / first.files["ct"].path)
    (pairs / second.files["mr"].path).unlink()
    with pytest.raises(InputError, match=r"a_L3-L4_CT.nrrd of the pair a_L3-L4 was altered"):
        read_pair(pairs, first)
    with pytest.raises(InputError, match=r"a_L4-L5_T2.nrrd of the pair a_L4-L5 is missing"):
        read_pair(pairs, second)


def test_a_writer_keeps_what_is_complete_and_forgets_the_rest(pairs):
    damaged = read_manifest(pairs).pairs[1]
    (pairs / damaged.files["mr"].path).write_bytes(b"half")
    with PairSetWriter(pairs, {"command": "test"}) as writer:
        assert [name in writer for name in ("a_L3-L4", "a_L4-L5", "b_L4-L5")] == [True, False, True]
    assert len(read_manifest(pairs).pairs) == 2


def test_decisions_survive(pairs):
    found = read_manifest(pairs)
    no = Decision("rejected", reviewer="AB", note="moved")
    replace(found, pairs=(replace(found.pairs[0], decision=no, split="test"), *found.pairs[1:])).write(pairs)
    with PairSetWriter(pairs, {"command": "test"}):
        pass
    assert read_manifest(pairs).pairs[0].decision == no
    assert read_manifest(pairs).pairs[0].split == "test"


def test_a_folder_with_another_set_is_left_alone(pairs):
    before = contents(pairs)
    with pytest.raises(UsageError, match="command 'test' not 'other'"):
        PairSetWriter(pairs, {"command": "other"})
    assert contents(pairs) == before


def broken(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"schema": 1', '"schema": 2', "schema 2, this version reads 1; update"),
        ('"kind": "CT2MRSynth pair set"', '"kind": "x"', "is no manifest of a pair set"),
        ('"path": "a/', '"path": "../a/', "leads out of the folder"),
        ('"path": "a/', '"path": "/a/', "leads out of the folder"),
        ('"status": "accepted"', '"status": "maybe"', "its decision is 'maybe'"),
        ('"patient": "a"', '"person": "a"', "'patient' is missing"),
        ('"split": null', '"split": "left"', "its split is 'left'"),
        ('"size": [256, ', '"size": [', "its geometry is incomplete"),
        ('"pairs": [', '"pairs": [[', "no JSON"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_in_one_sentence(pairs, old, new, words):
    path = pairs / "manifest.json"
    path.write_text(broken(path.read_text(encoding="utf-8"), old, new), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_manifest(pairs)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_images_of_another_shape_are_not_written(tmp_path):
    ct, mr = images()
    grid = DiscFrame([0, 0, 0], np.eye(3), [80, 80, 4]).grid()
    with pytest.raises(OutputError, match=r"not \(128, 256\)"):
        write_pair(tmp_path, "a", "L4-L5", ct[:128], mr, grid)
    with pytest.raises(OutputError, match="float64"):
        write_pair(tmp_path, "a", "L4-L5", ct, ct, grid)
    assert not list(tmp_path.iterdir())


def test_a_plan_is_of_the_asked_subjects_with_one_to_five_discs_each():
    plan = plan_pairs(280, 129, 7)
    discs = Counter(seed for seed, _ in plan)
    assert sorted(discs) == list(range(7, 136)) and len(plan) == len(set(plan)) == 280
    assert set(discs.values()) == {1, 2, 3, 4, 5}
    assert plan == plan_pairs(280, 129, 7) != plan_pairs(280, 129, 8)
    assert Counter(seed for seed, _ in plan_pairs(15, 3, 1)) == {1: 5, 2: 5, 3: 5}


@pytest.mark.parametrize(("count", "subjects"), [(0, 1), (3, 4), (6, 1), (2, 0)])
def test_numbers_that_do_not_go_together_are_refused(tmp_path, count, subjects):
    with pytest.raises(UsageError, match=f"{count} pairs"):
        write_pairs(tmp_path / "none", count, 1, subjects)
    assert not (tmp_path / "none").exists()


def test_a_simulated_set_holds_the_pairs_of_its_plan(phantoms):
    found = read_manifest(phantoms)
    assert found.simulated
    assert [(entry.details["seed"], entry.level) for entry in found.pairs] == plan_pairs(3, 2, 40)
    entry = found.pairs[1]
    pair = render_pair(entry.details["seed"], entry.level)
    ct, mr = read_pair(phantoms, entry)
    np.testing.assert_array_equal(ct, np.rint(pair.ct))
    np.testing.assert_array_equal(mr, pair.mr)
    np.testing.assert_allclose(entry.geometry.ijk_to_ras, pair.frame.grid().ijk_to_ras, atol=1e-8)
    assert entry.details["anatomy"]["levels"][entry.level]["stenosis"] >= 0
    assert set(entry.details["mr_shift_mm"]) == {"posterior", "left"}


def test_an_ended_run_goes_on_and_ends_in_the_same_bytes(phantoms, tmp_path):
    """One file damaged, one pair not yet in the manifest: only those two pairs are made again."""
    out = tmp_path / "again"
    shutil.copytree(phantoms, out)
    found = read_manifest(out)
    (out / found.pairs[0].files["ct"].path).write_bytes(b"half")
    replace(found, pairs=found.pairs[:2]).write(out)
    kept = out / found.pairs[1].files["ct"].path
    before, told = kept.stat().st_mtime_ns, []
    write_pairs(out, 3, seed=40, subjects=2, progress=lambda *counts: told.append(counts))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert kept.stat().st_mtime_ns == before
    assert contents(out) == contents(phantoms)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_leaves_whole_files_only_and_no_process(tmp_path, how):
    words = ["phantom", "--pairs", "50", "--seed", "60", "--out", tmp_path, "--processes", "2"]
    words = [sys.executable, "-m", "CT2MRSynthLib", *map(str, words)]
    process = subprocess.Popen(words, env=runs.ENVIRONMENT, cwd=runs.ROOT, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.rglob("*_T2.nrrd"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(how)
    process.communicate(timeout=60)  # its output ends when the last of its workers has ended
    assert process.returncode == (143 if how == signal.SIGTERM else -signal.SIGKILL)
    found = read_manifest(tmp_path)
    assert all(is_complete(tmp_path, entry) for entry in found.pairs)
    whole = [path for path in tmp_path.rglob("[!.]*.nrrd")]
    assert 2 <= len(whole) < 100
    for path in whole:
        assert runs.read(path).GetSize() == (256, 256, 1)
    if how == signal.SIGTERM:
        assert len(found.pairs) >= 1
        assert not [path for path in tmp_path.rglob(".*") if path.is_file()]


def test_the_manifest_is_plain_json_one_pair_a_line(pairs):
    text = (pairs / "manifest.json").read_text(encoding="utf-8")
    assert json.loads(text)["kind"] == "CT2MRSynth pair set"
    lines = [line for line in text.splitlines() if '"id"' in line]
    assert [json.loads(line.strip().rstrip(","))["id"] for line in lines] == ["a_L3-L4", "a_L4-L5", "b_L4-L5"]


def test_a_pair_in_json_is_all_that_its_fields_hold(pairs):
    from dataclasses import asdict, replace

    for entry in read_manifest(pairs).pairs[:2]:
        for one in (entry, replace(entry, files={}, geometry=None)):
            assert one.to_json() == asdict(one) and list(one.to_json()) == list(asdict(one))
