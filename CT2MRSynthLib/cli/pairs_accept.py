"""``ct2mrsynth pairs accept``: decide by hand that pairs are used."""

from __future__ import annotations

import argparse

SUMMARY = "accept pairs by hand, also ones that a check excluded"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("pairs", metavar="PAIRS", help="folder of the pair set")
    parser.add_argument(
        "ids", metavar="ID", nargs="+", help="pairs; 'P01_*' stands for all whose identifiers begin with P01_"
    )
    parser.add_argument("--reviewer", required=True, metavar="CODE", help="who decides: a code such as AB, no name")
    parser.add_argument("--note", default="", metavar="TEXT", help="why; nothing that names a patient")


def run(arguments: argparse.Namespace, status: str = "accepted") -> int:
    """Decide and print what was decided."""
    from CT2MRSynthLib.pairset.decisions import decide

    for entry in decide(arguments.pairs, arguments.ids, status, arguments.reviewer, arguments.note):
        side = f", {entry.split}" if entry.split else ""
        print(f"{entry.id} {entry.decision.status} by {entry.decision.reviewer}{side}")
    return 0
