"""VTK matrices and transforms as arrays and functions."""

from __future__ import annotations

import numpy as np
import vtk
from vtk.util import numpy_support

from CT2MRSynthLib.volume import PointMap


def to_array(matrix) -> np.ndarray:
    """A ``vtkMatrix4x4`` as an array of shape (4, 4)."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def to_matrix(array: np.ndarray):
    """An array of shape (4, 4) as a ``vtkMatrix4x4``."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, dtype=float).ravel().tolist())
    return matrix


def is_linear(node) -> bool:
    """Whether one matrix expresses all transforms above a transformable node."""
    parent = node.GetParentTransformNode()
    return parent is None or bool(parent.IsTransformToWorldLinear())


def parent_to_world(node) -> np.ndarray:
    """The matrix from a node's own coordinates to world, shape (4, 4); only where ``is_linear``."""
    matrix = vtk.vtkMatrix4x4()
    parent = node.GetParentTransformNode()
    if parent is not None:
        parent.GetMatrixTransformToWorld(matrix)
    return to_array(matrix)


def world_to_node(node) -> PointMap:
    """The map of world points, shape (n, 3), into a node's own coordinates, through whatever transforms lie above it.

    Transforms above a node move its content to the world. Sampling asks the other way: where in the node is this
    world point? VTK inverts grid and B-spline transforms iteratively.
    """
    transform = vtk.vtkGeneralTransform()
    node.GetParentTransformNode().GetTransformFromWorld(transform)

    def apply(points: np.ndarray) -> np.ndarray:
        world = vtk.vtkPoints()
        world.SetData(numpy_support.numpy_to_vtk(np.ascontiguousarray(points, dtype=np.float64), deep=True))
        own = vtk.vtkPoints()
        own.SetDataTypeToDouble()
        transform.TransformPoints(world, own)
        return numpy_support.vtk_to_numpy(own.GetData()).copy()

    return apply
