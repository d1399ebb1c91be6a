"""Every number of a training run, in one place that goes into the checkpoint and the model card."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace

from CT2MRSynthLib.errors import UsageError


@dataclass(frozen=True)
class Augmentation:
    """How a pair is varied each time it is shown.

    Args:
        flip: Probability of exchanging left and right, in both images.
        geometric: Probability of a small rotation, scaling and shift, the same in both images.
        rotation: Largest rotation in degrees.
        scale: Largest relative change of size.
        shift: Largest shift in pixels.
        intensity: Probability that the CT's Hounsfield scale, sharpness and noise are varied (domain randomization).
        hu_offset: Standard deviation of an offset in HU.
        hu_scale: Standard deviation of a relative scaling about 0 HU.
        blur: Largest standard deviation, in pixels, by which the CT is smoothed or sharpened.
        noise: Largest standard deviation of added noise in HU.
    """

    flip: float = 0.5
    geometric: float = 0.2
    rotation: float = 5.0
    scale: float = 0.05
    shift: float = 6.0
    intensity: float = 0.7
    hu_offset: float = 12.0
    hu_scale: float = 0.03
    blur: float = 1.0
    noise: float = 20.0


_CHOICES = {
    "architecture": ("johnson-resnet", "residual-unet"),
    "adversarial": ("log", "least-squares"),
    "schedule": ("linear", "cosine"),
}


@dataclass(frozen=True)
class TrainingSettings:
    """The objective and the schedule; the defaults are the paper's where it states a number.

    Args:
        width: Channels of the generator after its first convolution.
        blocks: Residual blocks of the generator.
        discriminator_width: Channels of the discriminator after its first convolution.
        l1_weight: Lambda, the weight of the mean absolute error on images scaled to -1 .. 1.
        learning_rate: Of both networks.
        betas: Of Adam.
        batch: Pairs a step.
        steps: Generator updates; 0: no limit, ``minutes`` decides.
        minutes: Wall-clock limit, summed over resumed runs; 0: no limit, ``steps`` decides.
        constant_fraction: Share of the run at the full learning rate; over the rest it falls linearly to zero.
        ema_decay: Decay of the running mean of the weights that becomes the result; 0: the last weights do.
        architecture: Which generator; a name of ``networks.registry``.
        adversarial: "log", the paper's, or "least-squares" (Mao et al. 2017).
        adversarial_weight: Weight of the adversarial loss; 0: no discriminator.
        schedule: "linear": ``constant_fraction`` at the full rate, then down to zero; "cosine": down from the start.
        warmup: Share of the run over which the rate rises from zero.
        gradient_norm: Longer gradients of the generator are shortened to this length; 0: none are.
        validation_pairs: Pairs held back for previews and the validation error, whole subjects at a time where known.
        seed: Of weights, order and augmentation.
        augmentation: How pairs are varied.

    Raises:
        UsageError: Neither ``steps`` nor ``minutes`` ends the run, or a number is out of range.
    """

    width: int = 64
    blocks: int = 9
    discriminator_width: int = 64
    l1_weight: float = 10.0
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    batch: int = 1
    steps: int = 300_000
    minutes: float = 0.0
    constant_fraction: float = 1 / 3
    ema_decay: float = 0.0
    architecture: str = "johnson-resnet"
    adversarial: str = "log"
    adversarial_weight: float = 1.0
    schedule: str = "linear"
    warmup: float = 0.0
    gradient_norm: float = 0.0
    validation_pairs: int = 20
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))
        if self.steps <= 0 and self.minutes <= 0:
            raise UsageError("The training has no end: give a number of steps, of minutes, or both.")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UsageError(
                    f"The training setting {name} is {getattr(self, name)!r}; known are {' and '.join(known)}."
                )
        for name in ("width", "blocks", "discriminator_width", "batch"):
            if getattr(self, name) < 1:
                raise UsageError(f"The training setting {name} is {getattr(self, name)}; it must be at least 1.")

    def fraction_done(self, step: int, seconds: float) -> float:
        """Share of the run that is over, 0 to 1, by whichever limit comes first."""
        by_steps = step / self.steps if self.steps > 0 else 0.0
        by_time = seconds / (60.0 * self.minutes) if self.minutes > 0 else 0.0
        return min(1.0, max(by_steps, by_time))

    def learning_rate_at(self, fraction: float) -> float:
        """The rate after some share of the run: risen, then fallen to zero at its end."""
        if fraction < self.warmup:
            return self.learning_rate * max(fraction, 1e-3 * self.warmup) / self.warmup
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * (fraction - self.warmup) / (1.0 - self.warmup)))
        if fraction <= self.constant_fraction:
            return self.learning_rate
        return self.learning_rate * max(0.0, (1.0 - fraction) / (1.0 - self.constant_fraction))

    def to_json(self) -> dict:
        """Plain dictionary, ready for JSON."""
        values = asdict(self)
        values["betas"] = list(self.betas)
        return values

    @classmethod
    def from_json(cls, values: dict) -> TrainingSettings:
        """The inverse of ``to_json``; keys this version does not know are refused."""
        unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
        if unknown:
            raise UsageError(f"Unknown training setting {unknown[0]!r}; the run was made by another version.")
        augmentation = Augmentation(**values.get("augmentation", {}))
        return cls(**{**values, "augmentation": augmentation})


#: 1e5 iterations at the full rate, then 2e5 down to zero; and the 2e5 in all of the paper's timing sentence.
PAPER = TrainingSettings()
PAPER_SHORT = replace(PAPER, steps=200_000, constant_fraction=0.5)
#: The recipe of our own: after equal steps it leaves a lower error than the paper's. A generator that keeps absolute
#: density; absolute error before realism, as in Isola et al. (2017); variation strong enough that a patient cannot be
#: recognized by the noise of the CT, since few patients are learned by heart otherwise.
BEST = replace(
    PAPER,
    architecture="residual-unet",
    l1_weight=100.0,
    adversarial="least-squares",
    learning_rate=3e-4,
    schedule="cosine",
    warmup=0.02,
    ema_decay=0.999,
    steps=20_000,
    augmentation=Augmentation(
        geometric=0.8,
        rotation=12.0,
        scale=0.15,
        shift=15.0,
        intensity=0.8,
        hu_offset=15.0,
        hu_scale=0.04,
        blur=2.5,
        noise=50.0,
    ),
)
#: From a bundle, on few pairs.
FINE_TUNE = replace(BEST, learning_rate=1e-4, steps=4_000)
#: Minutes on a CPU, for trying.
QUICK = replace(BEST, width=16, discriminator_width=16, steps=0, minutes=5.0)

PRESETS = {"paper": PAPER, "paper-short": PAPER_SHORT, "best": BEST, "fine-tune": FINE_TUNE, "quick": QUICK}
