"""Results in a scene without a generator: the synthetic voxels are the CT's grey levels turned around."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from CT2MRSynthLib import provenance
from CT2MRSynthLib.bundle import default_bundle_path
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.greylevels import CTWindow, to_grey_levels
from CT2MRSynthLib.job import Options
from CT2MRSynthLib.modelcard import read_card
from CT2MRSynthLib.resample import resample
from CT2MRSynthLib.scene.results import add_result
from CT2MRSynthLib.scene.volumes import volume_from_node
from CT2MRSynthLib.synthesis import Synthesis

COMPUTED_ON = {"device": "CPU, float32, 1 thread", "precision": "float32", "threads": 1, "python": "3.12.0"}


def make_result(scene, ct_node, frame: DiscFrame, slices=1, preliminary=False, warnings=(), outside=0.0, box_node=None):
    """Add a result node as a run does, in every respect but the image."""
    volume = volume_from_node(ct_node)
    card = replace(read_card(default_bundle_path()), preliminary=preliminary)
    grid = frame.grid(slices, 64)
    sampled = resample(volume, grid, 4.0)
    grey = to_grey_levels(sampled.array, CTWindow(*card.ct_window))
    synthesis = Synthesis(frame, grid, sampled.array, grey, 255 - grey, outside, list(warnings), 0.5)
    source = provenance.Source(volume.name, "0" * 64, volume.size, tuple(volume.spacing), hash_of="voxels")
    record = provenance.record(
        synthesis,
        source,
        SimpleNamespace(computed_on=COMPUTED_ON),
        SimpleNamespace(card=card, sha256="1" * 64),
        Options(slices=slices),
    )
    return add_result(scene, ct_node, synthesis, record, box_node)
