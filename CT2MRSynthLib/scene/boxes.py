"""Markups nodes as disc frames and back."""

from __future__ import annotations

import numpy as np
import vtk

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import LEVELS, find_level, level_or_name
from CT2MRSynthLib.scene.matrices import is_linear, parent_to_world, to_array, to_matrix

#: What boxes without a disc level are placed as.
FREE = "free"

#: Attribute of a box node that keeps its level when it is renamed.
LEVEL_ATTRIBUTE = "CT2MRSynth.Level"

#: Nodes whose ROI is part of something else.
_OWNERS = ("vtkMRMLVolumeRenderingDisplayNode", "vtkMRMLCropVolumeParametersNode")


def frame_from_node(node, plane_depth: float = 4.0) -> DiscFrame:
    """The box that a ROI or plane node shows in the world, rotated as it is and under its own transforms.

    Args:
        node: ``vtkMRMLMarkupsROINode`` or ``vtkMRMLMarkupsPlaneNode``; ``level_of`` it is the level.
        plane_depth: Depth in mm of the box around a plane, which has none of its own.

    Raises:
        InputError: The node is neither, has no size, is mirrored or sheared.
    """
    if node is not None and node.IsA("vtkMRMLMarkupsROINode"):
        size, middle = np.array(node.GetSize()), np.zeros(3)
    elif node is not None and node.IsA("vtkMRMLMarkupsPlaneNode"):
        if not node.GetIsPlaneValid():
            raise InputError(f"The plane {node.GetName()!r} is not placed yet; place it and try again.")
        size, middle = _plane_rectangle(node, plane_depth)
    else:
        kind = f"{node.GetName()!r} ({node.GetClassName()})" if node is not None else "Nothing"
        raise InputError(f"{kind} is no crop box: choose a ROI or a plane of the Markups module.")
    level = level_of(node)
    to_world = _object_to_world(node)
    scale = np.linalg.norm(to_world[:3, :3], axis=0)
    if not np.isfinite(to_world).all() or scale.min() < 1e-9:
        raise InputError(f"The box {level!r} has no usable orientation: {to_world[:3, :3].tolist()}; draw it anew.")
    if node.IsA("vtkMRMLMarkupsPlaneNode"):
        scale[2] = 1.0  # the depth of a plane is given in world mm
    center = to_world[:3, :3] @ middle + to_world[:3, 3]
    axes = (to_world[:3, :3] / np.linalg.norm(to_world[:3, :3], axis=0)).T
    return DiscFrame.from_box(center, axes, size * scale, level)


