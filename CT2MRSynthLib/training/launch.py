"""Starting a run or going on with one, as the command line and the panel do."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from CT2MRSynthLib.bundle import default_bundle_path, load_bundle
from CT2MRSynthLib.device import choose_device, is_out_of_memory
from CT2MRSynthLib.errors import CT2MRSynthError, InputError, UsageError
from CT2MRSynthLib.evaluation.selection import seen_by_bundle
from CT2MRSynthLib.greylevels import DEFAULT_CT_WINDOW
from CT2MRSynthLib.modelcard import INTENDED_USE, LIMITS, OWN_LIMITS, OWN_USE, ModelCard
from CT2MRSynthLib.pairset import read_manifest
from CT2MRSynthLib.pairset.manifest import TEST
from CT2MRSynthLib.training.checkpoint import checkpoint_paths, load_checkpoint, remove_newer
from CT2MRSynthLib.training.distributed import Context, join
from CT2MRSynthLib.training.overrides import changed, check_same_run
from CT2MRSynthLib.training.pairs import PairStore, held_back
from CT2MRSynthLib.training.result import FOLDER, architecture
from CT2MRSynthLib.training.runfiles import clean_up
from CT2MRSynthLib.training.runlock import RunLock
from CT2MRSynthLib.training.settings import PRESETS, TrainingSettings
from CT2MRSynthLib.training.trainer import Trainer, stopping_on_signals

DEFAULT_PRESET = "best"

#: The preset that starts from the bundle in use where none is given.
FROM_BUNDLE = "fine-tune"


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        pairs: Folder of the pair set.
        out: Folder of the run.
        preset: A name of ``PRESETS``; empty: "best", or that of the run that goes on.
        changes: Other values of settings, by name.
        initial: Bundle to start from.
        resume: Go on with the run in ``out``, if there is one.
        deterministic: Only algorithms that give the same bits again.
        device: "auto", "cpu", "cuda" or "mps".
        threads: CPU threads; 0: torch's own choice.
        checkpoint_steps: Steps between checkpoints; 0: by time only.
        checkpoint_minutes: Minutes between checkpoints.
        name: For the model card; empty: what it was before, of a new run one that tells the sequence.
        version: Same.
        description: Of the training data, same.
        limits: Further ones, same.
        asked: When that was, Unix seconds: a file ``stop`` in ``out`` that is older was meant for an earlier process.
    """

    pairs: Path
    out: Path
    preset: str = ""
    changes: Mapping[str, object] = field(default_factory=dict)
    initial: Path | None = None
    resume: bool = False
    deterministic: bool = False
    device: str = "auto"
    threads: int = 0
    checkpoint_steps: int = 0
    checkpoint_minutes: float = 5.0
    name: str = ""
    version: str = ""
    description: str = ""
    limits: tuple[str, ...] = ()
    asked: float = field(default_factory=time.time)


def train(request: Request, report: Callable[[dict], None] | None = None, signals: bool = False) -> str:
    """Start a run, or go on with one, until it is over or asked to stop.

    Args:
        request: What is asked for.
        report: Called with every event.
        signals: Whether SIGTERM and SIGINT shall be requests to stop.

    Returns:
        "finished" or "stopped".

    Raises:
        CT2MRSynthError: The request cannot be met, or the run failed. ``report`` hears of it too.
    """
    context, lock = Context(), None
    try:
        try:
            device = choose_device(request.device)
            context = join(device.kind)
            lock = RunLock(request.out) if context.is_first else None
            trainer = _prepared(request, report, context)
            for note in device.notes:
                trainer.warn(note)
        except Exception as error:
            told = _told(error)
            if report is not None and context.is_first:
                report({"event": "failed", "time": round(time.time(), 3), "step": 0, "steps": 0, "error": str(told)})
            if told is error:
                raise
            raise told from error
        with stopping_on_signals(trainer) if signals else contextlib.nullcontext():
            return trainer.run()
    finally:
        if lock is not None:
            lock.release()
        context.close()


def _told(error: Exception) -> Exception:
    """The error in words for users: networks or pairs that find no room show it before the first step already."""
    if isinstance(error, CT2MRSynthError) or not is_out_of_memory(error):
        return error
    return CT2MRSynthError(
        "The memory does not hold the networks and the pairs; give a smaller --width or fewer pairs."
    )


def _prepared(request: Request, report, context: Context) -> Trainer:
    if context.is_first:
        _check_folder(request)
    context.barrier()  # the others look into the folder when the first one has, and before it writes
    state, problems = load_checkpoint(request.out) if request.resume else (None, [])
    trainer = _resumed(request, report, context, state) if state else _new(request, report, context)
    for problem in problems:
        trainer.warn(problem)
    context.barrier()
    if problems and context.is_first:
        remove_newer(request.out, state["step"])
    return trainer


def _check_folder(request: Request) -> None:
    """Refuse a folder with a run that shall not go on; remove what a killed process left half-written."""
    out = request.out
    holds_run = bool(checkpoint_paths(out))
    if (holds_run or (out / FOLDER).exists()) and not request.resume:
        raise UsageError(f"There is a run in {out} already; add --resume to go on with it, or give another folder.")
    if not holds_run and (out / FOLDER).exists():
        raise InputError(f"The run in {out} has a bundle but no checkpoint to go on from; start a new run elsewhere.")
    clean_up(out, request.asked)


