"""A bundle comes into use through a verdict that says it is better, or an override that its card keeps."""

import json
import shutil
import subprocess
import sys

import pytest
from comparisons import patients, write_constant, write_set
from runs import ENVIRONMENT, files_below, load, write_boxes, write_ct

from CT2MRSynthLib import bundle as bundles
from CT2MRSynthLib.bundle import check_bundle, default_bundle_path, in_use, list_bundles
from CT2MRSynthLib.cli import main
from CT2MRSynthLib.errors import BundleError, InputError, OutputError, UsageError
from CT2MRSynthLib.evaluation.compare import compare
from CT2MRSynthLib.evaluation.gate import use_by_override, use_by_verdict, use_default
from CT2MRSynthLib.evaluation.predict import card_sha256
from CT2MRSynthLib.evaluation.verdict import to_dict
from CT2MRSynthLib.modelcard import write_card
from CT2MRSynthLib.provenance import to_json

pytest.importorskip("torch", reason="no torch")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A shipped bundle, a better and a worse one, and the verdicts on them as text."""
    folder = tmp_path_factory.mktemp("made")
    pairs = write_set(folder / "pairs", {**patients(6), **patients(1, "training", 10)})
    for name, grey in (("shipped", 200), ("better", 90), ("best", 80), ("worse", 250)):
        write_constant(folder / ("models" if name == "shipped" else "") / name, grey)
    write_constant(folder / "seen", 90.5, seen=("P01",))
    texts = {}
    for name, a, b in (
        ("better", "models/shipped", "better"),
        ("worse", "models/shipped", "worse"),
        ("best", "better", "best"),
        ("lookup", "hu-lookup", "worse"),
        ("seen", "models/shipped", "seen"),
    ):
        source = a if a == "hu-lookup" else folder / a
        texts[name] = to_json(to_dict(compare(pairs, source, folder / b, device="cpu", allow_seen=name == "seen")))
    return folder, texts


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """A user's folder that is not there yet, the shipped bundle, and the verdicts as folders."""
    folder, texts = made
    monkeypatch.setenv("CT2MRSYNTH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(bundles, "_resource_folders", lambda: [folder / "models"])
    for name, text in texts.items():
        (tmp_path / f"{name}-verdict").mkdir()
        (tmp_path / f"{name}-verdict" / "verdict.json").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_better_bundle_comes_into_use_and_its_card_tells_why(made, place):
    folder, texts = made
    admitted = use_by_verdict(folder / "better", place / "better-verdict", "AB").bundle
    assert default_bundle_path() == admitted.path and admitted.path.is_relative_to(place / "home" / "bundles")
    assert admitted.sha256 == check_bundle(folder / "better").sha256
    admission = check_bundle(admitted.path).card.admission
    wanted = json.loads(texts["better"])
    assert (admission["by"], admission["reader"]) == ("verdict", "AB")
    assert admission["instead_of"] == check_bundle(folder / "models" / "shipped").sha256
    for key in ("verdict", "difference", "ci_low", "ci_high", "p_value", "patients", "mae_a", "mae_b"):
        assert admission["verdict"][key] == wanted[key]
    assert load(place / "home" / "in_use.json")["sha256"] == admitted.sha256
    assert not check_bundle(folder / "better").card.admission, "the bundle that was given stays as it was"


def test_the_next_one_is_held_against_the_one_in_use_then(made, place):
    folder, _ = made
    with pytest.raises(InputError, match="not against the one in use .Level 200"):
        use_by_verdict(folder / "best", place / "best-verdict")
    use_by_verdict(folder / "better", place / "better-verdict")
    use_by_verdict(folder / "best", place / "best-verdict")
    assert check_bundle(default_bundle_path()).card.name == "Level 80"
    assert {"Level 90", "Level 80", "Level 200"} <= {bundle.card.name for bundle in list_bundles()}


def test_verdicts_that_let_nobody_in(made, place):
    folder, _ = made
    for bundle, verdict, words in (
        ("worse", "worse", "does not say that the bundle is better: B is worse"),
        ("better", "worse", "the weights of B .Level 250.* differ"),
        ("worse", "lookup", "against HU lookup .*not against the one in use"),
        ("seen", "seen", "--allow-seen"),
    ):
        with pytest.raises(InputError, match=words):
            use_by_verdict(folder / bundle, place / f"{verdict}-verdict")
    with pytest.raises(InputError, match="There is no verdict in"):
        use_by_verdict(folder / "better", place)
    assert not (place / "home").exists()
    assert default_bundle_path() == folder / "models" / "shipped"


def test_a_bundle_that_does_not_tell_whom_it_has_seen_needs_patients_put_into_test(made, place):
    folder, texts = made
    write_constant(place / "silent", 90, seen=None)
    silent, content = check_bundle(place / "silent"), json.loads(texts["better"])
    content["b"] |= {"sha256": silent.sha256, "card_sha256": card_sha256(silent.card)}
    content["notes"], file = ["It is unknown."], place / "better-verdict" / "verdict.json"
    file.write_text(json.dumps({**content, "pairs": {**content["pairs"], "split": "unseen"}}), encoding="utf-8")
    with pytest.raises(InputError, match="does not list whom"):
        use_by_verdict(silent.path, file.parent)
    file.write_text(json.dumps(content), encoding="utf-8")
    assert use_by_verdict(silent.path, file.parent).bundle.card.admission["verdict"]["notes"] == ["It is unknown."]


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: content.update(better=True),
        lambda content: content.update(better=True, verdict="B is better on 6 of 6 patients."),
        lambda content: [row.update(difference=5.0) for row in content["per_patient"]],
        lambda content: content.pop("per_patient"),
        lambda content: content.update(per_patient=[1, 2]),
    ],
)
def test_a_verdict_edited_by_hand_is_refused(made, place, edit):
    folder, texts = made
    content = json.loads(texts["worse"])
    edit(content)
    (place / "worse-verdict" / "verdict.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="altered"):
        use_by_verdict(folder / "worse", place / "worse-verdict")


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "no JSON"), ("[]", "no verdict"), ('{"kind": "CT2MRSynth verdict", "schema": 2}', "schema 2")],
)
def test_no_verdict_at_all_is_one_sentence(made, place, text, words):
    (place / "better-verdict" / "verdict.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        use_by_verdict(made[0] / "better", place / "better-verdict")


def test_a_card_changed_since_the_verdict_is_refused(made, place):
    """Another CT window makes other images of the same weights."""
    from dataclasses import replace

    copy = shutil.copytree(made[0] / "better", place / "changed")
    write_card(copy, replace(check_bundle(copy).card, ct_window=(-100.0, 300.0)))
    with pytest.raises(InputError, match="the card's entries of B"):
        use_by_verdict(copy, place / "better-verdict")


def test_an_override_lets_in_and_is_on_record(made, place):
    folder, _ = made
    admitted = use_by_override(folder / "worse", "for a demonstration", "AB", place / "worse-verdict").bundle
    assert default_bundle_path() == admitted.path
    admission = check_bundle(admitted.path).card.admission
    assert (admission["by"], admission["reason"], admission["reader"]) == ("override", "for a demonstration", "AB")
    assert admission["verdict"]["verdict"].startswith("B is worse")
    assert len(admission["date_utc"]) == 25


def test_an_override_needs_a_reason_and_a_code_is_no_name(made, place):
    with pytest.raises(UsageError, match="needs a reason"):
        use_by_override(made[0] / "worse", "  ")
    with pytest.raises(UsageError, match="code of up to 16"):
        use_by_override(made[0] / "worse", "why", "Dr. Jane Doe")
    with pytest.raises(InputError, match="other bundle|another bundle"):
        use_by_override(made[0] / "worse", "why", verdict=place / "better-verdict")
    assert not (place / "home").exists()


def test_what_is_in_use_already_stays_as_it_is(made, place):
    use_by_verdict(made[0] / "better", place / "better-verdict")
    before = {name: (place / "home" / name).read_bytes() for name in files_below(place / "home")}
    assert "in use already" in use_by_verdict(made[0] / "better", place / "better-verdict").note
    assert before == {name: (place / "home" / name).read_bytes() for name in files_below(place / "home")}


def test_a_broken_bundle_is_not_let_in(made, place):
    copy = shutil.copytree(made[0] / "better", place / "broken")
    (copy / "weights.pt").write_bytes(b"other")
    with pytest.raises(BundleError):
        use_by_override(copy, "why")
    assert not (place / "home").exists()


def test_a_bundle_in_use_that_breaks_gives_way_to_the_shipped_one_with_a_note(made, place, capsys):
    path = use_by_verdict(made[0] / "better", place / "better-verdict").bundle.path
    weights = path / "weights.pt"
    content = weights.read_bytes()
    weights.write_bytes(b"other")
    assert default_bundle_path() == made[0] / "models" / "shipped"
    assert "altered or is incomplete" in in_use()[1]
    assert main(["info", "--quick"]) == 0
    said = capsys.readouterr()
    assert "cannot be used" in said.err and "Level 200" in said.out
    weights.write_bytes(content)
    assert in_use() == (path, "")
    shutil.rmtree(path)
    assert default_bundle_path() == made[0] / "models" / "shipped" and "no model bundle" in in_use()[1]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"bundle": "../x", "sha256": "0"}', '{"bundle": 3, "sha256": "0"}'])
