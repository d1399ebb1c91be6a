"""The disc level in a name: found however it is written, and never a wrong one."""

import pytest

from CT2MRSynthLib.levels import LEVELS, find_level, level_or_name


@pytest.mark.parametrize(
    ("text", "level"),
    [
        *((level, level) for level in LEVELS),
        ("Patient_L4_L5 box", "L4-L5"),
        ("l4/5", "L4-L5"),
        ("L45", "L4-L5"),
        ("L3 L4", "L3-L4"),
        ("L5S1", "L5-S1"),
        ("L5 - S1", "L5-S1"),
        ("L5/1", "L5-S1"),
        ("L4\u2013L5", "L4-L5"),
        ("L4-L5_2", "L4-L5"),
        ("L4-L5 of L4-L5", "L4-L5"),
    ],
)
def test_a_level_is_found_however_it_is_written(text, level):
    assert find_level(text) == level


@pytest.mark.parametrize(
    "text", ["", "L3", "L3 4mm", "L34 mm", "T12-L1", "L6-S1", "L1-L3", "XL4-5", "L2 L3-L4", "L1-L2 and L2-L3"]
)
def test_no_level_is_guessed(text):
    assert find_level(text) is None


def test_a_name_without_level_is_kept_as_far_as_files_can_hold_it():
    assert level_or_name("my/box: 1") == "my_box_1"
    assert level_or_name("...") == "free"
