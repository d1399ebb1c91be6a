"""``ct2mrsynth train``: a generator from a folder of slice pairs."""

from __future__ import annotations

import argparse

SUMMARY = "train a generator on pairs of CT and T2 slices"

DESCRIPTION = """\
Train a generator on a pair set (ct2mrsynth phantom --pairs makes simulated ones). Ctrl+C or SIGTERM ends the run after
its current step, with a checkpoint; the same command with --resume goes on. RUN/bundle is the result, RUN/previews
shows how it looks."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.description = DESCRIPTION
    parser.add_argument(
        "--pairs", required=True, metavar="DIR", help="folder of the pair set; pairs added later are taken in"
    )
    parser.add_argument("--out", required=True, metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--preset", default="best", choices=("paper", "paper-short", "best", "fine-tune", "quick"), help="default: best"
    )
    parser.add_argument("--width", type=int, help="channels after the generator's first convolution")
    parser.add_argument("--discriminator-width", type=int, help="same, of the discriminator")
    parser.add_argument("--steps", type=int, help="generator updates in all")
    parser.add_argument("--minutes", type=float, help="wall-clock limit in all, resumed runs included")
    parser.add_argument("--seed", type=int, help="of weights, order and variation of the pairs")
    parser.add_argument(
        "--validation-pairs",
        type=int,
        metavar="N",
        help="pairs held back for previews and the validation error; default: 20, of small sets a fifth",
    )
    parser.add_argument("--threads", type=int, help="CPU threads; default: torch's own choice")
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    parser.add_argument("--name", default="CT2MRSynth lumbar T2", help="name in the model card")
    parser.add_argument("--model-version", default="0.1.0", metavar="X.Y.Z", help="version in the model card")
    parser.add_argument(
        "--data-description", default="Training pairs of the user's own.", metavar="WORDS", help="for the model card"
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="SENTENCE",
        help="a further limit for the model card; repeatable",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; returns the exit status."""
    from dataclasses import replace
    from pathlib import Path

    from CT2MRSynthLib.errors import UsageError
    from CT2MRSynthLib.training.pairs import held_back
    from CT2MRSynthLib.training.settings import PRESETS

    changed = ("width", "discriminator_width", "steps", "minutes", "seed", "validation_pairs")
    changes = {name: getattr(arguments, name) for name in changed if getattr(arguments, name) is not None}
    if "minutes" in changes and "steps" not in changes:
        changes["steps"] = 0
    if "steps" in changes and "minutes" not in changes:
        changes["minutes"] = 0.0
    settings = replace(PRESETS[arguments.preset], **changes)
    out = Path(arguments.out)
    if (out / "checkpoint.pt").exists() and not arguments.resume:
        raise UsageError(f"There is a run in {out} already; add --resume to go on with it, or give another folder.")
    if arguments.validation_pairs is None:
        settings = replace(settings, validation_pairs=held_back(arguments.pairs, settings.validation_pairs))
    return _train(arguments, settings, out)


def _train(arguments: argparse.Namespace, settings, out) -> int:
    import torch

    from CT2MRSynthLib.modelcard import LIMITS, ModelCard
    from CT2MRSynthLib.training.pairs import PairStore
    from CT2MRSynthLib.training.trainer import Trainer, stop_on_signals

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    out.mkdir(parents=True, exist_ok=True)
    card = ModelCard(
        name=arguments.name,
        version=arguments.model_version,
        architecture={"name": "johnson-resnet", "width": settings.width, "blocks": settings.blocks},
        ct_window=(0.0, 1.0),  # the trainer fills in the window it trains with
        training_data={"description": arguments.data_description},
        limits=(*LIMITS, *arguments.limit),
    )
    pairs = PairStore(arguments.pairs, settings.validation_pairs)
    trainer = Trainer(pairs, out, settings, card, report=_print)
    stop_on_signals(trainer)
    if arguments.resume:
        trainer.resume()
    trainer.run()
    return 0


def _print(event: dict) -> None:
    import json

    print(json.dumps(event), flush=True)
