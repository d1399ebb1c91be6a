"""The whole panel, loaded as Slicer does it: it opens, survives what befalls a panel, and lets go."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "CT2MRSynth" / "CT2MRSynth.py"
LOOK = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from scenes import new_scene
from standin.session import Session
from standin.module import enter_module, load_module
session = Session(new_scene(), main_window=False)
enter_module(load_module(Path({module!r})))
assert not session.errors
print(sorted(set(sys.modules) & {{"torch", "scipy", "SimpleITK", "pydicom", "PIL"}}))
"""


@pytest.fixture
def panel(slicer_app):
    """The module's widget object, entered."""
    yield from opened(slicer_app)


@pytest.fixture
def panel_without_window(slicer_app_without_window):
    yield from opened(slicer_app_without_window)


def opened(session):
    from standin.module import enter_module, load_module, unload_module

    instance = load_module(MODULE)
    session.app.startupCompleted.emit()
    yield enter_module(instance)
    unload_module(instance)


def close_scene():
    import slicer

    slicer.mrmlScene.Clear()
    slicer.app.processEvents()


def test_the_panel_opens_without_anything_heavy():
    """In a process of its own, without a main window: neither PyTorch nor the libraries of the engine are loaded."""
    paths = [str(ROOT), str(ROOT / "Testing" / "Python"), str(ROOT / "Testing" / "Slicer")]
    pytest.importorskip("PySide6")
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(paths=paths, module=str(MODULE))],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_slicer_is_told_what_it_shows_of_the_module(panel):
    import slicer

    parent = slicer.modules.ct2mrsynth
    assert parent.title == "CT2MRSynth"
    assert parent.categories == ["Image Synthesis"]
    assert "not for diagnosis" in parent.helpText
    assert parent.acknowledgementText
    assert not parent.icon.isNull()


BODIES = [
    node.name
    for top in ast.parse((ROOT / "Testing" / "Python" / "PanelInSlicerTest.py").read_text(encoding="utf-8")).body
    for node in getattr(top, "body", [])
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]


@pytest.mark.parametrize("name", BODIES)
def test_what_ctest_runs_in_slicer(panel, name):
    from PanelInSlicerTest import PanelInSlicerTest

    result = PanelInSlicerTest(name).run()
    assert result.wasSuccessful(), (result.failures + result.errors)[0][1]


def test_without_a_main_window_the_panel_opens(panel_without_window):
    assert panel_without_window.ui.tabs.count == 2


def test_after_cleanup_nothing_listens_to_the_scene(panel, mrml_scene):
    panel.cleanup()
    panel.cleanup()
    mrml_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "L4-L5")
    close_scene()


@pytest.fixture
def library():
    """The library's modules, put back afterwards: other tests hold its classes."""
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "CT2MRSynthLib"}
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "CT2MRSynthLib"]:
        del sys.modules[name]
    sys.modules.update(kept)


def test_reloading_makes_a_new_panel_of_new_code(library, panel, mrml_scene):
    import slicer

    before = sys.modules["CT2MRSynthLib.panel.forms"]
    panel.onReload()
    again = slicer.modules.CT2MRSynthWidget
    assert again is not panel
    assert sys.modules["CT2MRSynthLib.panel.forms"] is not before
    again.enter()
    volume = mrml_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    again.synthesizeTab.ui.ctSelector.setCurrentNode(volume)
    close_scene()


def test_a_scene_that_is_opened_keeps_its_box_while_the_panel_is_open(panel, mrml_scene, tmp_path):
    import numpy as np
    import slicer

    from CT2MRSynthLib.frame import DiscFrame
    from CT2MRSynthLib.scene.boxes import roi_from_frame

    for number, level in enumerate(("L1-L2", "L3-L4", "L5-S1")):
        box = roi_from_frame(
            mrml_scene, DiscFrame([0, 0, -30 * number], np.eye(3), [80 + number, 80 + number, 4], level)
        )
        if level == "L3-L4":
            panel.synthesizeTab.place.select(box, follow=False)
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    close_scene()
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    slicer.app.processEvents()
    place = panel.synthesizeTab.place
    assert [node.GetName() for node in place.boxes] == ["L1-L2", "L3-L4", "L5-S1"]
    assert place.selected_box.GetName() == "L3-L4"
    assert place.ui.levelComboBox.currentText == "L3-L4"
    assert place.ui.boxWidthSlider.value == pytest.approx(81)


def test_settings_of_an_earlier_version_are_taken_over_while_the_panel_is_open(panel, mrml_scene, tmp_path):
    """A scene's parameters replace those on the node that the panel shows; those not known then are the defaults."""
    import slicer
    from scenes import new_scene

    earlier = new_scene()
    node = slicer.vtkMRMLScriptedModuleNode()
    node.SetSingletonTag("CT2MRSynth")
    node.SetAttribute("ModuleName", "CT2MRSynth")
    node.SetModuleName("CT2MRSynth")
    node.SetParameter("sliceCount", "3")
    node.SetParameter("sliceThickness", "nan")
    earlier.AddNode(node)
    earlier.SetURL(str(tmp_path / "earlier.mrml"))
    earlier.Commit()
    mrml_scene.SetURL(str(tmp_path / "earlier.mrml"))
    mrml_scene.Import()  # a connected widget that cannot read what it is told fails the fixture
    slicer.app.processEvents()
    controls = panel.synthesizeTab.place.ui
    assert controls.boxWidthSlider.value == pytest.approx(90)
    assert panel.synthesizeTab._parameters.sliceThickness == 4.0
