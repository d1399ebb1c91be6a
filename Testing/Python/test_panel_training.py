"""Training and Verdict of the Train tab: real widgets, real scene, real runs in processes of their own."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("PySide6", reason="no Qt: install PySide6-Essentials")
pytest.importorskip("torch")

from test_training_watch import a_run  # noqa: E402
from training_sets import write_pairs  # noqa: E402

from CT2MRSynthLib.training.runfiles import STATE  # noqa: E402


@pytest.fixture
def panel(slicer_app, tmp_path, monkeypatch):
    """Both sections, as the tab connects them, on settings of their own and a user's folder of his own."""
    import qt
    import slicer

    from CT2MRSynthLib.panel.parameters import TrainParameters, read_parameters
    from CT2MRSynthLib.panel.recent_runs import KEY
    from CT2MRSynthLib.panel.training_section import TrainingSection
    from CT2MRSynthLib.panel.verdict_section import VerdictSection

    monkeypatch.setenv("CT2MRSYNTH_HOME", str(tmp_path / "home"))
    qt.QSettings().remove(KEY)

    class Panel:
        app, pairs, told = slicer_app, None, []

        def __init__(self):
            self.training, self.verdict, self.told = TrainingSection(), VerdictSection(), []
            self.ui, self.look = self.training.ui, self.verdict.ui
            self.training.run_changed.connect(self.tell)
            self.training.status_changed.connect(self.told.append)
            self.training.status_changed.connect(self.tell)
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
            self.parameters = read_parameters(TrainParameters, node)

        def enter(self):
            self.training.set_parameters(self.parameters)
            self.verdict.set_parameters(self.parameters)

        def tell(self, _=None):
            self.verdict.set_run(self.pairs, self.training.session.folder, self.training.session.status)

        def open_pairs(self, folder):
            self.pairs = folder
            self.training.set_pair_set(folder, "")
            self.tell()

        def until(self, condition, seconds=60):
            """Let the application go on until something is so."""
            ends = time.monotonic() + seconds
            while not condition():
                assert time.monotonic() < ends, (self.ui.stateLabel.text, self.ui.warningsLabel.text)
                slicer_app.app.processEvents()
                time.sleep(0.01)

        def until_state(self, *states):
            self.until(lambda: self.training.session.status.state in states)

    made = Panel()
    yield made
    made.training.cleanup()
    made.verdict.cleanup()


def shipped_card() -> Path:
    from CT2MRSynthLib.bundle import shipped_bundle_path

    return shipped_bundle_path() / "card.json"


def copy_of_run(folder: Path, status="finished") -> Path:
    """A run with a preview of two cases and a checkpoint."""
    from PIL import Image

    a_run(folder, status)
    (folder / "checkpoint-000000040.pt").touch()
    (folder / "previews").mkdir()
    for step in (20, 40):
        Image.new("RGB", (4 * 64 + 12, 64 + 2 * 88), (step, 0, 0)).save(folder / f"previews/step-{step:09d}.png")
    return folder


def test_start_says_what_is_missing_and_is_enabled_when_nothing_is(panel, tmp_path):
    assert not panel.ui.startButton.enabled and "no pair set" in panel.ui.reasonLabel.text
    panel.training.set_pair_set(tmp_path, "All pairs are excluded.")
    assert panel.ui.startButton.toolTip == "All pairs are excluded."
    panel.training.set_pair_set(tmp_path, "")
    assert panel.ui.startButton.enabled and panel.ui.reasonLabel.text == ""
    assert not panel.ui.stopButton.enabled and not panel.ui.chartButton.enabled


def test_without_torch_it_is_offered_when_a_button_is_pressed_and_all_else_can_be_used(panel, tmp_path, monkeypatch):
    from CT2MRSynthLib.panel.torch_offer import TorchOffer

    monkeypatch.setattr(TorchOffer, "is_installed", lambda self: False)
    panel.enter()
    panel.open_pairs(tmp_path / "pairs")
    assert panel.ui.startButton.enabled and not panel.ui.warningsLabel.text
    panel.ui.startButton.click()
    assert "PyTorch is missing" in panel.ui.warningsLabel.text and not (tmp_path / "pairs-runs").exists()
    run = copy_of_run(tmp_path / "run")
    (run / "bundle").mkdir()
    shutil.copy(shipped_card(), run / "bundle")
    panel.ui.runFolderLineEdit.text = str(run)
    assert "Finished: step 40 of 100" in panel.ui.stateLabel.text and panel.ui.chartButton.enabled
    panel.look.compareButton.click()
    assert "PyTorch is missing" in panel.look.outcomeLabel.text and not panel.verdict.is_running


