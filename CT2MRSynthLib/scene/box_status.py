"""Whether a box has a synthetic volume already, and whether that is still the one of this box."""

from __future__ import annotations

import json

import numpy as np

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.scene.results import PREFIX, find_result

NOT_MADE, MADE, OUT_OF_DATE = "not made", "made", "out of date"

#: Boxes are recorded to a few digits; less than this (mm, and parts of an axis) is the same box.
TOLERANCE = 0.01


def box_state(scene, ct_node, box_node, frame: DiscFrame | None) -> str:
    """State of a box: ``NOT_MADE``, ``MADE`` or ``OUT_OF_DATE`` when it was changed since.

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
    except (ValueError, KeyError, TypeError):  # written by another version
        return OUT_OF_DATE
    return MADE if same else OUT_OF_DATE
