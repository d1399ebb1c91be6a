"""The result section and the labels of the views, on real widgets and a real scene."""

from __future__ import annotations

import json

import pytest
from bodies import body, oblique_frame

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
from made import make_result
from scenes import add_ct

LABEL = "SYNTHETIC - not for diagnosis"


@pytest.fixture
def ct(slicer_app):
    return add_ct(slicer_app.scene, body(), "Abdomen")


@pytest.fixture
def section(slicer_app):
    from CT2MRSynthLib.panel.result_section import ResultSection

    one = ResultSection()
    yield one
    one.cleanup()


@pytest.fixture
def labels(slicer_app):
    from CT2MRSynthLib.panel.synthetic_label import SyntheticLabels

    one = SyntheticLabels()
    one.start()
    yield one
    one.stop()


def results(slicer_app, ct, count=1, **how):
    frames = [oblique_frame((56.0, 56.0, 4.0 + n)) for n in range(count)]
    nodes = [make_result(slicer_app.scene, ct, frame, box_node=None, **how) for frame in frames[:1]]
    for number, frame in enumerate(frames[1:], 1):
        box = slicer_app.scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", f"Box {number}")
        nodes.append(make_result(slicer_app.scene, ct, frame, box_node=box, **how))
    return nodes


def composite(slicer_app, name):
    return slicer_app.app.layoutManager().sliceWidget(name).mrmlSliceCompositeNode()


def label(slicer_app, name):
    from CT2MRSynthLib.panel.synthetic_label import POSITION

    return slicer_app.app.layoutManager().sliceWidget(name).sliceView().cornerAnnotation().GetText(POSITION) or ""


def names(section):
    box = section.ui.resultComboBox
    return [box.itemText(index) for index in range(box.count)]


def test_without_a_result_every_control_says_what_is_missing(slicer_app, section):
    from CT2MRSynthLib.panel.result_section import NEED_RESULT

    assert section.shown is None
    for name in NEED_RESULT:
        control = getattr(section.ui, name)
        assert not control.enabled
        assert "no" in control.toolTip
    assert not section.ui.blendSlider.enabled


def test_the_list_follows_the_scene(slicer_app, ct, section):
    first, second = results(slicer_app, ct, 2)
    slicer_app.app.processEvents()
    assert names(section) == [first.GetName(), second.GetName()]
    slicer_app.scene.RemoveNode(first)
    slicer_app.app.processEvents()
    assert section.shown is second
    slicer_app.scene.Clear(0)
    slicer_app.app.processEvents()
    assert section.shown is None
    assert not section.ui.showButton.enabled


def test_what_is_chosen_stays_chosen_when_another_comes(slicer_app, ct, section):
    _, second = results(slicer_app, ct, 2)
    section.refresh()
    section.show(second)
    box = slicer_app.scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "later")
    make_result(slicer_app.scene, ct, oblique_frame((50.0, 50.0, 4.0)), box_node=box)
    slicer_app.app.processEvents()
    assert len(names(section)) == 3
    assert section.shown is second


def test_showing_raises_the_layout_with_ct_and_mr_beside_each_other(slicer_app, ct, section):
    from CT2MRSynthLib.scene.layout import LAYOUT

    (node,) = results(slicer_app, ct)
    section.show(node)
    assert slicer_app.app.layoutManager().layout == LAYOUT
    assert composite(slicer_app, "Red").GetBackgroundVolumeID() == ct.GetID()
    assert composite(slicer_app, "CT2MRSynth").GetBackgroundVolumeID() == node.GetID()


def test_choosing_in_the_list_shows_the_other_one(slicer_app, ct, section):
    first, second = results(slicer_app, ct, 2)
    section.set_results([first, second])
    section.show(first)
    section.ui.resultComboBox.setCurrentIndex(1)
    assert composite(slicer_app, "CT2MRSynth").GetBackgroundVolumeID() == second.GetID()


def test_the_layout_follows_the_box_that_is_worked_on(slicer_app, ct, section):
    first, second = results(slicer_app, ct, 2)
    box = second.GetNodeReference("CT2MRSynth.Box")
    section.set_results([first, second])
    section.show_of(box)
    assert section.shown is first  # another layout is up: nothing is changed in it
    section.show(first)
    section.show_of(box)
    assert composite(slicer_app, "CT2MRSynth").GetBackgroundVolumeID() == second.GetID()
    section.show_of(None)
    assert section.shown is second