def test_choices_are_kept_with_the_scene_and_come_back(panel):
    panel.enter()
    panel.ui.presetComboBox.setCurrentIndex(panel.ui.presetComboBox.findData("quick"))
    panel.ui.stepsSpinBox.value = 70
    panel.ui.deviceComboBox.setCurrentIndex(1)
    assert (panel.parameters.preset, panel.parameters.trainSteps, panel.parameters.trainDevice) == ("quick", 70, "cpu")
    panel.training.set_parameters(None)
    panel.ui.stepsSpinBox.value = 5
    assert panel.parameters.trainSteps == 70
    panel.enter()
    panel.enter()
    assert panel.ui.stepsSpinBox.value == 70


def test_a_preset_of_another_version_becomes_the_usual_one(panel):
    panel.parameters.preset, panel.parameters.trainDevice = "gone", "tpu"
    panel.enter()
    assert (panel.parameters.preset, panel.parameters.trainDevice) == ("best", "auto")


def test_every_control_has_a_tool_tip(panel):
    import qt

    for widget in (panel.training.widget, panel.verdict.widget):
        for kind in (qt.QPushButton, qt.QToolButton, qt.QComboBox, qt.QLineEdit, qt.QSpinBox, qt.QSlider):
            for child in widget.findChildren(kind):
                assert child.toolTip or child.objectName.startswith("qt_"), child.objectName


def test_both_sections_fit_into_400_pixels(panel, tmp_path):
    panel.enter()
    panel.ui.runFolderLineEdit.text = str(copy_of_run(tmp_path / ("long-name-" * 8)))
    panel.training.refresh()
    assert panel.training.widget.minimumSizeHint.width() <= 390
    assert panel.verdict.widget.minimumSizeHint.width() <= 390


def test_a_run_shows_its_previews_over_time(panel, tmp_path):
    run = copy_of_run(tmp_path / "run")
    panel.enter()
    panel.ui.runFolderLineEdit.text = str(run)
    assert panel.ui.timeSlider.maximum == 1 and panel.ui.caseSlider.maximum == 1
    assert "Case 1 of 2 after 40 steps" in panel.ui.previewTitleLabel.text
    panel.ui.timeSlider.value = 0
    panel.ui.caseSlider.value = 1
    assert "Case 2 of 2 after 20 steps" in panel.ui.previewTitleLabel.text
    shutil.copy(run / "previews/step-000000020.png", run / "previews/step-000000030.png")
    panel.training.refresh()
    assert "20 steps" in panel.ui.previewTitleLabel.text and panel.ui.timeSlider.maximum == 2
    assert not panel.ui.pictureLabel4.pixmap.isNull()
    (run / "previews/step-000000020.png").write_bytes(b"no picture")
    shutil.rmtree(run / "previews")
    panel.training.refresh()
    assert panel.ui.previewCollapsibleButton.isHidden()


def test_the_chart_is_shown_and_follows_the_run_until_the_scene_is_closed(panel, tmp_path):
    import slicer

    run = a_run(tmp_path / "run")
    panel.enter()
    panel.ui.runFolderLineEdit.text = str(run)
    panel.ui.chartButton.click()
    selection = slicer.app.applicationLogic().GetSelectionNode()
    chart = slicer.mrmlScene.GetNodeByID(selection.GetActivePlotChartID())
    table = chart.GetPlotSeriesNode().GetTableNode()
    assert chart.GetTitle().endswith("run") and table.GetNumberOfRows() == 2
    with open(run / "losses.csv", "a") as file:
        file.write("60,30,1e-4,0.2,1,2,\n")
    panel.training.refresh()
    assert table.GetNumberOfRows() == 3
    slicer.mrmlScene.Clear(0)
    panel.training.refresh()
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode") == 0


def test_a_run_that_went_on_without_the_panel_is_found_again(panel, tmp_path):
    from CT2MRSynthLib.panel.recent_runs import recent_runs, remember_run

    for name, status in (("going-on", "running"), ("done", "finished")):
        remember_run(a_run(tmp_path / name, status))
    panel.enter()
    assert panel.parameters.runFolder == str(tmp_path / "going-on")
    assert panel.ui.stateLabel.text.startswith("Running: step 40 of 100") and panel.ui.stopButton.enabled
    shutil.rmtree(tmp_path / "done")
    assert recent_runs() == [tmp_path / "going-on"]


