"""Whether a box has a synthetic volume already, and whether that is still the one of this box."""

from __future__ import annotations

import json

import numpy as np

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.scene.matrices import is_linear
from CT2MRSynthLib.scene.results import CT_PLACE, PREFIX, find_result
from CT2MRSynthLib.scene.volumes import ijk_to_world

NOT_MADE, MADE, OUT_OF_DATE = "not made", "made", "out of date"

#: Boxes are recorded to a few digits; less than this (mm, and parts of an axis) is the same box.
TOLERANCE = 0.01


def box_state(scene, ct_node, box_node, frame: DiscFrame | None) -> str:
    """State of a box: ``NOT_MADE``, ``MADE`` or ``OUT_OF_DATE`` when it, or the place of the CT, was changed since.

    Args:
        scene: The MRML scene.
        ct_node: The CT; None where there is none.
        box_node: ROI node.
        frame: The box it shows now; None where it is unusable.
    """
    if ct_node is None or frame is None:
        return NOT_MADE
    result = find_result(scene, ct_node, box_node, frame.level)
    if result is None:
        return NOT_MADE
    try:
        recorded = json.loads(result.GetAttribute(PREFIX + "Box") or "")
        pairs = (("center_ras_mm", frame.center), ("axes_ras", frame.axes), ("extent_mm", frame.extent))
        same = all(np.allclose(recorded[name], value, rtol=0, atol=TOLERANCE) for name, value in pairs)
        same = same and recorded["level"] == frame.level and _lies_as_then(result, ct_node)
    except (ValueError, KeyError, TypeError):  # written by another version
        return OUT_OF_DATE
    return MADE if same else OUT_OF_DATE


def _lies_as_then(result, ct_node) -> bool:
    """Whether the CT still lies where it was when a result was made from it: the box does not go along with it."""
    recorded = result.GetAttribute(PREFIX + CT_PLACE)
    if not recorded or not is_linear(ct_node):
        return True
    return bool(np.allclose(json.loads(recorded), ijk_to_world(ct_node).ravel(), rtol=0, atol=TOLERANCE))
