"""The record of a synthetic volume as rows for people."""

from __future__ import annotations

from collections.abc import Mapping

#: Sections in the order in which they are read: title, and the entries of the record in them.
SECTIONS = (
    ("Synthetic image", ("label", "use", "created_utc", "slices", "thickness_mm", "outside_fraction", "seconds")),
    ("Warnings", ("warnings",)),
    ("Generator", ("model",)),
    ("CT", ("input", "ct_window_hu")),
    ("Box", ("box",)),
    ("Voxels", ("grid",)),
    ("Computed on", ("computed_on", "software")),
)

WORDS = {
    "label": "What it is",
    "use": "Use",
    "created_utc": "Made (UTC)",
    "slices": "Slices",
    "thickness_mm": "Slice thickness, mm",
    "outside_fraction": "Share outside the CT",
    "seconds": "Seconds taken",
    "warnings": "Warning",
    "name": "Name",
    "version": "Version",
    "sequence": "Sequence",
    "sha256": "SHA-256",
    "sha256_of": "SHA-256 is of",
    "preliminary": "Preliminary",
    "training_data": "Trained on",
    "intended_use": "Intended use",
    "limits": "Limits",
    "size": "Size in voxels",
    "spacing_mm": "Voxel spacing, mm",
    "modality": "Modality",
    "notes": "Notes",
    "ct_window_hu": "CT window, HU",
    "level": "Level",
    "center_ras_mm": "Center (RAS), mm",
    "axes_ras": "Axes R, A, S (RAS)",
    "extent_mm": "Edges R, A, S, mm",
    "ijk_to_ras": "Voxel index to RAS, mm",
    "device": "Device",
    "precision": "Precision",
    "threads": "Threads",
    "python": "Python",
}


def sections(record: Mapping) -> list[tuple[str, list[tuple[str, str]]]]:
    """All of a record, in sections.

    Args:
        record: From ``CT2MRSynthLib.provenance.record``, of this or another version: entries that have no place here
            come last, under their own names.

    Returns:
        Title and rows of each section that has any; a row is what it is called and its value as text.
    """
    left = dict(record)
    found = []
    for title, keys in SECTIONS:
        rows = [row for key in keys if key in left for row in _rows(key, left.pop(key))]
        if rows:
            found.append((title, rows))
    left.pop("schema", None)
    others = [row for key, value in left.items() for row in _rows(key, value)]
    return [*found, ("Other entries", others)] if others else found


def _rows(key: str, value) -> list[tuple[str, str]]:
    """The rows of one entry: of an object one for each of its entries, of a list of sentences one for each of them."""
    if isinstance(value, Mapping):
        return [row for name, part in value.items() for row in _rows(str(name), part)]
    name = WORDS.get(key, key)
    if isinstance(value, (list, tuple)) and value and all(isinstance(part, str) for part in value):
        return [(name, part) for part in value]
    return [(name, _text(value))]


def _text(value) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return (";  " if any(isinstance(part, (list, tuple)) for part in value) else ", ").join(map(_text, value))
    return str(value)