def test_a_scene_saved_in_the_layout_finds_it_known(slicer_app, labels):
    from CT2MRSynthLib.scene.layout import LAYOUT

    node = slicer_app.scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    assert node.IsLayoutDescription(LAYOUT)


def test_leaving_the_layout_ends_the_link_that_it_made(slicer_app, ct, section):
    (node,) = results(slicer_app, ct)
    red = composite(slicer_app, "Red")
    section.show(node)
    assert red.GetLinkedControl()
    slicer_app.app.layoutManager().setLayout(3)
    assert not red.GetLinkedControl()
    assert red.GetInteractionFlagsModifier() & red.BackgroundVolumeFlag


def test_the_link_of_the_user_survives_the_layout(slicer_app, ct, section):
    (node,) = results(slicer_app, ct)
    red = composite(slicer_app, "Red")
    red.SetLinkedControl(True)
    section.show(node)
    slicer_app.app.layoutManager().setLayout(3)
    assert red.GetLinkedControl()


def test_blending_follows_check_box_slider_and_choice(slicer_app, ct, section):
    first, second = results(slicer_app, ct, 2)
    section.show(first)
    red = composite(slicer_app, "Red")
    section.ui.blendCheckBox.setChecked(True)
    assert red.GetForegroundVolumeID() == first.GetID()
    section.ui.blendSlider.value = 0.25
    assert red.GetForegroundOpacity() == pytest.approx(0.25)
    section.show(second)
    assert red.GetForegroundVolumeID() == second.GetID()
    section.ui.blendCheckBox.setChecked(False)
    assert not red.GetForegroundVolumeID()


def test_blending_is_kept_in_the_parameters_and_read_back(slicer_app, ct, section):
    from CT2MRSynthLib.panel.parameters import SynthesizeParameters, read_parameters

    node = slicer_app.scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    parameters = read_parameters(SynthesizeParameters, node)
    for _again in range(2):
        section.set_parameters(parameters)
    section.ui.blendSlider.value = 0.75
    assert parameters.blendOpacity == pytest.approx(0.75)
    parameters.blend = True
    assert section.ui.blendCheckBox.checked
    section.set_parameters(None)
    section.ui.blendSlider.value = 0.1
    assert parameters.blendOpacity == pytest.approx(0.75)


@pytest.mark.parametrize(("outside", "word"), [(0.0, "Green"), (0.05, "Amber"), (0.5, "Red")])
def test_color_word_and_reason_go_together(slicer_app, ct, section, outside, word):
    from CT2MRSynthLib.panel.result_section import DOTS

    (node,) = results(slicer_app, ct, outside=outside)
    section.set_results([node])
    lines = section.ui.trustLabel.text.splitlines()
    assert lines[0].startswith(word)
    assert (len(lines) > 1) == (word != "Green")
    assert DOTS[word.lower()] in section.ui.trustDotLabel.styleSheet


def test_the_provenance_can_be_read_and_copied(slicer_app, ct, section):
    (node,) = results(slicer_app, ct)
    section.set_results([node])
    section.ui.provenanceButton.click()
    dialog = section._dialog
    assert dialog.widget.visible
    record = json.loads(node.GetAttribute("CT2MRSynth.Provenance"))
    dialog.ui.copyButton.click()
    assert json.loads(slicer_app.app.clipboard().text()) == record
    table = dialog.ui.recordTable
    assert table.item(0, 0).text() == "Synthetic image"
    assert table.item(1, 1).text() == LABEL


def test_a_result_without_a_readable_record_opens_the_dialog_too(slicer_app, ct, section):
    (node,) = results(slicer_app, ct)
    node.SetAttribute("CT2MRSynth.Provenance", "{broken")
    section.set_results([node])
    section.ui.provenanceButton.click()
    assert section._dialog.ui.jsonTextEdit.toPlainText() == "{broken"
    assert section.ui.trustLabel.text.startswith("Red")


