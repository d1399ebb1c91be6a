"""Landmarks of a disc: placed one after the other, taken back, left out, and what box they give."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="no MRML: install slicer-core")

from bodies import tilted_axes  # noqa: E402

from CT2MRSynthLib.crop import Landmarks, crop_box  # noqa: E402
from CT2MRSynthLib.errors import InputError  # noqa: E402
from CT2MRSynthLib.scene.landmark_placing import LandmarkPlacing  # noqa: E402
from CT2MRSynthLib.scene.landmarks import (  # noqa: E402
    LABELS,
    box_from_landmarks,
    disc_plane,
    find_landmarks,
    points_of,
)

AXES = tilted_axes(0, 12, 0)
CENTER = np.array([3.0, -15.0, 40.0])
PLACES = [CENTER + AXES[1] * forward for forward in (18.0, -17.0, 20.0, -24.0)]


@pytest.fixture
def scene(mrml_scene):
    """A scene with the node that knows what the mouse does, as the application has it."""
    interaction = slicer.vtkMRMLInteractionNode()
    interaction.SetSingletonTag("Singleton")
    mrml_scene.AddNode(interaction)
    return mrml_scene


@pytest.fixture
def placing(scene):
    moved = []
    placing = LandmarkPlacing(scene, "L4-L5", lambda: moved.append(placing.step))
    placing.moved = moved
    placing.start()
    yield placing
    placing.end()


def in_place_mode(scene):
    interaction = scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    return interaction.GetCurrentInteractionMode() == interaction.Place


def hover(placing):
    """What the application does when the mouse enters a view: the next point hangs at it."""
    index = placing.step
    placing.node.SetNthControlPointPositionWorld(index, 0.0, 0.0, 0.0, placing.node.PositionPreview)


def test_clicks_go_to_the_points_in_their_order(scene, placing):
    assert in_place_mode(scene)
    selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    assert selection.GetActivePlaceNodeID() == placing.node.GetID()
    assert selection.GetActivePlaceNodeClassName() == "vtkMRMLMarkupsFiducialNode"
    for place in PLACES:
        hover(placing)
        placing.place(place)
    assert placing.moved == [1, 2, 3, None]
    assert [label for label, _ in points_of(placing.node)] == list(LABELS)
    assert placing.node.GetName() == "L4-L5 landmarks"


def test_the_box_is_that_of_the_crop_rule(placing):
    for place in PLACES:
        placing.place(place)
    wanted = crop_box(Landmarks.from_points(list(zip(LABELS, PLACES, strict=True))), "L4-L5", 8.0)
    np.testing.assert_allclose(
        box_from_landmarks(placing.node, "L4-L5", 8.0).corners(), wanted.corners(), rtol=0, atol=1e-6
    )


def test_an_omitted_ventral_edge_is_the_front_of_the_disc(placing):
    for place in PLACES[:2]:
        placing.place(place)
    assert placing.can_skip
    hover(placing)
    placing.skip()
    assert placing.step == 3
    assert not placing.can_skip
    placing.place(PLACES[3])
    frame = box_from_landmarks(placing.node, "L4-L5", 4.0)
    assert frame.extent[0] == pytest.approx(2 * (18.0 + 24.0), abs=1e-6)


def test_steps_are_taken_back_one_by_one_the_skipped_one_too(scene, placing):
    assert not placing.can_undo
    placing.place(PLACES[0])
    placing.place(PLACES[1])
    placing.skip()
    hover(placing)
    for step in (2, 1, 0):
        placing.undo()
        assert placing.step == step
        assert in_place_mode(scene)
    assert points_of(placing.node) == []
    assert not placing.can_undo


def test_another_tool_ends_the_placing_and_what_was_placed_stays(scene, placing):
    placing.place(PLACES[0])
    scene.GetNodeByID("vtkMRMLInteractionNodeSingleton").SwitchToViewTransformMode()
    assert not placing.is_placing
    assert [label for label, _ in points_of(placing.node)] == [LABELS[0]]
    again = LandmarkPlacing(scene, "L4-L5", lambda: None)
    again.start()
    assert again.node is placing.node
    assert again.step == 1
    again.end()


def test_a_complete_list_is_placed_anew(scene, placing):
    for place in PLACES:
        placing.place(place)
    placing.end()
    again = LandmarkPlacing(scene, "L4-L5", lambda: None)
    again.start()
    assert again.step == 0
    again.end()
    assert not in_place_mode(scene)


def test_a_list_whose_points_were_deleted_is_made_whole(scene, placing):
    placing.place(PLACES[0])
    placing.end()
    placing.node.RemoveNthControlPoint(1)
    again = LandmarkPlacing(scene, "L4-L5", lambda: None)
    again.start()
    assert again.step == 0
    assert again.node.GetNumberOfControlPoints() == len(LABELS)
    again.end()


def test_a_deleted_list_ends_the_placing(scene, placing):
    scene.RemoveNode(placing.node)
    assert not placing.is_placing
    assert placing.moved
    assert not in_place_mode(scene)


def test_the_plane_of_the_disc_is_known_after_two_points(placing):
    assert disc_plane(placing.node, "L4-L5", 90.0, 4.0) is None
    placing.place(PLACES[0])
    placing.place(PLACES[1])
    plane = disc_plane(placing.node, "L4-L5", 90.0, 4.0)
    np.testing.assert_allclose(plane.axes, AXES, atol=1e-6)
    np.testing.assert_allclose(plane.center, (PLACES[0] + PLACES[1]) / 2, atol=1e-6)


def test_points_of_the_scene_are_found_by_level_if_they_give_a_box(scene, placing):
    for place in PLACES[:3]:
        placing.place(place)
    assert find_landmarks(scene, "L4-L5") is None
    other = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "L4-L5 landmarks of a colleague")
    for label, place in zip(("disc front", "disc back", "ventral", "sac"), PLACES, strict=True):
        other.AddControlPointWorld(*place.tolist(), label)
    assert find_landmarks(scene, "L4-L5") is other
    assert find_landmarks(scene, "L3-L4") is None


def test_no_spine_can_lie_like_this(placing):
    for place in (*PLACES[:3], PLACES[0]):
        placing.place(place)
    with pytest.raises(InputError, match="20 to 90 mm"):
        box_from_landmarks(placing.node, "L4-L5", 4.0)
