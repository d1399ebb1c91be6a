"""From a CT node and box nodes to nodes of synthetic MR."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from CT2MRSynthLib import provenance
from CT2MRSynthLib.errors import Cancelled
from CT2MRSynthLib.job import Options
from CT2MRSynthLib.scene.preparation import Preparation
from CT2MRSynthLib.scene.results import Result, add_results
from CT2MRSynthLib.synthesis import assemble

if TYPE_CHECKING:
    from CT2MRSynthLib.synthesizer import Synthesizer


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
    card = synthesizer.card
    began = time.perf_counter()
    prepared = Preparation(ct_node, box_nodes, card, options)
    for _ in prepared.steps():
        _stop_if(cancelled)
    told = None if progress is None else lambda done, total: progress(done / total)
    images = synthesizer.run(prepared.grey, told, cancelled)
    syntheses = assemble(prepared.boxes, images, card, time.perf_counter() - began)
    warnings = [*prepared.notes, *synthesizer.warnings]
    results = [
        Result(
            synthesis,
            provenance.record(synthesis, prepared.source, synthesizer, synthesizer.bundle, options, warnings),
            box_node,
        )
        for synthesis, box_node in zip(syntheses, box_nodes, strict=True)
    ]
    _stop_if(cancelled)
    return add_results(ct_node.GetScene(), ct_node, results)


def _stop_if(cancelled: Callable[[], bool] | None) -> None:
    if cancelled is not None and cancelled():
        raise Cancelled
