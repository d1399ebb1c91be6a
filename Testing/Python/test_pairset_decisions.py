"""Decisions by hand and sides of patients: all or nothing, and no patient or image on two sides."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from test_pairset_update import pair, without_images

from CT2MRSynthLib.errors import InputError, UsageError
from CT2MRSynthLib.pairset import PairEntry, PairSetWriter, assign_splits, read_manifest
from CT2MRSynthLib.pairset.decisions import decide
from CT2MRSynthLib.pairset.manifest import Decision, ImageFile
from CT2MRSynthLib.pairset.split import parse_fractions, sides_of

EXCLUDED = Decision("excluded", "The angle is 4 degrees.")


@pytest.fixture
def pairs(tmp_path):
    """Pairs of three patients: a accepted, b excluded with and without images, c accepted."""
    with PairSetWriter(tmp_path, {"command": "build", "split": [0.5, 0, 0.5], "seed": 1}, update=True) as writer:
        for patient, level in [("a", "L3-L4"), ("a", "L4-L5"), ("c", "L4-L5")]:
            writer.add(pair(tmp_path, patient, level))
        writer.add(pair(tmp_path, "b", "L3-L4", decision=EXCLUDED))
        writer.add(without_images("b", "L4-L5"))
    return tmp_path


def decisions(folder) -> dict[str, Decision]:
    return {entry.id: entry.decision for entry in read_manifest(folder).pairs}


def made_up(patient: str, level: str = "L4-L5", image: str = "", split: str | None = None, **details) -> PairEntry:
    """An accepted pair that exists on paper only."""
    name = f"{patient}_{level}"
    files = {kind: ImageFile(f"{name}_{kind}", f"{image or name}{kind}") for kind in ("ct", "mr")}
    return PairEntry(name, patient, level, "T2", files, split=split, details=details)


def test_a_decision_names_reviewer_and_note_and_keeps_the_reason_of_the_checks(pairs):
    changed = decide(pairs, ["b_L3-L4", "a_L3-L4"], "accepted", "AB", " fine,\n 4 degrees  do not matter ")
    assert [entry.id for entry in changed] == ["a_L3-L4", "b_L3-L4"]
    found = decisions(pairs)
    assert found["b_L3-L4"] == Decision("accepted", EXCLUDED.reason, "AB", "fine, 4 degrees do not matter")
    assert found["c_L4-L5"] == Decision()


def test_a_pattern_stands_for_all_pairs_of_a_patient(pairs):
    decide(pairs, ["a_*"], "rejected", "AB")
    assert [key for key, one in decisions(pairs).items() if one.status == "rejected"] == ["a_L3-L4", "a_L4-L5"]


@pytest.mark.parametrize(
    ("ids", "status", "reviewer", "words"),
    [
        (["a_L3-L4", "a_L4-L6"], "rejected", "AB", "no pair 'a_L4-L6' in this set; did you mean a_L4-L5"),
        (["A_l3-l4"], "rejected", "AB", "did you mean a_L3-L4"),
        (["zzzzzzzz"], "rejected", "AB", "pairs list shows"),
        (["a_L3-L4", "b_L4-L5"], "accepted", "AB", "b_L4-L5 cannot be accepted, it has no images: The scans do not"),
        (["a_L3-L4"], "rejected", "", "The reviewer is ''"),
        (["a_L3-L4"], "rejected", "Jane Doe", "'Jane Doe'; give a code"),
        (["a_L3-L4"], "excluded", "AB", "accepted or rejected by hand"),
    ],
)
def test_a_decision_that_cannot_be_made_changes_nothing(pairs, ids, status, reviewer, words):
    before = (pairs / "manifest.json").read_bytes()
    with pytest.raises((InputError, UsageError)) as refused:
        decide(pairs, ids, status, reviewer)
    assert words in str(refused.value) and "\n" not in str(refused.value)
    assert (pairs / "manifest.json").read_bytes() == before


def test_altered_images_are_not_accepted(pairs):
    (pairs / "b" / "b_L3-L4_CT.nrrd").write_bytes(b"other")
    with pytest.raises(InputError, match="missing or was altered"):
        decide(pairs, ["b_L3-L4"], "accepted", "AB")
    decide(pairs, ["b_L3-L4"], "rejected", "AB")


def test_deciding_again_takes_the_mark_of_other_images_off(pairs):
    decide(pairs, ["c_L4-L5"], "rejected", "AB")
    with PairSetWriter(pairs, read_manifest(pairs).made_by, update=True) as writer:
        writer.add(pair(pairs, "c", "L4-L5", seed=7))
    assert read_manifest(pairs).pairs[-1].details["decided_on_other_images"]
    decide(pairs, ["c_L4-L5"], "accepted", "AB")
    assert "decided_on_other_images" not in read_manifest(pairs).pairs[-1].details


def test_a_patient_who_gets_a_first_accepted_pair_gets_a_side(pairs):
    with PairSetWriter(pairs, read_manifest(pairs).made_by, update=True) as writer:
        writer.assign_splits((0.5, 0, 0.5), seed=1)
    before = sides_of(read_manifest(pairs).pairs)
    assert sorted(before) == ["a", "c"]
    decide(pairs, ["b_L3-L4"], "accepted", "AB")
    after = sides_of(read_manifest(pairs).pairs)
    assert sorted(after) == ["a", "b", "c"] and before.items() <= after.items()


@pytest.mark.parametrize(
    ("patients", "fractions", "counts"),
    [
        (20, (0.8, 0.1, 0.1), (16, 2, 2)),
        (20, (0.75, 0, 0.25), (15, 0, 5)),
        (15, (0.8, 0.1, 0.1), (12, 1, 2)),
        (129, (0.8, 0.1, 0.1), (103, 13, 13)),
        (4, (0.8, 0.1, 0.1), (2, 1, 1)),
        (2, (0.8, 0.1, 0.1), (2, 0, 0)),
        (3, (1, 0, 0), (3, 0, 0)),
        (0, (0.8, 0.1, 0.1), (0, 0, 0)),
    ],
)
def test_sides_have_their_shares_of_the_patients(patients, fractions, counts):
    entries = [made_up(f"p{n}", level) for n in range(patients) for level in ("L3-L4", "L4-L5")]
    sides = Counter(sides_of(assign_splits(entries, fractions, 5)).values())
    assert tuple(sides[side] for side in ("training", "validation", "test")) == counts


def test_who_goes_where_does_not_depend_on_the_order_but_on_the_seed():
    entries = [made_up(f"p{n}") for n in range(30)]
    draws = [sides_of(assign_splits(entries, seed=seed)) for seed in range(3)]
    assert draws[0] == sides_of(assign_splits(entries[::-1], seed=0))
    assert all(one != other for one, other in itertools.combinations(draws, 2))


def test_patients_stay_where_they_are_when_others_come():
    kept, count = {}, 0
    for count in (3, 10, 11, 25, 60):
        entries = [made_up(f"p{n}") for n in range(count)]
        now = sides_of(assign_splits(entries, (0.8, 0.1, 0.1), 2, kept))
        assert kept.items() <= now.items() and len(now) == count
        kept = now
    assert Counter(kept.values()) == {"training": 48, "validation": 6, "test": 6}


def test_only_patients_with_accepted_pairs_count_and_all_their_pairs_go_along():
    no = Decision("excluded", "too far")
    entries = [made_up(f"p{n}") for n in range(4)] + [replace(made_up("p0", "L3-L4"), decision=no)]
    entries += [replace(made_up(f"q{n}"), decision=no) for n in range(9)]
    divided = assign_splits(entries, (0.5, 0, 0.5))
    sides = {(entry.patient, entry.split) for entry in divided}
    assert len({side for side in sides if side[0] == "p0"}) == 1
    assert Counter(side for patient, side in sides if patient[0] == "p") == {"training": 2, "test": 2}
    assert {side for patient, side in sides if patient[0] == "q"} == {None}


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (made_up("a", "L1-L2"), "The patient a is both in training and in test"),
        (made_up("b", image="a_L4-L5"), "The image b_L4-L5_ct is both in training and in test"),
        (made_up("b", sources={"ct": "11", "mr": ["33", "22"]}), "The MR scan that b_L4-L5 is of is both in"),
    ],
)
def test_a_leak_is_refused_and_both_pairs_are_named(second, words):
    from CT2MRSynthLib.pairset.manifest import check_patients

    first = made_up("a", split="training", sources={"ct": "00", "mr": ["22"]})
    second = replace(second, split="test")
    with pytest.raises(InputError) as refused:
        check_patients([first, second])
    assert words in str(refused.value) and f"pairs {first.id} and {second.id}" in str(refused.value)
    check_patients([first, replace(second, decision=Decision("excluded", "the same image"))])
    check_patients([first, replace(second, split="training")])


def test_no_split_is_made_that_leaks():
    entries = [made_up("a"), made_up("b", image="a_L4-L5")]
    with pytest.raises(InputError, match="is both in"):
        assign_splits(entries, (0.5, 0, 0.5))


@pytest.mark.parametrize("words", ["0.8/0.2", "0.8/0.1/0.2", "1/-0.5/0.5", "a/b/c", "0/0.5/0.5", "", "nan/0/1"])
def test_shares_that_do_not_add_up_are_refused(words):
    with pytest.raises(UsageError, match=r"0\.8/0\.1/0\.1"):
        parse_fractions(words)
