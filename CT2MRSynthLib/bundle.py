"""Model bundles: folders with the weights of a generator as plain tensors, and its card."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from CT2MRSynthLib.atomic import replacing
from CT2MRSynthLib.errors import BundleError, CT2MRSynthError
from CT2MRSynthLib.modelcard import ModelCard, read_card, write_card

WEIGHTS_FILE = "weights.pt"
ENVIRONMENT = "CT2MRSYNTH_BUNDLES"

#: Environment variable with the user's own folder, in place of ``~/.ct2mrsynth``.
HOME = "CT2MRSYNTH_HOME"

#: In the user's own folder: which bundle is in use, written by ``evaluation.gate``.
IN_USE_FILE = "in_use.json"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose card and hash have been checked.

    Args:
        path: Its folder.
        card: Its card.
    """

    path: Path
    card: ModelCard

    @property
    def weights_path(self) -> Path:
        """The file of the weights."""
        return _weights_path(self.path, self.card)

    @property
    def sha256(self) -> str:
        """SHA-256 of the weights, as a hexadecimal number."""
        return self.card.weights["sha256"]

    def generator(self):
        """The network with its weights, float32, in evaluation mode; imports torch.

        Raises:
            BundleError: The weights changed since the check, or do not fit the architecture.
        """
        return _build(self)


def load_bundle(path: str | Path) -> Bundle:
    """Open a bundle and check all of it: card, hash, architecture, names, shapes and values of the weights.

    Args:
        path: Its folder.

    Raises:
        BundleError: Something is missing, altered or unknown; the sentence says what.
    """
    bundle = check_bundle(path)
    _build(bundle)
    return bundle


def check_bundle(path: str | Path) -> Bundle:
    """Open a bundle and check its card and the hash of its weights, without torch."""
    path = Path(path)
    bundle = Bundle(path, read_card(path))
    _checked_bytes(bundle)
    return bundle


def save_bundle(path: str | Path, state_dict: dict, card: ModelCard, half: bool = True) -> Bundle:
    """Write a bundle: weights first, then the card that vouches for them, each whole or not at all.

    Args:
        path: Its folder; made if need be.
        state_dict: Tensors by name.
        card: Its ``weights`` entry is filled in here.
        half: Store as float16 (half the size; for weights of this size the image changes by far less than a grey
            level).
    """
    import torch

    dtype = torch.float16 if half else torch.float32
    tensors = {name: tensor.detach().to("cpu", dtype).contiguous().clone() for name, tensor in state_dict.items()}
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    content = buffer.getvalue()
    weights = {
        "file": WEIGHTS_FILE,
        "sha256": hashlib.sha256(content).hexdigest(),
        "dtype": str(dtype).removeprefix("torch."),
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
    }
    card = replace(card, weights=weights)
    with replacing(Path(path) / WEIGHTS_FILE) as temporary:
        temporary.write_bytes(content)
    write_card(path, card)
    return Bundle(Path(path), card)


def default_bundle_path() -> Path:
    """The bundle in use: the one let in through the gate, otherwise ``shipped_bundle_path``.

    A bundle in use that is missing or broken stops nobody's work; ``in_use`` tells what is wrong with it.

    Raises:
        BundleError: There is none of either.
    """
    return in_use()[0] or shipped_bundle_path()


def in_use() -> tuple[Path | None, str]:
    """The bundle that was let in through the gate, checked, and a note for the user where it cannot be used.

    Returns:
        Its folder, None where there is none or it cannot be used; and why it cannot, otherwise empty.
    """
    path = home_folder() / IN_USE_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        name, wanted = content["bundle"], content["sha256"]
        if Path(name).name != name or not isinstance(wanted, str):
            raise ValueError("it names no bundle")
        bundle = check_bundle(home_folder() / "bundles" / name)
        if bundle.sha256 != wanted:
            raise BundleError(f"The bundle {bundle.path} is not the one that was let in.")
    except FileNotFoundError:
        return None, ""
    except CT2MRSynthError as error:
        problem = str(error)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        problem = f"{path} cannot be read."
    else:
        return bundle.path, ""
    way_out = "The bundle that came with the software is used; choose one with ct2mrsynth use, or --default."
    return None, f"The bundle in use cannot be used: {problem} {way_out}"


def home_folder() -> Path:
    """The user's own folder: ``CT2MRSYNTH_HOME``, otherwise ``~/.ct2mrsynth``; it need not exist."""
    named = os.environ.get(HOME, "")
    return Path(named).expanduser() if named else Path.home() / ".ct2mrsynth"


