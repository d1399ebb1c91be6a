"""The report of a run, ``report.json``: what was done for each box, how long it took, and which inputs failed and why.

``{"schema": 1, "state": "running" | "finished" | "stopped", "exit_status", "counts", "options", "model", "device",
"seconds", "warnings", "cts": [{"name", "status": "done" | "partly" | "failed", "error", "warnings", "seconds", "boxes":
[{"level", "status": "written" | "skipped: already complete" | "failed", "files", "error", "warnings",
"outside_fraction", "seconds"}]}]}``.

It is renewed after each box, so that after a crash it says how far the run came. File names in it are relative to its
folder; it holds no absolute path.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from CT2MRSynthLib import __version__
from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.job import Job
from CT2MRSynthLib.provenance import LABEL, SOFTWARE, USE, to_json, utc_now

#: Version of the report.
REPORT_SCHEMA = 1

REPORT_FILE = "report.json"

SKIPPED = "skipped: already complete"

#: Folders in an absolute path, of Unix and of Windows; the last part stays.
_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^/\s'\":,;]+/)+|(?<!\w)[A-Za-z]:\\(?:[^\\'\":,;]+\\)+|\\\\(?:[^\\'\":,;]+\\)+")


def new_report(job: Job, model: dict, device: str) -> dict:
    """The report of a run that begins."""
    options = job.options
    return {
        "schema": REPORT_SCHEMA,
        "label": LABEL,
        "use": USE,
        "software": {"name": SOFTWARE, "version": __version__},
        "created_utc": utc_now(),
        "state": "running",
        "exit_status": None,
        "counts": {},
        "options": {name: getattr(options, name) for name in ("slices", "thickness", "device", "precision", "force")},
        "model": model,
        "device": device,
        "seconds": None,
        "warnings": list(job.warnings),
        "cts": [],
    }


def new_ct(name: str, series: str | None) -> dict:
    """The entry of one CT."""
    return {
        "name": name,
        "series_chosen": series is not None,
        "status": "failed",
        "error": None,
        "sha256": None,
        "size": None,
        "spacing_mm": None,
        "modality": None,
        "notes": [],
        "warnings": [],
        "seconds": {},
        "boxes": [],
    }


def new_box(level: str | None, box_file: str) -> dict:
    """The entry of one box."""
    return {
        "level": level,
        "box_file": box_file,
        "status": "failed",
        "reason": None,
        "files": {},
        "error": None,
        "outside_fraction": None,
        "warnings": [],
        "seconds": {},
    }


def count(report: dict) -> dict:
    """Fill in the status of each CT and the counts; returns the counts."""
    boxes = [box for ct in report["cts"] for box in ct["boxes"]]
    for ct in report["cts"]:
        failed = [box["status"] == "failed" for box in ct["boxes"]]
        whole = not any(failed) and not ct["error"]
        ct["status"] = "done" if whole else "failed" if all(failed) else "partly"
    report["counts"] = {
        "cts": len(report["cts"]),
        "cts_failed": sum(ct["status"] != "done" for ct in report["cts"]),
        "boxes": len(boxes),
        "written": sum(box["status"] == "written" for box in boxes),
        "skipped": sum(box["status"] == SKIPPED for box in boxes),
        "failed": sum(box["status"] == "failed" for box in boxes),
    }
    return report["counts"]


def write_report(folder: Path, report: dict) -> Path:
    """Write the report, whole or not at all."""
    return write_text(Path(folder) / REPORT_FILE, to_json(report))


def relative_names(files: dict[str, str], folder: Path, base: Path) -> dict[str, str]:
    """File names as seen from the report's folder; only the names where no relative path leads there."""
    try:
        way = Path(os.path.relpath(folder.resolve(), base.resolve()))
    except ValueError:  # another drive
        way = Path()
    return {kind: (way / name).as_posix() for kind, name in files.items()}


def without_folders(text: str, *known: Path) -> str:
    """``text`` with file names only: folders may hold the names of users and patients.

    Args:
        text: An error or a warning.
        known: Paths whose folders are to go, spaces in them or not.
    """
    folders = {str(parent) for path in known for parent in (path.parent, path.absolute().parent)} - {".", "/", ""}
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(folder + os.sep, "")
        text = re.sub(re.escape(folder) + r"(?![\w-])", lambda found: Path(found.group()).name, text)
    return _FOLDERS.sub("", text)