def test_a_damaged_note_of_what_is_in_use_stops_nobody(made, place, text):
    (place / "home").mkdir()
    (place / "home" / "in_use.json").write_text(text, encoding="utf-8")
    assert default_bundle_path() == made[0] / "models" / "shipped"
    assert "cannot be used" in in_use()[1]


def test_other_weights_in_its_place_are_not_used(made, place):
    path = use_by_verdict(made[0] / "better", place / "better-verdict").bundle.path
    shutil.rmtree(path)
    shutil.copytree(made[0] / "worse", path)
    assert default_bundle_path() == made[0] / "models" / "shipped"
    assert "not the one that was let in" in in_use()[1]


def test_a_broken_copy_is_replaced_when_it_is_let_in_again(made, place):
    path = use_by_verdict(made[0] / "better", place / "better-verdict").bundle.path
    (path / "weights.pt").write_bytes(b"other")
    assert use_by_verdict(made[0] / "better", place / "better-verdict").bundle.path == path
    assert in_use() == (path, "")
    assert [name for name in files_below(place / "home") if "part" in name or "broken" in name] == []


def test_where_the_folder_cannot_be_written_the_one_in_use_stays(made, place):
    (place / "home").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(OutputError, match="stays the same"):
        use_by_verdict(made[0] / "better", place / "better-verdict")
    assert default_bundle_path() == made[0] / "models" / "shipped"


