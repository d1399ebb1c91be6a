"""Markups nodes as disc frames and back."""

from __future__ import annotations

import numpy as np
import vtk

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import level_or_name
from CT2MRSynthLib.scene.matrices import is_linear, parent_to_world, to_array, to_matrix


def frame_from_node(node, plane_depth: float = 4.0) -> DiscFrame:
    """The box that a ROI or plane node shows in the world, rotated as it is and under its own transforms.

    Args:
        node: ``vtkMRMLMarkupsROINode`` or ``vtkMRMLMarkupsPlaneNode``; its name tells the disc level.
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
    level = level_or_name(node.GetName() or "")
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
    node.SetName(frame.level)  # two boxes of one level may both be named after it
    matrix = np.eye(4)
    matrix[:3, :3] = frame.axes.T
    matrix[:3, 3] = frame.center
    node.SetAndObserveObjectToNodeMatrix(to_matrix(matrix))
    node.SetSize(*(float(edge) for edge in frame.extent))
    node.CreateDefaultDisplayNodes()
    return node


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
