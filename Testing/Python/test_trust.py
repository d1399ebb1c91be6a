"""The color of trust: worse with every cause for doubt, never better than the record allows, and it never fails."""

from __future__ import annotations

import pytest

from CT2MRSynthLib.provenance_table import sections
from CT2MRSynthLib.trust import COLORS, in_brief, light

GOOD = {"model": {"name": "x", "preliminary": False}, "outside_fraction": 0.0, "warnings": []}
METAL = "0.20% of the CT is metal (above 3000 HU); do not trust the synthetic image near it."


def test_a_record_without_a_cause_for_doubt_is_green():
    assert light(GOOD) == ("green", [])


@pytest.mark.parametrize(
    ("change", "color", "words"),
    [
        ({"warnings": [METAL]}, "amber", "metal"),
        ({"outside_fraction": 0.05}, "amber", "5.0 %"),
        ({"outside_fraction": 0.4}, "red", "40.0 %"),
        ({"model": {"preliminary": True}}, "amber", "preliminary"),
        ({"model": None}, "red", "not recorded"),
        ({"outside_fraction": 0.4, "warnings": [METAL]}, "red", "40.0 %"),
    ],
)
def test_a_cause_for_doubt_gives_the_color_and_is_said_first(change, color, words):
    found, reasons = light({**GOOD, **change})
    assert found == color
    assert words in reasons[0]


def test_warnings_about_the_machine_do_not_matter():
    warnings = ["Tesla ran out of memory with 8 slices at once; now it is 4 at once."]
    assert light({**GOOD, "warnings": warnings})[0] == "green"


def test_what_lies_outside_is_said_once():
    sentence = "The box 'L4-L5' lies partly (5.0 %) outside the CT; that part is black."
    assert len(light({**GOOD, "outside_fraction": 0.05, "warnings": [sentence]})[1]) == 1


@pytest.mark.parametrize("record", [None, {}, [], "x", {"model": 3, "warnings": 7, "outside_fraction": "much"}])
def test_whatever_is_read_gets_a_color(record):
    color, reasons = light(record)
    assert color == "red"
    assert reasons
    assert color in COLORS


def test_the_brief_form_fits_the_corner_of_a_view():
    lines = in_brief([METAL], width=30, lines=2)
    assert len(lines) == 2
    assert all(len(line) <= 30 for line in lines)
    assert lines[-1].endswith("...")
    assert in_brief([]) == []


def test_the_table_leaves_nothing_of_a_record_out():
    record = {**GOOD, "box": {"axes_ras": [[1.0, 0.0], [0.0, 1.0]]}, "later": {"thing": "new"}, "seconds": None}
    rows = [row for _, part in sections(record) for row in part]
    assert ("thing", "new") in rows
    assert ("Axes R, A, S (RAS)", "1, 0;  0, 1") in rows
    assert ("Preliminary", "no") in rows
    assert ("Seconds taken", "none") in rows
