"""From nodes to nodes: geometry, names, provenance, replacement, and nothing left when it fails."""

import json
from dataclasses import replace

import numpy as np
import pytest
import runs
from bodies import tilted_axes

from CT2MRSynthLib.errors import Cancelled, InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.provenance import LABEL
from CT2MRSynthLib.volume import Volume

pytest.importorskip("slicer", reason="no MRML: install slicer-core")
pytest.importorskip("torch", reason="no torch")
import slicer
from scenes import add_ct, farthest, put_under_grid_transform, put_under_linear_transform, snapshot, world_corners

from CT2MRSynthLib.bundle import load_bundle
from CT2MRSynthLib.scene import results
from CT2MRSynthLib.scene.boxes import frame_from_node, roi_from_frame
from CT2MRSynthLib.scene.results import add_result
from CT2MRSynthLib.scene.run import synthesize_in_scene
from CT2MRSynthLib.scene.volumes import volume_from_node, voxels
from CT2MRSynthLib.synthesis import Synthesizer, synthesize

MOVED = np.eye(4)
MOVED[:3, :3] = tilted_axes(4, -9, 15).T
MOVED[:3, 3] = [40, -7, 12]
FRAME = DiscFrame([2.0, -3.0, 5.0], tilted_axes(3, 14, -5), [62, 58, 5], "L4-L5")


@pytest.fixture(scope="module")
def synthesizer(tmp_path_factory):
    bundle = load_bundle(runs.write_bundle(tmp_path_factory.mktemp("model") / "bundle"))
    return Synthesizer(bundle, device="cpu", precision="float32")


@pytest.fixture
def ct(mrml_scene):
    return add_ct(mrml_scene, Volume(runs.hounsfield(), runs.geometry()), "Abdomen", study="Lumbar spine")


def moved(frame: DiscFrame, matrix: np.ndarray) -> DiscFrame:
    return DiscFrame(
        matrix[:3, :3] @ frame.center + matrix[:3, 3], frame.axes @ matrix[:3, :3].T, frame.extent, frame.level
    )


def bend(points: np.ndarray) -> np.ndarray:
    """A displacement in mm: 10 to the right everywhere, and a wave along superior."""
    zero = np.zeros(len(points))
    return np.stack([10 + zero, 3 * np.sin(points[:, 2] / 30), zero], axis=1)


@pytest.mark.parametrize("slices", [1, 3])
@pytest.mark.parametrize("above", ["nothing", "shift and turn", "two transforms", "mirror and scale", "grid"])
def test_corners_of_the_result_are_the_corners_of_the_box(mrml_scene, ct, synthesizer, above, slices):
    frame = FRAME
    if above == "mirror and scale":
        put_under_linear_transform(ct, np.diag([-1.0, 1.1, 1.0, 1.0]))
    if above in ("shift and turn", "two transforms"):
        put_under_linear_transform(ct, MOVED)
        frame = moved(FRAME, MOVED)
    if above == "two transforms":
        put_under_linear_transform(ct, MOVED)
        frame = moved(frame, MOVED)
    if above == "grid":
        put_under_grid_transform(ct, bend)
    (node,) = synthesize_in_scene(ct, [roi_from_frame(mrml_scene, frame)], synthesizer, slices=slices)
    assert node.GetImageData().GetDimensions() == (256, 256, slices)
    assert farthest(world_corners(node), frame.corners()) < 1e-3
    assert farthest(frame.corners(), world_corners(node)) < 1e-3


def test_a_result_goes_along_with_its_ct(mrml_scene, ct, synthesizer):
    transform = put_under_linear_transform(ct, MOVED)
    (node,) = synthesize_in_scene(ct, [roi_from_frame(mrml_scene, moved(FRAME, MOVED))], synthesizer)
    assert node.GetParentTransformNode() is transform
    told = []
    node.AddObserver(slicer.vtkMRMLTransformableNode.TransformModifiedEvent, lambda *_: told.append(1))
    transform.SetMatrixTransformToParent(None)
    assert told, "views would not follow"
    assert farthest(world_corners(node), FRAME.corners()) < 1e-3


def test_under_a_bent_transform_a_result_stands_in_the_world(mrml_scene, ct, synthesizer):
    put_under_grid_transform(ct, bend)
    (node,) = synthesize_in_scene(ct, [roi_from_frame(mrml_scene, FRAME)], synthesizer)
    assert node.GetParentTransformNode() is None


