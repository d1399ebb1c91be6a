"""Apply runs without a stop of the window, ends in nodes or in a sentence, and PyTorch is offered only when needed."""

import re
import shutil
import sys
import types

import numpy as np
import pytest
import runs
import workers

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.volume import Volume

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("torch", reason="no torch")
from scenes import add_ct, snapshot


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return runs.write_bundle(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture
def desk(slicer_app, model, monkeypatch):
    """The run section with a CT and two boxes, and what its signals have said."""
    monkeypatch.setenv("CT2MRSYNTH_BUNDLES", str(model.parent))
    from CT2MRSynthLib.panel.parameters import SynthesizeParameters
    from CT2MRSynthLib.panel.run_section import RunSection
    from CT2MRSynthLib.scene.boxes import roi_from_frame

    desk = types.SimpleNamespace(app=slicer_app, scene=slicer_app.scene, model=model, said=[])
    desk.ct = add_ct(desk.scene, Volume(runs.hounsfield(), runs.geometry()), "Meier_Hans")
    frames = [DiscFrame([0, 0, z], np.eye(3), [60, 60, 4], level) for z, level in ((0, "L3-L4"), (20, "L4-L5"))]
    desk.boxes = [roi_from_frame(desk.scene, frame) for frame in frames]
    desk.node = desk.scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    desk.parameters = SynthesizeParameters(desk.node)
    desk.parameters.modelPath = str(model)
    desk.run = RunSection()
    desk.run.set_parameters(desk.parameters)
    desk.run.set_reason("")
    for name in ("state_changed", "progress", "finished", "failed", "run_requested"):
        getattr(desk.run, name).connect(lambda *values, name=name: desk.said.append((name, *values)))
    yield desk
    desk.run.cleanup()


def start(desk, boxes=None) -> None:
    boxes = desk.boxes if boxes is None else boxes
    desk.run.start(desk.ct, boxes, desk.model, 1, 4.0, "cpu", "float32")


def until(desk, condition) -> None:
    workers.wait_for(condition, meanwhile=desk.app.app.processEvents)


def heard(desk, name: str) -> list:
    return [values for kind, *values in desk.said if kind == name]


@pytest.fixture
def slow_torch(monkeypatch, tmp_path):
    workers.put_before_torch(monkeypatch, tmp_path / "fake", workers.SLOW)


def test_a_run_ends_in_nodes_and_is_measured_for_the_next_estimate(desk):
    ui = desk.run.ui
    assert "a guess" in ui.estimateLabel.text
    start(desk)
    assert ui.applyButton.text == "Cancel" and ui.applyButton.enabled and not ui.applyAllButton.enabled
    until(desk, lambda: not desk.run.is_running)
    states = [state for (state,) in heard(desk, "state_changed")]
    assert states == ["preparing", "running", "importing", "idle"]
    ((nodes,),) = heard(desk, "finished")
    assert [node.GetName() for node in nodes] == ["Meier_Hans sMRT2 L3-L4", "Meier_Hans sMRT2 L4-L5"]
    whole = [percent for box, percent, _ in heard(desk, "progress") if box is None]
    assert whole == sorted(whole) and whole[-1] >= 97
    for box in desk.boxes:
        own = [percent for node, percent, _ in heard(desk, "progress") if node is box]
        assert own[0] == 0 and own[-1] == 100 and len(set(own)) == len(own)
    assert heard(desk, "failed") == []
    assert ui.applyButton.text == "Apply" and ui.applyAllButton.enabled
    desk.parameters.device, desk.parameters.precision = "cpu", "float32"
    assert re.search(r"CPU, float32, \d+ threads?, measured last time", ui.estimateLabel.text)


def test_cancel_ends_process_and_folder_and_leaves_the_scene(desk, slow_torch):
    was = snapshot(desk.scene)
    start(desk)
    until(desk, lambda: desk.run.state == "running")
    pid, folder = desk.run.child_pid, desk.run.work_folder
    assert workers.is_alive(pid) and folder.is_dir()
    desk.run.ui.applyButton.click()
    assert not desk.run.is_running and desk.run.child_pid is None
    assert not workers.is_alive(pid) and not folder.exists()
    assert [state for (state,) in heard(desk, "state_changed")][-2:] == ["cancelling", "idle"]
    before = list(desk.said)
    desk.app.app.processEvents()
    assert desk.said == before, "a cancelled job speaks"
    assert heard(desk, "finished") == heard(desk, "failed") == [] and snapshot(desk.scene) == was


@pytest.mark.parametrize("end", ["scene closed", "CT removed", "panel closed"])
def test_a_run_whose_ground_is_gone_ends_without_a_word(desk, slow_torch, end):
    start(desk)
    until(desk, lambda: desk.run.state == "running")
    pid = desk.run.child_pid
    if end == "scene closed":
        desk.run.set_parameters(None)
        desk.scene.Clear(0)
    elif end == "CT removed":
        desk.scene.RemoveNode(desk.ct)
    else:
        desk.run.cleanup()
    until(desk, lambda: not desk.run.is_running)
    assert heard(desk, "finished") == heard(desk, "failed") == [] and not workers.is_alive(pid)
    assert not desk.run.ui.errorFrame.visible


def test_leaving_the_module_does_not_end_a_run(desk, slow_torch):
    start(desk)
    desk.run.set_parameters(None)
    desk.app.app.processEvents()
    assert desk.run.is_running


def test_one_run_at_a_time(desk, slow_torch):
    start(desk)
    pid = desk.run.child_pid
    start(desk)
    assert desk.run.child_pid == pid


def test_buttons_ask_for_one_box_or_all(desk):
    desk.run.ui.applyButton.click()
    desk.run.ui.applyAllButton.click()
    assert heard(desk, "run_requested") == [[False], [True]]


def test_a_disabled_apply_says_why(desk):
    desk.run.set_reason("Choose the CT.")
    ui = desk.run.ui
    for button in (ui.applyButton, ui.applyAllButton):
        assert not button.enabled and button.toolTip == "Choose the CT."
    assert ui.reasonLabel.text == "Choose the CT."
    desk.run.set_reason("")
    assert ui.applyButton.enabled and ui.reasonLabel.text == "" and "Choose" not in ui.applyButton.toolTip


@pytest.mark.parametrize("wrong", ["box outside", "no box", "no CT", "no model"])
def test_a_failure_is_a_sentence(desk, tmp_path, wrong):
    from CT2MRSynthLib.scene.boxes import roi_from_frame

    was = snapshot(desk.scene)
    boxes = desk.boxes
    if wrong == "box outside":
        boxes = [roi_from_frame(desk.scene, DiscFrame([900, 0, 0], np.eye(3), [60, 60, 4], "L1-L2"))]
        was = snapshot(desk.scene)
    elif wrong == "no box":
        boxes = []
    elif wrong == "no CT":
        desk.ct = None
    else:
        desk.model = tmp_path / "nothing"
    start(desk, boxes)
    until(desk, lambda: not desk.run.is_running)
    ((failed, sentence),) = heard(desk, "failed")
    assert failed == boxes
    assert (
        sentence == desk.run.ui.errorLabel.text and len(sentence) > 20 and sentence.endswith((".", "patient and scan."))
    )
    assert desk.run.ui.applyButton.text == "Apply" and snapshot(desk.scene) == was


def test_diagnostics_are_copied_without_names(desk, monkeypatch, tmp_path):
    workers.put_before_torch(monkeypatch, tmp_path / "fake", workers.BROKEN)
    start(desk)
    until(desk, lambda: not desk.run.is_running)
    desk.run.ui.copyButton.click()
    text = desk.app.app.clipboard().text()
    assert "libtorch_cpu.so" in text and "Slicer: 5.12" in text and "SHA-256: " in text and "Traceback" in text
    assert "Meier" not in text and str(tmp_path) not in text


def test_a_torch_that_does_not_start_can_be_repaired(desk, monkeypatch, tmp_path, extension):
    workers.put_before_torch(monkeypatch, tmp_path / "fake", workers.BROKEN)
    start(desk)
    until(desk, lambda: not desk.run.is_running)
    ui = desk.run.ui
    assert "does not start: libtorch_cpu.so" in ui.errorLabel.text and not ui.repairButton.isHidden()
    asked = []
    desk.run.torch_offer.ask = lambda title, text: asked.append(text) or True
    ui.repairButton.click()
    assert extension == ["uninstall", "install"] and len(asked) == 1
    assert "libtorch_cpu.so" in asked[0] and ui.errorFrame.isHidden()
    assert "press Apply again" in ui.reasonLabel.text


EXTENSION = """
steps = []

class PyTorchUtilsLogic:
    def installTorch(self, askConfirmation=False, torchVersionRequirement=None):
        assert torchVersionRequirement == ">=2.2"
        steps.append("install")

    def uninstallTorch(self):
        steps.append("uninstall")
"""


@pytest.fixture
def extension(monkeypatch, tmp_path):
    """The PyTorch extension as far as it is called: what it was asked to do."""
    (tmp_path / "extension").mkdir()
    (tmp_path / "extension" / "PyTorchUtils.py").write_text(EXTENSION, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "extension")
    monkeypatch.delitem(sys.modules, "PyTorchUtils", raising=False)
    import PyTorchUtils

    yield PyTorchUtils.steps
    del sys.modules["PyTorchUtils"]


def without_torch(desk, answer: bool) -> list:
    """Let PyTorch be missing until it is installed; returns what is asked."""
    offer, asked = desk.run.torch_offer, []
    offer.is_installed = lambda: "install" in getattr(desk, "steps", [])
    offer.ask = lambda title, text: asked.append(text) or answer
    return asked


def test_missing_torch_is_offered_once_with_its_size_and_declining_changes_nothing(desk, extension):
    asked = without_torch(desk, answer=False)
    assert asked == [], "offered before Apply was pressed"
    start(desk)
    assert len(asked) == 1 and "3 GB" in asked[0] and "PyTorch extension" in asked[0]
    assert extension == [] and not desk.run.is_running
    assert desk.run.ui.applyButton.enabled and "nothing was installed" in desk.run.ui.reasonLabel.text


def test_accepting_installs_torch_and_runs(desk, extension, slow_torch):
    desk.steps = extension
    asked = without_torch(desk, answer=True)
    start(desk)
    assert len(asked) == 1 and extension == ["install"] and desk.run.is_running


def test_without_the_extension_the_way_to_it_is_told(desk):
    asked = without_torch(desk, answer=True)
    opened = []
    type(desk.app.app).openExtensionsManagerDialog = lambda self: opened.append(1)
    try:
        start(desk)
    finally:
        del type(desk.app.app).openExtensionsManagerDialog
    assert len(asked) == 1 and "Extensions Manager" in asked[0] and opened == [1]
    assert "install the extension PyTorch" in desk.run.ui.reasonLabel.text and not desk.run.is_running


def test_a_self_test_never_installs(desk, extension):
    desk.run.torch_offer.is_installed = lambda: False
    start(desk)
    assert extension == [] and desk.app.asked == [] and not desk.run.is_running


def test_cleaning_up_twice_and_parameters_again_do_no_harm(desk):
    desk.run.cleanup()
    desk.run.cleanup()
    desk.run.set_parameters(desk.parameters)
    desk.run.set_parameters(desk.parameters)
    desk.run.set_parameters(None)
    desk.parameters.sliceCount = 7
    assert "7 slices" not in desk.run.ui.estimateLabel.text


@pytest.fixture
def chooser(desk):
    from CT2MRSynthLib.panel.model_section import ModelSection

    section = ModelSection()
    desk.parameters.modelPath = ""
    section.set_parameters(desk.parameters)
    yield section
    section.cleanup()


def choices(section) -> list[str]:
    return [section.ui.modelComboBox.itemText(n) for n in range(section.ui.modelComboBox.count)]


def test_models_in_use_found_and_of_ones_own_can_be_chosen(desk, chooser, tmp_path):
    changed = []
    chooser.model_changed.connect(lambda: changed.append(str(chooser.bundle_path)))
    assert choices(chooser)[0].endswith("(in use)") and "Tiny test 0.0.1 (PRELIMINARY)" in choices(chooser)
    assert chooser.reason() == "" and chooser.bundle_path.name == "lumbar-t2"
    box = chooser.ui.modelComboBox
    box.setCurrentIndex(choices(chooser).index("Tiny test 0.0.1 (PRELIMINARY)"))
    assert desk.parameters.modelPath == str(desk.model) == changed[-1]
    box.setCurrentIndex(box.count - 1)
    assert "Choose the folder" in chooser.reason() and not chooser.ui.modelPathLineEdit.isHidden()
    own = shutil.copytree(desk.model, tmp_path / "own")
    chooser.ui.modelPathLineEdit.currentPath = str(own)
    assert (chooser.reason(), desk.parameters.modelPath, changed[-1]) == ("", str(own), str(own))


def test_the_card_tells_limits_before_the_run(chooser):
    chooser.ui.cardButton.checked = True
    text = chooser.ui.cardText.plainText
    assert not chooser.ui.cardText.isHidden()
    assert "Limit: Not a replacement for MR." in text and "Trained on: Simulated lumbar spines only" in text
    assert "PRELIMINARY" in chooser.ui.summaryLabel.text and "Simulated" in chooser.ui.summaryLabel.text


def test_an_altered_model_is_refused_with_the_reason(desk, chooser, tmp_path):
    own = shutil.copytree(desk.model, tmp_path / "own")
    (own / "weights.pt").write_bytes(b"no")
    desk.parameters.modelPath = str(own)
    chooser.set_parameters(desk.parameters)
    assert "altered" in chooser.reason() and chooser.ui.messageLabel.text == chooser.reason()
    assert chooser.bundle is None and chooser.bundle_path == own


def test_choices_are_kept_in_the_scene_and_unknown_ones_become_automatic(desk, chooser):
    chooser.ui.deviceComboBox.setCurrentIndex(1)
    chooser.ui.precisionComboBox.setCurrentIndex(1)
    assert (desk.parameters.device, desk.parameters.precision) == ("cpu", "float32")
    desk.parameters.device = "tpu"
    chooser.set_parameters(desk.parameters)
    assert (desk.parameters.device, desk.parameters.precision) == ("auto", "float32")
    assert chooser.ui.precisionComboBox.currentText == "float32"


def test_sections_open_without_a_main_window(slicer_app_without_window):
    from CT2MRSynthLib.panel.model_section import ModelSection
    from CT2MRSynthLib.panel.run_section import RunSection

    for section in (ModelSection(), RunSection()):
        section.set_parameters(None)
        section.cleanup()


def test_opening_the_sections_imports_nothing_heavy():
    import subprocess

    code = (
        "import sys; sys.path[:0] = ['Testing/Slicer', 'Testing/Python'];"
        "from standin.install import install; install();"
        "before = set(sys.modules);"
        "import CT2MRSynthLib.panel.run_section, CT2MRSynthLib.panel.model_section;"
        "heavy = ('torch', 'scipy', 'SimpleITK', 'numpy');"
        "print([name for name in heavy if name in sys.modules and name not in before])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=runs.ROOT, env=runs.ENVIRONMENT
    )
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


def test_every_control_has_a_tooltip(desk, chooser):
    import qt

    for section in (desk.run, chooser):
        for widget in vars(section.ui).values():
            if isinstance(widget, (qt.QAbstractButton, qt.QComboBox, qt.QPlainTextEdit, qt.QProgressBar)):
                assert widget.toolTip, widget.objectName
