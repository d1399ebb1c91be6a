"""A pair set that is made again: decisions hold, pairs without images are listed, patients keep their sides."""

import json
from dataclasses import replace

import numpy as np
import pytest

from CT2MRSynthLib.errors import InputError, UsageError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.pairset import PairEntry, PairSetWriter, read_manifest, read_pair, write_pair
from CT2MRSynthLib.pairset.manifest import Decision

GRID = DiscFrame([0, 0, 0], np.eye(3), [80, 80, 4]).grid()
LEVELS = ("L3-L4", "L4-L5", "L5-S1")
NO = Decision("rejected", "", "AB", "moved")


def pair(folder, patient: str, level: str, seed: int = 0, sequence: str = "T2", **fields) -> PairEntry:
    rng = np.random.default_rng([seed, *f"{patient} {level}".encode()])
    ct, mr = rng.normal(0, 300, (256, 256)), rng.integers(0, 256, (256, 256)).astype(np.uint8)
    return replace(write_pair(folder, patient, level, ct, mr, GRID, sequence), **fields)


def without_images(patient: str, level: str, reason: str = "The scans do not overlap.") -> PairEntry:
    return PairEntry(f"{patient}_{level}", patient, level, "T2", {}, decision=Decision("excluded", reason))


def build(folder, asked: int = 1, levels=LEVELS, seed: int = 0) -> None:
    """Make all pairs of one patient again, as a command does."""
    with PairSetWriter(folder, {"command": "build", "asked": asked}, update=True) as writer:
        for level in levels:
            writer.add(pair(folder, "a", level, seed))
        writer.remove(writer.outdated)


def decide(folder, index: int, decision: Decision) -> None:
    found = read_manifest(folder)
    pairs = list(found.pairs)
    pairs[index] = replace(pairs[index], decision=decision)
    replace(found, pairs=tuple(pairs)).write(folder)


def files(folder) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.nrrd")}


def test_an_excluded_pair_without_images_is_listed_and_cannot_be_read(tmp_path):
    with PairSetWriter(tmp_path, {"command": "build"}) as writer:
        writer.add(without_images("a", "L4-L5"))
        assert "a_L4-L5" in writer
    (entry,) = read_manifest(tmp_path).pairs
    assert entry == without_images("a", "L4-L5") and not entry.accepted
    with pytest.raises(InputError, match="a_L4-L5 has no images: The scans do not overlap"):
        read_pair(tmp_path, entry)
    with pytest.raises(InputError, match="has no images"):
        _ = entry.extent


def test_an_accepted_pair_without_images_is_refused(tmp_path):
    path = tmp_path / "manifest.json"
    with PairSetWriter(tmp_path, {"command": "build"}) as writer:
        writer.add(without_images("a", "L4-L5"))
    path.write_text(path.read_text(encoding="utf-8").replace('"excluded"', '"accepted"'), encoding="utf-8")
    with pytest.raises(InputError, match="accepted without images"):
        read_manifest(tmp_path)


def test_decisions_by_hand_hold_in_a_set_made_again_with_other_parameters(tmp_path):
    build(tmp_path)
    decide(tmp_path, 1, NO)
    build(tmp_path, asked=2)
    first, second, _ = read_manifest(tmp_path).pairs
    assert second.decision == NO and first.accepted
    assert "decided_on_other_images" not in second.details


def test_a_decision_on_images_that_changed_since_is_marked_until_decided_again(tmp_path):
    build(tmp_path)
    decide(tmp_path, 1, NO)
    build(tmp_path, asked=2, seed=5)
    build(tmp_path, asked=2, seed=5)
    marks = [entry.details.get("decided_on_other_images") for entry in read_manifest(tmp_path).pairs]
    assert marks == [None, True, None]


def test_the_reason_is_that_of_the_present_checks(tmp_path):
    build(tmp_path)
    decide(tmp_path, 0, Decision("accepted", "old reason", "AB", "looks fine"))
    with PairSetWriter(tmp_path, {"command": "build", "asked": 2}, update=True) as writer:
        entry = pair(tmp_path, "a", LEVELS[0], decision=Decision("excluded", "The angle is 4 degrees."))
        writer.add(entry)
        assert writer.get(entry.id).decision == Decision("accepted", "The angle is 4 degrees.", "AB", "looks fine")


