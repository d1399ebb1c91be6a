"""Real MRML nodes for tests, without the application."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from CT2MRSynthLib.scene.matrices import to_matrix
from CT2MRSynthLib.volume import Volume


def new_scene():
    """A scene set up as the application does, as far as colors, Markups files and subject hierarchy go."""
    scene = slicer.vtkMRMLScene()
    colors = slicer.vtkMRMLColorLogic()
    colors.SetMRMLScene(scene)
    colors.AddDefaultColorNodes()
    selection = slicer.vtkMRMLSelectionNode()
    selection.SetSingletonTag("Singleton")
    scene.AddNode(selection)
    markups = slicer.vtkSlicerMarkupsLogic()  # knows the storage nodes of .mrk.json
    markups.SetMRMLScene(scene)
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    scene.kept = (colors, markups)  # the color tables go with their logic
    return scene


def let_read_bundles(scene, folder) -> None:
    """Give a scene the cache folder that it unpacks .mrb files in."""
    cache, data = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
    cache.SetRemoteCacheDirectory(str(folder))
    data.SetCacheManager(cache)
    scene.SetCacheManager(cache)
    scene.SetDataIOManager(data)
    scene.kept += (cache, data)


def add_ct(scene, volume: Volume, name: str = "CT", study: str | None = None):
    """A volume node with the voxels and the matrix of ``volume``; inside a study where one is named."""
    array = np.ascontiguousarray(volume.array)
    image = vtk.vtkImageData()
    image.SetDimensions(*volume.size)
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(array.ravel(), deep=True))
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetAndObserveImageData(image)
    node.SetIJKToRASMatrix(to_matrix(volume.ijk_to_ras))
    node.CreateDefaultDisplayNodes()
    if study is not None:
        tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        patient = tree.CreateSubjectItem(tree.GetSceneItemID(), "Patient")
        tree.CreateItem(tree.CreateStudyItem(patient, study), node)
    return node


def put_under_linear_transform(node, matrix: np.ndarray):
    """Put a node under a new linear transform (the outermost transform of the node, if it has any)."""
    transform = node.GetScene().AddNewNodeByClass("vtkMRMLLinearTransformNode", "Moved")
    transform.SetMatrixTransformToParent(to_matrix(matrix))
    outermost = node
    while outermost.GetParentTransformNode() is not None:
        outermost = outermost.GetParentTransformNode()
    outermost.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def put_under_grid_transform(node, displacement, half_width: float = 200.0, spacing: float = 10.0):
    """Put a node under a grid transform that moves its point p to p + ``displacement(p)``, RAS mm, shape (n, 3)."""
    count = int(2 * half_width / spacing) + 1
    ticks = np.arange(count) * spacing - half_width
    z, y, x = np.meshgrid(ticks, ticks, ticks, indexing="ij")
    values = displacement(np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1))
    grid = vtk.vtkImageData()
    grid.SetDimensions(count, count, count)
    grid.SetSpacing(spacing, spacing, spacing)
    grid.SetOrigin(-half_width, -half_width, -half_width)
    grid.GetPointData().SetScalars(numpy_support.numpy_to_vtk(np.ascontiguousarray(values), deep=True))
    warp = slicer.vtkOrientedGridTransform()
    warp.SetDisplacementGridData(grid)
    transform = node.GetScene().AddNewNodeByClass("vtkMRMLGridTransformNode", "Bent")
    transform.SetAndObserveTransformToParent(warp)
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def world_corners(node) -> np.ndarray:
    """The eight outer corners of a volume node in the world, asked of MRML and VTK alone, shape (8, 3)."""
    to_ras = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(to_ras)
    to_world = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(node.GetParentTransformNode(), None, to_world)
    ends = [(-0.5, size - 0.5) for size in node.GetImageData().GetDimensions()]
    corners = [
        to_world.TransformPoint(to_ras.MultiplyPoint((i, j, k, 1.0))[:3])
        for i in ends[0]
        for j in ends[1]
        for k in ends[2]
    ]
    return np.array(corners)


def farthest(corners: np.ndarray, others: np.ndarray) -> float:
    """How far, in mm, the most displaced corner is from the nearest of ``others``."""
    return float(np.linalg.norm(corners[:, None] - others[None], axis=2).min(axis=1).max())


def snapshot(scene) -> list[str]:
    """All that a scene holds, in words: any node left behind or changed shows."""
    scene.SetSaveToXMLString(1)
    scene.Commit()
    return sorted(scene.GetSceneXMLString().splitlines())