@pytest.mark.parametrize("text", ["", "{", "[3, null]", '"x"', '{"a": 1}'])
def test_recent_runs_outlive_damaged_settings(panel, text):
    import qt

    from CT2MRSynthLib.panel import recent_runs

    qt.QSettings().setValue(recent_runs.KEY, text)
    assert recent_runs.recent_runs() == [] and recent_runs.run_going_on() is None


def test_status_is_told_when_it_changes_and_not_each_second(panel, tmp_path):
    run = a_run(tmp_path / "run")
    panel.enter()
    panel.ui.runFolderLineEdit.text = str(run)
    count = len(panel.told)
    panel.training.refresh()
    assert len(panel.told) == count and panel.told[-1].state == "running"
    a_run(run, "stopped")
    panel.training.refresh()
    assert len(panel.told) == count + 1 and panel.told[-1].state == "stopped"


def test_a_run_is_started_stopped_resumed_and_outlives_the_panel(panel, tmp_path):
    panel.enter()
    panel.open_pairs(write_pairs(tmp_path / "pairs"))
    panel.ui.presetComboBox.setCurrentIndex(panel.ui.presetComboBox.findData("quick"))
    panel.ui.stepsSpinBox.value, panel.ui.widthSpinBox.value = 50_000, 1
    panel.ui.startButton.click()
    run = tmp_path / "pairs-runs" / "quick-1"
    assert panel.parameters.runFolder == str(run) and panel.told[-1].state == "starting"
    assert not panel.ui.startButton.enabled and not panel.ui.presetComboBox.enabled
    panel.until_state("running")
    panel.training.cleanup()
    heartbeat = json.loads((run / STATE).read_text())["heartbeat"]
    panel.until(lambda: json.loads((run / STATE).read_text())["heartbeat"] > heartbeat)
    panel.enter()
    panel.ui.stopButton.click()
    assert not panel.ui.stopButton.enabled
    panel.until_state("stopped")
    assert panel.ui.startButton.text == "Resume" and panel.ui.startButton.enabled
    assert not panel.look.useButton.enabled and panel.look.compareButton.enabled


def test_a_start_that_is_refused_says_why(panel, tmp_path):
    panel.enter()
    panel.open_pairs(tmp_path / "nothing")
    panel.ui.runFolderLineEdit.text = str(tmp_path / "run")
    panel.ui.startButton.click()
    panel.until(lambda: "Problem" in panel.ui.warningsLabel.text)
    assert "nothing" in panel.ui.warningsLabel.text and panel.ui.startButton.enabled


def test_a_process_that_does_not_stop_is_ended_only_when_confirmed(panel, tmp_path, monkeypatch):
    import slicer

    from CT2MRSynthLib.training import session

    run = a_run(tmp_path / "run")
    panel.enter()
    panel.ui.runFolderLineEdit.text = str(run)
    panel.ui.stopButton.click()
    monkeypatch.setattr(session, "PATIENCE", 0.0)
    panel.training.refresh()
    ended = []
    monkeypatch.setattr(session, "end_by_force", ended.append)
    for answer in (False, True):
        assert panel.ui.stopButton.enabled and "End process" in panel.ui.stopButton.text
        monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, answer=answer: answer)
        panel.ui.stopButton.click()
        assert len(ended) == answer
    assert not (run / "stop").exists()


def a_judged_run(panel, tmp_path, grey=80.0):
    """A finished run whose generator makes one grey level, against one in use that makes another."""
    from comparisons import patients, write_constant, write_set

    from CT2MRSynthLib.evaluation.gate import use_by_override

    use_by_override(write_constant(tmp_path / "before", 250.0).path, "test")
    run = a_run(tmp_path / "run", "finished")
    write_constant(run / "bundle", grey)
    panel.enter()
    panel.open_pairs(write_set(tmp_path / "pairs", patients(6)))
    panel.ui.runFolderLineEdit.text = str(run)
    return run


