"""A volume node as a ``Volume``: the same voxels, where the scene shows them."""

from __future__ import annotations

import numpy as np
import vtk
from vtk.util import numpy_support

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.scene import hierarchy
from CT2MRSynthLib.scene.matrices import is_linear, parent_to_world, to_array, to_matrix, world_to_node
from CT2MRSynthLib.volume import Volume


def volume_from_node(node) -> Volume:
    """The voxels of a scalar volume node, not copied, and where they lie in the world.

    Linear transforms above the node become part of the voxel-to-world matrix. A grid or B-spline transform among
    them (a CT with tilted gantry arrives under one) becomes ``world_to_volume``, so that sampling goes through it.

    Args:
        node: A ``vtkMRMLScalarVolumeNode``.

    Raises:
        InputError: The node is no scalar volume, holds no voxels, or its geometry is unusable.
    """
    name = node.GetName() if node is not None else None
    if node is None or not node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(f"{name or 'Nothing'} is not a scalar volume: choose the CT volume.")
    array = voxels(node)
    matrix = _ijk_to_local(node)
    linear = is_linear(node)
    return Volume(
        array=array,
        ijk_to_ras=parent_to_world(node) @ matrix if linear else matrix,
        world_to_volume=None if linear else world_to_node(node),
        name=name or "CT",
        modality=hierarchy.modality(node),
    )


def node_from_volume(scene, volume: Volume):
    """Add a volume node that shows ``volume`` and shares its voxels, and return it.

    Raises:
        InputError: The volume is bent: a matrix cannot say where it lies.
    """
    if volume.world_to_volume is not None:
        raise InputError(f"The volume {volume.name!r} lies under a non-linear transform and cannot become a node.")
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    node.SetName(volume.name)
    node.SetAndObserveImageData(image_of(volume.array))
    node.SetIJKToRASMatrix(to_matrix(volume.ijk_to_ras))
    node.CreateDefaultDisplayNodes()
    return node


def image_of(array: np.ndarray):
    """``vtkImageData`` on the voxels of an array of shape (k, j, i); the two share them and keep them alive."""
    image = vtk.vtkImageData()
    image.SetDimensions(*reversed(array.shape))
    flat = np.ascontiguousarray(array).reshape(-1)
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(flat))
    return image


def ijk_to_world(node) -> np.ndarray:
    """The matrix from voxel index to world, shape (4, 4), of a volume node without non-linear transforms."""
    return parent_to_world(node) @ _ijk_to_local(node)


def remove_node(node) -> None:
    """Take a node out of its scene with what belongs to it alone: display and storage nodes, place in the hierarchy."""
    scene = node.GetScene()
    if scene is None:
        return
    hierarchy.forget(node)
    parts = [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
    parts += [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
    for part in [node, *parts]:
        if part is not None:
            scene.RemoveNode(part)


def voxels(node) -> np.ndarray:
    """A view of shape (k, j, i) on the voxels of a volume node; it stays valid as long as the array lives."""
    image = node.GetImageData()
    scalars = image.GetPointData().GetScalars() if image is not None else None
    if scalars is None or scalars.GetNumberOfTuples() == 0:
        raise InputError(f"The volume {node.GetName()!r} holds no voxels: load it again or choose another one.")
    if scalars.GetNumberOfComponents() != 1:
        count = scalars.GetNumberOfComponents()
        raise InputError(f"The volume {node.GetName()!r} has {count} values per voxel: choose the CT volume.")
    return numpy_support.vtk_to_numpy(scalars).reshape(tuple(reversed(image.GetDimensions())))


def _ijk_to_local(node) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    to_local = to_array(matrix)
    first = np.array(node.GetImageData().GetExtent()[::2], dtype=float)  # index of the first voxel, seldom not zero
    to_local[:3, 3] += to_local[:3, :3] @ first
    return to_local
