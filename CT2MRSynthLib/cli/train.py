"""``ct2mrsynth train``: a generator from a folder of slice pairs."""

from __future__ import annotations

import argparse

SUMMARY = "train a generator on pairs of CT and MR slices"

DESCRIPTION = """\
Train a generator on a pair set (ct2mrsynth pairs build makes one of scans, ct2mrsynth phantom --pairs a simulated one).
Ctrl+C, SIGTERM or a file RUN/stop ends the run after its current step, with a checkpoint and exit status 0; the same
command with --resume goes on, also after a power cut. RUN/bundle is the result, RUN/previews and RUN/losses.png show
how it comes along, RUN/state.json and the JSON lines on standard output tell a program."""

PRESETS = ("paper", "paper-short", "best", "fine-tune", "quick")

#: Options that are settings of the same name.
SETTINGS = (
    "width",
    "discriminator_width",
    "steps",
    "minutes",
    "seed",
    "batch",
    "learning_rate",
    "l1_weight",
    "validation_pairs",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.description = DESCRIPTION
    parser.add_argument("--pairs", required=True, metavar="DIR", help="folder of the pair set; it must not change")
    parser.add_argument("--out", required=True, metavar="RUN", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN, if there is one")
    what = parser.add_argument_group("how to train")
    what.add_argument("--preset", choices=PRESETS, help="default: best")
    what.add_argument(
        "--init", metavar="BUNDLE", help="start from its weights; with --preset fine-tune by default the bundle in use"
    )
    what.add_argument("--steps", type=int, metavar="N", help="updates in all; resumed runs may be given more")
    what.add_argument("--minutes", type=float, metavar="M", help="wall-clock limit in all, resumed runs included")
    what.add_argument("--width", type=int, metavar="W", help="channels after the generator's first convolution")
    what.add_argument("--discriminator-width", type=int, metavar="W", help="same, of the discriminator")
    what.add_argument("--batch", type=int, metavar="N", help="pairs a step, on each of several devices")
    what.add_argument("--learning-rate", type=float, metavar="RATE", help="of both networks")
    what.add_argument("--l1-weight", type=float, metavar="LAMBDA", help="weight of the mean absolute error")
    what.add_argument("--seed", type=int, metavar="S", help="of weights, order and variation of the pairs")
    what.add_argument(
        "--validation-pairs",
        type=int,
        metavar="N",
        help="pairs held back where the set names no validation patients; default: none of a set that is split, of "
        "others a fifth, at most 20",
    )
    what.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other setting or number of the augmentation, as in the model card; repeatable",
    )
    where = parser.add_argument_group("where and how safely")
    where.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="default: auto")
    where.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads; default: torch's own choice")
    where.add_argument(
        "--deterministic",
        action="store_true",
        help="the same bits whenever it is repeated on this machine, interrupted or not (CPU); needs --steps",
    )
    where.add_argument("--checkpoint-steps", type=int, default=0, metavar="N", help="checkpoint every N steps")
    where.add_argument(
        "--checkpoint-minutes", type=float, default=5.0, metavar="M", help="and every M minutes (default: 5)"
    )
    card = parser.add_argument_group("for the model card; a run that goes on keeps them")
    card.add_argument("--name", default="", help="of the generator; default: one that tells the sequence")
    card.add_argument("--model-version", default="", metavar="X.Y.Z", help="of the generator; default: 0.1.0")
    card.add_argument("--data-description", default="", metavar="WORDS", help="of the pairs")
    card.add_argument("--limit", action="append", default=[], metavar="SENTENCE", help="a further limit; repeatable")


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; returns the exit status."""
    import time
    from pathlib import Path

    asked = time.time()  # before torch is imported, which takes seconds

    from CT2MRSynthLib.training.overrides import parse_assignments

    _check(arguments)
    changes = {name: getattr(arguments, name) for name in SETTINGS if getattr(arguments, name) is not None}
    changes |= parse_assignments(arguments.set)

    from CT2MRSynthLib.training.distributed import end_process
    from CT2MRSynthLib.training.launch import Request, train

    request = Request(
        pairs=Path(arguments.pairs),
        out=Path(arguments.out),
        preset=arguments.preset or "",
        changes=changes,
        initial=Path(arguments.init) if arguments.init else None,
        resume=arguments.resume,
        deterministic=arguments.deterministic,
        device=arguments.device,
        threads=arguments.threads,
        checkpoint_steps=arguments.checkpoint_steps,
        checkpoint_minutes=arguments.checkpoint_minutes,
        name=arguments.name,
        version=arguments.model_version,
        description=arguments.data_description,
        limits=tuple(arguments.limit),
        asked=asked,
    )
    train(request, _print, signals=True)
    end_process(0)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    from CT2MRSynthLib.errors import UsageError

    for name, least in (("threads", 0), ("checkpoint_steps", 0), ("checkpoint_minutes", 0.01)):
        if not getattr(arguments, name) >= least:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is {getattr(arguments, name)}; give a number from {least:g}.")


def _print(event: dict) -> None:
    """A line of JSON; when nobody reads any more, the training goes on unheard."""
    import json
    import os
    import sys

    try:
        print(json.dumps(event), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
