"""``ct2mrsynth synthesize``: from CT and crop boxes to synthetic T2 volumes, pictures and records."""

from __future__ import annotations

import contextlib
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.job import DEVICES, PRECISIONS, Job, Options, job_from_file, job_from_paths

SUMMARY = "make synthetic T2 volumes from CT and crop boxes"

DESCRIPTION = """\
Make synthetic T2 volumes from CT and crop boxes.

For each box it writes <ct>_<level>_sMRT2.nrrd (the volume, where the box lies), .png (CT and synthetic slice side by
side) and .json (how it was made), and for the run report.json. A box that is already complete is skipped, so the same
command resumes a run that was ended."""


def configure(parser: ArgumentParser) -> None:
    """Describe the arguments; the script for Slicer takes the same."""
    parser.description = DESCRIPTION
    inputs = parser.add_argument_group("what")
    inputs.add_argument(
        "--ct",
        metavar="PATH",
        nargs="+",
        action="extend",
        default=[],
        help="CT: DICOM folder or zip, NIfTI, NRRD, MetaImage; several, or a pattern in quotes such as 'cts/*.nrrd'",
    )
    inputs.add_argument(
        "--roi",
        metavar="BOX",
        nargs="+",
        action="extend",
        default=[],
        help="crop boxes: Markups files (.mrk.json) with ROIs or planes; {ct} in the name stands for the CT's name, "
        "{folder} for the folder the CT lies in",
    )
    inputs.add_argument("--series", help="which DICOM series, where there are several")
    inputs.add_argument("--job", metavar="JOB.json", type=Path, help="job file that names CTs, boxes and options")
    inputs.add_argument("--out", metavar="DIR", type=Path, help="folder of the results; made if need be")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--bundle", metavar="DIR", type=Path, help="folder of the model bundle (default: the one that comes with it)"
    )
    how.add_argument("--device", choices=DEVICES, help="where to compute (default: auto)")
    how.add_argument("--precision", choices=PRECISIONS, help="of the network's arithmetic (default: auto)")
    how.add_argument("--slices", metavar="N", type=int, help="parallel slices through each box (default: 1)")
    how.add_argument("--thickness", metavar="MM", type=float, help="slice thickness in mm (default: 4)")
    how.add_argument("--force", action="store_true", help="make again what is already complete")
    told = parser.add_argument_group("what is said meanwhile")
    told.add_argument("--quiet", action="store_true", help="warnings and errors only")
    told.add_argument("--events", action="store_true", help="JSON lines on standard output, for a parent process")


def job_from_arguments(arguments: Namespace) -> Job:
    """The job that parsed arguments describe.

    Raises:
        UsageError: They contradict each other or leave something open.
    """
    chosen = {name: getattr(arguments, name) for name in ("slices", "thickness", "device", "precision", "bundle")}
    chosen["force"] = arguments.force or None
    if arguments.job is not None:
        if arguments.ct or arguments.roi or arguments.series:
            raise UsageError("--job names CTs, boxes and series itself; leave out --ct, --roi and --series.")
        return job_from_file(arguments.job, arguments.out, **chosen)
    if arguments.out is None:
        raise UsageError("No output folder is named; give --out DIR.")
    options = Options(**{name: value for name, value in chosen.items() if value is not None})
    return job_from_paths(arguments.ct, arguments.roi, arguments.out, options, arguments.series)


def run(arguments: Namespace, steps=None) -> int:
    """Run the job and return the exit status.

    Args:
        arguments: As parsed.
        steps: What replaces the steps of the run (``CT2MRSynthLib.batch.Steps``). None: plain files.
    """
    from CT2MRSynthLib.cli import status_of
    from CT2MRSynthLib.progress import Events, Progress, Terminal

    sinks = [Terminal(sys.stderr, quiet=arguments.quiet)]
    if arguments.events:
        sinks.append(Events(sys.stdout))
    with Progress(sinks) as progress:
        try:
            job = job_from_arguments(arguments)
            from CT2MRSynthLib.batch import run_job

            return run_job(job, progress, steps)["exit_status"]
        except BaseException as error:
            with contextlib.suppress(OSError):  # nobody may be left to hear it
                progress.stop(str(error) or "Stopped.", status_of(error))
            raise
