"""Self-tests of the panel: what a user does in the Synthesize tab, done on a simulated CT.

They run in Slicer (*Reload and Test*, ctest) and outside it with the same bodies. Each is a function of a test case
(``unittest.TestCase`` with ``delayDisplay``) and a ``Desk``, and is named after what a user relies on. What needs
PyTorch or slice views is left out, said so, where there are none.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import slicer

from CT2MRSynthLib.panel.parameters import SynthesizeParameters, read_parameters
from CT2MRSynthLib.panel.synthesize_tab import SynthesizeTab

#: Seconds that a run may take before a test gives up.
PATIENCE = 180.0

LEVEL = "L4-L5"


class Desk:
    """A Synthesize tab on a scene that holds the simulated CT with its boxes and landmarks.

    Args:
        ct_node: Volume node.
        boxes: ROI nodes by level.
    """

    def __init__(self, parameter_node: Callable, nodes: list) -> None:
        self.ct = nodes[0]
        self.boxes = {node.GetName(): node for node in nodes if node.IsA("vtkMRMLMarkupsROINode")}
        self.landmarks = {node.GetName().split()[0]: node for node in nodes if node.IsA("vtkMRMLMarkupsFiducialNode")}
        self.tab = SynthesizeTab()
        self.parameters = read_parameters(SynthesizeParameters, parameter_node())
        self.parameters.ctVolume = self.ct
        self.parameters.cropBox = self.boxes[LEVEL]
        self.tab.set_parameters(self.parameters)

    def close(self) -> None:
        """Let go of the tab."""
        self.tab.cleanup()
        self.tab.widget.deleteLater()

    def run(self, every: bool = False) -> list:
        """Press Apply and wait; returns the new volumes."""
        made, failures = [], []
        self.tab.run.finished.connect(made.extend)
        self.tab.run.failed.connect(lambda boxes, sentence: failures.append(sentence))
        self.tab.start(every)
        wait_until(lambda: not self.tab.run.is_running)
        if failures:
            raise AssertionError(failures[0])
        return made


def wait_until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Let the application work until ``condition`` holds.

    Raises:
        AssertionError: It does not within ``patience`` seconds.
    """
    until = time.monotonic() + patience
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"nothing came within {patience:g} s")
        slicer.app.processEvents()
        time.sleep(0.02)


def run_all(case) -> None:
    """Run all self-tests, each on a fresh scene.

    Args:
        case: The module's test case.
    """
    for test in TESTS:
        run_one(case, test)


def run_one(case, test: Callable) -> None:
    """Run one self-test on a fresh scene.

    Args:
        case: The module's test case.
        test: One of ``TESTS``.
    """
    case.delayDisplay(test.__name__.removeprefix("test_").replace("_", " "))
    if test in NEED_TORCH and importlib.util.find_spec("torch") is None:
        case.delayDisplay("left out: PyTorch is not installed")
        return
    if test in NEED_VIEWS and slicer.app.layoutManager() is None:
        case.delayDisplay("left out: without a main window there are no slice views")
        return
    slicer.mrmlScene.Clear()
    desk = Desk(_parameter_node, _sample())
    try:
        test(case, desk)
    finally:
        desk.close()
        slicer.mrmlScene.Clear()


def test_a_box_becomes_a_volume_on_its_corners_beside_the_ct(case, desk) -> None:
    from CT2MRSynthLib.scene.results import CT_ROLE

    (node,) = desk.run()
    case.assertEqual(node.GetName(), f"{desk.ct.GetName()} sMRT2 {LEVEL}")
    case.assertEqual(node.GetNodeReferenceID(CT_ROLE), desk.ct.GetID())
    case.assertIn("SYNTHETIC", node.GetAttribute("CT2MRSynth.Label"))
    _assert_on_box(case, node, desk.boxes[LEVEL])
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    parents = {tree.GetItemParent(tree.GetItemByDataNode(one)) for one in (node, desk.ct)}
    case.assertEqual(len(parents), 1)
    case.assertGreater(slicer.util.arrayFromVolume(node).std(), 5)


def test_running_again_replaces_the_volume(case, desk) -> None:
    (first,) = desk.run()
    desk.parameters.sliceCount = 3
    (second,) = desk.run()
    case.assertIs(first, second)
    case.assertEqual(slicer.util.arrayFromVolume(second).shape[0], 3)


def test_all_boxes_at_once(case, desk) -> None:
    nodes = desk.run(every=True)
    case.assertEqual(len(nodes), len(desk.boxes))
    for node in nodes:
        _assert_on_box(case, node, desk.boxes[node.GetAttribute("CT2MRSynth.Level")])


