"""What a panel needs of a pair set, without any panel: rows, readiness, another split, pictures, events of a child."""

import json
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image
from training_sets import write_pairs

from CT2MRSynthLib.cli import main, pairs_build
from CT2MRSynthLib.curation.options import BuildOptions
from CT2MRSynthLib.errors import InputError, UsageError
from CT2MRSynthLib.eventlog import EventLog
from CT2MRSynthLib.pairset import read_manifest, read_pair
from CT2MRSynthLib.pairset.audit.pictures import panels_of
from CT2MRSynthLib.pairset.audit.preview import panel_png, sheet_png
from CT2MRSynthLib.pairset.decisions import decide
from CT2MRSynthLib.pairset.facts import check_facts, decision_facts, number_facts
from CT2MRSynthLib.pairset.listing import PairFilter, row_of
from CT2MRSynthLib.pairset.manifest import EXCLUDED, Decision, PairSet
from CT2MRSynthLib.pairset.readiness import advice_on, problem_of
from CT2MRSynthLib.pairset.split import split_again

CHECK = {"name": "angle", "value": 4.25, "limit": 3.0, "unit": "deg", "passed": False}
DETAILS = {"checks": [CHECK], "registration": {"shift_mm": [0.5, -1.0], "matrix": [[1, 0], [0, 1]]}}


@pytest.fixture
def pairs(tmp_path):
    return write_pairs(tmp_path / "ps")


def problem(folder):
    return problem_of(folder, read_manifest(folder))


def identifiers(entries):
    return [entry.id for entry in entries]


def excluded(found: PairSet) -> PairSet:
    """The set with its first pair excluded by a check."""
    first = replace(found.pairs[0], decision=Decision(EXCLUDED, "Turned too far."), details=DETAILS)
    return replace(found, pairs=(first, *found.pairs[1:]))


def test_filters_let_those_pairs_through_that_meet_all_of_them(pairs):
    found = excluded(split_again(pairs))
    every = PairFilter().of(found)
    assert identifiers(every) == identifiers(found.pairs)
    assert identifiers(PairFilter(status="excluded").of(found)) == [found.pairs[0].id]
    for side in ("training", "validation", "test", "none"):
        assert all((entry.split or "none") == side for entry in PairFilter(side=side).of(found))
    assert identifiers(PairFilter(words="TOO turned").of(found)) == [found.pairs[0].id]
    assert PairFilter(status="accepted", words="turned").of(found) == []


def test_the_row_of_a_pair_says_who_decided_and_why(pairs):
    entry = read_manifest(pairs).pairs[0]
    assert row_of(entry) == (entry.patient, entry.level, "", "accepted", "")
    (decided,) = decide(pairs, [entry.id], "rejected", "AB", "another slice")
    assert row_of(decided)[3:] == ("rejected", "AB: another slice")
    (decided,) = decide(pairs, [entry.id], "rejected", "AB")
    assert row_of(decided)[4] == "AB"


def test_facts_give_sign_and_unit_and_leave_matrices_out(pairs):
    entry = excluded(read_manifest(pairs)).pairs[0]
    (fact,) = check_facts(entry)
    assert (fact.name, fact.value, fact.limit, fact.passed) == ("angle", "4.25 deg", "\u2264 3 deg", False)
    assert number_facts(entry) == [("registration shift mm", "0.5, -1")]
    assert ("reason", "Turned too far.") in decision_facts(entry)


def test_a_set_can_be_trained_on_only_with_accepted_pairs_that_are_not_all_held_back(pairs):
    assert problem(pairs) == ""
    found = read_manifest(pairs)
    tested = replace(found, pairs=tuple(replace(entry, split="test") for entry in found.pairs))
    assert "held back" in problem_of(pairs, tested)
    leak = [replace(found.pairs[n], patient="a", split=side) for n, side in enumerate(("training", "test"))]
    assert "both in" in problem_of(pairs, replace(found, pairs=tuple(leak)))
    one = [replace(entry, patient="a") for entry in found.pairs]
    assert "one patient" in problem_of(pairs, replace(found, pairs=tuple(one)))
    (pairs / found.pairs[2].files["mr"].path).unlink()
    assert found.pairs[2].files["mr"].path in problem(pairs)
    decide(pairs, ["*"], "rejected", "AB")
    assert "No pair of this set is accepted" in problem(pairs)


