"""``ct2mrsynth bench``: speed and memory on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "measure speed and memory"

DESCRIPTION = """\
Measure on this machine: the synthesizer against the same network run plainly (milliseconds a slice and their ratio),
the start of the program, and a whole run from a CT to volumes on disk. Without --ct, a simulated CT is made first.
With --phantom, measure instead how fast pairs and a whole subject are simulated, against a fixed computation; with
--training, one training step against the same step run plainly; with --registration, how fast a CT and an MR are
registered. None of these three needs a model bundle."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.description = DESCRIPTION
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--bundle", metavar="DIR", help="model bundle (default: the one in use)")
    parser.add_argument(
        "--width", type=int, help="time an untrained generator of this width instead; 64 is the paper's"
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    parser.add_argument("--ct", metavar="PATH", type=Path, help="CT for the whole run")
    parser.add_argument("--roi", metavar="BOX", type=Path, nargs="+", action="extend", help="its crop boxes")
    parser.add_argument("--phantom", action="store_true", help="time the simulation instead; needs no model bundle")
    parser.add_argument("--training", action="store_true", help="time a training step instead; --width 64 by default")
    parser.add_argument("--registration", action="store_true", help="time the registration instead")
    parser.add_argument("--no-run", action="store_true", help="leave out the whole run; with --phantom: the subject")


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; returns the exit status."""
    import tempfile

    from CT2MRSynthLib.bundle import check_bundle, default_bundle_path
    from CT2MRSynthLib.errors import UsageError

    if bool(arguments.ct) != bool(arguments.roi):
        raise UsageError("A CT and its boxes belong together: give both --ct and --roi, or neither.")
    special = _measure_special(arguments)
    if special is not None:
        _show(special, arguments.json)
        return 0
    bundle = check_bundle(arguments.bundle or default_bundle_path()) if _needs_bundle(arguments) else None
    with tempfile.TemporaryDirectory(prefix="ct2mrsynth-bench-") as folder:
        _show(_measure(arguments, bundle, Path(folder)), arguments.json)
    return 0


def _measure_special(arguments: argparse.Namespace) -> dict | None:
    """What is asked for instead of the synthesizer, or None."""
    if sum((arguments.phantom, arguments.training, arguments.registration)) > 1:
        from CT2MRSynthLib.errors import UsageError

        raise UsageError("Only one of --phantom, --training and --registration can be measured at a time.")
    if arguments.phantom:
        from CT2MRSynthLib.benchphantom import measure_phantom

        return measure_phantom(subject=not arguments.no_run)
    if arguments.training:
        from CT2MRSynthLib.benchtraining import measure_training

        return measure_training(64 if arguments.width is None else arguments.width, arguments.device)
    if arguments.registration:
        from CT2MRSynthLib.benchregistration import measure_registration

        return measure_registration()
    return None


def _needs_bundle(arguments: argparse.Namespace) -> bool:
    return not (arguments.width and arguments.no_run)


def _measure(arguments: argparse.Namespace, bundle, folder: Path) -> dict:
    """The whole run comes before torch is loaded here: a child's peak memory counts from its parent's size."""
    from CT2MRSynthLib import bench

    later = bench.measure_start()
    if not arguments.no_run:
        ct, boxes = (arguments.ct, arguments.roi) if arguments.ct else bench.make_sample(folder / "sample")
        later |= bench.measure_end_to_end(ct, boxes, bundle.path, arguments.device)
    if arguments.width:
        first = bench.measure_width(arguments.width, folder / "bundle", arguments.device, arguments.precision)
    else:
        first = bench.measure_inference(bundle, arguments.device, arguments.precision)
    return {**first, **later}


WORDS = {
    "inference_ms": "milliseconds a slice",
    "reference_ms": "the same network run plainly",
    "inference_ratio": "ratio",
    "difference": "mean difference, grey levels",
    "import_s": "import, seconds",
    "help_s": "--help, seconds",
    "end_to_end_s": "CT to volumes, seconds",
    "boxes": "volumes",
    "peak_rss_mb": "peak memory, MiB",
    "pairs_per_s": "pairs a second of one core",
    "pair_ms": "milliseconds a pair",
    "computation_ms": "the fixed computation",
    "pair_ratio": "ratio",
    "subject_ct_s": "a subject's CT, seconds",
    "subject_voxels": "its voxels",
    "subject_mr_s": "its five T2 stacks, seconds",
    "subject_ratio": "both, ratio to the computation",
    "training_ms": "milliseconds a training step",
    "training_reference_ms": "the same step run plainly",
    "training_ratio": "ratio",
}


def _show(values: dict, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(values))
        return
    if "device" in values:
        print(f"{values['device']}; generator of width {values['width']}")
    for key, value in values.items():
        if key not in ("device", "width"):
            print(f"{WORDS.get(key, key.replace('_', ' ')):30} {value}")