def test_the_plane_of_the_red_view_becomes_a_box(case, desk) -> None:
    from dataclasses import replace

    import numpy as np

    from CT2MRSynthLib.scene.boxes import frame_from_node
    from CT2MRSynthLib.scene.planes import show_frame

    red = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")
    wanted = frame_from_node(desk.boxes["L2-L3"])
    show_frame(red, replace(wanted, center=wanted.center + 40 * wanted.axes[1]))  # the view looks beside the spine
    slicer.mrmlScene.RemoveNode(desk.boxes["L2-L3"])
    desk.parameters.level = "L2-L3"
    desk.tab.place.use_this_slice()
    frame = frame_from_node(desk.tab.place.selected_box)
    case.assertEqual(frame.level, "L2-L3")
    case.assertLess(np.abs(frame.axes - wanted.axes).max(), 1e-3)
    case.assertLess(abs((frame.center - wanted.center) @ wanted.axes[2]), 0.1)
    case.assertLess(np.linalg.norm(frame.center - wanted.center), 8, "it lies around the spinal canal")


def test_landmarks_become_the_box_of_the_crop_rule(case, desk) -> None:
    import numpy as np

    from CT2MRSynthLib.crop import Landmarks, crop_box
    from CT2MRSynthLib.scene.boxes import frame_from_node
    from CT2MRSynthLib.scene.landmarks import points_of

    places = dict(points_of(desk.landmarks[LEVEL]))
    places = {label: places[label] for label in ("disc front", "disc back", "ventral", "sac")}
    slicer.mrmlScene.RemoveNode(desk.boxes[LEVEL])
    desk.parameters.level = LEVEL
    desk.tab.place.place_points()
    for point in places.values():
        desk.tab.place.walk.place(point)
    case.assertFalse(desk.tab.place.walk.is_active)
    frame = frame_from_node(desk.tab.place.selected_box)
    wanted = crop_box(Landmarks.from_points(list(places.items())), LEVEL)
    case.assertLess(np.abs(frame.corners() - wanted.with_depth(frame.extent[2]).corners()).max(), 1e-3)


def test_a_ct_under_a_transform_stays_under_its_volume(case, desk) -> None:
    import vtk

    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Moved")
    moved = vtk.vtkTransform()
    moved.Translate(40, -25, 10)
    moved.RotateX(8)
    transform.SetMatrixTransformToParent(moved.GetMatrix())
    desk.ct.SetAndObserveTransformNodeID(transform.GetID())
    box = desk.boxes[LEVEL]
    box.SetAndObserveTransformNodeID(transform.GetID())
    (node,) = desk.run()
    case.assertEqual(node.GetTransformNodeID(), transform.GetID())
    _assert_on_box(case, node, box)


def test_a_saved_scene_opens_with_boxes_result_and_settings(case, desk) -> None:
    (node,) = desk.run()
    provenance = node.GetAttribute("CT2MRSynth.Provenance")
    desk.parameters.blendOpacity = 0.25
    names = [desk.ct.GetName(), node.GetName()]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "scene.mrb")
        desk.tab.set_parameters(None)
        case.assertTrue(slicer.util.saveScene(path))
        slicer.mrmlScene.Clear()
        slicer.util.loadScene(path)
    case.assertEqual([slicer.util.getNode(name).GetName() for name in names], names)
    case.assertEqual(slicer.util.getNode(names[1]).GetAttribute("CT2MRSynth.Provenance"), provenance)
    desk.tab.set_parameters(read_parameters(SynthesizeParameters, _parameter_node()))
    case.assertEqual(desk.tab.ui.ctSelector.currentNode().GetName(), names[0])
    case.assertEqual(desk.tab.place.selected_box.GetName(), LEVEL)
    case.assertEqual(len(desk.tab.place.boxes), len(desk.boxes))
    case.assertEqual(read_parameters(SynthesizeParameters, _parameter_node()).blendOpacity, 0.25)
    _assert_on_box(case, slicer.util.getNode(names[1]), desk.tab.place.selected_box)


def test_cancel_leaves_no_process_and_no_volume(case, desk) -> None:
    before = _nodes()
    run = desk.tab.run
    desk.parameters.sliceCount = 40
    desk.tab.start()
    wait_until(lambda: run.child_pid is not None or not run.is_running)
    pid = run.child_pid
    case.assertIsNotNone(pid)
    folder = run.work_folder
    run.cancel()
    wait_until(lambda: not run.is_running)
    case.assertFalse(_is_alive(pid))
    case.assertFalse(Path(folder).exists())
    case.assertEqual(_nodes(), before)


