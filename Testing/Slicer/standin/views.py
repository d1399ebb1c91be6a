# ruff: noqa: N801 (the names are those of the C++ classes)
"""The layout manager and the slice views: real MRML logics, without anything drawn on a screen."""

from __future__ import annotations

import slicer
import vtk
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from .declared import declared
from .flavor import adopt


@adopt
class qMRMLSliceView(QWidget):
    """What a slice is drawn in; the corner annotation is VTK's."""

    def __init__(self, slice_node):
        super().__init__()
        self.standin_annotation = vtk.vtkCornerAnnotation()
        self.standin_slice_node = slice_node
        self.standin_window = None

    def cornerAnnotation(self):
        return self.standin_annotation

    def mrmlSliceNode(self):
        return self.standin_slice_node

    def renderWindow(self):
        if self.standin_window is None:
            self.standin_window = vtk.vtkRenderWindow()
            self.standin_window.SetOffScreenRendering(1)
        return self.standin_window

    def scheduleRender(self):
        pass

    def forceRender(self):
        pass


@adopt
class qMRMLSliceControllerWidget(QWidget):
    def __init__(self, logic):
        super().__init__()
        self.standin_logic = logic

    def fitSliceToBackground(self):
        self.standin_logic.FitSliceToBackground()

    def setSliceVisible(self, visible):
        self.standin_logic.GetSliceNode().SetSliceVisible(visible)


@adopt
class qMRMLSliceWidget(QWidget):
    """One slice view with its logic."""

    def __init__(self, logic):
        super().__init__()
        self.standin_logic = logic
        self.standin_view = qMRMLSliceView(logic.GetSliceNode())
        self.standin_controller = qMRMLSliceControllerWidget(logic)

    def sliceLogic(self):
        return self.standin_logic

    def sliceView(self):
        return self.standin_view

    def sliceController(self):
        return self.standin_controller

    def mrmlSliceNode(self):
        return self.standin_logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self.standin_logic.GetSliceCompositeNode()

    def fitSliceToBackground(self):
        self.standin_logic.FitSliceToBackground()


@adopt
class qSlicerLayoutManager(QObject):
    """Makes slice views for the slice nodes of the scene, as the layout asks for them."""

    layoutChanged = Signal(int)
    activeMRMLThreeDViewNodeChanged = Signal(object)

    layout = declared(
        int,
        "layout",
        0,
        lambda self, number: self.setLayout(number),
        lambda self: self.standin_layout.GetLayoutNode().GetViewArrangement(),
    )
    threeDViewCount = declared(int, "threeDViewCount")
    tableViewCount = declared(int, "tableViewCount")
    plotViewCount = declared(int, "plotViewCount")

    def __init__(self, application_logic, layout_logic):
        super().__init__()
        self.standin_application = application_logic
        self.standin_layout = layout_logic
        self.standin_scene = layout_logic.GetMRMLScene()
        self.standin_widgets = {}
        self.standin_size = (256, 256)  # of a new view's window, pixels
        self.standin_logics = vtk.vtkCollection()
        application_logic.SetSliceLogics(self.standin_logics)
        self.standin_tags = [
            self.standin_scene.AddObserver(self.standin_scene.NodeAddedEvent, self.standin_on_added),
            self.standin_scene.AddObserver(self.standin_scene.NodeRemovedEvent, self.standin_on_removed),
        ]
        self.standin_make()

    def layoutLogic(self):
        return self.standin_layout

    def mrmlScene(self):
        return self.standin_scene

    def setLayout(self, number):
        self.standin_layout.GetLayoutNode().SetViewArrangement(number)
        self.layoutChanged.emit(number)

    def sliceViewNames(self):
        return list(self.standin_widgets)

    def sliceWidget(self, name):
        return self.standin_widgets.get(name)

    def threeDWidget(self, _number):
        return None

    def plotWidget(self, _number):
        return None

    def resetSliceViews(self):
        for widget in self.standin_widgets.values():
            widget.sliceLogic().FitSliceToAll()

    def setRenderPaused(self, paused):
        pass

    def pauseRender(self):
        pass

    def resumeRender(self):
        pass

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def standin_on_added(self, _scene, _event, node):
        if node is not None and node.IsA("vtkMRMLSliceNode"):
            self.standin_make()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def standin_on_removed(self, _scene, _event, node):
        if node is not None and node.IsA("vtkMRMLSliceNode"):
            widget = self.standin_widgets.pop(node.GetLayoutName(), None)
            if widget is not None:
                self.standin_logics.RemoveItem(widget.sliceLogic())

    def standin_make(self):
        """A view for every slice node that has none."""
        for number in range(self.standin_scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")):
            node = self.standin_scene.GetNthNodeByClass(number, "vtkMRMLSliceNode")
            if node.GetLayoutName() in self.standin_widgets:
                continue
            logic = slicer.vtkMRMLSliceLogic()
            logic.SetMRMLApplicationLogic(self.standin_application)
            logic.SetMRMLScene(self.standin_scene)
            logic.SetSliceNode(node)
            logic.ResizeSliceNode(*self.standin_size)
            self.standin_logics.AddItem(logic)
            self.standin_widgets[node.GetLayoutName()] = qMRMLSliceWidget(logic)

    def standin_end(self):
        """Let go of the scene."""
        for tag in self.standin_tags:
            self.standin_scene.RemoveObserver(tag)
        for widget in self.standin_widgets.values():
            widget.sliceLogic().SetMRMLScene(None)
        self.standin_widgets.clear()
        self.standin_logics.RemoveAllItems()
        self.standin_application.SetSliceLogics(None)
