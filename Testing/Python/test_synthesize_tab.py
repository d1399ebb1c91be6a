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


def test_a_ct_that_is_moved_takes_what_was_made_away_from_the_box(desk):
    from scenes import put_under_linear_transform

    desk.tab.start()
    until(desk, lambda: not desk.tab.run.is_running)
    assert status(desk) == "made"
    moved = np.eye(4)
    moved[0, 3] = 3.0
    put_under_linear_transform(desk.ct, moved)
    assert status(desk) == "out of date"
    desk.ct.SetAndObserveTransformNodeID(None)
    assert status(desk) == "made"


def test_a_box_that_is_given_another_level_is_out_of_date(desk):
    from CT2MRSynthLib.scene.boxes import set_level

    desk.tab.start()
    until(desk, lambda: not desk.tab.run.is_running)
    set_level(desk.box, "L2-L3")
    assert status(desk) == "out of date", "its result says it shows L3-L4"


def test_a_result_waits_with_the_layout_until_the_user_is_back(desk):
    from CT2MRSynthLib.scene.layout import LAYOUT

    parameters, layouts = desk.tab._parameters, desk.app.layoutManager()
    desk.tab.start()
    desk.tab.set_parameters(None)
    until(desk, lambda: not desk.tab.run.is_running)
    assert desk.tab.result.shown is not None
    assert layouts.layout != LAYOUT
    desk.tab.set_parameters(parameters)
    assert layouts.layout == LAYOUT


def test_all_boxes_are_those_that_lie_in_the_ct(desk):
    from CT2MRSynthLib.scene.boxes import roi_from_frame
    from CT2MRSynthLib.scene.synthetic import results_in

    roi_from_frame(desk.scene, DiscFrame([0, 0, 900], np.eye(3), [60, 60, 4], "L1-L2"))
    desk.tab.start(every=True)
    until(desk, lambda: not desk.tab.run.is_running)
    assert [node.GetAttribute("CT2MRSynth.Level") for node in results_in(desk.scene)] == ["L3-L4"]
