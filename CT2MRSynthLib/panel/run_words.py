"""A training run in words: presets, states, speed, time left."""

from __future__ import annotations

from slicer.i18n import tr as _

from CT2MRSynthLib.training.losses import GREY_LEVELS
from CT2MRSynthLib.training.settings import PRESETS
from CT2MRSynthLib.training.watch import (
    FAILED,
    FINISHED,
    NONE,
    RUNNING,
    STALLED,
    STARTING,
    STOPPED,
    STOPPING,
    RunStatus,
)

#: The preset that starts from the generator in use, whose networks it has to keep.
FROM_BUNDLE = "fine-tune"


def preset_words() -> dict[str, tuple[str, str]]:
    """By name of the preset: its title, and what it is for."""
    return {
        "best": (
            _("Best"),
            _("For a generator to be used: lower errors than the paper's after equal steps."),
        ),
        "fine-tune": (
            _("Fine-tune"),
            _("From the generator in use, for few pairs of another scanner or sequence."),
        ),
        "quick": (_("Quick"), _("Five minutes with a small generator, to see whether all works; not for use.")),
        "paper-short": (_("Paper, short"), _("As the paper, with the shorter of the two schedules it mentions.")),
        "paper": (_("Paper"), _("As the paper; needs a graphics card and days.")),
    }


def preset_numbers(name: str) -> str:
    """How long a preset trains, and how large its generator is."""
    settings = PRESETS[name]
    length = _("{steps:,} steps").format(steps=settings.steps) if settings.steps else ""
    length = length or _("{minutes:g} minutes").format(minutes=settings.minutes)
    if name == FROM_BUNDLE:
        return _("{length}; width of the generator in use").format(length=length)
    return _("{length}; width {width}").format(length=length, width=settings.width)


def state_words(status: RunStatus) -> str:
    """What a run is doing, in a sentence."""
    steps = _("step {step:,} of {steps:,}") if status.steps else _("step {step:,}")
    place = steps.format(step=status.step, steps=status.steps)
    sentences = {
        NONE: _("No run here yet."),
        STARTING: _("Starting: PyTorch and the pairs are being loaded."),
        RUNNING: _("Running: {place}."),
        STOPPING: _("Stopping after the current step: {place}."),
        STOPPED: _("Stopped at {place}; it can be resumed."),
        FINISHED: _("Finished: {place}."),
        FAILED: _("Failed at {place}: {error}"),
        STALLED: _stalled(status),
    }
    silent = duration(status.silent)
    return sentences[status.state].format(place=place, error=status.error, silent=silent)


def details_words(status: RunStatus) -> str:
    """Speed, time left and errors, as far as they are known."""
    parts = []
    if status.rate and status.state in (RUNNING, STOPPING):
        parts.append(_("{rate:.3g} steps/s").format(rate=status.rate))
    if status.seconds_left is not None:
        parts.append(_("{time} left").format(time=duration(status.seconds_left)))
    if "l1" in status.losses:
        parts.append(_("error in training {error:.1f}").format(error=status.losses["l1"] * GREY_LEVELS))
    if status.validation:
        parts.append(_("on held-back pairs {error:.1f} grey levels").format(error=status.validation[-1][1]))
    elif "l1" in status.losses:
        parts[-1] = _("{error} grey levels").format(error=parts[-1])
    if status.preset:
        parts.append(_("preset {preset}").format(preset=status.preset))
    if status.device:
        parts.append(_("on {device}").format(device=status.device))
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A time in words, such as "4 min" or "2 h 10 min"."""
    if seconds < 60:
        return _("{seconds} s").format(seconds=round(seconds))
    minutes = round(seconds / 60)
    if minutes < 60:
        return _("{minutes} min").format(minutes=minutes)
    if minutes < 24 * 60:
        return _("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)
    return _("{days} d {hours} h").format(days=minutes // 1440, hours=minutes % 1440 // 60)


def _stalled(status: RunStatus) -> str:
    if status.held:
        return _("Stalled at {place}: its process is there, but has given no sign of life for {silent}.")
    return _(
        "Stalled at {place}: no sign of life for {silent}. Its process was ended, or runs on another computer."
        " On this one, it can be resumed from its last checkpoint."
    )