def test_a_volume_that_is_no_ct_is_refused_when_it_is_chosen(case, desk) -> None:
    import numpy as np

    mr = slicer.util.addVolumeFromArray(
        np.random.default_rng(0).integers(0, 900, (20, 60, 60)).astype(np.int16), name="MR"
    )
    desk.tab.ui.ctSelector.setCurrentNode(mr)
    case.assertIn("no CT", desk.tab.ui.ctMessageLabel.text)
    case.assertFalse(desk.tab.run.ui.applyButton.enabled)
    case.assertTrue(desk.tab.run.ui.applyButton.toolTip)
    desk.tab.ui.ctSelector.setCurrentNode(desk.ct)
    case.assertTrue(desk.tab.run.ui.applyButton.enabled)


def test_a_disabled_apply_says_what_is_missing(case, desk) -> None:
    desk.tab.ui.ctSelector.setCurrentNode(None)
    case.assertFalse(desk.tab.run.ui.applyButton.enabled)
    case.assertIn("Choose the CT", desk.tab.run.ui.applyButton.toolTip)


def test_without_pytorch_it_is_offered_once_and_all_else_stays_usable(case, desk) -> None:
    asked = []
    offer = desk.tab.run.torch_offer
    found, ask = offer.is_installed, offer.ask
    offer.is_installed = lambda: False
    offer.ask = lambda *words: asked.append(words) is not None
    try:
        desk.tab.start()
    finally:
        offer.is_installed, offer.ask = found, ask
    case.assertEqual(len(asked), 1)
    case.assertFalse(desk.tab.run.is_running)
    case.assertTrue(desk.tab.run.ui.applyButton.enabled)


TESTS = tuple(value for name, value in list(globals().items()) if name.startswith("test_"))

NEED_TORCH = (
    test_a_box_becomes_a_volume_on_its_corners_beside_the_ct,
    test_running_again_replaces_the_volume,
    test_all_boxes_at_once,
    test_a_ct_under_a_transform_stays_under_its_volume,
    test_a_saved_scene_opens_with_boxes_result_and_settings,
    test_cancel_leaves_no_process_and_no_volume,
)

NEED_VIEWS = (test_the_plane_of_the_red_view_becomes_a_box,)


def _parameter_node():
    """The module's parameter node."""
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

    logic = ScriptedLoadableModuleLogic()
    logic.moduleName = "CT2MRSynth"
    return logic.getParameterNode()


def _sample() -> list:
    """Nodes of a coarse simulated CT, its boxes and landmarks; made once for a version of the software."""
    from dataclasses import replace

    from CT2MRSynthLib.scene import sample_data

    coarse = replace(
        sample_data.PHANTOM,
        folder="selftest",
        words=(*sample_data.PHANTOM.words, "--matrix", "96", "--spacing", "3.8", "--thickness", "5"),
    )
    folder = sample_data.folder_of(coarse, slicer.app.temporaryPath)
    if not sample_data.is_made(coarse, folder):
        sample_data.make(coarse, folder, lambda percent, words: True)
    return sample_data.load(slicer.mrmlScene, coarse, folder)


def _assert_on_box(case, node, box) -> None:
    """The volume's outer corners are the corners of the box, in the world, within a hundredth of a millimeter."""
    import numpy as np

    from CT2MRSynthLib.scene.boxes import frame_from_node
    from CT2MRSynthLib.scene.volumes import ijk_to_world, voxels

    shape = voxels(node).shape
    ends = np.stack(np.meshgrid(*[(-0.5, size - 0.5) for size in reversed(shape)], indexing="ij"), -1).reshape(-1, 3)
    matrix = ijk_to_world(node)
    corners = ends @ matrix[:3, :3].T + matrix[:3, 3]
    wanted = frame_from_node(box).corners()
    apart = np.linalg.norm(corners[:, None] - wanted[None], axis=2).min(axis=1).max()
    case.assertLess(apart, 0.01)


def _nodes() -> list[str]:
    """IDs of all volumes, displays and markups of the scene."""
    kinds = ("vtkMRMLVolumeNode", "vtkMRMLDisplayNode", "vtkMRMLMarkupsNode")
    return sorted(node.GetID() for kind in kinds for node in slicer.util.getNodesByClass(kind))


def _is_alive(pid: int) -> bool:
    """Whether a process is there."""
    if os.name == "nt":
        import subprocess

        listed = subprocess.run(["tasklist", "/FI", f"PID eq {pid}"], capture_output=True, text=True)
        return str(pid) in listed.stdout
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
