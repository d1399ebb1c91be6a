"""Landmarks of a disc as a point list of the scene, and the crop box they give."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.crop import Landmarks, crop_box, disc_axes
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import level_or_name
from CT2MRSynthLib.markups import Point

FRONT, BACK, VENTRAL, SAC = "disc front", "disc back", "ventral edge", "sac center"

#: Labels of the points, in the order they are placed in.
LABELS = (FRONT, BACK, VENTRAL, SAC)

#: What may be left out; the front edge of the disc serves as the most ventral point of the vertebral body, too.
OPTIONAL = (VENTRAL,)

#: Attribute of a point list that was placed step by step; its value is the level.
ATTRIBUTE = "CT2MRSynth.Landmarks"


def landmark_node(scene, level: str):
    """The point list of a level that was placed step by step before, or a new one named "<level> landmarks"."""
    for node in _point_lists(scene):
        if node.GetAttribute(ATTRIBUTE) == level:
            return node
    name = f"{level} landmarks"
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    node.SetName(scene.GenerateUniqueName(name) if scene.GetFirstNodeByName(name) is not None else name)
    node.SetAttribute(ATTRIBUTE, level)
    node.CreateDefaultDisplayNodes()
    add_unplaced(node)
    return node


def add_unplaced(node) -> None:
    """Append all points to a list, without a place yet."""
    for label in LABELS:
        node.UnsetNthControlPointPosition(node.AddControlPoint(0.0, 0.0, 0.0, label))


def points_of(node) -> list[Point]:
    """Labels and world positions, RAS mm, of the placed points of a list."""
    return [
        (node.GetNthControlPointLabel(index), np.array(node.GetNthControlPointPositionWorld(index)))
        for index in range(node.GetNumberOfControlPoints())
        if node.GetNthControlPointPositionStatus(index) == node.PositionDefined
    ]


def box_from_landmarks(node, level: str, depth: float) -> DiscFrame:
    """The crop box of a point list by the paper's rule; an omitted ventral edge is the front edge of the disc.

    Args:
        node: ``vtkMRMLMarkupsFiducialNode``; labels as in ``crop.Landmarks.from_points``.
        level: Name of the box.
        depth: Depth of the box in mm.

    Raises:
        InputError: A point is missing, or no spine can lie like this.
    """
    return crop_box(Landmarks.from_points(_completed(points_of(node))), level, depth)


def find_landmarks(scene, level: str):
    """A point list of the scene that gives the box of a level, otherwise None.

    Which level a list is of its name tells ("L4-L5 landmarks").
    """
    for node in reversed(_point_lists(scene)):
        if (node.GetAttribute(ATTRIBUTE) or level_or_name(node.GetName() or "")) != level:
            continue
        try:
            box_from_landmarks(node, level, 1.0)
        except InputError:
            continue
        return node
    return None


def disc_plane(node, level: str, width: float, depth: float) -> DiscFrame | None:
    """The plane of a disc whose front and back edge are placed, as a box around its middle; None where they are not.

    Args:
        node: ``vtkMRMLMarkupsFiducialNode``.
        level: Name of the box.
        width: Edge length in mm.
        depth: Depth in mm.
    """
    places = dict(points_of(node))
    if FRONT not in places or BACK not in places:
        return None
    disc = np.array([places[FRONT], places[BACK]])
    try:
        axes = disc_axes(Landmarks(disc, places[FRONT], places[BACK], places[FRONT], places[BACK]))
        return DiscFrame(disc.mean(axis=0), axes, [width, width, depth], level)
    except InputError:
        return None


def _completed(points: list[Point]) -> list[Point]:
    front = [place for label, place in points if label.lower().strip() == FRONT]
    if len(front) == 1 and not any(label.lower().strip().startswith("ventral") for label, _ in points):
        return [*points, (VENTRAL, front[0])]
    return points


def _point_lists(scene) -> list:
    kind = "vtkMRMLMarkupsFiducialNode"
    return [scene.GetNthNodeByClass(index, kind) for index in range(scene.GetNumberOfNodesByClass(kind))]