def test_content_under_a_grid_transform_moves_with_it(mrml_scene, ct, synthesizer):
    """A CT that a grid transform moves by 10 mm, seen in a box 10 mm further, looks as it did."""
    before = synthesize(volume_from_node(ct), FRAME, synthesizer)
    put_under_grid_transform(ct, lambda points: np.tile([10.0, 0.0, 0.0], (len(points), 1)))
    along = replace(FRAME, center=FRAME.center + [10.0, 0.0, 0.0])
    after = synthesize(volume_from_node(ct), along, synthesizer)
    stayed = synthesize(volume_from_node(ct), FRAME, synthesizer)
    assert np.abs(after.ct - before.ct).mean() < 0.5
    assert np.abs(stayed.ct - before.ct).mean() > 20


def test_left_stays_left(mrml_scene, ct, synthesizer):
    """The brightest bone lies to the patient's right and behind; the node shows it there."""
    put_under_linear_transform(ct, MOVED)
    synthesis = synthesize(
        volume_from_node(ct), moved(DiscFrame([0, 0, 0], np.eye(3), [100, 100, 4], "L4-L5"), MOVED), synthesizer
    )
    seen = replace(synthesis, mr=synthesis.ct_grey)  # what a perfect copy of the CT would look like
    node = add_result(mrml_scene, ct, seen, record_of(synthesizer, synthesis))
    _, j, i = np.array(np.nonzero(voxels(node) > 250)).mean(axis=1)
    place = node_to_world(node, [i, j, 0])
    half_width = (80 - 1) / 2 * 1.6
    own = np.array([0.2 * half_width, -0.45 * half_width, 0.0])
    np.testing.assert_allclose(place, MOVED[:3, :3] @ own + MOVED[:3, 3], atol=2)


def node_to_world(node, ijk):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    world = [0.0, 0.0, 0.0]
    node.TransformPointToWorld(matrix.MultiplyPoint([*ijk, 1.0])[:3], world)
    return world


def record_of(synthesizer, synthesis) -> dict:
    from CT2MRSynthLib.job import Options
    from CT2MRSynthLib.provenance import Source, record

    source = Source("Abdomen", "", (80, 80, 80), (1.6, 1.6, 1.6))
    return record(synthesis, source, synthesizer, synthesizer.bundle, Options())


def test_a_result_is_what_the_engine_gives_for_the_same_box(mrml_scene, ct, synthesizer):
    roi = roi_from_frame(mrml_scene, FRAME)
    (node,) = synthesize_in_scene(ct, [roi], synthesizer)
    direct = synthesize(Volume(runs.hounsfield(), runs.geometry()), frame_from_node(roi), synthesizer)
    np.testing.assert_array_equal(voxels(node), direct.mr)


def test_a_result_says_what_it_is(mrml_scene, ct, synthesizer):
    (node,) = synthesize_in_scene(ct, [roi_from_frame(mrml_scene, FRAME)], synthesizer)
    assert node.GetName() == "Abdomen sMRT2 L4-L5"
    assert LABEL in node.GetDescription()
    attribute = {name: node.GetAttribute(f"CT2MRSynth.{name}") for name in ("Label", "Model", "ModelVersion", "Level")}
    assert attribute == {"Label": LABEL, "Model": "Tiny test", "ModelVersion": "0.0.1", "Level": "L4-L5"}
    assert node.GetAttribute("CT2MRSynth.ModelSHA256") == synthesizer.bundle.sha256
    assert node.GetAttribute("CT2MRSynth.Device") == synthesizer.description
    assert node.GetAttribute("CT2MRSynth.Precision") == "float32"
    provenance = json.loads(node.GetAttribute("CT2MRSynth.Provenance"))
    assert provenance["input"]["sha256_of"] == "voxels" and len(provenance["input"]["sha256"]) == 64
    assert provenance["box"] == json.loads(node.GetAttribute("CT2MRSynth.Box"))
    np.testing.assert_allclose(provenance["box"]["center_ras_mm"], FRAME.center, atol=1e-5)
    assert provenance["software"]["version"] == node.GetAttribute("CT2MRSynth.SoftwareVersion")


def test_a_result_is_shown_in_grey_over_all_its_levels(mrml_scene, ct, synthesizer):
    (node,) = synthesize_in_scene(ct, [roi_from_frame(mrml_scene, FRAME)], synthesizer)
    display = node.GetDisplayNode()
    assert display.GetColorNodeID() == "vtkMRMLColorTableNodeGrey"
    assert display.GetColorNode() is not None
    assert (display.GetAutoWindowLevel(), display.GetWindow(), display.GetLevel()) == (0, 255.0, 127.5)