def test_a_better_generator_is_judged_used_and_given_back(panel, tmp_path):
    from comparisons import write_constant

    used = []
    panel.verdict.model_used.connect(lambda: used.append(1))
    run = a_judged_run(panel, tmp_path)
    look = panel.look
    assert "Level 250" in look.inUseLabel.text and look.useButton.toolTip == "There is no verdict of this run yet."
    look.compareButton.click()
    assert panel.verdict.is_running and not look.compareButton.enabled and look.cancelButton.enabled
    panel.until(lambda: look.progressBar.value > 0 and not look.progressBar.isHidden())
    panel.until(lambda: not panel.verdict.is_running)
    assert "B is better on 6 of 6 patients" in look.verdictLabel.text
    assert not look.pictureLabel.pixmap.isNull() and look.pictureComboBox.count == 4
    assert look.reportButton.enabled and (run / "verdict" / "verdict.html").is_file()
    look.useButton.click()
    panel.until(lambda: not panel.verdict.is_running)
    assert used == [1] and "Level 80" in look.inUseLabel.text and look.useButton.toolTip == "It is in use already."
    look.bundledButton.click()
    panel.until(lambda: not panel.verdict.is_running)
    assert used == [1, 1] and "Level" not in look.inUseLabel.text
    assert "Another generator is in use" in look.verdictLabel.text
    write_constant(run / "bundle", 70.0)
    a_run(run, "finished", weights_sha256="cd")
    panel.training.refresh()
    assert "The training went on" in look.verdictLabel.text and not look.useButton.enabled


def test_a_worse_generator_is_used_only_with_a_reason(panel, tmp_path):
    from CT2MRSynthLib.bundle import default_bundle_path
    from CT2MRSynthLib.evaluation.compare import compare
    from CT2MRSynthLib.evaluation.verdict import write_verdict
    from CT2MRSynthLib.modelcard import read_card

    run, look = a_judged_run(panel, tmp_path, grey=254.0), panel.look
    write_verdict(compare(panel.pairs, default_bundle_path(), run / "bundle"), run / "verdict")
    panel.verdict.refresh()
    assert "does not say that it is better" in look.useButton.toolTip and not look.overrideButton.enabled
    look.overrideReasonLineEdit.text = "--default"
    look.readerLineEdit.text = "my name"
    assert not look.overrideButton.enabled and "letters and digits" in look.overrideButton.toolTip
    look.readerLineEdit.text = "AB"
    look.overrideButton.click()
    panel.until(lambda: not panel.verdict.is_running)
    admission = read_card(default_bundle_path()).admission
    assert (admission["reason"], admission["reader"]) == ("--default", "AB") and "verdict" in admission


def test_a_cancelled_comparison_leaves_no_process_and_no_verdict(panel, tmp_path):
    run = a_judged_run(panel, tmp_path)
    panel.look.compareButton.click()
    process = panel.verdict._job._process
    panel.look.cancelButton.click()
    panel.until(lambda: not panel.verdict.is_running)
    assert process.status is not None and not (run / "verdict" / "verdict.json").exists()
    assert "cancelled" in panel.look.outcomeLabel.text and panel.look.compareButton.enabled


def test_the_panel_works_without_a_main_window(slicer_app_without_window, tmp_path):
    import slicer

    from CT2MRSynthLib.panel.training_section import TrainingSection

    section = TrainingSection()
    section.ui.runFolderLineEdit.text = str(a_run(tmp_path / "run"))
    section.ui.chartButton.click()
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode") == 2
    section.cleanup()
    section.cleanup()


def test_a_path_that_cannot_be_looked_at_upsets_nothing(panel, tmp_path):
    panel.enter()
    panel.open_pairs(tmp_path)
    panel.ui.runFolderLineEdit.text = str(tmp_path / ("long" * 100))
    assert not panel.ui.startButton.enabled and "cannot be used" in panel.ui.reasonLabel.text
    panel.ui.runFolderLineEdit.text = str(tmp_path / "new")
    assert panel.ui.startButton.enabled


def test_a_run_whose_folder_is_removed_while_it_is_shown_is_no_run_any_more(panel, tmp_path):
    panel.enter()
    panel.ui.runFolderLineEdit.text = str(copy_of_run(tmp_path / "run"))
    panel.ui.chartButton.click()
    shutil.rmtree(tmp_path / "run")
    panel.training.refresh()
    assert "No run here yet" in panel.ui.stateLabel.text and not panel.ui.chartButton.enabled
    assert not panel.ui.openFolderButton.enabled and panel.ui.previewCollapsibleButton.isHidden()


def test_the_picture_of_the_verdict_follows_the_width_of_the_panel(panel, tmp_path):
    from PIL import Image

    from CT2MRSynthLib.evaluation.standing import Standing

    picture = tmp_path / "best.png"
    Image.new("RGB", (900, 300)).save(picture)
    panel.verdict._standing = Standing(tmp_path, pictures=(picture,))
    panel.verdict._fill_pictures()
    panel.verdict.widget.show()
    for width in (300, 500):
        panel.verdict.widget.resize(width, 700)
        panel.app.app.processEvents()
        panel.verdict.draw()
        assert panel.look.pictureLabel.pixmap.width() == panel.look.pictureLabel.width
    panel.verdict.widget.hide()