def test_a_decision_waits_for_a_pair_that_is_gone(tmp_path):
    build(tmp_path)
    decide(tmp_path, 1, NO)
    build(tmp_path, asked=2, levels=LEVELS[:1])
    assert [entry.id for entry in read_manifest(tmp_path).pairs] == ["a_L3-L4"]
    build(tmp_path, asked=1)
    assert [entry.decision.status for entry in read_manifest(tmp_path).pairs] == ["accepted", "rejected", "accepted"]
    assert "former" not in json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))


def test_an_acceptance_waits_while_a_pair_has_no_images(tmp_path):
    build(tmp_path)
    yes = Decision("accepted", "", "AB", "fine")
    decide(tmp_path, 1, yes)
    for asked, entry, status in [(2, without_images("a", "L4-L5"), "excluded"), (3, None, "accepted")]:
        with PairSetWriter(tmp_path, {"command": "build", "asked": asked}, update=True) as writer:
            writer.add(entry or pair(tmp_path, "a", "L4-L5"))
        assert read_manifest(tmp_path).pairs[1].decision.status == status
    assert read_manifest(tmp_path).pairs[1].decision == yes


def test_what_a_reviewer_decides_during_a_run_is_kept(tmp_path):
    build(tmp_path)
    with PairSetWriter(tmp_path, {"command": "build", "asked": 1}, update=True):
        decide(tmp_path, 2, NO)
    assert read_manifest(tmp_path).pairs[2].decision == NO


def test_a_run_with_other_parameters_that_is_ended_early_loses_nothing_and_goes_on(tmp_path):
    build(tmp_path)
    decide(tmp_path, 2, NO)
    with PairSetWriter(tmp_path, {"command": "build", "asked": 2}, update=True) as writer:
        assert [f"a_{level}" in writer for level in LEVELS] == [False, False, False]
        writer.add(pair(tmp_path, "a", LEVELS[0]))
    assert len(read_manifest(tmp_path).pairs) == 3 and read_manifest(tmp_path).pairs[2].decision == NO
    with PairSetWriter(tmp_path, {"command": "build", "asked": 2}, update=True) as writer:
        assert [f"a_{level}" in writer for level in LEVELS] == [True, False, False]
        assert writer.outdated == ("a_L4-L5", "a_L5-S1")


def test_removed_and_replaced_pairs_leave_no_files(tmp_path):
    build(tmp_path)
    with PairSetWriter(tmp_path, {"command": "build", "asked": 2}, update=True) as writer:
        writer.add(pair(tmp_path, "a", "L3-L4", sequence="T1"))
        writer.add(pair(tmp_path, "b", "L3-L4"))
        writer.remove([*writer.outdated, "unknown"])
        assert files(tmp_path) == {
            f"{name}_L3-L4_{end}.nrrd" for name, end in [("a/a", "CT"), ("a/a", "T1"), ("b/b", "CT"), ("b/b", "T2")]
        }
        writer.remove(["b_L3-L4"])
    assert not (tmp_path / "b").exists()


def test_a_set_of_another_command_is_never_updated(tmp_path):
    build(tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    for command, simulated in [("phantom", False), ("build", True)]:
        with pytest.raises(UsageError, match="holds another pair set"):
            PairSetWriter(tmp_path, {"command": command, "asked": 2}, simulated, update=True)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_sides_hold_in_a_set_made_again(tmp_path):
    def divide():
        with PairSetWriter(tmp_path, {"command": "build"}, update=True) as writer:
            for patient in patients:
                writer.add(pair(tmp_path, patient, "L4-L5"))
            writer.assign_splits((0.6, 0.2, 0.2), seed=3)
        return {entry.patient: entry.split for entry in read_manifest(tmp_path).pairs}

    patients = list("abcde")
    before = divide()
    patients = list("fedcbag")
    after = divide()
    assert before == {patient: after[patient] for patient in before}
    assert sorted(before.values()) == ["test", "training", "training", "training", "validation"]
