# ruff: noqa: N801 (the names are those of the C++ classes)
"""The MRML widgets that panels use, on a real scene: properties, slots and signals as in Slicer's headers."""

from __future__ import annotations

import shiboken6
import vtk
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QWidget

from .collapsible import ctkCollapsibleButton
from .declared import declared
from .flavor import adopt
from .sliders import ctkDoubleSpinBox, ctkSliderWidget

SCENE_SIGNAL = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}


class _SceneHolder:
    """``setMRMLScene`` and ``mrmlScene``."""

    def setMRMLScene(self, scene):
        if scene is self.__dict__.get("standin_scene"):
            return
        self.__dict__["standin_scene"] = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self):
        return self.__dict__.get("standin_scene")


@adopt
class qMRMLWidget(_SceneHolder, QWidget):
    mrmlSceneChanged = Signal(object)
    standin_signals = SCENE_SIGNAL


@adopt
class qMRMLCollapsibleButton(_SceneHolder, ctkCollapsibleButton):
    mrmlSceneChanged = Signal(object)
    standin_signals = SCENE_SIGNAL


@adopt
class qMRMLSliderWidget(_SceneHolder, ctkSliderWidget):
    mrmlSceneChanged = Signal(object)
    standin_signals = SCENE_SIGNAL
    quantity = declared(str, "quantity")
    unitAwareProperties = declared(int, "unitAwareProperties")


@adopt
class qMRMLSpinBox(_SceneHolder, ctkDoubleSpinBox):
    mrmlSceneChanged = Signal(object)
    standin_signals = SCENE_SIGNAL


@adopt
class qMRMLPlotWidget(_SceneHolder, QWidget):
    """An empty frame where Slicer draws a chart."""

    mrmlSceneChanged = Signal(object)
    standin_signals = SCENE_SIGNAL

    def setMRMLPlotViewNode(self, node):
        self.__dict__["standin_view_node"] = node

    def mrmlPlotViewNode(self):
        return self.__dict__.get("standin_view_node")


