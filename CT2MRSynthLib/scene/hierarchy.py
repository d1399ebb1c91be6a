"""The subject hierarchy, where there is one: patient, study, and what lies beside what."""

from __future__ import annotations

import slicer


def _find(scene):
    """The scene's subject hierarchy node, or None; a bare scene need not have one, and asking must not make one."""
    return scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode") if scene is not None else None


def _item(tree, node) -> int:
    """The item of a data node, 0 when it has none."""
    return tree.GetItemByDataNode(node)


def modality(node) -> str:
    """DICOM modality of a node that was loaded from DICOM, otherwise empty."""
    tree = _find(node.GetScene())
    item = _item(tree, node) if tree else 0
    name = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMSeriesModalityAttributeName()
    return tree.GetItemAttribute(item, name) if item else ""


def place_beside(node, other) -> None:
    """Put ``node`` into the folder (study, patient) of ``other``. Nothing happens where ``other`` has no place."""
    tree = _find(node.GetScene())
    beside = _item(tree, other) if tree else 0
    if not beside:
        return
    parent = tree.GetItemParent(beside)
    item = _item(tree, node)  # the application has made one already when the node was added
    if item:
        tree.SetItemParent(item, parent)
    else:
        tree.CreateItem(parent, node)


def forget(node) -> None:
    """Remove the item of ``node``, not the node itself."""
    tree = _find(node.GetScene())
    item = _item(tree, node) if tree else 0
    if item:
        tree.RemoveItem(item, False, False)
