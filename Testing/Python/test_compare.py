"""A comparison uses patients neither side has seen, counts each once, and says what their numbers say."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from comparisons import marks_of_images, patients, write_constant, write_set
from runs import files_below, load

from CT2MRSynthLib.cli import main
from CT2MRSynthLib.errors import InputError, UsageError
from CT2MRSynthLib.evaluation import hu_lookup
from CT2MRSynthLib.evaluation.compare import compare
from CT2MRSynthLib.evaluation.masks import body_mask
from CT2MRSynthLib.evaluation.metrics import mean_absolute_error
from CT2MRSynthLib.evaluation.predict import open_side
from CT2MRSynthLib.evaluation.selection import Seen, patient_mark, select
from CT2MRSynthLib.evaluation.statistics import judge
from CT2MRSynthLib.pairset import PairSet, read_manifest, read_pair
from CT2MRSynthLib.pairset.manifest import Decision

pytest.importorskip("torch", reason="no torch")


@pytest.fixture(scope="module")
def pair_set(tmp_path_factory):
    """Seven test patients of two slices, three for training, one for validation."""
    sides = {**patients(7), **patients(3, "training", 10), **patients(1, "validation", 20)}
    return write_set(tmp_path_factory.mktemp("pairs"), sides, slices=2)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Generators of one grey level each, far from the MR and near it."""
    folder = tmp_path_factory.mktemp("bundles")
    write_constant(folder / "far", 220)
    write_constant(folder / "near", 90)
    return folder


@pytest.fixture(scope="module")
def verdict(pair_set, bundles, tmp_path_factory):
    """The folder of a verdict by the command, and what it printed."""
    import contextlib
    import io

    out, printed = tmp_path_factory.mktemp("verdict"), io.StringIO()
    words = ["compare", "--pairs", pair_set, "--a", bundles / "far", "--b", bundles / "near", "--out", out]
    with contextlib.redirect_stdout(printed):
        assert main([*map(str, words), "--json", "--device", "cpu", "--quiet"]) == 0
    return out, json.loads(printed.getvalue())


def test_the_better_of_two_is_named_with_its_numbers(verdict):
    out, content = verdict
    assert content["better"] is True and content["patients"] == 7
    assert content["verdict"].startswith("B is better on 7 of 7 patients; MAE lower by ")
    assert content["difference"] == pytest.approx(content["mae_a"] - content["mae_b"], abs=1e-5)
    assert 0 < content["ci_low"] < content["difference"] < content["ci_high"]
    assert content["p_value"] == pytest.approx(2 / 2**7)
    for side in "ab":
        assert content[f"psnr_paper_{side}"] == pytest.approx(content[f"psnr_{side}"] + 48.1308, abs=1e-3)
        assert -1 <= content[f"ssim_{side}"] <= 1
    assert load(out / "verdict.json") == content


def test_a_patients_slices_count_as_one_patient(verdict, pair_set):
    _, content = verdict
    row = content["per_patient"][0]
    images = [read_pair(pair_set, entry)[1] for entry in read_manifest(pair_set).pairs if entry.patient == "P00"]
    by_hand = np.mean([mean_absolute_error(mr, np.full_like(mr, 90)) for mr in images])
    assert (row["patient"], row["slices"]) == ("P00", 2)
    assert row["mae_b"] == pytest.approx(by_hand, abs=0.6)  # the grey level went through half precision
    assert content["mae_b"] == pytest.approx(np.mean([row["mae_b"] for row in content["per_patient"]]), abs=1e-5)


def test_who_has_more_slices_does_not_count_more(pair_set, bundles, tmp_path):
    """All but one slice of every patient but the first rejected: the mean over patients is that of their own means."""
    found = read_manifest(pair_set)
    entries = [
        replace(entry, decision=Decision("rejected")) if entry.patient != "P00" and "slice-1" in entry.id else entry
        for entry in found.pairs
    ]
    copy = shutil.copytree(pair_set, tmp_path / "copy")
    PairSet(tuple(entries), found.made_by).write(copy)
    result = compare(copy, bundles / "far", bundles / "near", device="cpu")
    assert [row.slices for row in result.patients] == [2, 1, 1, 1, 1, 1, 1]
    assert result.judgement == judge([row.difference for row in result.patients])


def test_the_report_is_one_page_with_its_pictures_and_names_no_folder(verdict, pair_set):
    from PIL import Image

    out, content = verdict
    assert files_below(out) == [
        *("best.png", "median.png", "patients.csv", "patients.png", "verdict.html", "verdict.json", "worst.png"),
    ]
    page = (out / "verdict.html").read_text(encoding="utf-8")
    assert content["verdict"] in page and "SYNTHETIC - not for diagnosis" in page
    assert page.count("data:image/png;base64,") == 4 and "http://" not in page and "https://" not in page
    for text in (page, json.dumps(content)):
        assert str(pair_set) not in text
    with Image.open(out / "worst.png") as picture:
        assert "SYNTHETIC" in picture.text["Description"]