def test_a_set_without_test_patients_is_advised_to_be_split(pairs):
    assert "test" in advice_on(read_manifest(pairs))[0]
    assert advice_on(split_again(pairs)) == []


def test_another_split_moves_whole_patients_and_is_the_rule_for_whoever_comes_later(pairs):
    first = split_again(pairs, (0.5, 0.25, 0.25), 1)
    others = [split_again(pairs, (0.5, 0.25, 0.25), seed) for seed in range(2, 6)]
    sides = [tuple(entry.split for entry in found.pairs) for found in (first, *others)]
    assert len(set(sides)) > 1
    assert read_manifest(pairs) == others[-1]
    assert others[-1].made_by["split"] == [0.5, 0.25, 0.25] and others[-1].made_by["seed"] == 5
    assert split_again(pairs, (0.5, 0.25, 0.25), 1).pairs == first.pairs


def test_another_split_leaves_what_a_simulated_set_was_asked_for(pairs):
    found = replace(read_manifest(pairs), simulated=True, made_by={"command": "phantom", "seed": 7})
    found.write(pairs)
    assert split_again(pairs, seed=3).made_by == {"command": "phantom", "seed": 7}


def test_wrong_shares_leave_the_set_as_it_was(pairs):
    before = read_manifest(pairs)
    with pytest.raises(UsageError):
        split_again(pairs, (0.5, 0.1, 0.1))
    with pytest.raises(InputError):
        split_again(pairs / "nothing")
    assert read_manifest(pairs) == before


def test_pictures_come_as_png_of_the_size_that_is_asked_for(pairs):
    entry = read_manifest(pairs).pairs[0]
    panels = panels_of(*read_pair(pairs, entry), entry.sequence, False)
    assert Image.open(BytesIO(sheet_png(panels, 350))).size == (350, 350)
    pictures = [Image.open(BytesIO(panel_png(panel, 350))) for panel in panels]
    assert [picture.size for picture in pictures] == [(350, 350)] * 4
    assert len({picture.tobytes() for picture in pictures}) == 4


@pytest.mark.parametrize(
    "options",
    [
        BuildOptions(),
        BuildOptions("T1", 7, (0.6, 0.2, 0.2), 4, 2.5, 30, "none", True, 42.0),
        BuildOptions(split=(1 / 3, 1 / 3, 1 / 3)),
    ],
)
def test_options_in_words_are_read_back_as_they_were(options):
    import argparse

    from CT2MRSynthLib.pairset.split import parse_fractions

    parser = argparse.ArgumentParser()
    pairs_build.configure(parser)
    read = vars(parser.parse_args(["--patients", "a", "--out", "b", *options.to_words()]))
    read["split"] = parse_fractions(read["split"]) if read["split"] else None
    assert BuildOptions(**{name: read[name] for name in vars(options)}) == options


def test_the_audit_tells_a_program_how_far_it_is(pairs, capsys):
    assert main(["pairs", "audit", str(pairs), "--json", "--quiet"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    log = EventLog()
    assert log.take(events)
    assert (log.percent, log.exit_status, log.errors) == (100.0, 0, [])
    assert (pairs / "audit.html").is_file()


def test_the_log_of_a_child_takes_what_it_knows_and_passes_over_the_rest():
    log = EventLog()
    assert not log.take([])
    log.take([{"event": "progress", "percent": 40, "seconds_left": 12.5, "stage": "registering", "ct": "P01"}])
    assert (log.percent, log.seconds_left, log.stage) == (40.0, 12.5, "P01: registering")
    log.take([{"event": "progress", "percent": 30, "seconds_left": None}, {"event": "new"}, {}, {"event": 3}])
    assert (log.percent, log.seconds_left) == (40.0, None)
    log.take([{"event": "error", "message": "No MR.", "ct": "P02"}, {"event": "warning"}, {"event": "end"}])
    assert (log.errors, log.warnings, log.exit_status) == (["P02: No MR."], [], None)
    log.take([{"event": "summary", "pairs": 4}, {"event": "end", "exit_status": 1}])
    assert (log.summary, log.exit_status) == ({"pairs": 4}, 1)
