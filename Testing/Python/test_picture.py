"""The picture: left stays left, the two halves agree, nothing is stretched, and it says what it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.picture import EDGE, PANELS, contact_sheet, draw, save

WORDS = {"level": "L4-L5", "name": "CT", "window": (-200, 600), "model": "Test 1 (preliminary)"}


def square(slices: int = 1, where: tuple[slice, slice] = (slice(60, 100), slice(30, 70))) -> np.ndarray:
    """A bright square on black, away from marks and scale bar; rows run to posterior, columns to the patient's left."""
    stack = np.zeros((slices, 256, 256), np.uint8)
    stack[:, where[0], where[1]] = 200
    return stack


def panels_of(image) -> list[np.ndarray]:
    return [np.asarray(image.crop(place).convert("L")) for place in json.loads(image.info[PANELS])]


def test_left_stays_left_and_both_halves_show_the_same_place():
    image = draw(square(), square(), (80, 80, 4), **WORDS)
    for panel in panels_of(image):
        assert panel.shape == (EDGE, EDGE)
        assert panel[160, 100] > 190  # anterior right of the patient: above, and on the picture's left
        assert panel[160, EDGE - 100] < 10


def test_a_box_that_is_not_square_is_not_stretched():
    image = draw(square(), square(), (80, 40, 4), **WORDS)
    for panel in panels_of(image):
        assert panel.shape == (EDGE // 2, EDGE)


def test_the_scale_bar_measures_two_centimeters():
    image = draw(square(), np.zeros((1, 256, 256), np.uint8), (80, 80, 4), **WORDS)
    bar = panels_of(image)[1][EDGE - 12, EDGE // 2 :] > 250
    assert abs(int(bar.sum()) - 20 * EDGE / 80) <= 2


def test_the_synthetic_half_says_so_and_the_ct_half_does_not():
    black = np.zeros((1, 256, 256), np.uint8)
    ct, mr = panels_of(draw(black, black, (80, 80, 4), **WORDS))
    label = (slice(0, 30), slice(0, 220))
    assert ct[label].max() == 0
    assert (mr[label] > 150).sum() > 300


def test_the_label_hides_little_of_the_slice():
    white = np.full((1, 256, 256), 255, np.uint8)
    black = np.zeros((1, 256, 256), np.uint8)
    mr = panels_of(draw(black, white, (80, 80, 4), **WORDS))[1]
    assert (mr[:40, : EDGE // 2 - 20] < 200).mean() * 40 * (EDGE // 2 - 20) / EDGE**2 < 0.03


def test_a_stack_shows_reformats_with_superior_up_in_true_proportion():
    stack = np.zeros((40, 256, 256), np.uint8)
    stack[30:] = 200  # the upper quarter
    one = draw(stack[:1], stack[:1], (80, 80, 4), **WORDS)
    many = draw(stack, stack, (80, 80, 40), **WORDS)
    added = many.height - one.height
    assert abs(added - 2 * (EDGE / 2 + 12)) <= 2
    top = json.loads(many.info[PANELS])[0][3] + 12
    sagittal = np.asarray(many.crop((12, top, 12 + EDGE, top + EDGE // 2)).convert("L"))
    assert sagittal[40, 100] > 190
    assert sagittal[100:200, 100].max() < 10


def test_few_slices_show_the_middle_one():
    stack = np.concatenate([square() * 0, square(), square() * 0])
    assert panels_of(draw(stack, stack, (80, 80, 12), **WORDS))[0][160, 100] > 190


def test_warnings_are_written_below_the_slices():
    plain = draw(square(), square(), (80, 80, 4), **WORDS)
    warned = draw(square(), square(), (80, 80, 4), warnings=["12 % lie outside the CT. " * 20], **WORDS)
    assert warned.height > plain.height + 60
    assert np.asarray(warned)[plain.height :].max() > 150


def test_a_file_says_that_it_is_synthetic_and_holds_no_path(tmp_path):
    path = save(draw(square(), square(), (80, 80, 4), **WORDS), tmp_path / "a.png")
    with Image.open(path) as image:
        assert image.info["Description"] == "SYNTHETIC - not for diagnosis"
        assert str(tmp_path) not in str(image.info)


def test_an_endless_name_is_shortened():
    image = draw(square(), square(), (80, 80, 4), **{**WORDS, "name": "N" * 1_000_000, "model": "M" * 1_000_000})
    assert image.width < 3 * EDGE


def test_equal_slices_give_equal_files(tmp_path):
    files = [save(draw(square(), square(), (80, 80, 4), **WORDS), tmp_path / f"{n}.png") for n in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_contact_sheet_shows_each_ct_above_its_synthetic_slice(tmp_path):
    bright, dark = square(where=(slice(None), slice(None))), square() * 0
    paths = [
        save(draw(dark, bright, (80, 80, 4), **WORDS), tmp_path / "1.png"),
        save(draw(bright, dark, (80, 80, 4), **WORDS), tmp_path / "2.png"),
    ]
    sheet = np.asarray(Image.open(contact_sheet(paths, tmp_path / "sheet.png", edge=200)).convert("L"))
    top, bottom, left, right = 40 + 130, 40 + 212 + 130, 12 + 60, 12 + 212 + 60
    assert sheet[top, left] < 20 and sheet[bottom, left] > 180
    assert sheet[top, right] > 180 and sheet[bottom, right] < 20


def test_a_contact_sheet_of_foreign_pictures_is_refused(tmp_path):
    Image.new("L", (9, 9)).save(tmp_path / "foreign.png")
    with pytest.raises(InputError, match=r"foreign\.png"):
        contact_sheet([tmp_path / "foreign.png"], tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()
