"""CT and synthetic MR side by side: what the slice views show, where, and how large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from CT2MRSynthLib.scene.layout import CT_VIEW, LOWER_VIEWS, MR_VIEW
from CT2MRSynthLib.scene.matrices import is_linear, parent_to_world, to_array, to_matrix
from CT2MRSynthLib.scene.synthetic import is_synthetic

#: Window and level in HU of a CT that has none of its own: soft tissue of the abdomen.
SOFT_TISSUE = (400.0, 40.0)

#: All 256 grey levels of a synthetic volume.
GREY_LEVELS = (255.0, 127.5)

#: How much of a view's shorter side the box fills.
FILL = 0.96


def show_side_by_side(scene, ct_node, mr_node) -> None:
    """Show the CT in one view and the synthetic MR beside it, in the plane of the MR; views that are absent are left.

    Args:
        scene: The scene of the nodes.
        ct_node: Its volume node; None leaves what the views show of CT.
        mr_node: The result.
    """
    _set_windows(ct_node, mr_node)
    if ct_node is not None:
        for composite in _composites(scene, (CT_VIEW, *LOWER_VIEWS)):
            composite.SetBackgroundVolumeID(ct_node.GetID())
    for composite in _composites(scene, (MR_VIEW,)):
        composite.SetDoPropagateVolumeSelection(False)  # a volume that is loaded later does not take its place
        composite.SetBackgroundVolumeID(mr_node.GetID())
        composite.SetForegroundVolumeID(None)
        composite.SetLabelVolumeID(None)
    align(scene, mr_node)


def align(scene, mr_node) -> None:
    """Bring both views to the plane of a result, at the same scale, and those below to its center."""
    matrix = plane_of(mr_node)
    nodes = _slice_nodes(scene, (CT_VIEW, MR_VIEW))
    for node in nodes:
        modifying = node.StartModify()
        node.GetSliceToRAS().DeepCopy(to_matrix(matrix))
        node.SetXYZOrigin(0, 0, 0)
        node.UpdateMatrices()
        node.EndModify(modifying)
    _set_scale(nodes, _in_plane_size(mr_node, matrix))
    for node in _slice_nodes(scene, LOWER_VIEWS):
        node.JumpSliceByCentering(*(float(value) for value in matrix[:3, 3]))


def plane_of(volume_node) -> np.ndarray:
    """Where a slice view shows the middle slice of a volume as a radiologist looks at it.

    Args:
        volume_node: Its third index axis is the normal of its slices.

    Returns:
        Matrix of shape (4, 4) from slice to world RAS, mm. Its columns are the directions to the patient's left (to the
        right of the screen), anterior (up), superior, and the center of the middle slice, in whose middle voxels the
        origin of the view lies.
    """
    to_world = _ijk_to_world(volume_node)
    size = np.array(volume_node.GetImageData().GetDimensions(), dtype=float)
    left, anterior = _unit(to_world[:3, 0]), -_unit(to_world[:3, 1])
    left = left if left[0] <= 0 else -left
    anterior = _unit(anterior - (anterior @ left) * left)  # a transform above may have sheared it
    anterior = anterior if anterior[1] >= 0 else -anterior
    superior = np.cross(anterior, left)
    middle = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2, size[2] // 2, 1.0])
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([left, anterior, superior], axis=1)
    matrix[:3, 3] = (to_world @ middle)[:3]
    return matrix


def blend(scene, mr_node, opacity: float | None) -> None:
    """Lay a result over the CT.

    Args:
        scene: The scene.
        mr_node: The result; None takes away what is laid over.
        opacity: 0 to 1; None takes it away.
    """
    for composite in _composites(scene, (CT_VIEW,)):
        if mr_node is not None and opacity is not None:
            composite.SetForegroundVolumeID(mr_node.GetID())
            composite.SetForegroundOpacity(float(opacity))
        elif is_synthetic(scene.GetNodeByID(composite.GetForegroundVolumeID() or "")):
            composite.SetForegroundVolumeID(None)
            composite.SetForegroundOpacity(0.0)


def link(scene) -> None:
    """Let the two views go along with each other: place, zoom and slice, but not which volume they show."""
    for composite in _composites(scene, (CT_VIEW, MR_VIEW)):
        chosen = composite.BackgroundVolumeFlag | composite.ForegroundVolumeFlag | composite.LabelVolumeFlag
        opacities = composite.ForegroundOpacityFlag | composite.LabelOpacityFlag
        composite.SetInteractionFlagsModifier(0xFFFFFFFF & ~(chosen | opacities))
        composite.SetLinkedControl(True)
        composite.SetHotLinkedControl(True)


def unlink(scene, linked: bool = False, hot: bool = False) -> None:
    """Undo ``link``, before another layout is used.

    Args:
        scene: The scene.
        linked: Whether views were linked before, see ``is_linked``.
        hot: Whether while dragging, too.
    """
    for composite in _composites(scene, (CT_VIEW, MR_VIEW)):
        composite.ResetInteractionFlagsModifier()
        composite.SetLinkedControl(linked)
        composite.SetHotLinkedControl(hot)


def is_linked(scene) -> tuple[bool, bool]:
    """Whether the view of the CT is linked to others, and whether while dragging, too."""
    for composite in _composites(scene, (CT_VIEW,)):
        return bool(composite.GetLinkedControl()), bool(composite.GetHotLinkedControl())
    return False, False


def _set_windows(ct_node, mr_node) -> None:
    """What a user has set stays; only the automatic windows, which a dark slice misleads, give way."""
    for node, window in ((ct_node, SOFT_TISSUE), (mr_node, GREY_LEVELS)):
        display = node.GetDisplayNode() if node is not None else None
        if display is not None and display.GetAutoWindowLevel():
            display.SetAutoWindowLevel(0)
            display.SetWindowLevel(*window)


def _set_scale(nodes: Sequence, size: tuple[float, float]) -> None:
    """The same mm per pixel in all nodes, so that ``size`` (mm along the columns and rows of the screen) fits in."""
    pixels = [[max(edge, 1) for edge in node.GetDimensions()[:2]] for node in nodes]
    scales = [max(mm / edge for mm, edge in zip(size, edges, strict=True)) / FILL for edges in pixels]
    for node, edges in zip(nodes, pixels, strict=True):
        width, height = (edge * max(scales) for edge in edges)
        node.SetFieldOfView(width, height, node.GetFieldOfView()[2])


def _in_plane_size(volume_node, slice_to_world: np.ndarray) -> tuple[float, float]:
    """How wide and high a volume is in a slice view, mm."""
    edges = _ijk_to_world(volume_node)[:3, :3] * np.array(volume_node.GetImageData().GetDimensions())
    along = np.abs(slice_to_world[:3, :2].T @ edges[:, :2]).sum(axis=1)
    return float(along[0]), float(along[1])


def _ijk_to_world(volume_node) -> np.ndarray:
    """The matrix from voxel index to world; a non-linear transform, which no matrix holds, is left out."""
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    own = to_array(matrix)
    return parent_to_world(volume_node) @ own if is_linear(volume_node) else own


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _slice_nodes(scene, names: Sequence[str]) -> list:
    return _by_layout_name(scene, "vtkMRMLSliceNode", names)


def _composites(scene, names: Sequence[str]) -> list:
    return _by_layout_name(scene, "vtkMRMLSliceCompositeNode", names)


def _by_layout_name(scene, kind: str, names: Sequence[str]) -> list:
    nodes = [scene.GetNthNodeByClass(index, kind) for index in range(scene.GetNumberOfNodesByClass(kind))]
    found = {node.GetLayoutName(): node for node in nodes}
    return [found[name] for name in names if name in found]
