"""``ct2mrsynth pairs build``: matched CT and MR slices from the scans of many patients."""

from __future__ import annotations

import argparse
import contextlib
import sys

SUMMARY = "make a pair set from CT and MR scans of the same patients"

DESCRIPTION = """\
The patients lie in a folder: one sub-folder each, named after a study code, with CT, MR and Markups (DICOM is told
apart by its modality, other files by CT or MR in their names), or files <code>_CT.*, <code>_MR*.* and <code>*.mrk.json
side by side. Or a JSON manifest lists them: {"patients": [{"code", "ct", "mr": [...], "markups": [...],
"days_apart"}]}. The MR is registered to the CT; each disc with a box or landmarks gives a pair in the plane of the
nearest MR slice. Pairs that break a rule are excluded with the reason and the numbers. The same command again does what
is new or has changed. The exit status is 1 where a patient failed, or where no pair of the set is used since no
registration can be trusted."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.description = DESCRIPTION
    parser.add_argument("--patients", required=True, metavar="FOLDER|JSON", help="the scans")
    parser.add_argument("--out", required=True, metavar="PAIRS", help="folder of the pair set")
    parser.add_argument("--every", type=int, metavar="N", help="every N-th axial slice, for body parts without discs")
    parser.add_argument("--sequence", default="T2", metavar="NAME", help="of the MR (default: T2)")
    parser.add_argument("--split", metavar="A/B/C", help="shares of the patients for training/validation/test")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the split (default: 1)")
    rules = parser.add_argument_group("rules")
    rules.add_argument(
        "--max-angle", type=float, default=3.0, metavar="DEG", help="between CT and MR slice plane (default: 3)"
    )
    rules.add_argument("--max-days", type=float, metavar="N", help="between CT and MR, where known")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--registration", default="rigid", metavar="rigid|none", help="none: the patient coordinates of both are right"
    )
    how.add_argument("--n4", action="store_true", help="take out the coil's shading (N4)")
    how.add_argument(
        "--lateral-half-width",
        type=float,
        metavar="MM",
        help="that shows both sides of the vertebral body (default: measured over all landmarks)",
    )
    told = parser.add_argument_group("what is said meanwhile")
    told.add_argument("--quiet", action="store_true", help="warnings and errors only")
    told.add_argument("--json", action="store_true", help="JSON lines on standard output, for a parent process")


def run(arguments: argparse.Namespace) -> int:
    """Make the pairs and print what there is."""
    from CT2MRSynthLib.cli import status_of
    from CT2MRSynthLib.curation.options import BuildOptions
    from CT2MRSynthLib.progress import Events, Progress, Terminal

    sinks = [_Patients(Terminal(sys.stderr, quiet=arguments.quiet))]
    if arguments.json:
        sinks.append(Events(sys.stdout))
    with Progress(sinks) as progress:
        try:
            from CT2MRSynthLib.pairset.split import parse_fractions

            options = BuildOptions(
                sequence=arguments.sequence,
                every=arguments.every,
                split=parse_fractions(arguments.split) if arguments.split else None,
                seed=arguments.seed,
                max_angle=arguments.max_angle,
                max_days=arguments.max_days,
                registration=arguments.registration,
                n4=arguments.n4,
                lateral_half_width=arguments.lateral_half_width,
            )
            from CT2MRSynthLib.curation.build import build_pairs

            result = build_pairs(arguments.patients, arguments.out, options, progress)
            if arguments.json:
                sinks[-1].send({"event": "summary", **_summary(result)})
            progress.end(result.exit_status, str(result.audit))
        except BaseException as error:
            with contextlib.suppress(OSError):  # nobody may be left to hear it
                progress.stop(str(error) or "Stopped.", status_of(error))
            raise
    if not arguments.json:
        _print(result)
    return result.exit_status


class _Patients:
    """Leaves out of what a person reads the line about boxes, which there are none of; the summary says it all."""

    def __init__(self, terminal) -> None:
        self._terminal = terminal

    def send(self, event: dict) -> None:
        """Show one event."""
        self._terminal.send({**event, "report": None} if event["event"] == "end" else event)


def _summary(result) -> dict:
    return {
        "folder": str(result.folder),
        "audit": str(result.audit),
        "pairs": result.accepted + result.excluded,
        "accepted": result.accepted,
        "excluded": result.excluded,
        "patients_made": list(result.made),
        "patients_skipped": list(result.skipped),
        "patients_failed": result.failed,
        "patients_doubtful": result.doubtful,
    }


def _print(result) -> None:
    for code, sentence in result.failed.items():
        print(f"{code}: {sentence}")
    for code, sentence in result.doubtful.items():
        print(f"{code}: All pairs are excluded: {sentence}")
    print(
        f"{result.accepted + result.excluded} pairs in {result.folder}, {result.accepted} accepted; patients: "
        f"{len(result.made)} done, {len(result.skipped)} done before, {len(result.failed)} failed"
        + (f", {len(result.doubtful)} with all pairs excluded." if result.doubtful else ".")
    )
    print(result.audit)
