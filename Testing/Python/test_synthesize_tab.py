"""What the Synthesize tab makes of a run for its boxes: percent while it goes on, and the truth afterwards."""

import types

import numpy as np
import pytest
import runs
import workers

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.volume import Volume

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("torch", reason="no torch")
from scenes import add_ct


@pytest.fixture
def desk(slicer_app, tmp_path, monkeypatch):
    """The tab with a CT and a box."""
    model = runs.write_bundle(tmp_path / "bundle")
    monkeypatch.setenv("CT2MRSYNTH_BUNDLES", str(model.parent))
    from CT2MRSynthLib.panel.parameters import SynthesizeParameters
    from CT2MRSynthLib.panel.synthesize_tab import SynthesizeTab
    from CT2MRSynthLib.scene.boxes import roi_from_frame

    scene = slicer_app.scene
    desk = types.SimpleNamespace(app=slicer_app.app, scene=scene)
    desk.ct = add_ct(scene, Volume(runs.hounsfield(), runs.geometry()), "CT")
    desk.box = roi_from_frame(scene, DiscFrame([0, 0, 0], np.eye(3), [60, 60, 4], "L3-L4"))
    desk.tab = SynthesizeTab()
    parameters = SynthesizeParameters(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    parameters.ctVolume, parameters.cropBox, parameters.modelPath = desk.ct, desk.box, str(model)
    desk.tab.set_parameters(parameters)
    yield desk
    desk.tab.cleanup()


def status(desk) -> str:
    return desk.tab.place.ui.boxTable.item(0, 2).text()


def until(desk, condition) -> None:
    workers.wait_for(condition, meanwhile=desk.app.processEvents)


def test_a_cancelled_run_leaves_no_percent_in_the_table(desk):
    desk.tab.start()
    until(desk, lambda: status(desk).endswith("%"))
    desk.tab.run.cancel()
    assert status(desk) == "not made"


def test_a_scene_without_its_ct_shows_no_percent(desk):
    desk.tab.start()
    until(desk, lambda: status(desk).endswith("%"))
    desk.scene.RemoveNode(desk.ct)
    until(desk, lambda: not desk.tab.run.is_running)
    assert status(desk) == "not made"


def test_a_box_that_was_moved_while_it_was_made_is_out_of_date(desk):
    from CT2MRSynthLib.scene.boxes import set_frame

    desk.tab.start()
    until(desk, lambda: status(desk).endswith("%"))
    set_frame(desk.box, DiscFrame([5, 0, 0], np.eye(3), [60, 60, 4], "L3-L4"))
    assert status(desk).endswith("%")
    until(desk, lambda: not desk.tab.run.is_running)
    assert status(desk) == "out of date"


def test_a_box_that_was_made_says_so(desk):
    desk.tab.start()
    until(desk, lambda: not desk.tab.run.is_running)
    assert status(desk) == "made"
