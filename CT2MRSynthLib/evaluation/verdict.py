"""The files of a verdict: ``verdict.json`` for programs and the gate, ``patients.csv``, pictures, and ``verdict.html``.

Numbers of ``verdict.json`` are means over patients; ``mae_...`` in grey levels of 0 to 255, ``psnr_...`` in dB (null:
infinite, of identical images), ``psnr_paper_...`` in the study's convention, 48.13 dB above, ``ssim_...`` without unit;
``body`` holds the same within the body, ``sd`` the sample standard deviations; ``difference`` is ``mae_a`` less
``mae_b``, positive where B has the lower error, with the ends ``ci_low`` and ``ci_high`` of its 95 % confidence
interval and ``p_value`` of the paired test (null with fewer than three patients). ``patients`` counts them,
``per_patient`` lists them.
"""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

from CT2MRSynthLib import __version__
from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.errors import InputError, OutputError
from CT2MRSynthLib.evaluation import pictures
from CT2MRSynthLib.evaluation.compare import Comparison, PatientScores
from CT2MRSynthLib.evaluation.metrics import for_json
from CT2MRSynthLib.evaluation.verdict_page import page
from CT2MRSynthLib.picture import save
from CT2MRSynthLib.provenance import LABEL, SOFTWARE, USE, environment, to_json, utc_now

SCHEMA = 1
KIND = "CT2MRSynth verdict"
JSON_FILE, CSV_FILE, HTML_FILE, PLOT_FILE = "verdict.json", "patients.csv", "verdict.html", "patients.png"

#: Names of the scores and the digits that are written of them.
SCORES = {"mae": 6, "psnr": 6, "psnr_paper": 6, "ssim": 8}


def to_dict(comparison: Comparison) -> dict:
    """The content of ``verdict.json``."""
    judgement, selection = comparison.judgement, comparison.selection
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "label": LABEL,
        "use": USE,
        "created_utc": utc_now(),
        "software": {"name": SOFTWARE, "version": __version__, **environment()},
        "verdict": comparison.verdict,
        "better": judgement.better,
        "outcome": judgement.outcome,
        "patients": judgement.patients,
        "better_on": judgement.better_on,
        "worse_on": judgement.worse_on,
        **_means(comparison, ""),
        "difference": judgement.difference,
        "ci_low": judgement.ci_low,
        "ci_high": judgement.ci_high,
        "p_value": judgement.p_value,
        "sd": _means(comparison, "", deviation=True),
        "body": _means(comparison, "body_") if comparison.has_body else None,
        "a": comparison.a.describe(),
        "b": comparison.b.describe(),
        "pairs": {
            "count": len(selection.entries),
            "split": selection.split,
            "sequence": comparison.sequence,
            "simulated": comparison.simulated,
            "data_sha256": comparison.data_sha256,
        },
        "allow_seen": comparison.allow_seen,
        "seen_patients": {name: len(patients) for name, patients in selection.seen.items()},
        "notes": list(comparison.notes),
        "per_patient": [_row(row) for row in comparison.patients],
    }