def test_default_goes_back(made, place):
    use_by_verdict(made[0] / "better", place / "better-verdict")
    assert use_default().bundle.path == made[0] / "models" / "shipped" == default_bundle_path()
    use_default()
    assert "Level 90" in {bundle.card.name for bundle in list_bundles()}


def test_the_commands_do_the_same_and_info_shows_it(made, place, capsys):
    folder, _ = made
    assert main(["use", str(folder / "worse"), "--verdict", str(place / "worse-verdict")]) == 1
    assert main(["use", str(folder / "worse")]) == 2
    assert main(["use"]) == 2
    assert main(["use", str(folder / "worse"), "--default"]) == 2
    assert main(["use", str(place / "nowhere"), "--override", "why"]) == 3
    capsys.readouterr()
    assert main(["use", str(folder / "better"), "--verdict", str(place / "better-verdict"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["admission"]["by"] == "verdict" and said["path"] == str(default_bundle_path())
    assert main(["info"]) == 0
    shown = capsys.readouterr().out
    assert "in use           yes" in shown and "B is better on 6 of 6 patients" in shown
    assert main(["info", "--list", "--json"]) == 0
    assert [one["title"] for one in json.loads(capsys.readouterr().out) if one["in_use"]] == [said["title"]]
    assert main(["use", "--default"]) == 0
    assert "Level 200" in capsys.readouterr().out


def test_another_process_uses_it_too(made, place):
    path = use_by_override(made[0] / "better", "why").bundle.path
    words = [sys.executable, "-m", "CT2MRSynthLib", "info", "--quick"]
    environment = {**ENVIRONMENT, "CT2MRSYNTH_HOME": str(place / "home")}
    said = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert said.returncode == 0 and str(path) in said.stdout


def test_a_run_with_the_shipped_bundle_in_place_of_a_broken_one_says_so(made, place, capsys):
    path = use_by_override(made[0] / "better", "why").bundle.path
    (path / "weights.pt").write_bytes(b"other")
    ct, box = write_ct(place / "ct.nrrd"), write_boxes(place / "box.mrk.json", "L4-L5")
    words = ["--ct", ct, "--roi", box, "--out", place / "out", "--device", "cpu"]
    assert main(["synthesize", *map(str, words)]) == 0
    assert "The bundle in use cannot be used" in capsys.readouterr().err
    report = (place / "out" / "report.json").read_text(encoding="utf-8")
    assert "The bundle in use cannot be used" in report and str(place / "home") not in report
