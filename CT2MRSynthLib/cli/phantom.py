"""``ct2mrsynth phantom``: simulated lumbar spines, whole subjects or sets of training pairs."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "make simulated CT and T2 of a lumbar spine"

DESCRIPTION = """\
Without --pairs: one simulated subject as <name>_CT.nrrd with one crop box (ROI markup) and one landmark list per disc.
With --pairs: a set of disc-level CT and T2 pairs for training. Same seed, same result."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.description = DESCRIPTION
    parser.add_argument("--seed", type=int, default=7, help="the subject, or the first one of a pair set (default: 7)")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the files")
    parser.add_argument("--pairs", type=int, metavar="N", help="write N training pairs, each of another subject")
    parser.add_argument("--mr", action="store_true", help="with a subject: also its T2 slice of each disc")
    parser.add_argument("--processes", type=int, default=1, help="worker processes for pairs (default: 1)")


def run(arguments: argparse.Namespace) -> int:
    """Write a subject or a pair set and print what was written."""
    out = Path(arguments.out)
    if arguments.pairs is not None:
        from CT2MRSynthLib.phantom.pairset import write_pairs

        paths = [write_pairs(out, arguments.pairs, arguments.seed, processes=arguments.processes)]
    else:
        from CT2MRSynthLib.phantom.subject import write_subject

        paths = write_subject(arguments.seed, out, mr=arguments.mr)
    for path in paths:
        print(path)
    return 0