def shipped_bundle_path() -> Path:
    """The newest usable bundle in ``Resources/Models``; preliminary ones only when there is nothing better.

    Raises:
        BundleError: None is there.
    """
    candidates, problems = [], []
    for folder in _resource_folders():
        for bundle in _usable(folder, problems):
            rank = (not bundle.card.preliminary, _version(bundle.card.version), bundle.path.stat().st_mtime)
            candidates.append((rank, bundle.path))
    if candidates:
        return max(candidates)[1]
    if problems:
        raise problems[0]
    places = " or ".join(str(folder) for folder in _resource_folders())
    raise BundleError(f"No usable model bundle was found in {places}; give one with --bundle.")


def bundle_folders(extra: str | Path | None = None) -> list[Path]:
    """Folders in which bundles are looked for: ``extra``, the user's own, and those that came with the software.

    The user's own are in the environment variable CT2MRSYNTH_BUNDLES (several: separated as in PATH) and in ``bundles``
    of ``home_folder``.
    """
    named = [part for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]
    folders = ([Path(extra)] if extra else []) + [Path(part).expanduser() for part in named]
    folders += [home_folder() / "bundles", *_resource_folders()]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def list_bundles(extra: str | Path | None = None) -> list[Bundle]:
    """All usable bundles of ``bundle_folders``, in that order; what cannot be used is left out."""
    return [bundle for folder in bundle_folders(extra) for bundle in _usable(folder)]


def _usable(folder: Path, problems: list[CT2MRSynthError] | None = None) -> list[Bundle]:
    """The usable bundles of a folder; why others are not goes into ``problems``."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            found.append(check_bundle(path))
        except CT2MRSynthError as error:
            if problems is not None and path.is_dir():
                problems.append(error)
    return found


def _resource_folders() -> list[Path]:
    """Beside the package (source checkout, Slicer module folder) and inside it (wheel)."""
    package = Path(__file__).resolve().parent
    return [package.parent / "Resources" / "Models", package / "Resources" / "Models"]


def _version(text: str) -> tuple[int, ...]:
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in text.split("."))


def _weights_path(folder: Path, card: ModelCard) -> Path:
    name = card.weights.get("file")
    if not isinstance(name, str) or not name:
        raise BundleError(f"The model card in {folder} names no weights; get the bundle again.")
    path = folder / name
    if Path(name).name != name or "\\" in name or path.resolve().parent != folder.resolve():
        raise BundleError(
            f"The model card in {folder} names weights outside the bundle ({name!r}); do not use this bundle."
        )
    return path


def _checked_bytes(bundle: Bundle) -> bytes:
    path = bundle.weights_path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"The weights {path} cannot be read ({error.strerror}); get the bundle again.") from None
    found, wanted = hashlib.sha256(content).hexdigest(), bundle.card.weights.get("sha256")
    if found != wanted:
        raise BundleError(
            f"The weights {path} are not the ones the card describes (SHA-256 {found[:12]}..., card"
            f" {str(wanted)[:12]}...); the file was altered or is incomplete: get the bundle again."
        )
    return content


def _build(bundle: Bundle):
    import torch

    from CT2MRSynthLib.networks.registry import GENERATORS, make_generator

    architecture = bundle.card.architecture
    if architecture["name"] not in GENERATORS:
        raise BundleError(
            f"The bundle {bundle.path} is of architecture {architecture['name']!r}; this version of the software knows"
            f" {' and '.join(repr(name) for name in GENERATORS)}."
        )
    content = io.BytesIO(_checked_bytes(bundle))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tensors = torch.load(content, map_location="cpu", weights_only=True)
    except Exception:  # torch.load has no error class of its own, and its words advise to load without the check
        raise BundleError(
            f"The weights in {bundle.path} are not plain tensors and were not loaded; do not use this bundle."
        ) from None
    # plainly made: the meta device would spare the random weights, but loads the compiler, which takes seconds
    generator = make_generator(architecture)
    _compare(bundle, tensors, generator.state_dict())
    generator.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    return generator.eval().requires_grad_(False)


def _compare(bundle: Bundle, tensors, wanted: dict) -> None:
    import torch

    card = f"architecture {bundle.card.architecture} of its card"
    if not isinstance(tensors, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise BundleError(f"The weights in {bundle.path} are not a table of tensors; get the bundle again.")
    odd = sorted(set(tensors) ^ set(wanted))
    if odd:
        raise BundleError(f"The weights in {bundle.path} do not fit the {card}: {odd[0]!r} is missing or too much.")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"{name} has shape {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}"
            raise BundleError(f"The weights in {bundle.path} do not fit the {card}: {shapes}.")
        if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
            raise BundleError(
                f"The weights in {bundle.path} hold values that are no finite numbers, in {name}; get the bundle again."
            )
