"""Pair sets made and split in the Train tab, and their audit page: child processes, and asking before a loss."""

import shutil
from pathlib import Path

import pytest
from curated import write_patient
from pair_panels import is_there, new_section, wait_for
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


def test_while_the_open_set_is_made_anew_it_is_told_that_nothing_can_be_trained_on_it(
    opened, slicer_app, pairs, tmp_path
):
    (tmp_path / "patients" / "P1").mkdir(parents=True)
    opened.build.ui.patientsPath.currentPath = str(tmp_path / "patients")
    opened.build.ui.outPath.currentPath = str(pairs)
    heard = []
    opened.pair_set_changed.connect(lambda folder: heard.append((folder, opened.reason())))
    opened.build.start()
    assert heard[-1][0] == pairs and "being made" in heard[-1][1]
    assert not opened.build.ui.listButton.enabled and "Wait" in opened.build.ui.listButton.toolTip
    wait_for(slicer_app.app, lambda: not opened.build.job.is_running)
    assert heard[-1][1] == opened.reason() and "being made" not in opened.reason()
    assert "JSON" in opened.build.ui.listButton.toolTip


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
