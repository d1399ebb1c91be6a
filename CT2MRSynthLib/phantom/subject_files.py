"""A simulated subject as files that Slicer opens: all of them, or none."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from CT2MRSynthLib import __version__, provenance
from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.errors import OutputError
from CT2MRSynthLib.imageio import hash_input, write_volume
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.markups import write_box, write_points
from CT2MRSynthLib.phantom.segmentation import write_labels
from CT2MRSynthLib.phantom.subject import PhantomSubject
from CT2MRSynthLib.transformfile import write_transform

#: Version of the JSON file.
SCHEMA = 1
KIND = "CT2MRSynth simulated subject"
LABEL = f"SIMULATED, {provenance.LABEL}"
FILE_WORDS = "files"

Writer = Callable[[Path], object]


def write_subject(
    subject: PhantomSubject,
    out: str | Path,
    labels: bool = True,
    progress: Callable[[str, float], None] | None = None,
) -> list[Path]:
    """Write a subject into a folder.

    ========================================  ==========================================================================
    file                                      content
    ========================================  ==========================================================================
    ``<name>_CT.nrrd``                        CT in HU, int16
    ``<name>_labels.seg.nrrd``                the tissue at each voxel of the CT, as a segmentation
    ``<name>_<level>.mrk.json``               crop box, a ROI markup
    ``<name>_landmarks.mrk.json``             a point list for each level
    ``<name>_<level>_T2.nrrd``                T2 stack, in the MR's world
    ``<name>_<level>_CT_to_MR.tfm``           transform that, above the CT, moves it onto the stack
    ``<name>.json``                           severities, settings, transforms, boxes, landmarks, hashes of the files
    ========================================  ==========================================================================

    Args:
        subject: What to write; without stacks their files are left out.
        out: Folder.
        labels: Write the label volume.
        progress: Called with ``FILE_WORDS`` and the fraction done.

    Returns:
        The files, ``<name>.json`` last. An interrupted run leaves the files of an earlier one as they were.

    Raises:
        OutputError: A file cannot be written.
    """
    out = Path(out)
    staging = out / f".{subject.name}.part"
    writers = _writers(subject, labels)
    try:
        shutil.rmtree(staging, ignore_errors=True)  # of a run that was killed
        staging.mkdir(parents=True)
        for n, (file, write) in enumerate(writers.items()):
            if progress:
                progress(FILE_WORDS, n / len(writers))
            write(staging / file)
        hashes = {file: hash_input(staging / file) for file in writers}
        _place(out, staging, f"{subject.name}.json", _record(subject, hashes))
    except OutputError as error:  # in words about the folder that was asked for
        raise OutputError(str(error).replace(str(staging), str(out))) from None
    except OSError as error:
        raise OutputError(
            f"The subject cannot be written to {out} ({error.strerror or error}); make room or choose another folder."
        ) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    if progress:
        progress(FILE_WORDS, 1.0)
    return [out / file for file in [*writers, f"{subject.name}.json"]]


def _writers(subject: PhantomSubject, labels: bool) -> dict[str, Writer]:
    """What writes each file, the largest first: on a full disk it fails early."""
    name, ct, metadata = subject.name, subject.ct, {"CT2MRSynth label": LABEL}
    writers: dict[str, Writer] = {f"{name}_CT.nrrd": lambda path: write_volume(path, ct.array, ct.ijk_to_ras, metadata)}
    if labels:
        writers[f"{name}_labels.seg.nrrd"] = lambda path: write_labels(path, subject.labels, ct.ijk_to_ras, metadata)
    for level, stack in subject.stacks.items():
        volume = stack.volume
        writers[f"{name}_{level}_T2.nrrd"] = lambda path, v=volume: write_volume(path, v.array, v.ijk_to_ras, metadata)
        writers[f"{name}_{level}_CT_to_MR.tfm"] = lambda path, m=stack.ct_to_mr: write_transform(path, m)
    for level, frame in subject.frames.items():
        writers[f"{name}_{level}.mrk.json"] = lambda path, f=frame: write_box(path, f)
    points = {level: marks.points() for level, marks in subject.landmarks.items()}
    writers[f"{name}_landmarks.mrk.json"] = lambda path: write_points(path, points)
    return writers


def _place(out: Path, staging: Path, record_name: str, record: dict) -> None:
    """Give the files their names; the record goes first and comes last, so that where it is, all is whole."""
    record_path = out / record_name
    earlier = _listed(record_path)
    record_path.unlink(missing_ok=True)
    for file in earlier - set(record["files"]):  # of other options: they would not belong to this CT
        (out / file).unlink(missing_ok=True)
    for file in record["files"]:
        os.replace(staging / file, out / file)
    write_text(record_path, provenance.to_json(record))


def _listed(record_path: Path) -> set[str]:
    """The files that an earlier record names."""
    try:
        found = json.loads(record_path.read_text(encoding="utf-8"))["files"]
        return {file for file in found if file == Path(file).name and file.startswith(record_path.stem)}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _record(subject: PhantomSubject, hashes: dict[str, str]) -> dict:
    record = {
        "schema": SCHEMA,
        "kind": KIND,
        "label": LABEL,
        "software": {"name": provenance.SOFTWARE, "version": __version__},
        "name": subject.name,
        "seed": subject.seed,
        "severities": subject.severities,
        "severities_set": subject.set_severities,
        "settings": subject.settings,
        "anatomy_to_ct_ras": subject.body.pose.record()["anatomy_to_ct"],
        "levels": {level: _level(subject, level) for level in LEVELS},
        "files": hashes,
    }
    return json.loads(json.dumps(record, default=_plain))


def _level(subject: PhantomSubject, level: str) -> dict:
    marks = subject.landmarks[level]
    result = {
        "box": provenance.box(subject.frames[level]),
        "landmarks_ras_mm": {label: provenance.rounded(place, 4) for label, place in marks.points()},
    }
    if level in subject.stacks:
        result["ct_to_mr_ras"] = provenance.rounded(subject.ct_to_mr[level], 9)
        result["mr_box"] = provenance.box(subject.stacks[level].frame)
    return result


def _plain(value):
    """NumPy's numbers and arrays for JSON."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)
