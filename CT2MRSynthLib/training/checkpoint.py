"""Checkpoints: the whole state of a run in one file, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from CT2MRSynthLib.atomic import replacing
from CT2MRSynthLib.errors import InputError

FILE = "checkpoint.pt"
PREVIOUS_FILE = "checkpoint-previous.pt"


def save_checkpoint(folder: Path, state: dict) -> None:
    """Write the state beside the last one, which is kept as the previous."""
    folder = Path(folder)
    with replacing(folder / FILE) as temporary:
        torch.save(state, temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        if (folder / FILE).exists():
            os.replace(folder / FILE, folder / PREVIOUS_FILE)


def load_checkpoint(folder: Path) -> dict | None:
    """The newest readable state of a run, or None where there is no run.

    Raises:
        InputError: There are checkpoints, but none can be read.
    """
    reasons = []
    for name in (FILE, PREVIOUS_FILE):
        path = Path(folder) / name
        if not path.exists():
            continue
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch.load has no error class of its own
            reasons.append(f"{name}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    if reasons:
        raise InputError(
            f"No checkpoint in {folder} can be read ({'; '.join(reasons)}); start a new run in another folder."
        )
    return None
