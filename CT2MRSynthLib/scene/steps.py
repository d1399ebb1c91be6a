"""The steps of a batch run done on nodes of a scene: the CT, the box and the result are nodes before they are files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from CT2MRSynthLib.frame import DiscFrame, Grid
from CT2MRSynthLib.job import Options
from CT2MRSynthLib.scene.boxes import frame_from_node, roi_from_frame
from CT2MRSynthLib.scene.results import add_result
from CT2MRSynthLib.scene.volumes import ijk_to_world, node_from_volume, remove_node, volume_from_node, voxels
from CT2MRSynthLib.steps import Steps
from CT2MRSynthLib.volume import Volume


class SceneSteps(Steps):
    """Steps of ``batch.run_job`` in a scene.

    Files are read by the library, which checks more than an image reader does (gaps, tilted gantry, missing rescale),
    and become nodes at once; all that follows is asked of the nodes. ``release`` removes them.

    Args:
        scene: Where the nodes live meanwhile.
    """

    def __init__(self, scene) -> None:
        self._scene = scene
        self._ct = None
        self._box = None
        self._nodes: list = []

    def read_ct(self, path: Path, series: str | None, progress: Callable[[float], None]) -> Volume:
        """The CT as the scene holds it."""
        read = super().read_ct(path, series, progress)
        self._ct = self._keep(node_from_volume(self._scene, read))
        return replace(volume_from_node(self._ct), modality=read.modality, notes=read.notes)

    def synthesize(self, volume: Volume, frame: DiscFrame, synthesizer, options: Options, progress, cancelled):
        """The synthesis of the box that a ROI node shows."""
        self._box = self._keep(roi_from_frame(self._scene, frame))
        return super().synthesize(volume, frame_from_node(self._box), synthesizer, options, progress, cancelled)

    def write_volume(self, path: Path, synthesis, record: dict) -> None:
        """The result node as a file, at its place in the world."""
        node = self._keep(add_result(self._scene, self._ct, synthesis, record, self._box))
        array = voxels(node)
        grid = Grid(ijk_to_world(node), tuple(reversed(array.shape)))
        super().write_volume(path, replace(synthesis, mr=array, grid=grid), record)

    def release(self, volume: Volume) -> None:
        """Remove all nodes of the CT."""
        while self._nodes:
            remove_node(self._nodes.pop())
        self._ct = self._box = None

    def _keep(self, node):
        self._nodes.append(node)
        return node
