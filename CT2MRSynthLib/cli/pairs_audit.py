"""``ct2mrsynth pairs audit``: a page and a contact sheet to look through a pair set."""

from __future__ import annotations

import argparse
import sys

SUMMARY = "write a page and a contact sheet to look through a pair set"

DESCRIPTION = """\
Write audit.html and contact_sheet.png into the folder of a pair set. The page holds everything in one file and loads
nothing: of every pair CT, MR, a checkerboard of both and the outlines of the CT over the MR, numbers and checks, what
was decided, and the command to decide otherwise. Write it again after decisions."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.description = DESCRIPTION
    parser.add_argument("pairs", metavar="PAIRS", help="folder of the pair set")
    parser.add_argument("--quiet", action="store_true", help="warnings and errors only")
    parser.add_argument("--json", action="store_true", help="JSON lines on standard output, for a parent process")


def run(arguments: argparse.Namespace) -> int:
    """Write both and print where they are."""
    from CT2MRSynthLib.pairset.audit import CONTACT_SHEET, SECONDS_A_PAIR, write_audit
    from CT2MRSynthLib.pairset.manifest import read_manifest
    from CT2MRSynthLib.progress import Events, Progress, Terminal

    count = len(read_manifest(arguments.pairs).pairs)
    sinks = [Terminal(sys.stderr, quiet=arguments.quiet), *([Events(sys.stdout)] if arguments.json else [])]
    with Progress(sinks) as progress:
        progress.start(0, count)
        stage = progress.expect("audit", SECONDS_A_PAIR * max(count, 1))
        with progress.stage(stage, f"pictures of {count} pairs") as advance:
            page = write_audit(arguments.pairs, advance)
        progress.end(0, None)
    if not arguments.json:
        print(page)
        print(page.with_name(CONTACT_SHEET))
    return 0
