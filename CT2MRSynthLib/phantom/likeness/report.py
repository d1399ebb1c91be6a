"""The report that lays simulated crops beside real ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from CT2MRSynthLib import __version__
from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.likeness import bands, sheets
from CT2MRSynthLib.phantom.likeness.crop_measures import CropMeasures, measure_crop
from CT2MRSynthLib.phantom.likeness.mr_bands import MR_BANDS, measure_subjects
from CT2MRSynthLib.phantom.pair import Pair, render_pair

SCHEMA = 1

#: Share of the time that the disc-level pairs take; the rest goes to the larger T2 slices that are measured.
_RENDERING = 0.35


@dataclass(frozen=True)
class RealCrop:
    """A crop of a real CT.

    Args:
        group: Name of the CT.
        level: Of the disc.
        hu: Shape (256, 256).
        pixel: Pixel size in mm.
    """

    group: str
    level: str
    hu: np.ndarray
    pixel: float


def make_report(
    out: str | Path,
    seeds: Sequence[int],
    real: Sequence[RealCrop] = (),
    progress: Callable[[float], None] | None = None,
) -> dict:
    """Render simulated pairs, measure them and the real crops, write the report and its pictures.

    Args:
        out: Folder for ``report.json``, ``crops_mixed.png`` and its ``crops_mixed_key.json``, ``pairs.png`` and
            ``curves.png``.
        seeds: Simulated subjects; their levels go round from L1-L2 to L5-S1.
        real: Crops of real CTs.
        progress: Called with the share that is done.

    Returns:
        What ``report.json`` holds.

    Raises:
        UsageError: No seed.
    """
    if not seeds:
        raise UsageError("No simulated subject is asked for; give at least one seed.")
    out = Path(out)
    pairs = []
    for n, seed in enumerate(seeds):
        pairs.append(render_pair(seed, LEVELS[n % len(LEVELS)], jitter=0.0, misalignment=0.0))
        if progress:
            progress(_RENDERING * (n + 1) / len(seeds))
    simulated = [measure_crop(pair.ct, float(pair.frame.extent[0]) / pair.ct.shape[0]) for pair in pairs]
    measured = [measure_crop(crop.hu, crop.pixel) for crop in real]
    report = {
        "schema": SCHEMA,
        "version": __version__,
        "seeds": list(seeds),
        "real": sorted({crop.group for crop in real}),
        "real_crops": len(real),
        "ct": _numbers(simulated, measured),
        "distances": _distances(simulated, measured, [crop.group for crop in real]),
        "t2": _t2(seeds, progress and (lambda share: progress(_RENDERING + (1 - _RENDERING) * share))),
    }
    _write_pictures(out, pairs, real, simulated, measured)
    write_text(out / "report.json", json.dumps(report, indent=1) + "\n")
    return report


def lines(report: dict, before: dict | None = None) -> list[str]:
    """The report as a table of text.

    Args:
        report: What ``make_report`` returned.
        before: An earlier report, whose simulated values stand in a column of their own.
    """
    head = f"{'':24}{'simulated':>20}{'band':>18}{'real':>20}" + (f"{'before':>12}" if before else "")
    result = [f"{len(report['seeds'])} simulated crops, {report['real_crops']} real", "", head]
    for title, section in (("CT", "ct"), ("T2, relative to psoas", "t2")):
        if not report[section]:
            continue
        result.append(title)
        for name, row in report[section].items():
            text = f"  {name:22}{_plus_minus(row['mean'], row['sd']):>20}{_band(row):>18}"
            text += f"{_plus_minus(row['real_mean'], row['real_sd']) if row.get('real_mean') is not None else '':>20}"
            if before:
                text += f"{_short(before.get(section, {}).get(name, {}).get('mean')):>12}"
            result.append(text + ("" if row["inside"] else "   OUTSIDE"))
    if report["real_crops"]:
        result += ["", f"{'median distance':24}{'simulated-real':>20}{'real-real':>18}{'simulated-simulated':>22}"]
        for name, row in report["distances"].items():
            values = (row["simulated_real"], row["real_real"], row["simulated_simulated"])
            text = f"  {name:22}{_short(values[0]):>20}{_short(values[1]):>18}{_short(values[2]):>22}"
            earlier = before and before.get("distances", {}).get(name, {}).get("simulated_real")
            result.append(text + (f"   before {_short(earlier)}" if earlier is not None else ""))
    return result


def _numbers(simulated: Sequence[CropMeasures], measured: Sequence[CropMeasures]) -> dict:
    result = {}
    for name, band in bands.CT_BANDS.items():
        mean, sd = _statistics([m.numbers[name] for m in simulated])
        row = {"mean": mean, "sd": sd, "band": band, "inside": mean is not None and bands.inside(mean, band)}
        row["real_mean"], row["real_sd"] = _statistics([m.numbers[name] for m in measured])
        result[name] = row
    return result


def _distances(simulated, measured, groups: Sequence[str]) -> dict:
    by_group = [[m for m, g in zip(measured, groups, strict=True) if g == name] for name in dict.fromkeys(groups)]
    return {
        name: {
            "simulated_real": _known(np.median([bands.typical_distance(d, simulated, g) for g in by_group or [[]]])),
            "real_real": _known(bands.between_groups(d, by_group)),
            "simulated_simulated": _known(bands.typical_distance(d, simulated, simulated)),
        }
        for name, d in bands.DISTANCES.items()
    }


def _t2(seeds: Sequence[int], progress: Callable[[float], None] | None) -> dict:
    result = {}
    for name, values in measure_subjects(seeds, progress).items():
        mean, sd = _statistics(values)
        band = MR_BANDS[name]
        result[name] = {"mean": mean, "sd": sd, "band": band, "inside": mean is not None and bands.inside(mean, band)}
    return result


def _write_pictures(out: Path, pairs: Sequence[Pair], real: Sequence[RealCrop], simulated, measured) -> None:
    entries = [(f"simulated, seed {p.truth['anatomy']['seed']}, {p.frame.level}", p.ct) for p in pairs]
    entries += [(f"real, {crop.group}, {crop.level}", crop.hu) for crop in real]
    order = np.random.default_rng(0).permutation(len(entries))
    numbered = [str(n + 1) for n in range(len(entries))]
    mixed = [sheets.ct_picture(entries[n][1]) for n in order]
    sheets.write_sheet(out / "crops_mixed.png", mixed, numbered, columns=6)
    key = {number: entries[n][0] for number, n in zip(numbered, order, strict=True)}
    write_text(out / "crops_mixed_key.json", json.dumps(key, indent=1) + "\n")
    both = [picture for pair in pairs for picture in (sheets.ct_picture(pair.ct), pair.mr)]
    captions = [f"{p.frame.level}  {kind}" for p in pairs for kind in (f"CT, seed {p.truth['anatomy']['seed']}", "T2")]
    sheets.write_sheet(out / "pairs.png", both, captions, columns=6)
    sheets.write_curves(out / "curves.png", _curves(simulated), _curves(measured) if measured else {})


def _curves(group: Sequence[CropMeasures]) -> dict[str, np.ndarray]:
    names = {"histogram": "histogram", "noise": "noise_spectrum", "edges": "edge_spectrum"}
    return {name: np.array([getattr(m, field) for m in group]) for name, field in names.items()}


def _statistics(values) -> tuple[float | None, float | None]:
    values = [v for v in values if np.isfinite(v)]
    if not values:
        return None, None
    return _known(np.mean(values)), _known(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _known(value) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _plus_minus(mean: float | None, sd: float | None) -> str:
    return "" if mean is None else f"{mean:.3g} +- {sd:.2g}"


def _band(row: dict) -> str:
    return f"{row['band'][0]:g} to {row['band'][1]:g}"
