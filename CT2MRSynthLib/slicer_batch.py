"""Run ``ct2mrsynth synthesize`` on nodes of a Slicer scene.

    Slicer --no-main-window --no-splash --python-script slicer_batch.py -- --ct CT --roi BOX.mrk.json --out DIR

Arguments, files and exit status are those of ``ct2mrsynth synthesize``. Outside the application the same script runs on
a bare scene: ``python slicer_batch.py --ct ...``.
"""

import os
import sys
import traceback

NAME = "slicer_batch.py"


def _use_the_package_around() -> None:
    """Put the folder above the package on the path in place of the package's own, whose modules are not top-level."""
    package = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != package]
    sys.path.insert(0, os.path.dirname(package))


def _use_plain_streams() -> None:
    """Write past the application's Python console: it must not be written to by the thread that tells the progress."""
    if sys.__stdout__ is not None and sys.__stderr__ is not None:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


def main(words: list) -> int:
    """Run the job that ``words`` describe and return the exit status."""
    import argparse

    import slicer

    from CT2MRSynthLib.cli import EPILOG, INTERRUPTED, SOME_FAILED, status_of, synthesize
    from CT2MRSynthLib.errors import Cancelled, CT2MRSynthError
    from CT2MRSynthLib.scene.steps import SceneSteps

    parser = argparse.ArgumentParser(NAME, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    synthesize.configure(parser)
    try:
        arguments = parser.parse_args(words)
    except SystemExit as stop:  # argparse has printed the help or what is wrong
        return int(stop.code or 0)
    scene = getattr(slicer, "mrmlScene", None) or slicer.vtkMRMLScene()
    try:
        return synthesize.run(arguments, SceneSteps(scene))
    except CT2MRSynthError as error:
        return _complain(str(error), status_of(error))
    except (KeyboardInterrupt, Cancelled):
        return _complain("Stopped; what was complete is kept, and the same command resumes.", INTERRUPTED)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("CT2MRSynthLib"):
            raise
        return _complain(
            f"The Python package {error.name!r} is missing; install it: PythonSlicer -m pip install {error.name}",
            SOME_FAILED,
        )


def _complain(sentence: str, status: int) -> int:
    print(f"{NAME}: {sentence}", file=sys.stderr)
    return status


def _run() -> None:
    _use_the_package_around()
    words = sys.argv[1:]
    if words and words[0] == "--":
        words = words[1:]
    import slicer

    inside = getattr(slicer, "app", None) is not None
    if inside:
        _use_plain_streams()
    status = 1
    try:
        status = main(words)
    except Exception:  # without a window nobody would see an application that waits
        traceback.print_exc()
    if inside:
        slicer.util.exit(status)
    else:
        sys.exit(status)


if __name__ == "__main__":
    _run()
