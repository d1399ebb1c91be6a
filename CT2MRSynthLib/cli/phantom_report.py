"""``ct2mrsynth phantom-report``: how like real scans the simulated ones are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SUMMARY = "measure how like real scans the simulated ones are"

DESCRIPTION = """\
Measure simulated disc-level crops: HU of tissues, histogram, noise and edge spectra of the CT, relative signals of the
T2, each against its band. With real CTs and their boxes, the same measures of those beside them. Writes report.json,
crops_mixed.png (real and simulated mixed; the key is in crops_mixed_key.json), pairs.png and curves.png."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.description = DESCRIPTION
    parser.add_argument("--out", required=True, metavar="DIR", type=Path, help="folder for report and pictures")
    parser.add_argument("--seed", type=int, default=1, help="first simulated subject (default: 1)")
    parser.add_argument("--count", metavar="N", type=int, default=20, help="simulated crops (default: 20)")
    parser.add_argument("--ct", metavar="PATH", nargs="+", action="extend", default=[], help="real CTs")
    parser.add_argument(
        "--roi",
        metavar="BOX",
        nargs="+",
        action="extend",
        default=[],
        help="their crop boxes; {ct} in the name stands for the CT's name, {folder} for the folder it lies in",
    )
    parser.add_argument("--before", metavar="REPORT.json", type=Path, help="an earlier report to compare with")
    parser.add_argument("--json", action="store_true", help="print the report as JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Measure, write, print; returns the exit status."""
    import json

    from CT2MRSynthLib.errors import UsageError
    from CT2MRSynthLib.phantom.likeness.report import lines, make_report
    from CT2MRSynthLib.progress import Progress, Terminal

    if arguments.count < 1:
        raise UsageError(f"{arguments.count} simulated crops are asked for; give a number from 1.")
    before = _earlier(arguments.before)
    with Progress([Terminal(sys.stderr, quiet=arguments.json)]) as progress:
        real = _real_crops(arguments.ct, arguments.roi, arguments.out, progress)
        seeds = range(arguments.seed, arguments.seed + arguments.count)
        with progress.stage(progress.expect("render", 2.0 * arguments.count), "rendering simulated crops"):
            report = make_report(arguments.out, seeds, real, progress.advance)
    print(json.dumps(report, indent=1) if arguments.json else "\n".join(lines(report, before)))
    return 0


def _earlier(path: Path | None) -> dict | None:
    import json

    from CT2MRSynthLib.errors import InputError

    if path is None:
        return None
    try:
        report = json.loads(path.read_text("utf-8"))
        if report["schema"] != 1 or "seeds" not in report:
            raise KeyError
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path.name} is no report of this command; give a report.json that it wrote.") from None
    return report


def _real_crops(cts: list[str], boxes: list[str], out: Path, progress) -> list:
    from CT2MRSynthLib.errors import UsageError
    from CT2MRSynthLib.imageio import read_ct
    from CT2MRSynthLib.job import job_from_paths
    from CT2MRSynthLib.markups import read_boxes
    from CT2MRSynthLib.phantom.likeness.report import RealCrop
    from CT2MRSynthLib.resample import resample

    if bool(cts) != bool(boxes):
        raise UsageError("CTs and their boxes belong together: give both --ct and --roi, or neither.")
    crops = []
    for task in job_from_paths(cts, boxes, out).tasks if cts else ():
        with progress.stage(progress.expect("read", 8.0), f"reading {task.name}"):
            volume = read_ct(task.ct)
        for path in task.boxes:
            for frame in read_boxes(path):
                hu = resample(volume, frame.grid(), 4.0).array[0]
                crops.append(RealCrop(task.name, frame.level or path.stem, hu, float(frame.extent[0]) / hu.shape[0]))
    return crops