def test_the_report_is_written_and_said(slicer_app, ct, section, tmp_path):
    nodes = results(slicer_app, ct, 2)
    section.set_results(nodes)
    assert section.save(nodes, str(tmp_path))
    assert len(list(tmp_path.glob("*.json"))) == 2
    slicer_app.app.processEvents()  # what follows the writing does not wipe the message away
    assert str(tmp_path) in section.ui.messageLabel.text


def test_a_report_that_fails_is_said_and_does_not_throw(slicer_app, ct, section, tmp_path):
    nodes = results(slicer_app, ct)
    (tmp_path / "file").write_text("x")
    assert not section.save(nodes, str(tmp_path / "file"))
    assert "cannot be written" in section.ui.messageLabel.text


def test_nothing_is_left_observed_after_cleanup(slicer_app, ct):
    from CT2MRSynthLib.panel.result_section import ResultSection

    section = ResultSection()
    (node,) = results(slicer_app, ct)
    section.show(node)
    for _again in range(2):
        section.cleanup()
    assert section.Observations == []
    slicer_app.app.layoutManager().setLayout(3)
    slicer_app.scene.Clear(0)
    slicer_app.app.processEvents()


def test_without_a_main_window_showing_changes_nodes_only(slicer_app_without_window):
    from CT2MRSynthLib.panel.result_section import ResultSection
    from CT2MRSynthLib.panel.synthetic_label import SyntheticLabels

    scene = slicer_app_without_window.scene
    ct = add_ct(scene, body(), "Abdomen")
    node = make_result(scene, ct, oblique_frame())
    labels, section = SyntheticLabels(), ResultSection()
    labels.start()
    section.show(node)
    assert section.shown is node
    assert labels.Observations == []
    section.cleanup()
    labels.stop()


def test_every_way_of_showing_a_synthetic_volume_labels_the_view(slicer_app, ct, labels):
    (node,) = results(slicer_app, ct)
    red = composite(slicer_app, "Red")
    assert label(slicer_app, "Red") == ""
    red.SetBackgroundVolumeID(node.GetID())
    assert label(slicer_app, "Red") == LABEL
    assert label(slicer_app, "Green") == ""
    red.SetBackgroundVolumeID(ct.GetID())
    assert label(slicer_app, "Red") == ""
    red.SetForegroundVolumeID(node.GetID())
    red.SetForegroundOpacity(0.5)
    assert label(slicer_app, "Red") == LABEL
    red.SetForegroundOpacity(0.0)
    assert label(slicer_app, "Red") == ""


def test_a_new_view_is_labeled(slicer_app, ct, section, labels):
    (node,) = results(slicer_app, ct)
    section.show(node)
    slicer_app.app.processEvents()
    assert label(slicer_app, "CT2MRSynth") == LABEL
    assert label(slicer_app, "Red") == ""


def test_the_label_follows_the_record(slicer_app, ct, labels):
    (node,) = results(slicer_app, ct)
    composite(slicer_app, "Red").SetBackgroundVolumeID(node.GetID())
    again = make_result(slicer_app.scene, ct, oblique_frame(), outside=0.5)
    assert again is node  # replaced in place
    assert label(slicer_app, "Red").splitlines()[1].startswith("RED: ")


def test_the_label_goes_with_the_volume_and_with_the_scene(slicer_app, ct, labels):
    first, second = results(slicer_app, ct, 2)
    composite(slicer_app, "Red").SetBackgroundVolumeID(first.GetID())
    composite(slicer_app, "Green").SetBackgroundVolumeID(second.GetID())
    slicer_app.scene.RemoveNode(first)
    slicer_app.app.processEvents()
    assert label(slicer_app, "Red") == ""
    assert label(slicer_app, "Green") == LABEL
    slicer_app.scene.Clear(0)
    slicer_app.app.processEvents()
    assert label(slicer_app, "Green") == ""


def test_stopping_lets_go_of_every_node(slicer_app, ct):
    from CT2MRSynthLib.panel.synthetic_label import SyntheticLabels

    labels = SyntheticLabels()
    labels.start()
    labels.start()
    composite(slicer_app, "Red").SetBackgroundVolumeID(results(slicer_app, ct)[0].GetID())
    labels.stop()
    labels.stop()
    assert labels.Observations == []
    labels.update()
