"""The pair set of the Train tab: opened, looked through, decided on."""

import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from pair_panels import choose, new_section, parameters, statuses, told, widgets_of
from training_sets import write_pairs

from CT2MRSynthLib.pairset import read_manifest
from CT2MRSynthLib.pairset.decisions import decide


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("written") / "ps")


@pytest.fixture
def pairs(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / "ps"))


@pytest.fixture
def section(slicer_app):
    made = new_section()
    yield made
    made.cleanup()


@pytest.fixture
def opened(section, pairs):
    section.open(pairs)
    return section


def test_opening_a_set_tells_its_folder_once_and_writes_it_down(section, pairs):
    chosen, heard = parameters(), told(section.pair_set_changed)
    section.set_parameters(chosen)
    assert (section.folder, bool(section.reason())) == (None, True)
    section.open(pairs)
    assert (section.folder, section.reason(), chosen.pairSetFolder) == (pairs, "", str(pairs))
    section.refresh()
    assert heard.count(pairs) == 1
    assert section.table.ui.table.rowCount == 6


@pytest.mark.parametrize("name", ["", "nowhere", "file", "damaged"])
def test_what_is_no_pair_set_is_said_and_nothing_can_be_trained_on(opened, tmp_path, name):
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "manifest.json").write_text("{")
    opened.open(tmp_path / name if name else "")
    assert opened.folder is None
    assert opened.reason() and opened.reason() in opened.ui.problemLabel.text
    assert opened.table.ui.table.rowCount == 0
    assert not opened.ui.auditButton.enabled and opened.ui.auditButton.toolTip


def test_a_scene_that_names_a_set_opens_it_and_one_that_names_none_keeps_the_open_one(section, pairs, tmp_path):
    other = shutil.copytree(pairs, tmp_path / "other")
    section.set_parameters(parameters(pairs))
    assert section.folder == pairs
    section.set_parameters(None)
    named = parameters(other)
    section.set_parameters(named)
    assert (section.folder, named.pairSetFolder) == (other, str(other))
    section.set_parameters(None)
    unnamed = parameters()
    section.set_parameters(unnamed)
    assert (section.folder, unnamed.pairSetFolder) == (other, str(other))


def test_a_path_that_the_widget_remembers_is_opened_and_written_down(section, pairs):
    section.ui.pairSetPath.blockSignals(True)
    section.ui.pairSetPath.currentPath = str(pairs)  # CTK does so while the form is loaded
    section.ui.pairSetPath.blockSignals(False)
    chosen = parameters()
    section.set_parameters(chosen)
    assert (section.folder, chosen.pairSetFolder) == (pairs, str(pairs))


def test_without_parameters_nothing_is_written_to_those_of_before(section, pairs):
    before = parameters()
    section.set_parameters(before)
    section.set_parameters(None)
    section.open(pairs)
    assert before.pairSetFolder == ""


def test_a_decision_goes_to_the_manifest_with_code_and_note_and_the_next_pair_comes_up(opened, pairs):
    first, second = choose(opened, 0), choose(opened, 1)
    choose(opened, 0)
    opened.decision.ui.reviewerEdit.text = "AB"
    opened.decision.ui.noteEdit.text = "another slice"
    opened.decision.ui.rejectButton.click()
    decision = next(entry.decision for entry in read_manifest(pairs).pairs if [entry.id] == first)
    assert (decision.status, decision.reviewer, decision.note) == ("rejected", "AB", "another slice")
    assert opened.table.selected == second
    assert opened.decision.ui.noteEdit.text == ""
    choose(opened, 0)
    opened.decision.ui.acceptButton.click()
    assert statuses(pairs)[first[0]] == "accepted"


def test_a_decision_that_takes_pairs_out_of_the_list_goes_on_below_them(opened, pairs):
    opened.table.ui.statusBox.currentIndex = 1  # accepted ones
    following = choose(opened, 3)
    choose(opened, 1, 2)
    opened.decision.ui.reviewerEdit.text = "AB"
    opened.decision.ui.rejectButton.click()
    assert opened.table.selected == following
    opened.table.select(choose(opened, 5)[0])
    opened.decision.ui.rejectButton.click()
    assert opened.table.selected == []


def test_the_reviewer_is_remembered(opened):
    from CT2MRSynthLib.panel.pair_decision import PairDecision

    opened.decision.ui.reviewerEdit.text = "AB"
    opened.decision.ui.reviewerEdit.text = "A B"  # no code
    assert PairDecision().ui.reviewerEdit.text == "AB"


@pytest.mark.parametrize(("rows", "code"), [((), "AB"), ((0,), ""), ((0,), "Anna Berg")])
def test_without_pairs_or_a_code_the_buttons_say_what_is_missing(opened, pairs, rows, code):
    choose(opened, *rows)
    opened.decision.ui.reviewerEdit.text = code
    before = read_manifest(pairs)
    for button in (opened.decision.ui.acceptButton, opened.decision.ui.rejectButton):
        assert not button.enabled
        assert button.toolTip == opened.decision.reason() != ""
    opened.decision.reject()
    assert read_manifest(pairs) == before


