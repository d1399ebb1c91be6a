"""What tests of training need: small pair sets of noise, tiny settings, a trainer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.pairset import PairSetWriter, write_pair
from CT2MRSynthLib.training.settings import TrainingSettings

TINY = TrainingSettings(width=4, blocks=1, discriminator_width=2, steps=6, ema_decay=0.9, validation_pairs=2)

#: The same on the command line.
TINY_WORDS = ["--width", "2", "--discriminator-width", "2", "--set", "blocks=1", "--device", "cpu"]


def write_pairs(folder: Path, patients="abcdef", seed=0, splits=None) -> Path:
    """A pair set of noise, with one pair for each of ``patients``."""
    rng = np.random.default_rng(seed)
    grid = DiscFrame([0, 0, 0], np.eye(3), [80, 80, 4]).grid()
    with PairSetWriter(folder, {"command": "test"}) as writer:
        for patient in patients:
            ct = np.kron(rng.integers(-150, 400, (16, 16)), np.ones((16, 16)))
            mr = np.clip(ct / 3 + 80, 0, 255).astype(np.uint8)
            level = f"slice-{len(writer):02d}"
            writer.add(replace(write_pair(folder, patient, level, ct, mr, grid), split=(splits or {}).get(patient)))
    return folder


def a_card() -> ModelCard:
    """A card that the run fills in."""
    return ModelCard(
        name="test",
        version="0",
        architecture={"name": "johnson-resnet", "width": 4, "blocks": 1},
        ct_window=(0, 1),
        training_data={"description": "noise"},
    )


def a_trainer(pairs: Path, out: Path, settings: TrainingSettings = TINY, **more):
    """A trainer in a folder that is made."""
    from CT2MRSynthLib.training.pairs import PairStore
    from CT2MRSynthLib.training.trainer import Trainer

    out.mkdir(exist_ok=True)
    return Trainer(PairStore(pairs, settings.validation_pairs), out, settings, a_card(), **more)


def words(pairs: Path, out: Path, *more) -> list[str]:
    """A command line of the tiny training."""
    return ["train", "--pairs", str(pairs), "--out", str(out), *TINY_WORDS, "--validation-pairs", "2", *map(str, more)]


def state_of(run: Path) -> dict:
    """What ``state.json`` says."""
    return json.loads((run / "state.json").read_text())


def events_of(run: Path, kind: str | None = None) -> list[dict]:
    """The events of a run, all or of one kind."""
    events = [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]
    return [event for event in events if kind in (None, event["event"])]


def steps_in_table(run: Path) -> list[int]:
    """The steps of ``losses.csv``."""
    return [int(line.split(",")[0]) for line in (run / "losses.csv").read_text().splitlines()[1:]]
