"""The losses of a training as Slicer's own tables, plot series and charts, brought up to date in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import vtk

from CT2MRSynthLib.training.losses import GREY_LEVELS

#: Attribute by which the nodes are found again, whoever made them (before a reload of the module, for example).
ROLE = "CT2MRSynth.LossChart"

STEP = "step"

#: Told apart by color-blind readers too (Okabe and Ito 2008).
BLUE, ORANGE, GREEN = (0.0, 0.447, 0.698), (0.835, 0.369, 0.0), (0.0, 0.510, 0.373)


@dataclass(frozen=True)
class Curve:
    """One series of a chart.

    Args:
        column: Of losses.csv.
        name: In the legend.
        color: Red, green, blue, 0 to 1.
        factor: On the values.
        dots: Marks each point.
    """

    column: str
    name: str
    color: tuple[float, float, float]
    factor: float = 1.0
    dots: bool = False


@dataclass(frozen=True)
class Plot:
    """One chart: title, name of the vertical axis, curves."""

    role: str
    title: str
    axis: str
    curves: tuple[Curve, ...]


PLOTS = (
    Plot(
        "error",
        "Training: mean absolute error",
        "grey levels (0 to 255)",
        (
            Curve("l1", "training", BLUE, GREY_LEVELS),
            Curve("validation_mae", "validation", ORANGE, dots=True),
        ),
    ),
    Plot(
        "adversarial",
        "Training: adversarial losses",
        "loss",
        (Curve("gan", "generator", BLUE), Curve("discriminator", "discriminator", GREEN)),
    ),
)


class LossChart:
    """Two charts in a scene, each curve with a table of its own: a step has not a value of every kind.

    The nodes are not saved with the scene, since the run's folder holds what they show.

    Args:
        scene: ``vtkMRMLScene``.
    """

    def __init__(self, scene) -> None:
        self._scene = scene
        self._shown: tuple | None = None
        self._counts: dict[str, int] = {}

    @property
    def chart(self):
        """The chart of the error; None before the first ``update`` and after the scene was closed."""
        return self._find("vtkMRMLPlotChartNode", PLOTS[0].role)

    def update(self, rows: Sequence[dict[str, float]], name: str = "", generation: object = 0) -> None:
        """Show rows of losses.csv; the nodes are made where they are missing.

        Args:
            rows: All of the run so far, by column.
            name: Of the run, for the titles.
            generation: Another one than before says that these are not the rows of before with new ones at their end.
        """
        anew = (name, generation) != self._shown or self.chart is None
        if not anew and self._counts.get("rows") == len(rows):
            return
        if anew or len(rows) < self._counts.get("rows", 0):
            self._counts = {}
        new = rows[self._counts.get("rows", 0) :]
        for plot in PLOTS:
            self._update_plot(plot, name, new, anew=not self._counts)
        self._shown, self._counts["rows"] = (name, generation), len(rows)

    def remove(self) -> None:
        """Take the nodes out of the scene."""
        for kind in ("vtkMRMLPlotChartNode", "vtkMRMLPlotSeriesNode", "vtkMRMLTableNode"):
            for node in self._nodes(kind):
                self._scene.RemoveNode(node)
        self._shown, self._counts = None, {}

    def _update_plot(self, plot: Plot, name: str, rows: Sequence[dict[str, float]], anew: bool) -> None:
        chart = self._chart_of(plot, name)
        for curve in plot.curves:
            table = self._table_of(plot, curve)
            series = self._series_of(plot, curve, table)
            if anew:
                _list(chart, series, listed=False)  # views are told of each change at once, and not of an empty table
                _clear(table, curve)
            _append(table, [(row[STEP], row[curve.column] * curve.factor) for row in rows if curve.column in row])
            _list(chart, series, listed=table.GetNumberOfRows() > 0)
        chart.Modified()  # a view that shows it draws anew, as slicer.util.plot does

    def _chart_of(self, plot: Plot, name: str):
        title = f"{plot.title} - {name}" if name else plot.title
        chart = self._node("vtkMRMLPlotChartNode", plot.role, plot.title)
        if chart.GetTitle() != title:
            chart.SetTitle(title)
            chart.SetXAxisTitle(STEP)
            chart.SetYAxisTitle(plot.axis)
            chart.SetTitleFontSize(14)
            chart.SetAxisTitleFontSize(12)
        return chart

    def _table_of(self, plot: Plot, curve: Curve):
        table = self._node("vtkMRMLTableNode", f"{plot.role} {curve.column}", f"{plot.title}, {curve.name}")
        table.SetLocked(True)
        if table.GetTable().GetColumnByName(curve.name) is None:
            _clear(table, curve)
        return table

    def _series_of(self, plot: Plot, curve: Curve, table):
        series = self._node("vtkMRMLPlotSeriesNode", f"{plot.role} {curve.column}", curve.name)
        if series.GetTableNodeID() == table.GetID():
            return series
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetPlotType(series.PlotTypeScatter)  # with a column for each axis; the points are joined by lines
        series.SetXColumnName(STEP)
        series.SetYColumnName(curve.name)
        series.SetColor(*curve.color)
        series.SetLineWidth(2)
        series.SetMarkerStyle(series.MarkerStyleCircle if curve.dots else series.MarkerStyleNone)
        return series

    def _node(self, kind: str, role: str, name: str):
        """The node of a role, made where it is missing."""
        node = self._find(kind, role)
        if node is None:
            node = self._scene.CreateNodeByClass(kind)
            node.UnRegister(None)  # the scene's factory counts one for us; Python counts its own
            node.SetName(name)
            node.SetAttribute(ROLE, role)
            node.SetSaveWithScene(False)
            node = self._scene.AddNode(node)
        return node

    def _find(self, kind: str, role: str):
        return next((node for node in self._nodes(kind) if node.GetAttribute(ROLE) == role), None)

    def _nodes(self, kind: str) -> list:
        found = [self._scene.GetNthNodeByClass(n, kind) for n in range(self._scene.GetNumberOfNodesByClass(kind))]
        return [node for node in found if node.GetAttribute(ROLE)]


def _list(chart, series, listed: bool) -> None:
    """Have a series in a chart or not: one without points would only stand in the legend."""
    is_listed = chart.HasPlotSeriesNodeID(series.GetID())
    if listed and not is_listed:
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
    elif is_listed and not listed:
        chart.RemovePlotSeriesNodeID(series.GetID())


def _clear(table, curve: Curve) -> None:
    """A table of two empty columns."""
    content = vtk.vtkTable()
    for name in (STEP, curve.name):
        column = vtk.vtkDoubleArray()
        column.SetName(name)
        content.AddColumn(column)
    table.SetAndObserveTable(content)


def _append(table, points: Sequence[tuple[float, float]]) -> None:
    if not points:
        return
    content = table.GetTable()
    for n in (0, 1):
        column = content.GetColumn(n)
        for point in points:
            column.InsertNextValue(point[n])
        column.Modified()
    content.Modified()
    table.Modified()