def test_only_pairs_that_are_listed_are_decided_on(opened, pairs):
    opened.decision.ui.reviewerEdit.text = "AB"
    chosen = choose(opened, 0, 1, 2)
    opened.table.ui.wordsEdit.text = chosen[1]
    opened.decision.ui.rejectButton.click()
    assert [name for name, status in statuses(pairs).items() if status == "rejected"] == [chosen[1]]
    opened.table.ui.wordsEdit.text = ""
    opened.table.ui.statusBox.currentIndex = 2
    assert "1 of 6" in opened.table.ui.countLabel.text


def test_a_pair_whose_image_was_altered_cannot_be_accepted_and_the_reason_is_shown(opened, pairs):
    choose(opened, 0)
    entry = read_manifest(pairs).pairs[0]
    (pairs / entry.files["ct"].path).write_bytes(b"something else")
    opened.decision.ui.reviewerEdit.text = "AB"
    opened.decision.ui.acceptButton.click()
    assert "missing or was altered" in opened.decision.ui.messageLabel.text


def test_the_preview_shows_the_pictures_that_the_engine_draws(opened, pairs):
    from PIL import Image

    from CT2MRSynthLib.pairset import read_pair
    from CT2MRSynthLib.pairset.audit.pictures import panels_of
    from CT2MRSynthLib.pairset.audit.preview import panel_png, sheet_png
    from CT2MRSynthLib.panel.pair_preview import EDGE

    (identifier,) = choose(opened, 2)
    entry = next(entry for entry in read_manifest(pairs).pairs if entry.id == identifier)
    panels = panels_of(*read_pair(pairs, entry), entry.sequence, False)
    expected = [sheet_png(panels, EDGE), *(panel_png(panel, EDGE) for panel in panels)]
    for number, png in enumerate(expected):
        opened.preview.ui.pictureBox.currentIndex = number
        shown = opened.preview.ui.pictureLabel.pixmap.toImage()
        picture = Image.open(BytesIO(png)).convert("RGB")
        assert (shown.width(), shown.height()) == picture.size
        for place in ((30, 40), (200, 90), (120, 300)):
            assert shown.pixelColor(*place).getRgb()[:3] == picture.getpixel(place)


def test_a_pair_without_readable_images_shows_why_and_no_picture(opened, pairs):
    choose(opened, 0)
    assert not opened.preview.ui.pictureLabel.pixmap.isNull()
    (pairs / read_manifest(pairs).pairs[1].files["mr"].path).unlink()
    choose(opened, 1)
    assert "is missing" in opened.preview.ui.pictureLabel.text
    assert "Look again" in opened.preview.ui.noticeLabel.text
    choose(opened)
    assert "Select a pair" in opened.preview.ui.pictureLabel.text


def test_the_facts_are_those_of_the_selected_pair(opened):
    (identifier,) = choose(opened, 3)
    tree = opened.facts.ui.factsTree
    group = tree.topLevelItem(0)
    rows = {group.child(n).text(0): group.child(n).text(1) for n in range(group.childCount())}
    assert f"{rows['patient']}_{rows['level']}" == identifier
    choose(opened)
    assert tree.topLevelItemCount == 0


def test_what_somebody_else_decides_comes_up_and_the_selection_stays(opened, pairs):
    heard = told(opened.pair_set_changed)
    chosen = choose(opened, 2)
    decide(pairs, ["*"], "rejected", "CD")
    opened.refresh()
    assert heard == [pairs]
    assert "No pair of this set is accepted" in opened.reason()
    assert opened.table.selected == chosen


def test_every_control_has_a_tooltip_and_the_panel_fits_400_pixels(opened, slicer_app, tmp_path):
    choose(opened, 0)
    kinds = ("QPushButton", "QComboBox", "QSpinBox", "QDoubleSpinBox", "QCheckBox", "QLineEdit", "ctkPathLineEdit")
    controls = [one for one in widgets_of(opened.widget) if one.className() in kinds and one.objectName]
    controls = [one for one in controls if not one.objectName.startswith("qt_")]  # parts of spin boxes
    assert len(controls) > 20
    assert [one.objectName for one in controls if not one.toolTip] == []
    slicer_app.grab(opened.widget, tmp_path / "panel.png")
    assert opened.widget.minimumSizeHint.width() <= 400
    assert opened.widget.width == 400


def test_nothing_heavy_is_loaded_before_a_pair_is_looked_at():
    code = (
        "import sys, types\n"
        "from unittest import mock\n"
        "for name in ('qt', 'slicer', 'slicer.i18n'): sys.modules[name] = mock.MagicMock()\n"
        "import CT2MRSynthLib.panel.pairs_section\n"
        "print(sorted({'numpy', 'scipy', 'SimpleITK', 'PIL', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
