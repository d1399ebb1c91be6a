"""The synthetic volumes of a scene, and the slice views that show one; found by attribute, also after a reload."""

from __future__ import annotations

import json
from collections.abc import Sequence

from CT2MRSynthLib.scene.names import LABEL_ATTRIBUTE, PROVENANCE_ATTRIBUTE
from CT2MRSynthLib.trust import in_brief, light

#: A label longer than this, from whatever scene, would cover the picture.
LONGEST_LABEL = 80


def results_in(scene) -> list:
    """All results of the scene: volume nodes with a record of how they were made, in the order of the scene."""
    nodes = _nodes(scene, "vtkMRMLScalarVolumeNode")
    return [node for node in nodes if node.GetAttribute(PROVENANCE_ATTRIBUTE)]


def is_synthetic(node) -> bool:
    """Whether the voxels of a node were made, not measured."""
    return node is not None and bool(node.GetAttribute(LABEL_ATTRIBUTE))


def provenance_of(node) -> dict | None:
    """The record of how a result was made; None where there is none or it cannot be read."""
    try:
        record = json.loads(node.GetAttribute(PROVENANCE_ATTRIBUTE) or "")
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def shown_in(composite) -> list:
    """The synthetic volumes that a slice view shows, from the background to the front.

    Args:
        composite: ``vtkMRMLSliceCompositeNode`` of the view. A layer counts when it is not fully transparent.
    """
    scene = composite.GetScene()
    if scene is None:
        return []
    ids = [composite.GetBackgroundVolumeID()]
    beyond = composite.LayerLabel + 1
    others = (composite.LayerForeground, *range(beyond, beyond + composite.GetNumberOfAdditionalLayers()))
    ids += [composite.GetNthLayerVolumeID(layer) for layer in others if composite.GetNthLayerOpacity(layer) > 0]
    nodes = [scene.GetNodeByID(one) for one in dict.fromkeys(ids) if one]
    return [node for node in nodes if is_synthetic(node)]


def annotation(nodes: Sequence) -> str:
    """The words for the corner of a view that shows synthetic volumes; empty where it shows none.

    Args:
        nodes: From ``shown_in``.
    """
    labels = dict.fromkeys(node.GetAttribute(LABEL_ATTRIBUTE)[:LONGEST_LABEL] for node in nodes)
    lines = list(labels)
    for node in nodes:
        if node.GetAttribute(PROVENANCE_ATTRIBUTE):
            color, reasons = light(provenance_of(node))
            first, *rest = in_brief(reasons, width=42) or [""]
            lines += [f"{color.upper()}: {first}", *rest] if first else []
    return "\n".join(dict.fromkeys(lines))


def _nodes(scene, kind: str) -> list:
    return [scene.GetNthNodeByClass(index, kind) for index in range(scene.GetNumberOfNodesByClass(kind))]