def test_the_table_holds_every_patient(verdict):
    out, content = verdict
    rows = list(csv.DictReader((out / "patients.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["patient"] for row in rows] == [row["patient"] for row in content["per_patient"]]
    for row, wanted in zip(rows, content["per_patient"], strict=True):
        assert float(row["difference"]) == wanted["difference"]
        assert float(row["mae_a_body"]) == wanted["body"]["mae_a"]


def test_the_worse_of_two_is_named_too_and_the_exit_status_is_the_same(pair_set, bundles, tmp_path, capsys):
    words = ["compare", "--pairs", pair_set, "--a", bundles / "near", "--b", bundles / "far", "--out", tmp_path]
    assert main([*map(str, words), "--device", "cpu", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "B is worse on 7 of 7 patients; MAE higher by " in said and "verdict.html" in said
    assert load(tmp_path / "verdict.json")["better"] is False


def test_a_generator_is_not_better_than_itself(pair_set, bundles):
    result = compare(pair_set, bundles / "near", bundles / "near", device="cpu")
    assert result.judgement.outcome == "no evidence" and result.judgement.p_value == 1


def test_the_lookup_finds_an_mr_that_follows_from_the_hu(pair_set, bundles, tmp_path):
    words = ["compare", "--pairs", pair_set, "--a", bundles / "near", "--b", "hu-lookup", "--out", tmp_path]
    assert main([*map(str, words), "--device", "cpu", "--quiet"]) == 0
    content = load(tmp_path / "verdict.json")
    assert content["better"] and content["mae_b"] < 8 < content["mae_a"]
    fitted = content["b"]["fits"][0]
    assert "fitted on 6 pairs of 3 patients" in fitted["description"]
    assert fitted["mae_on_other_training_patients"] == pytest.approx(content["mae_b"], abs=2.5)


def test_the_lookup_smooths_where_the_ct_is_noisier_than_the_mr():
    """HU with heavy noise around two tissues: only a local mean tells them apart."""
    draw = np.random.default_rng(0)
    mr = np.zeros((128, 128), np.uint8)
    mr[:, 64:] = 200
    ct = [np.where(mr > 0, 60, 0) + draw.normal(0, 120, mr.shape) for _ in range(4)]
    fitted = hu_lookup.fit(ct[:3], [mr] * 3, ["a", "b", "c"])
    assert max(fitted.scales) >= 4
    assert mean_absolute_error(mr, fitted.apply(ct[3][None])[0]) < 12
    assert fitted.error == pytest.approx(mean_absolute_error(mr, fitted.apply(ct[3][None])[0]), abs=3)


def test_the_lookup_of_one_patient_says_that_nothing_was_tried():
    draw = np.random.default_rng(0)
    fitted = hu_lookup.fit([draw.normal(0, 50, (32, 32))], [np.full((32, 32), 77, np.uint8)], ["a"])
    assert fitted.error is None
    assert (fitted.apply(draw.normal(0, 500, (1, 32, 32))) == 77).all()


def test_patients_a_side_was_trained_on_are_refused(pair_set, tmp_path, bundles):
    by_code = write_constant(tmp_path / "code", 90, seen=("P03",)).path
    by_image = write_constant(tmp_path / "image", 90, images=marks_of_images(pair_set, "P02")[:1]).path
    for bundle, patient in ((by_code, "P03"), (by_image, "P02")):
        with pytest.raises(InputError, match=f"B was trained on 1 of the 7 patients .the first: {patient}.*allow-seen"):
            compare(pair_set, bundles / "far", bundle, device="cpu")
        with pytest.raises(InputError, match="A was trained on 1 of the 7"):
            compare(pair_set, bundle, bundles / "far", device="cpu")


def test_what_was_seen_is_said_in_the_verdict_where_it_is_allowed(pair_set, tmp_path, bundles):
    bundle = write_constant(tmp_path / "seen", 90, seen=("P03",)).path
    result = compare(pair_set, bundles / "far", bundle, allow_seen=True, device="cpu")
    assert len(result.patients) == 7
    assert result.verdict.endswith("Not a verdict on unseen patients: B was trained on some of these.")


def test_the_lookup_is_refused_on_the_pairs_it_is_fitted_on(pair_set, bundles):
    with pytest.raises(InputError, match="A was trained on 3 of the 11 patients"):
        compare(pair_set, "hu-lookup", bundles / "near", split="all", device="cpu")


def test_a_card_that_does_not_tell_is_a_note_on_test_and_a_refusal_elsewhere(pair_set, tmp_path, bundles):
    bundle = write_constant(tmp_path / "old", 90, seen=None).path
    result = compare(pair_set, bundles / "far", bundle, device="cpu")
    assert "It is unknown whether B has seen these patients: its card does not list them." in result.notes
    with pytest.raises(InputError, match="B may have been trained on 1 of the 1 patients"):
        compare(pair_set, bundles / "far", bundle, split="validation", device="cpu")


def test_without_a_split_patients_that_were_seen_are_left_out(pair_set):
    found = read_manifest(pair_set)
    unsplit = PairSet(tuple(replace(entry, split=None) for entry in found.pairs))
    seen = Seen("B", frozenset([patient_mark("P00")]), frozenset(marks_of_images(pair_set, "P01")[:1]))
    chosen = select(unsplit, [seen])
    assert chosen.split == "unseen" and len(chosen.patients) == 9
    assert not {"P00", "P01"} & set(chosen.patients)
    assert chosen.notes == ("2 patients of the pair set left out, because A or B was trained on them.",)
    everybody = Seen("B", frozenset(patient_mark(entry.patient) for entry in unsplit.pairs))
    with pytest.raises(InputError, match="trained on all patients"):
        select(unsplit, [everybody])


def test_without_training_pairs_the_lookup_never_sees_whom_it_is_judged_on(tmp_path, monkeypatch):
    """The MR of each patient is another grey level: only a fit on the patient himself could find it."""
    monkeypatch.setattr(hu_lookup, "CANDIDATES", ((2.0,),))
    levels = (0, 50, 100, 150, 200, 250)
    folder = write_set(tmp_path, patients(6, None), levels=levels)
    chosen = select(read_manifest(folder), [])
    side = open_side("hu-lookup")
    images = side.images(folder, chosen, [read_pair(folder, entry)[0] for entry in chosen.entries])
    for image, level in zip(images, levels, strict=True):
        assert not (image == level).any()
    assert len(side.describe()["fits"]) == 5
    assert any("no training pairs" in note for note in side.notes)
    alone = select(PairSet(read_manifest(folder).pairs[:1]), [])
    with pytest.raises(InputError, match="nothing to be fitted on"):
        side.images(folder, alone, [read_pair(folder, alone.entries[0])[0]])


def test_only_accepted_pairs_count_and_none_is_a_sentence(pair_set):
    found = read_manifest(pair_set)
    out = Decision("rejected", reviewer="AB")
    some = [replace(entry, decision=out) if entry.patient == "P00" else entry for entry in found.pairs]
    assert "P00" not in select(PairSet(tuple(some)), []).patients
    with pytest.raises(InputError, match="no accepted pair;"):
        select(PairSet(tuple(replace(entry, decision=out) for entry in found.pairs)), [])
    training = PairSet(tuple(entry for entry in found.pairs if entry.split == "training"))
    with pytest.raises(InputError, match="no accepted pair in test"):
        select(training, [])
    with pytest.raises(UsageError, match="split 'tset' is unknown"):
        select(found, [], "tset")


def test_a_patient_on_two_sides_is_refused(pair_set):
    found = read_manifest(pair_set)
    moved = (replace(found.pairs[0], split="training"), *found.pairs[1:])
    with pytest.raises(InputError, match="P00 is both in"):
        select(PairSet(moved), [])


def test_one_patient_is_too_few_and_still_gets_a_page(pair_set, bundles, tmp_path):
    words = ["--pairs", pair_set, "--a", bundles / "far", "--b", bundles / "near", "--split", "validation"]
    assert main(["compare", *map(str, words), "--out", str(tmp_path), "--device", "cpu", "--quiet"]) == 0
    content = load(tmp_path / "verdict.json")
    assert content["verdict"].startswith("Too few patients for a verdict: 1 ")
    assert (content["ci_low"], content["p_value"], content["better"]) == (None, None, False)
    assert {"best.png", "verdict.html"} <= set(files_below(tmp_path))


def test_a_folder_that_takes_no_files_is_said_before_anything_is_computed(pair_set, bundles, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    words = ["--pairs", tmp_path / "nowhere", "--b", bundles / "near", "--out", tmp_path / "file" / "out"]
    assert main(["compare", *map(str, words), "--quiet"]) == 1
    assert "takes no files; choose another folder" in capsys.readouterr().err


def test_an_altered_image_is_refused_and_nothing_is_written(pair_set, bundles, tmp_path, capsys):
    copy = tmp_path / "copy"
    write_set(copy, patients(2))
    next(copy.rglob("*_CT.nrrd")).write_bytes(b"other")
    words = ["--pairs", copy, "--a", bundles / "far", "--b", bundles / "near", "--out", tmp_path / "out"]
    assert main(["compare", *map(str, words), "--device", "cpu", "--quiet"]) == 1
    assert "was altered" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_body_is_the_patient_with_gas_and_both_legs_but_no_table():
    ct = np.full((100, 100), -1000)
    ct[30:60, 10:40] = ct[30:60, 50:80] = 40
    ct[40:45, 20:25] = -900
    ct[80:83, 10:80] = 200
    mask = body_mask(ct)
    assert mask[45, 15] and mask[45, 70] and mask[42, 22]
    assert not mask[81, 40] and not mask[5, 5]
    assert not body_mask(np.full((20, 20), -1000)).any()
