import json
import shutil

import numpy as np
import pytest
from curated import ct_of, landmarks, mr_of, write, write_landmarks, write_patient
from scipy.ndimage import gaussian_filter

from CT2MRSynthLib.cli import main
from CT2MRSynthLib.curation.build import build_pairs
from CT2MRSynthLib.curation.options import BuildOptions
from CT2MRSynthLib.errors import Cancelled, InputError, UsageError
from CT2MRSynthLib.pairset import is_complete, read_manifest, read_pair
from CT2MRSynthLib.pairset.decisions import decide
from CT2MRSynthLib.volume import Volume

ALIGNED = {"registration": "none"}


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three patients with two discs each."""
    folder = tmp_path_factory.mktemp("three")
    for seed in (1, 2, 3):
        write_patient(folder / f"P{seed}", seed)
    return folder


@pytest.fixture(scope="module")
def built(three, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "pairs"
    return out, build_pairs(three, out, BuildOptions(split=(0.34, 0.33, 0.33), **ALIGNED))


def shifted(volume: Volume, by) -> Volume:
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += by
    return Volume(volume.array, matrix)


def test_pairs_show_the_same_place_in_both_scans(built):
    out, result = built
    pairs = read_manifest(out).pairs
    assert result.exit_status == 0 and result.made == ("P1", "P2", "P3")
    assert [pair.id for pair in pairs] == [f"P{n}_{level}" for n in (1, 2, 3) for level in ("L3-L4", "L4-L5")]
    assert all(pair.accepted for pair in pairs), [pair.decision.reason for pair in pairs]
    for pair in pairs:
        ct, mr = read_pair(out, pair)
        sac = (mr > 150) & (np.abs(ct - 10) < 30)
        # fat is bright too, but not at the HU of fluid
        assert np.corrcoef((ct < -50).ravel(), ((mr > 100) & ~sac).ravel())[0, 1] > 0.8
        assert pair.extent[0] == pair.extent[1] == pytest.approx(80)
    assert {pair.split for pair in pairs} == {"training", "validation", "test"}
    assert result.audit.is_file()


def test_an_entry_says_all_that_the_pair_depends_on_and_names_nobody(built, three):
    out, _ = built
    details = read_manifest(out).pairs[0].details
    assert {"sources", "registration", "checks", "grey_mapping", "plane", "days_apart", "warnings"} <= set(details)
    assert {kind: len(hashes) for kind, hashes in details["sources"].items()} == {"ct": 1, "mr": 1, "markups": 2}
    names = [check["name"] for check in details["checks"]]
    assert {"angle", "offset", "ct_outside", "mr_outside", "ct_body", "mr_signal"} <= set(names)
    mappings = {json.dumps(pair.details["grey_mapping"]) for pair in read_manifest(out).pairs if pair.patient == "P1"}
    assert len(mappings) == 1  # all levels of a patient share it
    text = (out / "manifest.json").read_text()
    assert str(three.parent) not in text and ".nrrd" not in text.replace("_CT.nrrd", "").replace("_T2.nrrd", "")


def test_only_what_changed_is_done_again(three, tmp_path):
    patients, out = tmp_path / "patients", tmp_path / "pairs"
    shutil.copytree(three, patients)
    build_pairs(patients, out, BuildOptions(**ALIGNED))
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*.nrrd")}
    (patients / "P2" / "L3-L4.mrk.json").unlink()
    shutil.rmtree(patients / "P3")
    result = build_pairs(patients, out, BuildOptions(max_angle=3.0, seed=9, split=(0.5, 0, 0.5), **ALIGNED))
    assert (result.made, result.skipped) == (("P2",), ("P1",))
    after = {path: path.stat().st_mtime_ns for path in out.glob("*/*.nrrd")}
    assert all(after[path] == before[path] for path in after if path.parent.name == "P1")
    pairs = read_manifest(out).pairs
    assert [pair.id for pair in pairs] == ["P1_L3-L4", "P1_L4-L5", "P2_L4-L5"]
    assert len({pair.split for pair in pairs}) == 2


def test_who_fails_is_named_with_one_sentence_and_stops_nobody(three, tmp_path, capsys):
    patients = tmp_path / "patients"
    shutil.copytree(three / "P1", patients / "good")
    write_patient(patients / "swapped", 2)
    (patients / "swapped" / "CT.nrrd").rename(patients / "swapped" / "x")
    (patients / "swapped" / "MR.nrrd").rename(patients / "swapped" / "CT.nrrd")
    (patients / "swapped" / "x").rename(patients / "swapped" / "MR.nrrd")
    write_patient(patients / "alone", 3)
    (patients / "alone" / "MR.nrrd").unlink()
    write_patient(patients / "damaged", 4)
    (patients / "damaged" / "MR.nrrd").write_bytes(b"NRRD0004\n")
    write_patient(patients / "no_boxes", 5, levels=())
    write_patient(patients / "elsewhere", 6, mr=shifted(mr_of(6), [0, 0, 900]))
    out = tmp_path / "pairs"
    words = ["pairs", "build", "--patients", str(patients), "--out", str(out), "--registration", "none", "--quiet"]
    assert main(words) == 1
    said = capsys.readouterr()
    for code, sentence in (
        ("swapped", "exchanged"),
        ("alone", "no MR"),
        ("damaged", "the MR again"),
        ("no_boxes", "--every"),
        ("elsewhere", "No pair can be made"),
    ):
        (line,) = [line for line in said.out.splitlines() if line.startswith(f"{code}:")]
        assert sentence in line
    assert "Traceback" not in said.err
    pairs = {pair.id: pair for pair in read_manifest(out).pairs}
    assert {code for code in pairs if pairs[code].accepted} == {"good_L3-L4", "good_L4-L5"}
    # nothing to see there, but the reason stays
    assert pairs["elsewhere_L4-L5"].files == {} and "No MR slice" in pairs["elsewhere_L4-L5"].decision.reason
    assert str(tmp_path) not in (out / "manifest.json").read_text()


def test_the_same_scan_under_two_codes_is_refused_by_name(three, tmp_path):
    patients = tmp_path / "patients"
    shutil.copytree(three / "P1", patients / "P1")
    write_patient(patients / "copy", 1, mr=mr_of(2))  # the CT of P1
    write_patient(patients / "other", 3)
    image = ct_of(3)
    write(patients / "again" / "CT.nii.gz", image)  # the CT of "other" in another file format
    write(patients / "again" / "MR.nrrd", mr_of(4))
    shutil.copy(patients / "other" / "L4-L5.mrk.json", patients / "again")
    result = build_pairs(patients, tmp_path / "pairs", BuildOptions(**ALIGNED))
    assert set(result.failed) == {"P1", "copy", "other", "again"}
    assert "copy" in result.failed["P1"] and "P1" in result.failed["copy"] and "again" in result.failed["other"]
    assert not read_manifest(tmp_path / "pairs").pairs


def test_a_pair_that_breaks_a_rule_is_excluded_with_its_images(tmp_path):
    folder = write_patient(tmp_path / "p" / "P1", levels=())
    tilted = [(label, place + [0, 0, 0.12 * place[1] + 20]) for label, place in landmarks()]  # 6.8 degrees
    write_landmarks(folder / "points.mrk.json", L4_L5=landmarks(), L3_L4=tilted, L2_L3=landmarks(s=60.0))
    build_pairs(tmp_path / "p", tmp_path / "pairs", BuildOptions(max_days=3, **ALIGNED))
    far, turned, good = read_manifest(tmp_path / "pairs").pairs
    assert good.accepted
    assert turned.decision.status == "excluded" and "6.84 degrees" in turned.decision.reason
    read_pair(tmp_path / "pairs", turned)  # a human may look at it and accept it
    assert far.decision.status == "excluded" and "mid-disc" in far.decision.reason and not far.files


def test_days_between_the_scans_count_where_they_are_known(three, tmp_path):
    boxes = str(three / "P1" / "L4-L5.mrk.json")
    scans = [{"ct": str(three / f"P{n}" / "CT.nrrd"), "mr": str(three / f"P{n}" / "MR.nrrd")} for n in (1, 2)]
    items = [{"code": f"P{n}", **scan, "markups": boxes} for n, scan in enumerate(scans, 1)]
    items[0]["days_apart"] = 30
    (tmp_path / "list.json").write_text(json.dumps(items))
    build_pairs(tmp_path / "list.json", tmp_path / "pairs", BuildOptions(max_days=3, **ALIGNED))
    late, unknown = read_manifest(tmp_path / "pairs").pairs
    assert "30 days apart" in late.decision.reason and late.details["days_apart"] == 30
    assert unknown.accepted and unknown.details["days_apart"] is None


def test_a_half_width_is_measured_over_all_patients_and_used_for_all(tmp_path):
    for n, (distance, half) in enumerate([(24.0, 20.0), (40.0, 33.0)], 1):
        folder = write_patient(tmp_path / "p" / f"P{n}", n, levels=())
        write_landmarks(folder / "points.mrk.json", L4_L5=landmarks(half_width=half, distance=distance))
    build_pairs(tmp_path / "p", tmp_path / "pairs", BuildOptions(**ALIGNED))
    found = read_manifest(tmp_path / "pairs")
    assert found.made_by["common_half_width_mm"] == pytest.approx(33)
    assert [pair.extent[0] for pair in found.pairs] == pytest.approx([66, 80])
    assert all(pair.extent[0] == pair.extent[1] for pair in found.pairs)


def test_registration_brings_a_moved_mr_back(tmp_path):
    folder = write_patient(tmp_path / "p" / "P1", levels=("L4-L5",), mr=shifted(mr_of(), [6.0, -4.0, 3.0]))
    build_pairs(folder.parent, tmp_path / "pairs", BuildOptions())
    (pair,) = read_manifest(tmp_path / "pairs").pairs
    matrix = np.array(pair.details["registration"]["mr_to_ct_ras"])
    np.testing.assert_allclose(matrix[:3, 3] + matrix[:3, :3] @ [6.0, -4.0, 3.0], [0, 0, 0], atol=1.0)
    assert "metric_after" in pair.details["registration"]["whole"]


def test_every_nth_slice_of_the_overlap_as_json_lines(tmp_path, capsys):
    for seed in (1, 2):
        write(tmp_path / "p" / f"S{seed}_CT.nii.gz", ct_of(seed))
        write(tmp_path / "p" / f"S{seed}_MR_T1.nii.gz", mr_of(seed, size=(100, 90, 20)))
    words = ["--every", "6", "--sequence", "T1", "--split", "0.5/0/0.5", "--registration", "none", "--json", "--quiet"]
    assert main(["pairs", "build", "--patients", str(tmp_path / "p"), "--out", str(tmp_path / "pairs"), *words]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (summary,) = [line for line in lines if line["event"] == "summary"]
    assert lines[0]["event"] == "start" and summary["accepted"] == 8
    assert lines[-1]["event"] == "end" and lines[-1]["exit_status"] == 0
    assert any(line["event"] == "progress" and line["seconds_left"] for line in lines)
    pairs = read_manifest(tmp_path / "pairs").pairs
    assert [pair.level for pair in pairs[:4]] == ["slice-001", "slice-007", "slice-013", "slice-019"]
    assert {pair.sequence for pair in pairs} == {"T1"} and pairs[0].files["mr"].path.endswith("_T1.nrrd")
    assert {pair.extent[0] for pair in pairs} == {pairs[0].extent[1]}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--split", "0.9/0.9/0.1"], "add up"),
        (["--every", "0"], "--every"),
        (["--max-angle", "-1"], "--max-angle"),
        (["--registration", "elastic"], "--registration"),
        (["--sequence", "T2 fs/x"], "--sequence"),
    ],
)
def test_wrong_usage_writes_nothing(three, tmp_path, capsys, words, sentence):
    out = tmp_path / "pairs"
    assert main(["pairs", "build", "--patients", str(three), "--out", str(out), *words]) == 2
    assert sentence in capsys.readouterr().err and not out.exists()


def test_the_folder_of_the_pairs_is_another_one(three, built, tmp_path):
    with pytest.raises(UsageError, match="another --out"):
        build_pairs(three, three, BuildOptions(**ALIGNED))
    with pytest.raises(InputError, match="no folder or manifest"):
        build_pairs(tmp_path / "nowhere", tmp_path / "pairs", BuildOptions(**ALIGNED))
    assert not (three / "manifest.json").exists() and not (tmp_path / "pairs").exists()


def test_an_mr_that_does_not_match_is_refused_with_a_sentence(tmp_path):
    write_patient(tmp_path / "p" / "P1", levels=("L4-L5",), mr=_something_else())
    result = build_pairs(tmp_path / "p", tmp_path / "pairs", BuildOptions())
    (pair,) = read_manifest(tmp_path / "pairs").pairs
    sentence = {**result.failed, **result.doubtful}["P1"]
    assert pair.decision.status == "excluded" and sentence in pair.decision.reason
    assert "different parts of the body" in sentence or "do not match" in sentence
    assert pair.files  # to be looked at
    assert result.exit_status == 1  # nothing came of it
    decide(tmp_path / "pairs", [pair.id], "accepted", "AB")
    result = build_pairs(tmp_path / "p", tmp_path / "pairs", BuildOptions())
    assert (result.exit_status, result.failed, result.doubtful) == (0, {}, {})  # somebody has looked at it


def test_who_comes_back_after_a_mishap_is_on_the_side_of_before(three, tmp_path):
    patients, out = tmp_path / "patients", tmp_path / "pairs"
    shutil.copytree(three, patients)
    build_pairs(patients, out, BuildOptions(split=(0.34, 0.33, 0.33), **ALIGNED))
    before = {pair.patient: pair.split for pair in read_manifest(out).pairs}
    write_landmarks(patients / "P1" / "points.mrk.json", L5_S1=landmarks(s=-15.0))
    for code in ("P2", "P3"):
        (patients / code / "CT.nrrd").rename(patients / f"{code}.away")
    assert set(build_pairs(patients, out, BuildOptions(**ALIGNED)).failed) == {"P2", "P3"}
    for code in ("P3", "P2"):
        (patients / f"{code}.away").rename(patients / code / "CT.nrrd")
        assert build_pairs(patients, out, BuildOptions(**ALIGNED)).made == (code,)
    pairs = read_manifest(out).pairs
    assert len(pairs) == 7 and all(pair.split == before[pair.patient] for pair in pairs)


def test_records_hold_no_names_of_files(tmp_path):
    for code, seed in (("P1", 1), ("P2", 2)):
        write_patient(tmp_path / "p" / code, seed)
    folder = tmp_path / "p"
    (folder / "P1" / "MR.nrrd").rename(folder / "P1" / "Doe^Jane_CT.nrrd")
    (folder / "P1" / "CT.nrrd").rename(folder / "P1" / "Doe^Jane_MR.nrrd")
    (folder / "P2" / "MR.nrrd").rename(folder / "P2" / "Doe^Jane_CT_MR.nrrd")
    result = build_pairs(folder, tmp_path / "pairs", BuildOptions(**ALIGNED))
    assert set(result.failed) == {"P1", "P2"} and "Doe^Jane" in result.failed["P1"]  # said, not kept
    for name in ("manifest.json", "audit.html"):
        text = (tmp_path / "pairs" / name).read_text(encoding="utf-8")
        assert "Doe" not in text and "exchanged" in text


def test_three_copies_of_a_scan_are_all_refused(tmp_path):
    for code, ending in (("A", "nrrd"), ("B", "nii.gz"), ("C", "nii")):
        write(tmp_path / "p" / code / f"CT.{ending}", ct_of(1))
        write(tmp_path / "p" / code / "MR.nrrd", mr_of(ord(code)))
        write_landmarks(tmp_path / "p" / code / "points.mrk.json", L4_L5=landmarks())
    assert set(build_pairs(tmp_path / "p", tmp_path / "pairs", BuildOptions(**ALIGNED)).failed) == {"A", "B", "C"}


def _something_else() -> Volume:
    """An MR in the same place that shows clouds."""
    volume = mr_of()
    noise = gaussian_filter(np.random.default_rng(1).standard_normal(volume.array.shape), 4)
    return Volume(np.rint(300 + 150 * noise / noise.std()).clip(0).astype(np.int16), volume.ijk_to_ras)


@pytest.mark.parametrize("every", [None, 8])
def test_a_run_that_is_ended_leaves_whole_patients_only(three, tmp_path, every):
    out, options = tmp_path / "pairs", BuildOptions(every=every, **ALIGNED)
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        # before the first patient, between its pairs, before the second and between its pairs
        build_pairs(three, out, options, cancelled=lambda: next(asked) >= (7 if every else 5))
    kept = read_manifest(out).pairs
    assert {pair.patient for pair in kept} == {"P1"} == {path.name for path in out.iterdir() if path.is_dir()}
    assert all(is_complete(out, pair) for pair in kept)
    assert build_pairs(three, out, options).skipped == ("P1",)