def test_a_result_lies_in_the_study_of_its_ct(mrml_scene, ct, synthesizer):
    (node,) = synthesize_in_scene(ct, [roi_from_frame(mrml_scene, FRAME)], synthesizer)
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)
    item = tree.GetItemByDataNode(node)
    assert tree.GetItemName(tree.GetItemParent(item)) == "Lumbar spine"
    assert tree.GetItemParent(item) == tree.GetItemParent(tree.GetItemByDataNode(ct))


def test_boxes_of_one_level_give_results_with_names_of_their_own(mrml_scene, ct, synthesizer):
    boxes = [roi_from_frame(mrml_scene, FRAME), roi_from_frame(mrml_scene, replace(FRAME, center=[0, 0, -9]))]
    nodes = synthesize_in_scene(ct, boxes, synthesizer)
    assert [node.GetName() for node in nodes] == ["Abdomen sMRT2 L4-L5", "Abdomen sMRT2 L4-L5_1"]
    again = synthesize_in_scene(ct, boxes, synthesizer)
    assert [node.GetName() for node in again] == ["Abdomen sMRT2 L4-L5", "Abdomen sMRT2 L4-L5_1"]


def test_running_again_on_the_same_box_replaces_the_node_and_keeps_its_id_and_window(mrml_scene, ct, synthesizer):
    roi = roi_from_frame(mrml_scene, FRAME)
    (first,) = synthesize_in_scene(ct, [roi], synthesizer)
    first.GetDisplayNode().SetWindowLevel(100, 60)
    old, nodes = voxels(first).copy(), mrml_scene.GetNumberOfNodes()
    shift = np.eye(4)
    shift[0, 3] = 6.0
    transform = put_under_linear_transform(roi, shift)
    (second,) = synthesize_in_scene(ct, [roi], synthesizer, slices=2)
    assert second is first
    assert farthest(world_corners(second), moved(FRAME, shift).corners()) < 1e-3
    assert voxels(second).shape == (2, 256, 256)
    assert not np.array_equal(voxels(second)[0], old[0])
    assert json.loads(second.GetAttribute("CT2MRSynth.Provenance"))["slices"] == 2
    assert second.GetDisplayNode().GetWindow() == 100
    mrml_scene.RemoveNode(transform)
    assert mrml_scene.GetNumberOfNodes() == nodes


def test_another_ct_gets_a_result_of_its_own(mrml_scene, ct, synthesizer):
    roi = roi_from_frame(mrml_scene, FRAME)
    other = add_ct(mrml_scene, Volume(runs.hounsfield(seed=1), runs.geometry()), "Other")
    assert synthesize_in_scene(ct, [roi], synthesizer) != synthesize_in_scene(other, [roi], synthesizer)


@pytest.mark.parametrize("before", ["nothing", "an earlier result"])
def test_a_box_outside_the_ct_leaves_the_scene_as_it_was(mrml_scene, ct, synthesizer, before):
    roi = roi_from_frame(mrml_scene, FRAME)
    far = roi_from_frame(mrml_scene, replace(FRAME, center=[900.0, 0.0, 0.0], level="L5-S1"))
    if before != "nothing":
        synthesize_in_scene(ct, [roi], synthesizer)
    was = snapshot(mrml_scene)
    with pytest.raises(InputError):
        synthesize_in_scene(ct, [roi, far], synthesizer)
    assert snapshot(mrml_scene) == was


def test_cancelling_leaves_the_scene_as_it_was(mrml_scene, ct, synthesizer):
    rois = [roi_from_frame(mrml_scene, FRAME), roi_from_frame(mrml_scene, replace(FRAME, level="L3-L4"))]
    was = snapshot(mrml_scene)
    for allowed in range(3):
        asked = []

        def cancelled(asked=asked, allowed=allowed):
            asked.append(1)
            return len(asked) > allowed

        with pytest.raises(Cancelled):
            synthesize_in_scene(ct, rois, synthesizer, cancelled=cancelled)
        assert snapshot(mrml_scene) == was


