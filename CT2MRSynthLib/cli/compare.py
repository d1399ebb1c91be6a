"""``ct2mrsynth compare``: is one generator better than another, on patients neither has seen?"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from CT2MRSynthLib.cli.stages import Stages

SUMMARY = "judge whether one generator is better than another"

DESCRIPTION = """\
Let two generators synthesize the MR of held-out patients and judge whether B is better than A: MAE, PSNR and SSIM per
patient, the mean difference of MAE with its 95 % confidence interval, and a paired test. A is a bundle, or "hu-lookup":
the best picture that local Hounsfield units alone can give, fitted on the training pairs of the set. The pairs are
those of split test; in a set without a split, those of all patients that neither was trained on.

DIR gets verdict.html (all on one page), verdict.json (for ct2mrsynth use), patients.csv, and pictures of the patients
on whom B is best, median and worst. The exit status says that a verdict was reached, not which."""

#: Seconds expected of each stage before anything was measured: they only weigh the progress.
EXPECTED = {"reading pairs": 1.0, "images of A": 8.0, "images of B": 8.0, "scores": 3.0, "report": 3.0}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.description = DESCRIPTION
    parser.add_argument("--pairs", required=True, metavar="PAIRS", help="folder of the pair set")
    parser.add_argument("--a", metavar="BUNDLE", help="bundle, or hu-lookup (default: the bundle in use)")
    parser.add_argument("--b", required=True, metavar="BUNDLE", help="bundle that may be better")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the verdict")
    parser.add_argument("--split", choices=("test", "validation", "all"), help="which pairs (default: see above)")
    parser.add_argument(
        "--allow-seen",
        action="store_true",
        help="take also patients that A or B was trained on; the verdict says so, and no gate accepts it",
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    parser.add_argument("--json", action="store_true", help="the verdict as one JSON object on standard output")
    parser.add_argument(
        "--events", action="store_true", help="progress as JSON lines on standard output, for a parent process"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> int:
    """Compare, write the verdict and print it; returns the exit status."""
    from CT2MRSynthLib.bundle import default_bundle_path
    from CT2MRSynthLib.cli import status_of
    from CT2MRSynthLib.errors import UsageError
    from CT2MRSynthLib.evaluation.compare import compare
    from CT2MRSynthLib.evaluation.verdict import HTML_FILE, check_folder, words, write_verdict
    from CT2MRSynthLib.progress import Events, Progress, Terminal

    if arguments.events and arguments.json:
        raise UsageError("--events and --json both write to standard output; give one of them.")
    sink = Events(sys.stdout) if arguments.events else Terminal(sys.stderr, quiet=arguments.quiet)
    with Progress([sink]) as progress:
        progress.start(0, 0)
        try:
            check_folder(arguments.out)
            with Stages(progress, EXPECTED) as tell:
                comparison = compare(
                    arguments.pairs,
                    arguments.a or default_bundle_path(),
                    arguments.b,
                    arguments.split,
                    arguments.allow_seen,
                    arguments.device,
                    arguments.precision,
                    tell,
                )
                tell("report", 0.0)
                content = write_verdict(comparison, arguments.out)
            progress.end(0, None)
        except BaseException as error:
            with contextlib.suppress(OSError):  # nobody may be left to hear it
                progress.stop(str(error) or "Stopped.", status_of(error))
            raise
    if arguments.json:
        import json

        print(json.dumps(content, allow_nan=False))
    elif not arguments.events:
        print(words(content))
        print(f"Report: {Path(arguments.out) / HTML_FILE}")
    return 0