def _new(request: Request, report, context: Context) -> Trainer:
    preset = request.preset or DEFAULT_PRESET
    settings, initial = changed(PRESETS[preset], request.changes), None
    path = request.initial or (default_bundle_path() if preset == FROM_BUNDLE else None)
    if path is not None:
        initial = load_bundle(path)
        settings = _of_bundle(settings, request, initial.card, path)
    if "validation_pairs" not in request.changes:
        settings = replace(settings, validation_pairs=held_back(request.pairs, settings.validation_pairs))
    _check_repeatable(settings, request.deterministic)
    if request.threads:
        torch.set_num_threads(request.threads)
    pairs = PairStore(request.pairs, settings.validation_pairs)
    trainer = _trainer(
        request,
        report,
        context,
        pairs,
        settings,
        _usual_card(pairs, settings),
        deterministic=request.deterministic,
        initial=initial.generator().state_dict() if initial else None,
        initial_card=initial.card if initial else None,
        preset=preset,
    )
    if initial and (seen := _test_patients_seen(request.pairs, initial.card)):
        trainer.warn(
            f"The bundle {Path(path).name} was trained on {seen} of the test patients of this set; of these no verdict "
            "can be made, neither on it nor on what comes of it."
        )
    if initial and initial.card.ct_window != (DEFAULT_CT_WINDOW.low, DEFAULT_CT_WINDOW.high):
        low, high = initial.card.ct_window
        trainer.warn(
            f"The bundle {Path(path).name} was trained with the CT window {low:g} to {high:g} HU; this run uses "
            f"{DEFAULT_CT_WINDOW.low:g} to {DEFAULT_CT_WINDOW.high:g} HU and has to learn that first."
        )
    return trainer


def _resumed(request: Request, report, context: Context, state: dict) -> Trainer:
    before = TrainingSettings.from_json(state["settings"])
    preset, deterministic = state["preset"], state["deterministic"] or request.deterministic
    if request.preset not in ("", preset):
        raise UsageError(f"The run in {request.out} has the preset {preset}, not {request.preset}; leave --preset out.")
    initial_card = ModelCard.from_json(state["initial_card"]) if state["initial_card"] else None
    if request.initial is not None:
        begun = initial_card.weights["sha256"] if initial_card else None
        if load_bundle(request.initial).sha256 != begun:
            raise UsageError(f"The run in {request.out} did not start from {request.initial}; leave --init out.")
    settings = changed(before, request.changes)
    sentences = check_same_run(before, settings, request.out)
    _check_repeatable(settings, deterministic)
    threads = request.threads or (state["threads"] if deterministic else 0)
    if threads:
        torch.set_num_threads(threads)
    pairs = PairStore(request.pairs, settings.validation_pairs)
    pairs.check_unchanged(state["pairs"])
    trainer = _trainer(
        request,
        report,
        context,
        pairs,
        settings,
        ModelCard.from_json(state["card"]),
        deterministic=deterministic,
        initial_card=initial_card,
        preset=preset,
    )
    trainer.restore(state)
    for sentence in sentences:
        trainer.warn(sentence)
    return trainer


def _of_bundle(settings: TrainingSettings, request: Request, card: ModelCard, path: Path) -> TrainingSettings:
    """Settings with the networks of a bundle; what was asked for otherwise is refused."""
    for name in ("name", "width", "blocks"):
        setting = "architecture" if name == "name" else name
        wanted = request.changes.get(setting, card.architecture[name])
        if wanted != card.architecture[name]:
            raise UsageError(
                f"The bundle {path} has {setting} {card.architecture[name]}, not {wanted}; leave that out, or "
                "train without --init."
            )
    own = architecture(settings)
    followed = {name: card.architecture.get(name, own[name]) for name in ("width", "blocks")}
    return replace(settings, architecture=card.architecture["name"], **followed)


def _test_patients_seen(pairs: Path, card: ModelCard) -> int:
    """How many of a set's test patients a bundle was trained on, for all its card tells."""
    seen = seen_by_bundle("", card)
    tested = [entry for entry in read_manifest(pairs).pairs if entry.accepted and entry.split == TEST]
    return len({entry.patient for entry in tested if seen.holds(entry)})


def _check_repeatable(settings: TrainingSettings, deterministic: bool) -> None:
    if deterministic and (settings.steps <= 0 or settings.minutes > 0):
        raise UsageError(
            f"A deterministic run cannot end by the clock ({settings.minutes:g} minutes): how far it gets depends on "
            "the machine; give --steps instead."
        )


def _trainer(
    request: Request, report, context: Context, pairs: PairStore, settings: TrainingSettings, card: ModelCard, **more
) -> Trainer:
    """A trainer whose card says what the request asks for, and the rest as ``card`` does."""
    card = replace(
        card,
        name=request.name or card.name,
        version=request.version or card.version,
        training_data={"description": request.description or card.training_data["description"]},
        limits=tuple(dict.fromkeys([*card.limits, *request.limits])),
    )
    return Trainer(
        pairs,
        request.out,
        settings,
        card,
        report,
        context=context,
        checkpoint_steps=request.checkpoint_steps,
        checkpoint_minutes=request.checkpoint_minutes,
        **more,
    )


def _usual_card(pairs: PairStore, settings: TrainingSettings) -> ModelCard:
    """The card of a run of which nothing else is said: with pairs of patients it claims nothing of the simulated."""
    sequence = "+".join(pairs.sequences)
    name, words, use, limits = "CT2MRSynth lumbar T2", "Simulated pairs.", INTENDED_USE, LIMITS
    if not pairs.simulated or sequence != "T2":
        name, words = f"CT2MRSynth {sequence}, own pairs", "Training pairs of the user's own."
        use, limits = OWN_USE.format(sequence=sequence), [one.format(sequence=sequence) for one in OWN_LIMITS]
    return ModelCard(
        name=name,
        version="0.1.0",
        intended_use=use,
        architecture=architecture(settings),
        ct_window=(DEFAULT_CT_WINDOW.low, DEFAULT_CT_WINDOW.high),
        training_data={"description": words},
        limits=tuple(limits),
    )