@adopt
class qMRMLNodeComboBox(QWidget):
    """A list of the nodes of some classes, which follows the scene."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)
    nodeAboutToBeRemoved = Signal(object)
    currentNodeRenamed = Signal(str)
    standin_signals = {
        f"{name}(vtkMRMLNode*)": name
        for name in ("currentNodeChanged", "nodeActivated", "nodeAdded", "nodeAddedByUser", "nodeAboutToBeRemoved")
    } | {"currentNodeChanged(bool)": "currentNodeChanged"}

    def _relist(self, _value=None):
        self.standin_list()

    nodeTypes = declared("QStringList", "nodeTypes", [], _relist)
    showHidden = declared(bool, "showHidden", False, _relist)
    showChildNodeTypes = declared(bool, "showChildNodeTypes", True, _relist)
    hideChildNodeTypes = declared("QStringList", "hideChildNodeTypes", [], _relist)
    baseName = declared(str, "baseName")
    noneEnabled = declared(bool, "noneEnabled", False, _relist)
    noneDisplay = declared(str, "noneDisplay", "None", _relist)
    addEnabled = declared(bool, "addEnabled", True)
    removeEnabled = declared(bool, "removeEnabled", True)
    editEnabled = declared(bool, "editEnabled", False)
    renameEnabled = declared(bool, "renameEnabled", False)
    selectNodeUponCreation = declared(bool, "selectNodeUponCreation", True)
    interactionNodeSingletonTag = declared(str, "interactionNodeSingletonTag")
    sizeAdjustPolicy = declared(int, "sizeAdjustPolicy")
    currentNodeID = declared(
        str,
        "currentNodeID",
        "",
        lambda self, node_id: self.setCurrentNodeID(node_id),
        lambda self: self.standin_node.GetID() if self.standin_node is not None else "",
    )

    def __init__(self, parent=None):
        super().__init__(parent)
        self.standin_scene = self.standin_node = None
        self.standin_tags = []
        self.standin_attributes = []
        self.standin_nodes = []
        self.standin_box = QComboBox(self)
        self.standin_box.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.standin_box.setMinimumContentsLength(8)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.standin_box)
        self.standin_box.activated.connect(lambda index: self._choose(self.standin_nodes[index]))

    # ---- what Python sees

    def setMRMLScene(self, scene):
        if scene is self.standin_scene:
            return
        for tag in self.standin_tags:
            self.standin_scene.RemoveObserver(tag)
        self.standin_scene, self.standin_tags = scene, []
        if scene is not None:
            self.standin_tags = [
                scene.AddObserver(scene.NodeAddedEvent, self.standin_on_added),
                scene.AddObserver(scene.NodeAboutToBeRemovedEvent, self.standin_on_leaving),
                scene.AddObserver(scene.NodeRemovedEvent, self.standin_on_change),
                scene.AddObserver(scene.EndBatchProcessEvent, self.standin_on_change),
            ]
        self.standin_list()

    def mrmlScene(self):
        return self.standin_scene

    def currentNode(self):
        return self.standin_node

    def setCurrentNode(self, node):
        if isinstance(node, str):
            self.setCurrentNodeID(node)
        else:
            self._choose(node if node in self.standin_nodes else None)

    def setCurrentNodeID(self, node_id):
        self.setCurrentNode(self.standin_scene.GetNodeByID(node_id) if self.standin_scene and node_id else None)

    def setCurrentNodeIndex(self, index):
        nodes = [node for node in self.standin_nodes if node is not None]
        self._choose(nodes[index] if 0 <= index < len(nodes) else None)

    def nodeCount(self):
        return sum(node is not None for node in self.standin_nodes)

    def nodeFromIndex(self, index):
        nodes = [node for node in self.standin_nodes if node is not None]
        return nodes[index] if 0 <= index < len(nodes) else None

    def addAttribute(self, nodeType, attributeName, attributeValue=None):
        self.standin_attributes.append((nodeType, attributeName, attributeValue))
        self.standin_list()

    def removeAttribute(self, nodeType, attributeName):
        self.standin_attributes = [one for one in self.standin_attributes if one[:2] != (nodeType, attributeName)]
        self.standin_list()

    def addNode(self, nodeType=None):
        node = self.standin_scene.AddNewNodeByClass(nodeType or self.nodeTypes[0], self.baseName)
        self._choose(node)
        return node

    # ---- the scene

    def standin_gone(self):
        """Whether Qt has deleted the widget; then the scene is let go."""
        if shiboken6.isValid(self):
            return False
        for tag in self.standin_tags:
            self.standin_scene.RemoveObserver(tag)
        self.standin_tags = []
        return True

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def standin_on_added(self, _scene, _event, node):
        if self.standin_gone():
            return
        if node is not None and self.standin_shows(node):
            self.standin_list()
            self.nodeAdded.emit(node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def standin_on_leaving(self, _scene, _event, node):
        if not self.standin_gone() and node in self.standin_nodes:
            self.nodeAboutToBeRemoved.emit(node)
            self.standin_list(without=node)

    def standin_on_change(self, _scene, _event):
        if not self.standin_gone():
            self.standin_list()

    def standin_shows(self, node):
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        classes = list(self.nodeTypes)
        fits = any(node.IsA(one) for one in classes) if self.showChildNodeTypes else node.GetClassName() in classes
        if not fits or any(node.IsA(one) for one in self.hideChildNodeTypes):
            return False
        return all(
            node.GetAttribute(name) is not None and (value is None or node.GetAttribute(name) == str(value))
            for kind, name, value in self.standin_attributes
            if node.IsA(kind)
        )

    def standin_list(self, without=None):
        """Show the nodes there are; the first is chosen where something has to be."""
        scene = self.__dict__.get("standin_scene")
        nodes = [] if scene is None else [scene.GetNthNode(i) for i in range(scene.GetNumberOfNodes())]
        nodes = [node for node in nodes if node is not without and self.standin_shows(node)]
        self.standin_nodes = ([None] if self.noneEnabled or not nodes else []) + nodes
        self.standin_box.blockSignals(True)
        self.standin_box.clear()
        for node in self.standin_nodes:
            self.standin_box.addItem(self.noneDisplay if node is None else node.GetName())
        self.standin_box.blockSignals(False)
        if self.standin_node in nodes:
            self._choose(self.standin_node)
        else:
            self._choose(self.standin_nodes[0])

    def _choose(self, node):
        if node in self.standin_nodes:
            self.standin_box.blockSignals(True)
            self.standin_box.setCurrentIndex(self.standin_nodes.index(node))
            self.standin_box.blockSignals(False)
        if node is not self.standin_node:
            self.standin_node = node
            self.currentNodeChanged.emit(node)
            self.currentNodeIDChanged.emit(node.GetID() if node is not None else "")
