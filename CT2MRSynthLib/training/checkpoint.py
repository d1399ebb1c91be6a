"""Checkpoints: the whole state of a run in one file, written whole or not at all, and checked when it is read."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import torch

from CT2MRSynthLib.atomic import replacing
from CT2MRSynthLib.errors import InputError, OutputError

#: How many are kept.
KEPT = 2

#: Ends the file, before the digest in hex: torch reads such a file as if nothing followed.
MARK = b"\nCT2MRSynth checkpoint SHA-256 "
DIGITS = hashlib.sha256().digest_size * 2


def checkpoint_paths(folder: str | Path) -> list[Path]:
    """The checkpoints of a run, readable or not, the newest first."""
    return sorted(Path(folder).glob("checkpoint-[0-9]*.pt"), reverse=True)


def save_checkpoint(folder: str | Path, state: dict) -> Path:
    """Write a state as ``checkpoint-<step>.pt`` and remove all but the newest ones.

    Where the disk is full, an older one makes room for it.

    Args:
        folder: The run's.
        state: Tensors, numbers and words; its "step" names the file.

    Raises:
        OutputError: It cannot be written; the checkpoints there are stay.
    """
    buffer = io.BytesIO()  # torch hides the reason when a disk is full; plain writing tells it
    torch.save(state, buffer)
    path = Path(folder) / f"checkpoint-{state['step']:09d}.pt"
    older = [other for other in checkpoint_paths(folder) if other.name < path.name]
    stale = [other for other in checkpoint_paths(folder) if other.name > path.name]  # damaged, or before a step back
    spare = stale + older[KEPT - 1 :]
    try:
        _write(path, buffer)
    except OutputError:
        if not spare:
            raise
        _remove(spare)
        _write(path, buffer)
    _remove(spare)
    return path


def load_checkpoint(folder: str | Path) -> tuple[dict | None, list[str]]:
    """The newest sound state of a run.

    Args:
        folder: The run's.

    Returns:
        The state, None where there is no checkpoint; and a sentence for each newer one that cannot be used.

    Raises:
        InputError: There are checkpoints, but none can be read.
    """
    problems = []
    for path in checkpoint_paths(folder):
        try:
            return torch.load(io.BytesIO(_checked(path)), map_location="cpu", weights_only=True), problems
        except MemoryError:  # says nothing of the file, which must not give way to an older one
            raise
        except Exception as error:  # torch.load has no error class of its own
            reason = (str(error).splitlines() or [""])[0] or type(error).__name__
            problems.append(f"The checkpoint {path.name} cannot be used ({reason}); the one before is taken.")
    if problems:
        names = ", ".join(path.name for path in checkpoint_paths(folder))
        raise InputError(
            f"No checkpoint in {folder} can be used ({names}: damaged or incomplete); start a new run in another "
            "folder."
        )
    return None, []


def remove_newer(folder: str | Path, step: int) -> None:
    """Remove checkpoints of later steps, once a run goes on without them: they would count among those kept."""
    _remove([path for path in checkpoint_paths(folder) if path.name > f"checkpoint-{step:09d}.pt"])


def state_size(state) -> int:
    """Bytes of the tensors in a state, about those of its file."""
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, dict):
        state = list(state.values())
    return sum(map(state_size, state)) if isinstance(state, (list, tuple)) else 0


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _write(path: Path, buffer: io.BytesIO) -> None:
    content = buffer.getbuffer()
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(content)
        file.write(MARK + hashlib.sha256(content).hexdigest().encode())
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder outlast a power cut, where the system can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError:  # some network file systems do not
        pass
    finally:
        os.close(handle)


def _checked(path: Path) -> bytes:
    content = path.read_bytes()
    body, tail = content[: -len(MARK) - DIGITS], content[-len(MARK) - DIGITS :]
    if not tail.startswith(MARK):
        raise InputError("it is incomplete")
    if hashlib.sha256(body).hexdigest().encode() != tail[len(MARK) :]:
        raise InputError("its content is damaged")
    return body
