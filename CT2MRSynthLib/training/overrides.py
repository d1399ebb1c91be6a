"""Changing the numbers of a preset by name: for a new run, and for one that goes on. Needs no torch."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.training.settings import Augmentation, TrainingSettings

AUGMENTATION = "augmentation"

#: What cannot change while a run goes on, because it makes the networks or the data other ones.
FIXED = ("architecture", "width", "blocks", "discriminator_width", "batch", "validation_pairs", "seed", AUGMENTATION)

#: Nor can these be switched on or off: a discriminator or a mean of the weights cannot begin in the middle.
SWITCHES = ("adversarial_weight", "ema_decay")

#: Largest sensible values; all numbers are at least zero.
AT_MOST = dict.fromkeys(("flip", "geometric", "intensity", "constant_fraction", "ema_decay", "betas", "warmup"), 1.0)
AT_MOST["seed"] = 2**63 - 1  # torch takes no larger one
BELOW = ("ema_decay", "betas", "warmup")


def parse_assignments(words: Iterable[str]) -> dict[str, object]:
    """Values by name from ``NAME=VALUE``, each of its setting's type.

    Args:
        words: Names of ``TrainingSettings`` or ``Augmentation``; several numbers are separated by commas.

    Raises:
        UsageError: A name is unknown, or a value is none for it.
    """
    known = _known()
    result: dict[str, object] = {}
    for word in words:
        name, equals, text = (part.strip() for part in word.partition("="))
        name = name.removeprefix(f"{AUGMENTATION}.").replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.0)[0]
            raise UsageError(f"There is no training setting {name!r}; the nearest name is {near!r}.")
        if not equals:
            raise UsageError(f"--set {word} has no value; write {name}={_words(known[name])}, for example.")
        result[name] = _value(name, text, known[name])
    return result


def changed(settings: TrainingSettings, changes: Mapping[str, object]) -> TrainingSettings:
    """Settings with other values.

    Of steps and minutes, one that is given alone is the only limit.

    Args:
        settings: To start from.
        changes: By name of ``TrainingSettings`` or ``Augmentation``.

    Raises:
        UsageError: A value is out of range.
    """
    changes = dict(changes)
    for name, value in changes.items():
        _check_range(name, value)
    if "minutes" in changes and "steps" not in changes:
        changes["steps"] = 0
    if "steps" in changes and "minutes" not in changes:
        changes["minutes"] = 0.0
    varied = {name: changes.pop(name) for name in list(changes) if name in _names(Augmentation)}
    return replace(settings, **changes, augmentation=replace(settings.augmentation, **varied))


def check_same_run(before: TrainingSettings, now: TrainingSettings, where: object) -> list[str]:
    """Refuse to go on with other networks or data; returns a sentence for each other setting that changed.

    Args:
        before: Of the run so far.
        now: Asked for.
        where: The run's folder, for the sentence.

    Raises:
        UsageError: A setting differs that cannot.
    """
    old, new = before.to_json(), now.to_json()
    old |= old.pop(AUGMENTATION)
    new |= new.pop(AUGMENTATION)
    fixed = {*FIXED, *_names(Augmentation)}
    sentences = []
    for name in old:
        if old[name] == new[name] or name in ("steps", "minutes"):
            continue
        if name in fixed or (name in SWITCHES and 0 in (old[name], new[name])):
            raise UsageError(
                f"The run in {where} has {name} {_words(old[name])}, not {_words(new[name])}; leave it out or start a "
                "new run in another folder."
            )
        sentences.append(f"The run goes on with {name} {_words(new[name])} instead of {_words(old[name])}.")
    return sentences


def _known() -> dict[str, object]:
    """All settings by name, with their default values."""
    settings = TrainingSettings()
    values = {name: getattr(settings, name) for name in _names(TrainingSettings) if name != AUGMENTATION}
    return values | {name: getattr(settings.augmentation, name) for name in _names(Augmentation)}


def _names(kind: type) -> list[str]:
    return [entry.name for entry in fields(kind)]


def _value(name: str, text: str, default):
    if isinstance(default, str):
        return text
    if isinstance(default, tuple):
        parts = text.split(",")
        if len(parts) == len(default):
            return tuple(_value(name, part, one) for part, one in zip(parts, default, strict=True))
        raise UsageError(
            f"The training setting {name} is {text!r}; it needs {len(default)} numbers, as {_words(default)}."
        )
    try:
        return type(default)(text)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise UsageError(f"The training setting {name} is {text!r}; give {kind}.") from None


def _check_range(name: str, value) -> None:
    if isinstance(value, str):
        return
    for number in value if isinstance(value, tuple) else (value,):
        high = AT_MOST.get(name, math.inf)
        inside = math.isfinite(number) and 0 <= number <= high and not (name in BELOW and number == high)
        if not inside or (name == "learning_rate" and number == 0):
            limit = "" if high == math.inf else f" {'below' if name in BELOW else 'up to'} {high:g}"
            lowest = "above zero" if name == "learning_rate" else "from zero"
            raise UsageError(f"The training setting {name} is {_words(value)}; give a number {lowest}{limit}.")


def _words(value) -> str:
    return ",".join(map(_words, value)) if isinstance(value, (tuple, list)) else str(value)
