"""Losses as plot nodes of a real MRML scene: brought up to date in place, gone and back with the scene."""

from __future__ import annotations

import pytest

pytest.importorskip("slicer", reason="no MRML: install slicer-core")

from CT2MRSynthLib.scene.loss_chart import ROLE, LossChart  # noqa: E402

ROWS = [
    {"step": 10, "l1": 0.5, "gan": 1.0, "discriminator": 2.0},
    {"step": 20, "l1": 0.25, "gan": 1.5, "discriminator": 1.0, "validation_mae": 30.0},
    {"step": 30, "l1": 0.2, "gan": 1.5, "discriminator": 1.0},
]


def points(chart, name):
    """What a curve of a chart shows."""
    for n in range(chart.GetNumberOfPlotSeriesNodes()):
        series = chart.GetNthPlotSeriesNode(n)
        if series.GetName() == name:
            table = series.GetTableNode().GetTable()
            columns = [table.GetColumnByName(one) for one in (series.GetXColumnName(), series.GetYColumnName())]
            return [tuple(column.GetValue(row) for column in columns) for row in range(table.GetNumberOfRows())]
    return None


def ours(scene):
    nodes = [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]
    return [node for node in nodes if node.GetAttribute(ROLE)]


def test_training_and_validation_share_one_axis_in_grey_levels(mrml_scene):
    chart = LossChart(mrml_scene)
    assert chart.chart is None and not ours(mrml_scene)
    chart.update(ROWS, "run-1")
    assert points(chart.chart, "training") == [(10, 63.75), (20, 31.875), (30, 25.5)]
    assert points(chart.chart, "validation") == [(20, 30.0)]
    assert chart.chart.GetTitle() == "Training: mean absolute error - run-1"


def test_new_rows_are_added_to_the_same_nodes_and_the_views_are_told(mrml_scene):
    chart = LossChart(mrml_scene)
    chart.update(ROWS[:1], "run")
    before, told = ours(mrml_scene), []
    assert points(chart.chart, "validation") is None  # no curve without points in the legend
    chart.chart.AddObserver("ModifiedEvent", lambda *_: told.append(1))
    chart.update(ROWS[:1], "run")
    assert not told
    chart.update(ROWS, "run")
    assert told and ours(mrml_scene) == before
    assert points(chart.chart, "training")[-1] == (30, 25.5) and points(chart.chart, "validation") == [(20, 30.0)]


@pytest.mark.parametrize(("name", "generation"), [("run", 1), ("other", 0)])
def test_rows_of_another_run_or_that_begin_anew_replace_those_of_before(mrml_scene, name, generation):
    chart = LossChart(mrml_scene)
    chart.update(ROWS, "run", 0)
    chart.update([{"step": 10, "l1": 1.0}], name, generation)
    assert points(chart.chart, "training") == [(10, 127.5)] and points(chart.chart, "validation") is None


def test_a_second_panel_finds_the_nodes_of_the_first(mrml_scene):
    LossChart(mrml_scene).update(ROWS, "run")
    before = ours(mrml_scene)
    second = LossChart(mrml_scene)
    second.update(ROWS, "run")
    assert ours(mrml_scene) == before and len(points(second.chart, "training")) == 3


def test_closing_the_scene_and_deleting_nodes_loses_nothing(mrml_scene):
    chart = LossChart(mrml_scene)
    chart.update(ROWS, "run")
    mrml_scene.RemoveNode(chart.chart.GetPlotSeriesNode().GetTableNode())
    chart.update(ROWS, "run", 1)
    assert len(points(chart.chart, "training")) == 3
    mrml_scene.Clear(0)
    assert chart.chart is None
    chart.update(ROWS, "run", 1)
    assert len(points(chart.chart, "training")) == 3


def test_the_nodes_are_not_saved_with_the_scene_and_can_be_removed(mrml_scene):
    chart, count = LossChart(mrml_scene), mrml_scene.GetNumberOfNodes()
    chart.update(ROWS, "run")
    assert ours(mrml_scene) and not any(node.GetSaveWithScene() for node in ours(mrml_scene))
    chart.remove()
    assert mrml_scene.GetNumberOfNodes() == count and chart.chart is None
