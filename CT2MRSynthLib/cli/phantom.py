"""``ct2mrsynth phantom``: simulated lumbar spines, whole subjects or sets of training pairs."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from CT2MRSynthLib.cli.stages import Stages

SUMMARY = "make simulated CT and T2 of a lumbar spine"

DESCRIPTION = """\
Without --pairs: one simulated subject as files that Slicer opens: CT, label volume (a segmentation), five crop boxes
(ROI markups), landmarks, five T2 stacks, for each stack the transform that moves the CT onto it, and <name>.json with
severities and settings. With --pairs: a set of disc-level pairs of CT and T2 for training, 1 to 5 discs a subject, and
manifest.json; the same command on the same folder goes on where it was ended. Same seed, same result."""

#: Seconds that each part takes on one core, before anything was measured.
EXPECTED = {"CT": 14.0, "T2 stacks": 7.0, "files": 4.0}
SECONDS_A_PAIR = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.description = DESCRIPTION
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the files")
    parser.add_argument(
        "--seed", type=int, help="the subject (default: 7), or the first one of a pair set (default: 1)"
    )
    parser.add_argument(
        "--severity",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set what the subject has, 0 to 1: stenosis=0.8 (all discs), L4-L5:stenosis=0.8 (one); repeatable",
    )
    one = parser.add_argument_group("one subject")
    one.add_argument("--no-mr", action="store_true", help="leave out T2 stacks and transforms")
    one.add_argument("--no-labels", action="store_true", help="leave out the label volume")
    one.add_argument("--matrix", type=int, metavar="N", help="voxels along each edge of a CT slice")
    one.add_argument("--spacing", type=float, metavar="MM", help="their distance in the slice")
    one.add_argument("--thickness", type=float, metavar="MM", help="slice thickness and distance of the CT")
    many = parser.add_argument_group("a set of pairs")
    many.add_argument("--pairs", type=int, metavar="N", help="write a set of N pairs")
    many.add_argument("--subjects", type=int, metavar="N", help="of so many subjects (default: 129 for 280 pairs)")
    many.add_argument("--processes", type=int, default=1, metavar="N", help="worker processes (default: 1)")
    told = parser.add_argument_group("what is said meanwhile")
    told.add_argument("--quiet", action="store_true", help="warnings and errors only")
    told.add_argument("--events", action="store_true", help="JSON lines on standard output, for a parent process")


def run(arguments: argparse.Namespace) -> int:
    """Write a subject or a pair set and print what was written."""
    from CT2MRSynthLib.cli import status_of
    from CT2MRSynthLib.errors import UsageError
    from CT2MRSynthLib.progress import Events, Progress, Terminal
    from CT2MRSynthLib.threads import one_thread

    with one_thread():
        import numpy  # noqa: F401 - reads the variables when it is loaded

    sinks = [Terminal(sys.stderr, quiet=arguments.quiet)]
    if arguments.events:
        sinks.append(Events(sys.stdout))
    with Progress(sinks) as progress:
        try:
            if (arguments.seed or 0) < 0:
                raise UsageError(f"The seed is {arguments.seed}; give a whole number from 0.")
            severity = parse_severities(arguments.severity)
            make = _one if arguments.pairs is None else _many
            paths = make(arguments, severity, progress)
            progress.end(0, None)
        except BaseException as error:
            with contextlib.suppress(OSError):  # nobody may be left to hear it
                progress.stop(str(error) or "Stopped.", status_of(error))
            raise
    if not arguments.events:
        for path in paths:
            print(path)
    return 0


def parse_severities(words: list[str]) -> dict[str, object]:
    """Severities by name from ``NAME=VALUE``.

    Raises:
        UsageError: One is no such pair, or its value no number.
    """
    from CT2MRSynthLib.errors import UsageError

    result: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--severity {word} has no value; write for example {word}=0.8.")
        if value.lower() in ("true", "false"):
            result[name.strip()] = value.lower() == "true"
            continue
        try:
            result[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"--severity {word} needs a number after '='.") from None
    return result


def _one(arguments: argparse.Namespace, severity: dict, progress) -> list[Path]:
    from CT2MRSynthLib.errors import UsageError
    from CT2MRSynthLib.phantom.subject import phantom_subject
    from CT2MRSynthLib.phantom.subject_files import write_subject

    if arguments.subjects is not None:
        raise UsageError("--subjects goes with --pairs; a subject is chosen by --seed.")
    seed = 7 if arguments.seed is None else arguments.seed
    progress.start(1, 5)
    expected = {name: EXPECTED[name] for name in EXPECTED if name != "T2 stacks" or not arguments.no_mr}
    with Stages(progress, expected) as told:
        subject = phantom_subject(seed, severity, _protocol(arguments), not arguments.no_mr, told)
        paths = write_subject(subject, arguments.out, not arguments.no_labels, told)
    cut = [level for level, frame in subject.frames.items() if not _holds(subject.ct, frame)]
    if cut:
        progress.warn(
            f"The CT does not hold the whole box of {', '.join(cut)}; give a larger --matrix or --spacing for a larger "
            "field of view."
        )
    return paths


def _holds(ct, frame) -> bool:
    """Whether a box lies in a CT."""
    import numpy as np

    ijk = ct.world_to_ijk(frame.corners())
    return bool(((ijk >= -0.5) & (ijk <= np.array(ct.size) - 0.5)).all())


def _protocol(arguments: argparse.Namespace):
    from dataclasses import replace

    from CT2MRSynthLib.errors import UsageError
    from CT2MRSynthLib.phantom.ct.volume import usual_protocol

    given = {name: getattr(arguments, name) for name in ("matrix", "spacing", "thickness")}
    given = {name: value for name, value in given.items() if value is not None}
    limits = {"matrix": (64, 1024), "spacing": (0.2, 6.0), "thickness": (0.4, 10.0)}
    for name, value in given.items():
        low, high = limits[name]
        if not low <= value <= high:
            raise UsageError(f"--{name} is {value}; give a number from {low} to {high}.")
    if not given:
        return None
    if "thickness" in given:
        given["increment"] = given["thickness"]
    return replace(usual_protocol(7 if arguments.seed is None else arguments.seed), **given)


def _many(arguments: argparse.Namespace, severity: dict, progress) -> list[Path]:
    from CT2MRSynthLib.errors import UsageError
    from CT2MRSynthLib.phantom.pairset import write_pairs

    only_one = ("no_mr", "no_labels", "matrix", "spacing", "thickness")
    for name in only_one:
        if getattr(arguments, name) is not None and getattr(arguments, name) is not False:
            raise UsageError(f"--{name.replace('_', '-')} belongs to one subject; leave it out with --pairs.")
    if arguments.processes < 1:
        raise UsageError(f"--processes is {arguments.processes}; give a number from 1.")
    seed = 1 if arguments.seed is None else arguments.seed
    progress.start(0, arguments.pairs)
    stage = progress.expect("pairs", SECONDS_A_PAIR * max(arguments.pairs, 1) / arguments.processes)
    with progress.stage(stage, f"{arguments.pairs} pairs") as advance:
        return [
            write_pairs(
                Path(arguments.out),
                arguments.pairs,
                seed,
                arguments.subjects,
                arguments.processes,
                severity,
                lambda done, total: advance(done / total),
            )
        ]
