"""From a CT node and box nodes to nodes of synthetic MR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from CT2MRSynthLib import provenance
from CT2MRSynthLib.ctcheck import check_is_ct
from CT2MRSynthLib.errors import Cancelled, InputError
from CT2MRSynthLib.job import Options
from CT2MRSynthLib.scene.boxes import frame_from_node
from CT2MRSynthLib.scene.results import Result, add_results
from CT2MRSynthLib.scene.volumes import volume_from_node

if TYPE_CHECKING:
    from CT2MRSynthLib.synthesis import Synthesis
    from CT2MRSynthLib.synthesizer import Synthesizer
    from CT2MRSynthLib.volume import Volume


def synthesize_in_scene(
    ct_node,
    box_nodes: Sequence,
    synthesizer: Synthesizer,
    slices: int = 1,
    thickness: float = 4.0,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list:
    """Make the synthetic T2 volumes of some boxes; all of them come into the scene, or none.

    Args:
        ct_node: ``vtkMRMLScalarVolumeNode`` in a scene, under whatever transforms.
        box_nodes: ROI or plane nodes; a plane gets the depth of the slab.
        synthesizer: Loaded once, used for all.
        slices: Parallel slices through each box.
        thickness: Slice thickness in mm.
        progress: Hears the fraction done, 0 to 1.
        cancelled: Asked now and then; True ends the work.

    Returns:
        One ``vtkMRMLScalarVolumeNode`` for each box; see ``results.add_results``.

    Raises:
        InputError: The CT is none, or a box is unusable or outside it; the scene is as it was.
        Cancelled: ``cancelled`` said so; the scene is as it was.
    """
    options = Options(slices=slices, thickness=thickness)
    if not box_nodes:
        raise InputError("No box is chosen: add a ROI in the Markups module and name it after the disc, such as L4-L5.")
    volume = volume_from_node(ct_node)
    boxes = [frame_from_node(node, plane_depth=slices * thickness) for node in box_nodes]
    notes = check_is_ct(volume)
    source = provenance.Source(
        volume.name,
        provenance.voxels_sha256(volume),
        volume.size,
        tuple(volume.spacing),
        volume.modality,
        volume.notes,
        hash_of="voxels",
    )
    syntheses = _synthesize(volume, boxes, synthesizer, options, progress, cancelled)
    warnings = [*notes, *synthesizer.warnings]
    results = [
        Result(
            synthesis,
            provenance.record(synthesis, source, synthesizer, synthesizer.bundle, options, warnings),
            box_node,
        )
        for synthesis, box_node in zip(syntheses, box_nodes, strict=True)
    ]
    if cancelled is not None and cancelled():
        raise Cancelled
    return add_results(ct_node.GetScene(), ct_node, results)


def _synthesize(volume: Volume, boxes, synthesizer, options: Options, progress, cancelled) -> list[Synthesis]:
    from CT2MRSynthLib.synthesis import synthesize_boxes  # imports torch

    return synthesize_boxes(
        volume,
        boxes,
        synthesizer,
        slices=options.slices,
        thickness=options.thickness,
        progress=None if progress is None else lambda done, total: progress(done / total),
        cancelled=cancelled,
    )