def roi_from_frame(scene, frame: DiscFrame):
    """Add a ROI node that shows ``frame`` to the scene and return it."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", frame.level)
    set_level(node, frame.level)  # two boxes of one level may both be named after it
    set_frame(node, frame)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetFillVisibility(False)  # in the box's own plane the fill would cover the whole crop
    return node


def set_frame(node, frame: DiscFrame) -> None:
    """Let a ROI node show ``frame`` in the world, below whatever linear transforms it lies; its name stays.

    The node's own axes keep their order and sense as far as they can, so that a handle under the mouse stays there.

    Raises:
        InputError: The node lies under a transform that would bend or shear the box.
    """
    if not is_linear(node):
        raise InputError(f"The box {level_of(node)!r} lies under a non-linear transform; take it out of that first.")
    axes, extent = _in_order_of_node(node, frame)
    from_world = np.linalg.inv(parent_to_world(node))
    local = from_world[:3, :3] @ axes.T
    scale = np.linalg.norm(local, axis=0)
    local = local / scale
    if not np.allclose(local.T @ local, np.eye(3), atol=1e-4) or np.linalg.det(local) < 0:
        raise InputError(
            f"The box {level_of(node)!r} lies under a transform that shears or mirrors it; take it out of that first."
        )
    matrix = np.eye(4)
    matrix[:3, :3] = local
    matrix[:3, 3] = from_world[:3, :3] @ frame.center + from_world[:3, 3]
    before = node.StartModify()
    # into the matrix that is there: this may be called while the node is telling of a change of it
    node.GetObjectToNodeMatrix().DeepCopy(to_matrix(matrix))
    node.SetSize(*(float(edge) for edge in extent * scale))
    node.EndModify(before)


def box_nodes(scene) -> list:
    """The crop boxes of a scene: its ROI nodes, in order of level from above, without those that serve another purpose.

    Left out are nodes that the application hides from the user, and ROIs of volume rendering and Crop Volume.
    """
    owned = {
        owner.GetROINodeID() for kind in _OWNERS for owner in _nodes(scene, kind) if hasattr(owner, "GetROINodeID")
    }
    found = [
        node
        for node in _nodes(scene, "vtkMRMLMarkupsROINode")
        if not node.GetHideFromEditors() and node.GetID() not in owned
    ]
    order = {level: index for index, level in enumerate(LEVELS)}
    return sorted(found, key=lambda node: (order.get(level_of(node), len(LEVELS)), node.GetName() or ""))


def level_of(node) -> str:
    """Disc level of a box node: the one its name tells, else the one it was given, else its name itself."""
    name = node.GetName() or ""
    return find_level(name) or node.GetAttribute(LEVEL_ATTRIBUTE) or level_or_name(name)


def find_box(boxes: list, level: str, preferred=None):
    """The box that placing at a level moves, otherwise None.

    Args:
        boxes: ROI nodes.
        level: Disc level, or "free" for a box that was placed without one; a ROI drawn for something else is none.
        preferred: Taken if it is of that level, rather than the first.
    """
    for node in [preferred, *boxes] if preferred is not None else boxes:
        own = level_of(node)
        placed = node is preferred or node.GetAttribute(LEVEL_ATTRIBUTE) is not None
        if own == level or (level == FREE and own not in LEVELS and placed):
            return node
    return None


def put_box(scene, node, frame: DiscFrame):
    """Let a ROI node, or a new one where there is none, show ``frame``; returns the node.

    Raises:
        InputError: As ``set_frame``.
    """
    scene.SaveStateForUndo()
    if node is None:
        return roi_from_frame(scene, frame)
    set_frame(node, frame)
    return node


def set_level(node, level: str) -> None:
    """Name a box node by a level, or by any other word."""
    level = level_or_name(level)
    before = node.StartModify()
    node.SetAttribute(LEVEL_ATTRIBUTE, level)
    node.SetName(level)
    node.EndModify(before)


def _nodes(scene, kind: str) -> list:
    return [scene.GetNthNodeByClass(index, kind) for index in range(scene.GetNumberOfNodesByClass(kind))]


def _in_order_of_node(node, frame: DiscFrame) -> tuple[np.ndarray, np.ndarray]:
    """Axes (rows) and edge lengths of ``frame``, in the order and sense of the node's own axes."""
    own = _object_to_world(node)[:3, :3]
    likeness = frame.axes @ (own / np.linalg.norm(own, axis=0))
    order = np.argmax(np.abs(likeness), axis=0)
    axes = frame.axes[order] * np.sign(likeness[order, range(3)])[:, None]
    if sorted(order.tolist()) != [0, 1, 2] or np.linalg.det(axes) < 0:
        return frame.axes, frame.extent
    return axes, frame.extent[order]


def _plane_rectangle(node, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Size of the box around a plane, and its middle in the plane's own coordinates (bounds need not be symmetric)."""
    left, right, bottom, top = node.GetPlaneBounds()
    return np.array([right - left, top - bottom, depth]), np.array([right + left, top + bottom, 0.0]) / 2


def _object_to_world(node) -> np.ndarray:
    """The matrix from the markup's own axes to the world, as it is.

    Slicer's own object-to-world matrix has been made orthogonal and right-handed, which hides a mirrored or sheared
    box; it is only taken where no exact matrix exists, under a non-linear transform.
    """
    plane = node.IsA("vtkMRMLMarkupsPlaneNode")
    matrix = vtk.vtkMatrix4x4()
    if is_linear(node):
        if plane:
            node.GetObjectToNodeMatrix(matrix)
        else:
            matrix.DeepCopy(node.GetObjectToNodeMatrix())
        return parent_to_world(node) @ to_array(matrix)
    if plane:
        node.GetObjectToWorldMatrix(matrix)
    else:
        matrix.DeepCopy(node.GetObjectToWorldMatrix())
    return to_array(matrix)
