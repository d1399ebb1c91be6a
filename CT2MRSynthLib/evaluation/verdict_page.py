"""``verdict.html``: one page that holds all of a verdict, pictures included, and needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from CT2MRSynthLib.provenance import LABEL, USE

STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; color: #1e1e1e; max-width: 1180px; margin: 24px auto; padding: 0 20px }
h1 { font-size: 22px; margin: 0 0 4px } h2 { font-size: 18px; margin: 32px 0 8px }
.label { background: #ffc83c; padding: 4px 10px; font-weight: 600; display: inline-block; margin-bottom: 16px }
.verdict { font-size: 21px; padding: 14px 18px; border-left: 8px solid #888; background: #f3f3f3; margin: 12px 0 }
.better { border-color: #0072b2 } .worse { border-color: #d55e00 }
table { border-collapse: collapse; margin: 8px 0 } td, th { padding: 4px 14px; border-bottom: 1px solid #ddd }
td { text-align: right; font-variant-numeric: tabular-nums } td:first-child, th { text-align: left }
img { max-width: 100%; height: auto; display: block; margin: 10px 0 } .small { color: #555; font-size: 14px }
"""

ROWS = (
    ("MAE, grey levels of 0 to 255", "mae", 2, "lower"),
    ("PSNR, dB", "psnr", 2, "higher"),
    ("PSNR in the paper's convention, dB", "psnr_paper", 2, "higher"),
    ("SSIM", "ssim", 3, "higher"),
)

RULE = """B is called better only if the 95 % confidence interval of the mean difference (bootstrap over patients, 10000
resamples) lies above zero and the paired test (Wilcoxon signed-rank, exact, two-sided) gives p &lt; 0.05; fewer than
six patients cannot show a difference. Slices are averaged within a patient first. The paper's convention of PSNR is
the usual PSNR plus 48.13 dB. Errors do not tell whether a picture is right where it matters: readers must look."""


def page(content: dict, pictures: Sequence[Path]) -> str:
    """The page.

    Args:
        content: Of ``verdict.json``.
        pictures: PNG files, shown in this order.
    """
    pairs = content["pairs"]
    what = "simulated pairs" if pairs["simulated"] else "pairs"
    notes = "".join(f"<li>{escape(note)}</li>" for note in content["notes"])
    images = "".join(_image(path) for path in pictures)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Is B better than A?</title><style>{STYLE}</style></head><body>
<h1>Is generator B better than A?</h1>
<div class="label">{LABEL}</div>
<div class="verdict {escape(content["outcome"])}">{escape(content["verdict"])}</div>
<p>A: <b>{escape(content["a"]["title"])}</b> {_which(content["a"])}<br>
B: <b>{escape(content["b"]["title"])}</b> {_which(content["b"])}</p>
<p>{content["patients"]} patients, {pairs["count"]} {what} ({escape(pairs["split"])}), sequence
{escape(pairs["sequence"])}. {escape(content["created_utc"])}, CT2MRSynth {escape(content["software"]["version"])}.</p>
{f"<ul>{notes}</ul>" if notes else ""}
<h2>Means over patients</h2>
{_means(content)}
<p class="small">{RULE}</p>
<h2>Patients</h2>
{images}
{_patients(content)}
<p class="small">{escape(USE)}</p>
</body></html>
"""


def _which(side: dict) -> str:
    if side["sha256"]:
        return f'<span class="small">weights SHA-256 {escape(side["sha256"][:16])}...</span>'
    fits = "; ".join(dict.fromkeys(fitted["description"] for fitted in side.get("fits", ())))
    return f'<span class="small">{escape(fits)}</span>'


def _means(content: dict) -> str:
    rows = "".join(_mean_row(words, content, name, digits, wanted) for words, name, digits, wanted in ROWS)
    if content["body"]:
        for words, name, digits, wanted in ROWS[:1] + ROWS[3:]:
            rows += _mean_row(f"{words}, within the body", {**content["body"], "sd": {}}, name, digits, wanted)
    return f"<table><tr><th></th><th>A, mean (SD)</th><th>B, mean (SD)</th><th>better is</th></tr>{rows}</table>"


def _mean_row(words: str, values: dict, name: str, digits: int, wanted: str) -> str:
    cells = []
    for side in "ab":
        deviation = values["sd"].get(f"{name}_{side}")
        spread = "" if deviation is None else f" ({deviation:.{digits}f})"
        cells.append(f"<td>{_number(values[f'{name}_{side}'], digits)}{spread}</td>")
    return f"<tr><td>{words}</td>{''.join(cells)}<td>{wanted}</td></tr>"


def _patients(content: dict) -> str:
    head = "<tr><th>patient</th><th>slices</th><th>MAE A</th><th>MAE B</th><th>A - B</th>"
    head += "<th>PSNR A</th><th>PSNR B</th><th>SSIM A</th><th>SSIM B</th></tr>"
    columns = (
        ("mae_a", 2),
        ("mae_b", 2),
        ("difference", 2),
        ("psnr_a", 2),
        ("psnr_b", 2),
        ("ssim_a", 3),
        ("ssim_b", 3),
    )
    rows = "".join(
        f"<tr><td>{escape(row['patient'])}</td><td>{row['slices']}</td>"
        + "".join(f"<td>{_number(row[name], digits)}</td>" for name, digits in columns)
        + "</tr>"
        for row in content["per_patient"]
    )
    return f"<table>{head}{rows}</table>"


def _number(value: float | None, digits: int) -> str:
    return "infinite" if value is None else f"{value:.{digits}f}"


def _image(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{escape(path.stem)}" src="data:image/png;base64,{content}">'
