"""The command ``ct2mrsynth``.

Each subcommand is a module with ``SUMMARY``, ``configure(parser)`` and ``run(arguments)``. One that has subcommands of
its own, such as ``pairs``, has ``DESCRIPTION`` and ``COMMANDS`` instead of the two functions, and for each of them a
module ``pairs_<name>``. Only the chosen ones are imported, and none imports anything heavy before its work begins, so
that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from CT2MRSynthLib import __version__
from CT2MRSynthLib.errors import BundleError, Cancelled, CT2MRSynthError, UsageError

#: Exit status of every subcommand.
DONE, SOME_FAILED, WRONG_USAGE, BUNDLE_REFUSED = 0, 1, 2, 3

#: What a shell reports for a process ended by SIGINT (Ctrl+C) and SIGTERM.
INTERRUPTED, TERMINATED = 130, 143

COMMANDS = {
    "synthesize": "make synthetic T2 volumes from CT and crop boxes",
    "crop": "make crop boxes from landmarks by the paper's rule",
    "info": "show and check a model bundle",
    "phantom": "make simulated CT and T2 of a lumbar spine",
    "phantom-report": "measure how like real scans the simulated ones are",
    "pairs": "make, look through and decide on a set of CT and MR slices",
    "train": "train a generator on pairs of CT and T2 slices, or resume",
    "compare": "compare two generators on patients neither has seen",
    "use": "make a generator the one in use",
    "bench": "measure speed and memory",
}

EPILOG = """exit status:
  0  all done
  1  some inputs failed, or a result could not be written; the report says which and why
  2  wrong usage
  3  the model bundle is refused
  130, 143  interrupted; nothing half-made is left, and the same command resumes

SYNTHETIC - not for diagnosis. Research use only."""


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand and return its exit status.

    Args:
        argv: The words after the program's name. None: those of this process.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        arguments = _parser(words).parse_args(words)
    except SystemExit as stop:  # argparse has printed the help or what is wrong
        return int(stop.code or DONE)
    before = _end_tidily_when_terminated()
    try:
        return arguments.run(arguments)
    except CT2MRSynthError as error:
        return _complain(str(error), status_of(error))
    except (KeyboardInterrupt, Cancelled):
        return _complain("Stopped; what was complete is kept, and the same command resumes.", INTERRUPTED)
    except _Terminated:
        return _complain("Ended from outside; what was complete is kept, and the same command resumes.", TERMINATED)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("CT2MRSynthLib"):
            raise
        return _complain(
            f"The Python package {error.name!r} is missing; install it with: python -m pip install {error.name}",
            SOME_FAILED,
        )
    except BrokenPipeError:  # whoever read our output has left; the interpreter must not complain about it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SOME_FAILED
    except OSError as error:
        return _complain(
            f"{error.strerror or error}: {error.filename or 'a file'}; check the path and its rights.", SOME_FAILED
        )
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def status_of(error: BaseException) -> int:
    """The exit status that stands for ``error``."""
    statuses = {
        BundleError: BUNDLE_REFUSED,
        UsageError: WRONG_USAGE,
        KeyboardInterrupt: INTERRUPTED,
        Cancelled: INTERRUPTED,
        _Terminated: TERMINATED,
    }
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), SOME_FAILED)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Paragraphs as they are written, and room for the names of options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


class _Terminated(BaseException):
    """SIGTERM arrived; no ``except Exception`` may hold it up."""


def _end_tidily_when_terminated():
    """Let SIGTERM unwind the stack so that temporary files go; returns the handler to restore, if there is one."""

    def stop(number, frame):
        raise _Terminated

    try:
        return signal.signal(signal.SIGTERM, stop)
    except ValueError:  # only the main thread may set handlers
        return None


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ct2mrsynth",
        description="Synthetic axial T2-weighted MR slices at the lumbar discs, from CT.",
        epilog=EPILOG,
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_commands(parser, COMMANDS, words)
    return parser


def _add_commands(
    parser: argparse.ArgumentParser, table: Mapping[str, str], words: Sequence[str], prefix: str = ""
) -> None:
    """Add the subcommands of ``table``; only the one that ``words`` begin with is imported."""
    commands = parser.add_subparsers(dest=prefix + "command", metavar="COMMAND", required=True)
    for name, summary in table.items():
        if [name] != list(words[:1]):
            commands.add_parser(name, help=summary)
            continue
        module = importlib.import_module(f"CT2MRSynthLib.cli.{prefix}{name.replace('-', '_')}")
        command = commands.add_parser(
            name,
            help=summary,
            description=module.SUMMARY,
            epilog=EPILOG,
            formatter_class=_Help,
        )
        if hasattr(module, "COMMANDS"):
            command.description = module.DESCRIPTION
            _add_commands(command, module.COMMANDS, words[1:], f"{name}_")
            continue
        module.configure(command)
        command.set_defaults(run=module.run)


def _complain(sentence: str, status: int) -> int:
    print(f"ct2mrsynth: {sentence}", file=sys.stderr)
    return status
