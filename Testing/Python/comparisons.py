"""What tests of verdicts need: small pair sets whose MR follows from the CT, and generators of one grey level."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from runs import hounsfield

from CT2MRSynthLib.evaluation.selection import patient_mark
from CT2MRSynthLib.frame import Grid
from CT2MRSynthLib.pairset import PairSet, read_manifest, write_pair

#: Grey level of the MR at a local mean HU.
HU, GREY = (-1000, -100, 55, 210, 700), (0, 180, 60, 110, 20)


def write_set(folder: Path, sides: dict[str, str | None], slices: int = 1, levels: tuple[int, ...] = ()) -> Path:
    """A pair set.

    Args:
        folder: Of the set.
        sides: Patients by code, each with the side of the split it is on.
        slices: Of each patient.
        levels: The one grey level of each patient's MR; empty: the MR follows from the CT.
    """
    matrix = np.diag([-0.4, -0.4, 4.0, 1.0])
    grid = Grid(matrix, (256, 256, 1))
    entries = []
    for number, (patient, side) in enumerate(sides.items()):
        volume = hounsfield(seed=number)
        for n in range(slices):
            plane = np.kron(volume[10 + 5 * n + number % 5], np.ones((4, 4), np.int16))[32:288, 32:288]
            noise = np.random.default_rng([number, n]).normal(0, 6, plane.shape)
            mr = np.clip(np.interp(plane, HU, GREY) + noise + number % 7, 0, 255).astype(np.uint8)
            if levels:
                mr[:] = levels[number]
            entries.append(replace(write_pair(folder, patient, f"slice-{n}", plane, mr, grid), split=side))
    PairSet(tuple(entries), {"command": "test"}).write(folder)
    return folder


def write_constant(path: Path, grey: float, seen: tuple[str, ...] | None = (), images: tuple[str, ...] = ()):
    """A bundle whose generator makes one grey level of every CT.

    Args:
        path: Its folder.
        grey: Level.
        seen: Patients that its card says it was trained on; None: its card says nothing.
        images: Marks of images likewise.
    """
    import torch

    from CT2MRSynthLib.bundle import save_bundle
    from CT2MRSynthLib.modelcard import ModelCard
    from CT2MRSynthLib.networks.generator import Generator

    data = {"description": "none", "subjects": 0, "pairs": 0}
    if seen is not None:
        data |= {"patients": [patient_mark(code) for code in seen], "images": list(images)}
    card = ModelCard(
        name=f"Level {grey:g}",
        version="0.0.1",
        architecture={"name": Generator.architecture, "width": 2, "blocks": 1},
        ct_window=(-200.0, 600.0),
        training_data=data,
    )
    state = {name: torch.zeros_like(tensor) for name, tensor in Generator(2, 1).state_dict().items()}
    state["last.bias"] += math.atanh((grey - 127.5) / 127.5)
    return save_bundle(path, state, card)


def patients(count: int, side: str | None = "test", first: int = 0) -> dict[str, str | None]:
    """So many codes on one side."""
    return {f"P{first + number:02d}": side for number in range(count)}


def marks_of_images(folder: Path, patient: str) -> tuple[str, ...]:
    """What a card keeps of a patient's images."""
    pairs = read_manifest(folder).pairs
    return tuple(file.sha256[:16] for entry in pairs if entry.patient == patient for file in entry.files.values())
