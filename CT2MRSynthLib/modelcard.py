"""The model card: what a generator is, what it was trained on, and what it must not be used for. Needs no torch."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.errors import BundleError

CARD_FILE = "card.json"
SCHEMA = 1

#: Entry of the file that vouches for all others: a changed window or limit would change images or warnings in silence.
CHECKSUM = "card_sha256"

MAXIMUM_WIDTH, MAXIMUM_BLOCKS = 512, 64

INTENDED_USE = (
    "Research on synthetic T2-weighted axial pictures of lumbar discs from CT."
    " Not for diagnosis and not a replacement for MR."
)
LIMITS = (
    "Not a replacement for MR.",
    "No tumor, infection or fracture in the training data; what they look like here means nothing.",
    "T2-weighted, axial, at disc level only; a sagittal or coronal picture is a reformat of synthesized axial slices.",
)

#: The same of a generator trained on pairs of patients, of whatever sequence and part of the body.
OWN_USE = "Research on synthetic {sequence} pictures from CT. Not for diagnosis and not a replacement for MR."
OWN_LIMITS = (
    "Not a replacement for MR.",
    "What the training pairs hardly show, such as tumor, infection or fracture, means nothing here.",
    "{sequence}, in the planes and at the places of the training pairs only; a picture in another plane is a reformat"
    " of synthesized slices.",
)


@dataclass(frozen=True)
class ModelCard:
    """One generator's card.

    Args:
        name: Short name.
        version: Of the weights, such as "0.1.0".
        sequence: MR sequence it imitates, such as "T2".
        architecture: ``{"name": "johnson-resnet", "width": 64, "blocks": 9}``.
        ct_window: Low and high limit in HU of the 256 grey levels it was trained on.
        pixel_spacing: Smallest and largest in-plane pixel spacing of the training images in mm; None: not recorded.
        field_of_view: Smallest and largest in-plane edge length of the training boxes in mm; None: not recorded.
        slice_thickness: Smallest and largest thickness in mm over which the CT was averaged; None: not recorded.
        training_data: ``{"description": words, "subjects": count or None, "pairs": count}``.
        training: Settings of the run that made it.
        metrics: ``{"protocol": words, "values": {name: number}}``; empty: not measured.
        preliminary: True while it only shows how the software works.
        intended_use: Words.
        limits: Sentences a user must be told.
        license: SPDX identifier of the weights.
        weights: ``{"file": name, "sha256": hex, "dtype": words, "parameters": count}``, filled in when saved.
        admission: How it was let in to be the one in use, see ``evaluation.gate``; empty: it was not.

    Raises:
        BundleError: A value is missing or of the wrong kind.
    """

    name: str
    version: str
    architecture: dict
    ct_window: tuple[float, float]
    training_data: dict
    sequence: str = "T2"
    pixel_spacing: tuple[float, float] | None = None
    field_of_view: tuple[float, float] | None = None
    slice_thickness: tuple[float, float] | None = None
    training: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    preliminary: bool = True
    intended_use: str = INTENDED_USE
    limits: tuple[str, ...] = LIMITS
    license: str = "Apache-2.0"
    weights: dict = field(default_factory=dict)
    admission: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("name", "version", "sequence", "intended_use", "license"):
            value = getattr(self, name)
            _require(isinstance(value, str) and value.strip(), name, value, "words")
        _require(isinstance(self.preliminary, bool), "preliminary", self.preliminary, "true or false")
        object.__setattr__(self, "ct_window", _span("ct_window", self.ct_window))
        for name in ("pixel_spacing", "field_of_view", "slice_thickness"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _span(name, getattr(self, name), rising=False))
        for name in ("training_data", "training", "metrics", "weights", "architecture", "admission"):
            _require(isinstance(getattr(self, name), dict), name, getattr(self, name), "an object")
        for name, most in (("width", MAXIMUM_WIDTH), ("blocks", MAXIMUM_BLOCKS)):
            value = self.architecture.get(name)
            whole = type(value) is int and 1 <= value <= most
            _require(whole, f"architecture.{name}", value, f"a whole number from 1 to {most}")
        _require(
            isinstance(self.architecture.get("name"), str), "architecture.name", self.architecture.get("name"), "words"
        )
        texts = isinstance(self.limits, (list, tuple)) and all(isinstance(text, str) for text in self.limits)
        _require(texts, "limits", self.limits, "a list of sentences")
        object.__setattr__(self, "limits", tuple(self.limits))

    @property
    def title(self) -> str:
        """Name, version and, while it is, the word preliminary."""
        return f"{self.name} {self.version}" + (" (PRELIMINARY)" if self.preliminary else "")

    def to_json(self) -> dict:
        """Plain dictionary, ready for JSON."""
        values = asdict(self)
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        if not self.admission:
            del values["admission"]  # versions that know no gate read the card of whatever did not pass it
        return {"schema": SCHEMA, **values}

    @classmethod
    def from_json(cls, values: dict) -> ModelCard:
        """The inverse of ``to_json``.

        Raises:
            BundleError: Not an object, of a newer schema, or with missing, unknown or unusable entries.
        """
        if not isinstance(values, dict):
            raise BundleError(f"The model card holds {type(values).__name__}, not an object; get the bundle again.")
        schema = values.get("schema")
        if schema != SCHEMA:
            raise BundleError(
                f"The model card has schema {schema!r}, this version reads {SCHEMA}; update the software or the bundle."
            )
        known = {entry.name for entry in fields(cls)}
        given = {key: value for key, value in values.items() if key != "schema"}
        unknown = sorted(set(given) - known)
        missing = sorted({"name", "version", "architecture", "ct_window", "training_data", "weights"} - set(given))
        if unknown or missing:
            problem = f"lacks {missing[0]!r}" if missing else f"has an unknown entry {unknown[0]!r}"
            raise BundleError(f"The model card {problem}; get the bundle again.")
        return cls(**given)


def read_card(folder: str | Path) -> ModelCard:
    """Read the card of a bundle, without its weights and without torch.

    Args:
        folder: The bundle.

    Raises:
        BundleError: The folder or the card is missing, or the card cannot be used.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise BundleError(f"There is no model bundle at {folder}: give a folder that holds {CARD_FILE} and weights.")
    try:
        text = (folder / CARD_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BundleError(f"The model bundle {folder} has no {CARD_FILE}; get the bundle again.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"The model card in {folder} cannot be read ({error}); get the bundle again.") from None
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"The model card in {folder} is not JSON ({error}); get the bundle again.") from None
    if isinstance(values, dict) and CHECKSUM in values and values.pop(CHECKSUM) != _checksum(values):
        raise BundleError(
            f"The model card in {folder} was altered (its {CHECKSUM} does not fit); get the bundle again, or take that"
            " entry out if you changed the card on purpose."
        )
    return ModelCard.from_json(values)


def write_card(folder: str | Path, card: ModelCard) -> None:
    """Write the card of a bundle, whole or not at all."""
    values = json.loads(json.dumps(card.to_json()))
    write_text(Path(folder) / CARD_FILE, json.dumps({**values, CHECKSUM: _checksum(values)}, indent=2) + "\n")


def _checksum(values: dict) -> str:
    """SHA-256, in hex, of the card's entries, however they are laid out."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _refuse_constant(name: str):
    raise ValueError(f"{name} is no number")


def _require(condition, name: str, value, wanted: str) -> None:
    if not condition:
        raise BundleError(f"The model card's {name} is {value!r}; {wanted} is needed.")


def _span(name: str, value, rising: bool = True) -> tuple[float, float]:
    numbers = isinstance(value, (list, tuple)) and len(value) == 2
    numbers = numbers and all(isinstance(n, (int, float)) and not isinstance(n, bool) and abs(n) < 1e6 for n in value)
    ordered = numbers and (value[0] < value[1] if rising else value[0] <= value[1])
    _require(ordered, name, value, "two numbers, the lower one first,")
    return float(value[0]), float(value[1])
