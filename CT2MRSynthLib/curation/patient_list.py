"""Patients listed in a JSON file, for whom no folder has the right shape.

``{"patients": [{"code": "P07", "ct": "scans/7/ct.nii.gz", "mr": ["scans/7/mr.nii.gz"], "markups": ["7.mrk.json"],
"days_apart": 2}]}``, or the list alone. A scan is a path, or ``{"path": ..., "series": ...}`` for one of several DICOM
series in a folder. ``mr`` and ``markups`` may be one path. Paths are relative to the folder of the file.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from CT2MRSynthLib.curation.patients import ImageSource, Patient
from CT2MRSynthLib.errors import InputError

KEYS = ("code", "ct", "mr", "markups", "days_apart")


def read_patient_list(path: Path) -> list[Patient]:
    """The patients of a JSON file.

    Args:
        path: The file.

    Raises:
        InputError: It is no such list; which patient is wrong and why.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON"
        raise InputError(
            f"The manifest of patients '{path}' cannot be read: {reason}; give a folder, or JSON."
        ) from None
    patients = content.get("patients") if isinstance(content, dict) else content
    if not isinstance(patients, list):
        raise InputError(f"The manifest '{path}' has no list 'patients'; give one object per patient in it.")
    return [_patient(path, number, item) for number, item in enumerate(patients, 1)]


def _patient(path: Path, number: int, item) -> Patient:
    def wrong(reason: str) -> InputError:
        return InputError(f"Patient {number} of '{path.name}' {reason}.")

    if not isinstance(item, dict):
        raise wrong(f"is {item!r}; give an object with {', '.join(KEYS)}")
    unknown = sorted(set(item) - set(KEYS))
    if unknown:
        raise wrong(f"has the unknown key {unknown[0]!r}; known are {', '.join(KEYS)}")
    code = item.get("code")
    if not isinstance(code, (str, int)) or isinstance(code, bool) or not str(code).strip():
        raise wrong(f"has the code {code!r}; give a study code, never a name")
    days = item.get("days_apart")
    if days is not None and (isinstance(days, bool) or not isinstance(days, (int, float)) or not math.isfinite(days)):
        raise wrong(f"({code}) has days_apart = {days!r}; give a number of days")
    cts, mrs = (_sources(path, item.get(key)) for key in ("ct", "mr"))
    if cts is None or len(cts) > 1:
        raise wrong(f"({code}) has ct = {item.get('ct')!r}; give one path")
    markups = _sources(path, item.get("markups"))
    if mrs is None or markups is None:
        key = "mr" if mrs is None else "markups"
        raise wrong(f"({code}) has {key} = {item.get(key)!r}; give a list of paths")
    problem = ""
    if not cts or not mrs:
        problem = "There is " + ("a CT but no MR" if cts else "an MR but no CT" if mrs else "neither a CT nor an MR")
        problem += "; pairs need both scans of a patient."
    return Patient(
        str(code).strip(),
        cts[0] if cts else None,
        tuple(mrs),
        tuple(source.path for source in markups),
        None if days is None else abs(float(days)),
        problem,
    )


def _sources(path: Path, value) -> list[ImageSource] | None:
    """The scans that a value names; None where it is no such value."""
    result = []
    for item in [] if value is None else value if isinstance(value, list) else [value]:
        item = {"path": item} if isinstance(item, str) else item
        if not isinstance(item, dict) or not isinstance(item.get("path"), str) or not item["path"]:
            return None
        series = item.get("series")
        result.append(
            ImageSource(path.parent / Path(item["path"]).expanduser(), None if series is None else str(series))
        )
    return result