def test_a_failure_while_adding_leaves_the_scene_as_it_was(mrml_scene, ct, synthesizer, monkeypatch):
    """The third result cannot be placed: the first, an earlier one, and the second, a new one, are taken back."""
    rois = [roi_from_frame(mrml_scene, replace(FRAME, level=level)) for level in ("L2-L3", "L3-L4", "L4-L5")]
    (earlier,) = synthesize_in_scene(ct, rois[:1], synthesizer)
    rois[0].SetSize(50, 50, 4)
    was, pixels = snapshot(mrml_scene), voxels(earlier).copy()
    placed = []

    place = results.hierarchy.place_beside

    def fail_at_the_third(node, other):
        place(node, other)
        placed.append(node)
        if len(placed) == 2:
            raise RuntimeError("no place")

    monkeypatch.setattr(results.hierarchy, "place_beside", fail_at_the_third)
    with pytest.raises(RuntimeError, match="no place"):
        synthesize_in_scene(ct, rois, synthesizer)
    assert snapshot(mrml_scene) == was
    np.testing.assert_array_equal(voxels(earlier), pixels)


def test_what_is_no_ct_is_refused_before_anything_is_computed(mrml_scene, synthesizer):
    mr = add_ct(mrml_scene, Volume(np.abs(runs.hounsfield()), runs.geometry()), "T1")
    roi = roi_from_frame(mrml_scene, FRAME)
    was = snapshot(mrml_scene)
    with pytest.raises(InputError, match="T1"):
        synthesize_in_scene(mr, [roi], synthesizer)
    assert snapshot(mrml_scene) == was


def test_no_box_is_refused(ct, synthesizer):
    with pytest.raises(InputError, match="No box"):
        synthesize_in_scene(ct, [], synthesizer)


def test_progress_runs_from_0_to_1_over_all_boxes(mrml_scene, ct, synthesizer):
    rois = [roi_from_frame(mrml_scene, FRAME), roi_from_frame(mrml_scene, replace(FRAME, level="L3-L4"))]
    heard = []
    synthesize_in_scene(ct, rois, synthesizer, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)
    assert any(0.3 < fraction < 0.7 for fraction in heard)


def test_a_plane_gives_a_slab_of_the_slices_asked_for(mrml_scene, ct, synthesizer):
    plane = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsPlaneNode", "L3-L4")
    plane.SetPlaneType(plane.PlaneTypePointNormal)
    plane.SetCenter(0, 0, 5)
    plane.SetAxes([1, 0, 0], [0, 1, 0], [0, 0, 1])
    plane.SetSize(60, 60)
    (node,) = synthesize_in_scene(ct, [plane], synthesizer, slices=3, thickness=2.0)
    assert np.ptp(world_corners(node)[:, 2]) == pytest.approx(6.0, abs=1e-3)


@pytest.mark.parametrize("container", ["folder", "MRB"])
def test_saving_and_loading_the_scene_keeps_results(mrml_scene, ct, synthesizer, tmp_path, container):
    from scenes import let_read_bundles, new_scene

    put_under_linear_transform(ct, MOVED)
    frame = moved(FRAME, MOVED)
    roi = roi_from_frame(mrml_scene, frame)
    (node,) = synthesize_in_scene(ct, [roi], synthesizer, slices=2)
    pixels, description = voxels(node).copy(), node.GetDescription()
    provenance = node.GetAttribute("CT2MRSynth.Provenance")
    again = new_scene()
    if container == "folder":
        (tmp_path / "scene").mkdir()
        assert mrml_scene.SaveSceneToSlicerDataBundleDirectory(str(tmp_path / "scene"), None)
        again.SetURL(str(next((tmp_path / "scene").glob("*.mrml"))))
        assert again.Import()
    else:
        assert mrml_scene.WriteToMRB(str(tmp_path / "scene.mrb"), None)
        let_read_bundles(again, tmp_path)
        assert again.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    loaded = again.GetFirstNodeByName("Abdomen sMRT2 L4-L5")
    assert farthest(world_corners(loaded), frame.corners()) < 1e-3
    np.testing.assert_array_equal(voxels(loaded), pixels)
    assert loaded.GetAttribute("CT2MRSynth.Provenance") == provenance
    assert loaded.GetDescription() == description
    assert loaded.GetDisplayNode().GetWindow() == 255
    box = again.GetFirstNodeByName("L4-L5")
    assert farthest(frame_from_node(box).corners(), frame.corners()) < 1e-3
    assert results.find_result(again, again.GetFirstNodeByName("Abdomen"), box, "L4-L5") is loaded
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(again)
    assert tree.GetItemName(tree.GetItemParent(tree.GetItemByDataNode(loaded))) == "Lumbar spine"
