"""How a synthetic volume was made: a record that can be kept beside it, without anything that names a patient.

No DICOM attribute but the modality, no path and no user name enters a record; the CT is known by the name of its file
or folder and its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from CT2MRSynthLib import __version__

if TYPE_CHECKING:
    from CT2MRSynthLib.bundle import Bundle
    from CT2MRSynthLib.frame import DiscFrame
    from CT2MRSynthLib.job import Options
    from CT2MRSynthLib.synthesis import Synthesis
    from CT2MRSynthLib.synthesizer import Synthesizer
    from CT2MRSynthLib.volume import Volume

#: Version of the record.
RECORD_SCHEMA = 1

LABEL = "SYNTHETIC - not for diagnosis"
USE = "Research use only. Not for diagnosis and not a replacement for MR."
SOFTWARE = "CT2MRSynth"


@dataclass(frozen=True)
class Source:
    """The CT a synthesis was made from.

    Args:
        name: Of its file, folder or node; never a patient's.
        sha256: Of its content, from ``imageio.hash_input``; empty where there is no file.
        size: Voxels along i, j, k.
        spacing: Between them, mm.
        modality: DICOM modality if known.
        notes: What was noticed when it was read.
        hash_of: "files", or "voxels" where the CT is a node of a scene.
    """

    name: str
    sha256: str
    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    modality: str = ""
    notes: tuple[str, ...] = ()
    hash_of: str = "files"


def record(
    synthesis: Synthesis,
    source: Source,
    synthesizer: Synthesizer,
    bundle: Bundle,
    options: Options,
    warnings: Sequence[str] = (),
) -> dict:
    """Say how ``synthesis`` was made, ready for JSON.

    Args:
        synthesis: The result.
        source: The CT.
        synthesizer: What made it; only its ``computed_on`` is asked for.
        bundle: The model.
        options: What was asked for.
        warnings: About CT and device, besides those of the synthesis itself.
    """
    return {
        "schema": RECORD_SCHEMA,
        "label": LABEL,
        "use": USE,
        "created_utc": utc_now(),
        "software": {"name": SOFTWARE, "version": __version__},
        "model": model(bundle),
        "input": {
            "name": source.name,
            "sha256": source.sha256,
            "sha256_of": source.hash_of,
            "size": [int(n) for n in source.size],
            "spacing_mm": rounded(source.spacing),
            "modality": source.modality or None,
            "notes": list(source.notes),
        },
        "box": box(synthesis.frame),
        "grid": {"size": [int(n) for n in synthesis.grid.size], "ijk_to_ras": rounded(synthesis.grid.ijk_to_ras, 9)},
        "slices": options.slices,
        "thickness_mm": options.thickness,
        "ct_window_hu": rounded(bundle.card.ct_window),
        "outside_fraction": round(float(synthesis.outside_fraction), 6),
        "warnings": list(dict.fromkeys([*warnings, *synthesis.warnings])),
        "computed_on": dict(synthesizer.computed_on),
        "seconds": round(float(synthesis.seconds), 3),
    }


def voxels_sha256(volume: Volume) -> str:
    """SHA-256, in hex, of a volume's voxels, their type and where they lie."""
    steps = voxels_sha256_steps(volume)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def voxels_sha256_steps(volume: Volume) -> Generator[float, None, str]:
    """``voxels_sha256`` plane by plane; yields the share done, 0 to 1, and returns the hash."""
    digest = hashlib.sha256(f"{volume.array.dtype.str} {volume.array.shape} {rounded(volume.ijk_to_ras)}".encode())
    for number, plane in enumerate(volume.array):
        digest.update(np.ascontiguousarray(plane))
        yield (number + 1) / len(volume.array)
    return digest.hexdigest()


def model(bundle: Bundle) -> dict:
    """What a user must know of the model that was used."""
    card = bundle.card
    return {
        "name": card.name,
        "version": card.version,
        "sequence": card.sequence,
        "sha256": bundle.sha256,
        "preliminary": card.preliminary,
        "training_data": card.training_data,
        "intended_use": card.intended_use,
        "limits": list(card.limits),
    }


def box(frame: DiscFrame) -> dict:
    """A box in world RAS mm; rows of ``axes`` are its right, anterior and superior unit vectors."""
    return {
        "level": frame.level,
        "center_ras_mm": rounded(frame.center),
        "axes_ras": rounded(frame.axes, 9),
        "extent_mm": rounded(frame.extent),
    }


def environment() -> dict:
    """Versions of what computes, and the number of its threads."""
    torch = sys.modules.get("torch")
    return {
        "threads": torch.get_num_threads() if torch else None,
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        **{name: _version(name) for name in ("torch", "numpy", "scipy", "SimpleITK")},
    }


def utc_now() -> str:
    """The time as ISO 8601, UTC, whole seconds."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def rounded(numbers, digits: int = 6) -> list:
    """Nested lists of floats without the noise of the last bits and minus zero, so that equal boxes are equal text."""
    return (np.round(np.asarray(numbers, dtype=float), digits) + 0.0).tolist()


def text_sha256(text: str | None) -> str | None:
    """SHA-256 in hex, for what shall be compared but not read, such as a DICOM series identifier; None stays None."""
    return None if text is None else hashlib.sha256(str(text).encode()).hexdigest()


def canonical(content) -> str:
    """JSON with one way to write the same content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def to_json(content) -> str:
    """JSON for people: indented, but a row of numbers stays on one line."""
    text = json.dumps(content, indent=2, allow_nan=False)
    return re.sub(r"\[\n[-+.,\w\s]*\]", lambda row: "[" + " ".join(row.group()[1:-1].split()) + "]", text) + "\n"


def _version(name: str) -> str | None:
    version = getattr(sys.modules.get(name), "__version__", None)
    if version:
        return str(version)
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
