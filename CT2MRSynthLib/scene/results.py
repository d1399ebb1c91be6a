"""Synthetic volumes as nodes of the scene: whole and beside their CT, or not there at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk

from CT2MRSynthLib.scene import hierarchy
from CT2MRSynthLib.scene.matrices import is_linear, parent_to_world, to_matrix
from CT2MRSynthLib.scene.names import BOX_ROLE, CT_ROLE, PREFIX
from CT2MRSynthLib.scene.volumes import ijk_to_world, image_of, remove_node

if TYPE_CHECKING:
    from CT2MRSynthLib.synthesis import Synthesis

#: Name of the attribute that keeps where the CT lay: its matrix from voxel index to world, row by row.
CT_PLACE = "CTPlace"

GREY = "vtkMRMLColorTableNodeGrey"

#: All 256 grey levels of the result, from black to white.
WINDOW, LEVEL = 255.0, 127.5


@dataclass(frozen=True)
class Result:
    """One synthesis on its way into the scene.

    Args:
        synthesis: What was computed.
        provenance: From ``CT2MRSynthLib.provenance.record``.
        box_node: The ROI or plane node it was asked for by; None where there is none.
    """

    synthesis: Synthesis
    provenance: dict
    box_node: object = None


def add_result(scene, ct_node, synthesis: Synthesis, provenance: dict, box_node=None):
    """Add one result; see ``add_results``."""
    return add_results(scene, ct_node, [Result(synthesis, provenance, box_node)])[0]


def add_results(scene, ct_node, results: Sequence[Result]) -> list:
    """Add synthetic volumes to the scene, all of them or none.

    A result is named ``<CT> sMRT2 <level>`` and lies in the CT's study. Its voxel corners are the corners of the box in
    the world. Under linear transforms it is put below the CT's own transform, so that it goes along when that
    is changed. Below a non-linear one it is not: that would bend its corners away from the box, and the bend is
    in its voxels already, for they were sampled through it. Then it stands in the world without a transform.

    The volume that was made earlier from the same CT and box node is replaced: the node stays, with its ID and the
    user's window and level, and takes over voxels, geometry and provenance of the new one once that is whole.

    Args:
        scene: The MRML scene of ``ct_node``.
        ct_node: The CT they were made from.
        results: What to add.

    Returns:
        One ``vtkMRMLScalarVolumeNode`` for each result.
    """
    prepared = [_prepare(ct_node, result) for result in results]
    with ExitStack() as undo:
        nodes = [_place(scene, ct_node, fresh, undo) for fresh in prepared]
        undo.pop_all()
    return nodes


def find_result(scene, ct_node, box_node, level: str):
    """The result made earlier from this CT and this box, otherwise None.

    A box without a node of its own is known by its level.
    """
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLScalarVolumeNode")
        if node.GetNodeReferenceID(CT_ROLE) != ct_node.GetID():
            continue
        box_id = node.GetNodeReferenceID(BOX_ROLE)
        same_box = box_id == box_node.GetID() if box_node is not None else not box_id
        if same_box and (box_node is not None or node.GetAttribute(PREFIX + "Level") == level):
            return node
    return None


def _prepare(ct_node, result: Result):
    """A complete volume node that is in no scene yet."""
    synthesis = result.synthesis
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetName(f"{ct_node.GetName()} sMRT2 {synthesis.frame.level}")
    node.SetAndObserveImageData(image_of(synthesis.mr))
    to_world = np.asarray(synthesis.grid.ijk_to_ras, dtype=float)
    if is_linear(ct_node):
        node.SetIJKToRASMatrix(to_matrix(np.linalg.inv(parent_to_world(ct_node)) @ to_world))
        node.SetAndObserveTransformNodeID(ct_node.GetTransformNodeID())
    else:
        node.SetIJKToRASMatrix(to_matrix(to_world))
    for name, value in _attributes(result.provenance).items():
        node.SetAttribute(PREFIX + name, value)
    if is_linear(ct_node):
        node.SetAttribute(PREFIX + CT_PLACE, json.dumps(ijk_to_world(ct_node).ravel().tolist()))
    node.SetDescription(_description(result.provenance))
    node.SetNodeReferenceID(CT_ROLE, ct_node.GetID())
    node.SetNodeReferenceID(BOX_ROLE, result.box_node.GetID() if result.box_node is not None else None)
    return node


def _attributes(provenance: dict) -> dict[str, str]:
    model, box = provenance["model"], provenance["box"]
    return {
        "Label": provenance["label"],
        "Level": box["level"],
        "Model": model["name"],
        "ModelVersion": model["version"],
        "ModelSHA256": model["sha256"],
        "ModelPreliminary": "true" if model["preliminary"] else "false",
        "Box": json.dumps(box),
        "Device": provenance["computed_on"]["device"],
        "Precision": provenance["computed_on"]["precision"],
        "SoftwareVersion": provenance["software"]["version"],
        "Provenance": json.dumps(provenance),
    }


def _description(provenance: dict) -> str:
    model = provenance["model"]
    preliminary = " (PRELIMINARY)" if model["preliminary"] else ""
    return (
        f"{provenance['label']}. Synthetic {model['sequence']}-weighted MR at {provenance['box']['level']},"
        f" made from CT by {model['name']} {model['version']}{preliminary}"
        f" on {provenance['computed_on']['device']}. {provenance['use']}"
    )


def _place(scene, ct_node, fresh, undo: ExitStack):
    level, box_node = fresh.GetAttribute(PREFIX + "Level"), scene.GetNodeByID(fresh.GetNodeReferenceID(BOX_ROLE) or "")
    earlier = find_result(scene, ct_node, box_node, level)
    if earlier is not None:
        before = slicer.vtkMRMLScalarVolumeNode()
        _take_over(before, earlier)
        undo.callback(_take_over, earlier, before)
        fresh.SetName(_name(scene, fresh.GetName(), earlier))
        _take_over(earlier, fresh)
        return earlier
    fresh.SetName(_name(scene, fresh.GetName()))
    undo.callback(remove_node, fresh)
    display = slicer.vtkMRMLScalarVolumeDisplayNode()
    scene.AddNode(display)
    undo.callback(scene.RemoveNode, display)
    _show_in_grey(display)
    fresh.SetAndObserveDisplayNodeID(display.GetID())
    scene.AddNode(fresh)
    hierarchy.place_beside(fresh, ct_node)
    return fresh


def _name(scene, wanted: str, earlier=None) -> str:
    """``wanted``, with a number where another node has that name; a node that is replaced keeps its number."""
    if earlier is not None and earlier.GetName().startswith(wanted):
        return earlier.GetName()
    return scene.GenerateUniqueName(wanted) if scene.GetFirstNodeByName(wanted) is not None else wanted


def _show_in_grey(display) -> None:
    """Black to white over all grey levels, whatever the automatic window would make of a dark slice."""
    display.SetAndObserveColorNodeID(GREY)
    display.SetAutoWindowLevel(0)
    display.SetWindowLevel(WINDOW, LEVEL)
    display.SetInterpolate(1)


def _take_over(node, other) -> None:
    """Make ``node`` what ``other`` is, apart from its ID and how it is shown."""
    modifying = node.StartModify()
    try:
        node.SetName(other.GetName())
        node.SetDescription(other.GetDescription())
        node.SetAndObserveTransformNodeID(other.GetTransformNodeID())
        matrix = vtk.vtkMatrix4x4()
        other.GetIJKToRASMatrix(matrix)
        node.SetIJKToRASMatrix(matrix)
        node.SetAndObserveImageData(other.GetImageData())
        for name in {*node.GetAttributeNames(), *other.GetAttributeNames()}:
            if name.startswith(PREFIX):
                node.SetAttribute(name, other.GetAttribute(name))
        for role in (CT_ROLE, BOX_ROLE):
            node.SetNodeReferenceID(role, other.GetNodeReferenceID(role))
    finally:
        node.EndModify(modifying)
