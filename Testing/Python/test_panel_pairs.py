"""The pair sets of the Train tab: opened, made by a child process, looked through, decided on, split."""

import os
import shutil
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from curated import write_patient
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
    from CT2MRSynthLib.panel.pairs_section import PairsSection

    made = PairsSection()
    for group in (made.ui.makeGroupBox, made.ui.reviewGroupBox, made.ui.splitGroupBox):
        group.collapsed = False
    yield made
    made.cleanup()


@pytest.fixture
def opened(section, pairs):
    section.open(pairs)
    return section


def parameters(folder="") -> SimpleNamespace:
    return SimpleNamespace(pairSetFolder=str(folder))


def told(signal) -> list:
    values = []
    signal.connect(values.append)
    return values


def choose(section, *rows: int) -> list[str]:
    """Select rows of the table as clicks do."""
    table = section.table.ui.table
    table.clearSelection()
    for row in rows:
        table.item(row, 0).setSelected(True)
    return section.table.selected


def statuses(folder) -> dict:
    return {entry.id: entry.decision.status for entry in read_manifest(folder).pairs}


def wait_for(app, condition, seconds=90.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "nothing came"
        app.processEvents()
        time.sleep(0.02)


def widgets_of(widget):
    for child in widget.children():
        if hasattr(child, "toolTip") and hasattr(child, "enabled"):
            yield child
        yield from widgets_of(child)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


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


def test_patients_are_split_anew_only_when_the_user_agrees(opened, pairs, slicer_app):
    import qt

    assert not any(entry.split for entry in read_manifest(pairs).pairs)
    opened.split.ui.splitButton.click()  # nothing is lost: nobody is asked
    before = read_manifest(pairs)
    assert {entry.split for entry in before.pairs} == {"training", "validation", "test"}
    slicer_app.app.standin_testing = False  # otherwise the application agrees by itself
    opened.split.shares.ui.seedSpinBox.value = 5
    slicer_app.answers.append(qt.QMessageBox.Cancel)
    opened.split.ui.splitButton.click()
    assert read_manifest(pairs) == before
    slicer_app.answers.append(qt.QMessageBox.Ok)
    opened.split.ui.splitButton.click()
    assert read_manifest(pairs).made_by["seed"] == 5


def test_shares_that_do_not_add_up_cannot_be_split_by(opened, pairs):
    before = read_manifest(pairs)
    opened.split.shares.ui.testSpinBox.value = 20
    assert not opened.split.ui.splitButton.enabled
    assert "110 %" in opened.split.ui.splitButton.toolTip
    opened.split.split()
    assert read_manifest(pairs) == before


def test_a_set_is_made_by_a_child_process_and_opened_at_the_end(section, slicer_app, tmp_path):
    for number, code in enumerate(("P01", "P02"), 1):
        (tmp_path / "patients" / code).mkdir(parents=True)
        write_patient(tmp_path / "patients" / code, number, ("L4-L5",))
    (tmp_path / "patients" / "P03").mkdir()
    form = section.build
    assert not form.ui.buildButton.enabled and form.ui.buildButton.toolTip == form.reason() != ""
    form.ui.patientsPath.currentPath = str(tmp_path / "patients")
    form.ui.outPath.currentPath = str(tmp_path / "out")
    form.ui.registrationBox.currentIndex = 1
    percents = []
    form.job.changed.connect(lambda: percents.append(form.job.log.percent))
    form.ui.buildButton.click()
    assert form.ui.buildButton.text == "Cancel"
    wait_for(slicer_app.app, lambda: not form.job.is_running)
    assert percents and percents == sorted(percents)
    assert section.folder == tmp_path / "out"
    assert "2 pairs, 2 accepted" in form.ui.buildLabel.text and "1 failed" in form.ui.buildLabel.text
    assert "P03" in form.ui.messagesEdit.plainText
    assert read_manifest(tmp_path / "out").made_by["registration"] == "none"
    assert form.options().registration == "none" and not form.job.is_running


def test_a_set_that_is_there_is_brought_up_to_date_only_when_the_user_agrees(opened, slicer_app, pairs, tmp_path):
    import qt

    (tmp_path / "patients").mkdir()
    opened.build.ui.patientsPath.currentPath = str(tmp_path / "patients")
    opened.build.ui.outPath.currentPath = str(tmp_path / "new")
    assert opened.build.ui.buildButton.text == "Make the pairs"
    opened.build.ui.outPath.currentPath = str(pairs)
    assert opened.build.ui.buildButton.text == "Bring the set up to date"
    slicer_app.app.standin_testing = False  # otherwise the application agrees by itself
    slicer_app.answers.append(qt.QMessageBox.Cancel)
    opened.build.ui.buildButton.click()
    assert not opened.build.job.is_running
    assert "taken out" in slicer_app.asked[-1]


def test_a_cancelled_build_leaves_no_process_and_a_set_that_can_be_gone_on_with(section, slicer_app, tmp_path):
    for number in range(1, 6):
        (tmp_path / "patients" / f"P{number}").mkdir(parents=True)
        write_patient(tmp_path / "patients" / f"P{number}", number)
    form = section.build
    form.ui.patientsPath.currentPath = str(tmp_path / "patients")
    form.ui.outPath.currentPath = str(tmp_path / "out")
    form.start()
    pid, folder = form.job._process.pid, form.job._process.folder
    wait_for(slicer_app.app, lambda: form.job.log.percent > 0)
    form.ui.buildButton.click()
    assert form.job.is_cancelled and not form.ui.buildButton.enabled
    wait_for(slicer_app.app, lambda: not form.job.is_running)
    assert "Ended" in form.ui.buildLabel.text and not is_there(pid)
    assert not folder.exists()
    assert form.ui.buildButton.enabled and form.ui.buildButton.text != "Cancel"
    assert len(read_manifest(tmp_path / "out").pairs) < 10


def test_a_command_that_is_refused_tells_its_sentence(section, slicer_app, pairs, tmp_path):
    (tmp_path / "list.json").write_text('{"patients": [{"code": ""}]}')
    slicer_app.answers.append(str(tmp_path / "list.json"))
    section.build.ui.listButton.click()
    section.build.ui.outPath.currentPath = str(tmp_path / "out")
    section.build.start()
    wait_for(slicer_app.app, lambda: not section.build.job.is_running)
    assert "give a study code" in section.build.ui.buildLabel.text


def test_cleanup_ends_a_build_and_may_come_twice(section, tmp_path):
    (tmp_path / "patients" / "P1").mkdir(parents=True)
    write_patient(tmp_path / "patients" / "P1")
    section.build.ui.patientsPath.currentPath = str(tmp_path / "patients")
    section.build.ui.outPath.currentPath = str(tmp_path / "out")
    section.build.start()
    pid = section.build.job._process.pid
    section.cleanup()
    section.cleanup()
    assert not is_there(pid)


def test_a_set_that_was_built_fills_in_how(section, tmp_path):
    section.build.set_folder(
        tmp_path,
        {"command": "pairs build", "sequence": "STIR", "every": 7, "max_angle": 2.5, "max_days": 30, "n4": True}
        | {"registration": "none", "split": [0.5, 0.3, 0.2], "seed": 4, "lateral_half_width": 42.5},
    )
    options = section.build.options()
    assert (options.sequence, options.every, options.max_angle, options.max_days) == ("STIR", 7, 2.5, 30)
    assert (options.n4, options.registration, options.split, options.seed) == (True, "none", (0.5, 0.3, 0.2), 4)
    assert options.lateral_half_width == 42.5
    section.build.ui.outPath.currentPath = str(tmp_path / "another")
    assert section.build.options().lateral_half_width is None
    odd = {
        "every": "x",
        "split": [float("nan"), 0, 1],
        "max_angle": None,
        "max_days": float("inf"),
        "seed": "s",
        "lateral_half_width": "w",
    }
    section.build.set_folder(tmp_path, {"command": "pairs build", **odd})
    assert section.build.options().split == (0.5, 0.3, 0.2)


def test_shares_in_whole_percent_add_up_whatever_they_were(section, tmp_path):
    section.build.set_folder(tmp_path, {"command": "pairs build", "split": [1 / 3, 1 / 3, 1 / 3]})
    assert section.build.shares.reason() == ""
    assert section.build.options().split == (0.34, 0.33, 0.33)


def test_the_audit_page_is_written_once_and_opened(opened, pairs, slicer_app, monkeypatch):
    import qt

    pages = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: bool(pages.append(url.toLocalFile())) or True)
    opened.ui.auditButton.click()
    wait_for(slicer_app.app, lambda: not opened.audit.job.is_running)
    assert pages == [str(pairs / "audit.html")] and (pairs / "audit.html").is_file()
    written = (pairs / "audit.html").stat().st_mtime_ns
    opened.ui.auditButton.click()
    assert len(pages) == 2 and (pairs / "audit.html").stat().st_mtime_ns == written
    decide(pairs, ["*"], "rejected", "CD")
    opened.ui.auditButton.click()
    wait_for(slicer_app.app, lambda: not opened.audit.job.is_running)
    assert len(pages) == 3 and (pairs / "audit.html").stat().st_mtime_ns > written


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