def write_verdict(comparison: Comparison, out: str | Path) -> dict:
    """Write all files of a verdict; ``verdict.json`` last, so that where it lies all others do.

    Args:
        comparison: What was found.
        out: Folder; made if need be. Files of an earlier verdict are replaced.

    Returns:
        The content of ``verdict.json``.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    out = Path(out)
    content = to_dict(comparison)
    check_folder(out)
    (out / JSON_FILE).unlink(missing_ok=True)  # of an earlier verdict, whose pictures are replaced now
    write_text(out / CSV_FILE, table(comparison))
    images = {PLOT_FILE: pictures.plot(comparison)}
    titles = (comparison.a.title, comparison.b.title)
    for name, case in pictures.chosen(comparison).items():
        images[f"{name}.png"] = pictures.sheet(case, name, titles, comparison.simulated)
    for name in ("best", "median", "worst"):  # of an earlier verdict on more patients
        if f"{name}.png" not in images:
            (out / f"{name}.png").unlink(missing_ok=True)
    paths = [save(image, out / name) for name, image in images.items()]
    write_text(out / HTML_FILE, page(content, paths))
    write_text(out / JSON_FILE, to_json(content))
    return content


def check_folder(out: str | Path) -> None:
    """Refuse a folder that cannot be written, before minutes of computing; nothing is made.

    Raises:
        OutputError: It cannot.
    """
    out = Path(out)
    place = next(folder for folder in (out, *out.parents) if folder.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"The verdict cannot be written to {out}: {place} takes no files; choose another folder.")


def table(comparison: Comparison) -> str:
    """The patients as CSV, one a line."""
    rows = []
    for row in map(_row, comparison.patients):
        body = row.pop("body") or {}
        rows.append({**row, **{f"{key}_body": value for key, value in body.items()}})
    columns = list(max(rows, key=len))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def words(content: dict) -> str:
    """The verdict for a terminal."""
    sides = {name: content[name.lower()] for name in "AB"}
    lines = [f"{name}  {side['title']}{_weights(side)}" for name, side in sides.items()] + [""]
    lines.append(f"{'mean over patients (SD)':34}{'A':>18}{'B':>18}")
    for name, label in LABELS.items():
        values = [_with_deviation(content, f"{name}_{side}") for side in "ab"]
        lines.append(f"{label:34}{values[0]:>18}{values[1]:>18}")
    if content["body"]:
        values = [f"{content['body'][f'mae_{side}']:.2f}" for side in "ab"]
        lines.append(f"{'MAE within the body, grey levels':34}{values[0]:>18}{values[1]:>18}")
    pairs = content["pairs"]
    lines += ["", f"{content['patients']} patients, {pairs['count']} pairs ({pairs['split']})", content["verdict"]]
    lines += [f"Note: {note}" for note in content["notes"]]
    return "\n".join(lines)


LABELS = {
    "mae": "MAE, grey levels",
    "psnr": "PSNR, dB",
    "psnr_paper": "PSNR in the paper's convention, dB",
    "ssim": "SSIM",
}


def _weights(side: dict) -> str:
    return f", weights {side['sha256'][:12]}" if side["sha256"] else ""


def _with_deviation(content: dict, key: str) -> str:
    value, deviation = content[key], content["sd"][key]
    digits = 3 if key.startswith("ssim") else 2
    if value is None:
        return "infinite"
    return f"{value:.{digits}f}" + ("" if deviation is None else f" ({deviation:.{digits}f})")


def _means(comparison: Comparison, prefix: str, deviation: bool = False) -> dict:
    values = {}
    for name, digits in SCORES.items():
        for side in "ab":
            found = comparison.summary(f"{prefix}{side}", name)
            values[f"{name}_{side}"] = _rounded(found.sd if deviation else found.mean, digits)
    return values


def _row(row: PatientScores) -> dict:
    values = {"patient": row.patient, "slices": row.slices, **_scores(row.a, row.b)}
    values["difference"] = round(row.difference, 9)
    values["body"] = _scores(row.body_a, row.body_b) if row.body_a and row.body_b else None
    return values


def _scores(a, b) -> dict:
    return {
        f"{name}_{side}": _rounded(getattr(scores, name), digits)
        for name, digits in SCORES.items()
        for side, scores in (("a", a), ("b", b))
    }


def _rounded(value: float, digits: int) -> float | None:
    value = for_json(value)
    return None if value is None else round(value, digits)


def read_verdict(folder: str | Path) -> dict:
    """The content of ``verdict.json`` in a folder.

    Raises:
        InputError: It is missing, damaged or of a newer schema.
    """
    path = Path(folder) / JSON_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"There is no verdict in {folder}: it has no {JSON_FILE}; make one with ct2mrsynth compare."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "no JSON"
        raise InputError(
            f"The verdict {path} cannot be read ({reason}); make it again with ct2mrsynth compare."
        ) from None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise InputError(f"{path} is no verdict: its kind is not {KIND!r}.")
    if content.get("schema") != SCHEMA:
        raise InputError(
            f"The verdict {path} has schema {content.get('schema')!r}, this version reads {SCHEMA}; update CT2MRSynth."
        )
    return content
