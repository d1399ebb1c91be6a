"""The result of a run: its card, and a bundle that can be opened at every moment of the run."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from CT2MRSynthLib.bundle import WEIGHTS_FILE, Bundle, save_bundle
from CT2MRSynthLib.errors import OutputError
from CT2MRSynthLib.greylevels import DEFAULT_CT_WINDOW
from CT2MRSynthLib.modelcard import ModelCard, write_card
from CT2MRSynthLib.pairset import PairEntry
from CT2MRSynthLib.provenance import environment
from CT2MRSynthLib.training.checkpoint import sync_folder
from CT2MRSynthLib.training.pairs import PIXELS, PairStore
from CT2MRSynthLib.training.settings import TrainingSettings

FOLDER = "bundle"

#: Hex digits that are kept of the hashes of patients and images: enough to tell a million apart.
DIGITS = 16


def architecture(settings: TrainingSettings) -> dict:
    """The architecture of a model card."""
    return {"name": settings.architecture, "width": settings.width, "blocks": settings.blocks}


def filled_card(
    card: ModelCard,
    settings: TrainingSettings,
    pairs: PairStore,
    training: dict,
    metrics: dict,
    initial: ModelCard | None = None,
) -> ModelCard:
    """A card with what the run knows.

    Args:
        card: With name, version, description and limits.
        settings: Of the run.
        pairs: It was trained on.
        training: What else is known of the run: preset, step, seconds and so on.
        metrics: Measured on the pairs held back; empty: not measured.
        initial: Card of the bundle the run started from: what that one has seen, this one has seen too.
    """
    edges = pairs.field_of_view
    return replace(
        card,
        sequence="+".join(pairs.sequences),
        architecture=architecture(settings),
        ct_window=(DEFAULT_CT_WINDOW.low, DEFAULT_CT_WINDOW.high),
        training_data={**card.training_data, **_data(pairs, initial)},
        training={**settings.to_json(), **training, "versions": environment()},
        metrics=metrics,
        field_of_view=edges,
        pixel_spacing=tuple(edge / PIXELS for edge in edges),
        slice_thickness=pairs.slice_thickness,
    )


def write_result(folder: Path, weights: dict, card: ModelCard) -> Bundle:
    """Write the bundle of a run, in place of the last one.

    The weights get a name of their own, and the card, which names them, is replaced in one go: whoever opens the
    bundle, at any moment, finds a card and its weights.

    Args:
        folder: Of the bundle.
        weights: Tensors by name.
        card: Of the generator.

    Raises:
        OutputError: It cannot be written; the last one stays.
    """
    folder = Path(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".part-", dir=folder.parent) as temporary:
            made = save_bundle(Path(temporary) / FOLDER, weights, card)
            _sync(made.weights_path)
            if not folder.exists():
                os.replace(made.path, folder)
                sync_folder(folder.parent)
                return Bundle(folder, made.card)
            name = f"{Path(WEIGHTS_FILE).stem}-{made.sha256[:DIGITS]}.pt"
            os.replace(made.weights_path, folder / name)
        card = replace(made.card, weights={**made.card.weights, "file": name})
        write_card(folder, card)
        sync_folder(folder)
        for other in folder.glob(f"{Path(WEIGHTS_FILE).stem}*.pt"):
            if other.name != name:
                other.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"The bundle {folder} cannot be written: {error.strerror or error}; free some space."
        ) from None
    return Bundle(folder, card)


def make_viewer(settings: TrainingSettings, device: torch.device, layout: torch.memory_format) -> torch.nn.Module:
    """A generator to look through, beside the one that is trained; no random number of the training is used up."""
    from CT2MRSynthLib.networks.layers import use_fast_layers
    from CT2MRSynthLib.networks.registry import make_generator

    with torch.random.fork_rng(devices=[]):
        network = make_generator(architecture(settings))
    return use_fast_layers(network).to(device, memory_format=layout).eval().requires_grad_(False)


def _data(pairs: PairStore, initial: ModelCard | None) -> dict:
    before = initial.training_data if initial else {}
    # those held back only show how a run comes along: the last weights are the result, whatever their error
    patients = {_short(hashlib.sha256(entry.patient.encode()).hexdigest()) for entry in pairs.entries}
    images = {_short(image) for image in _images(pairs.entries)}
    return {
        "subjects": pairs.subjects,
        "pairs": len(pairs),
        "sequence": "+".join(pairs.sequences),
        "data_sha256": hashlib.sha256("\n".join(sorted(_images(pairs.seen))).encode()).hexdigest(),
        "patients": sorted(patients | set(before.get("patients", []))),
        "images": sorted(images | set(before.get("images", []))),
    }


def _images(entries: Sequence[PairEntry]) -> list[str]:
    return [file.sha256 for entry in entries for file in entry.files.values()]


def _short(digest: str) -> str:
    return digest[:DIGITS]


def _sync(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
