"""What varies from patient to patient and how worn the spine is: each on a scale that is recorded and can be set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.levels import LEVELS

#: Discs of the simulated spine from superior to inferior; the first and the last are painted, but hold no crop box.
DISC_NAMES = ("T12-L1", *LEVELS, "S1-S2")
#: How much each disc is used up in life.
_LOAD = np.array([0.5, 0.55, 0.65, 0.8, 1.1, 1.1, 0.0])


@dataclass(frozen=True)
class Severities:
    """One subject's traits. Severities run from 0 (none) to 1 (severe).

    Args:
        age: Years, 20 to 90.
        male: Sex.
        size: Factor on all lengths, 0.8 to 1.2.
        fatness: 0 lean to 1 obese.
        scoliosis: Lateral curve; 1 bends single vertebrae by about 15 degrees.
        rotation: Turn of vertebrae about the spine's axis; 1 turns single vertebrae by about 12 degrees.
        infiltration: Fat in the muscles.
        osteoporosis: Loss of bone mineral.
        calcification: Calcified plaque in aorta and iliac arteries.
        height_loss: Per disc, shape (7,), as all that follow: lost disc height.
        signal_loss: Lost T2 signal of the nucleus.
        bulge: Disc beyond the vertebral rim all around.
        protrusion: Focal bulge toward the canal.
        vacuum: Gas in the disc.
        osteophytes: Bony lips at the vertebral rims.
        facet_hypertrophy: Thickened, narrowed facet joints.
        flavum_thickening: Thickened ligamentum flavum.
        stenosis: Narrowing of the canal at the disc.
        fusion: Pedicle screws and rods across the disc; there are some above 0.5.
    """

    age: float
    male: bool
    size: float
    fatness: float
    scoliosis: float
    rotation: float
    infiltration: float
    osteoporosis: float
    calcification: float
    height_loss: np.ndarray
    signal_loss: np.ndarray
    bulge: np.ndarray
    protrusion: np.ndarray
    vacuum: np.ndarray
    osteophytes: np.ndarray
    facet_hypertrophy: np.ndarray
    flavum_thickening: np.ndarray
    stenosis: np.ndarray
    fusion: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Severities:
        """A random subject: wear grows with age and load, and its signs go together.

        Args:
            rng: Source of randomness.
        """
        m = len(DISC_NAMES)
        age = rng.uniform(22, 86)
        old = (age - 22) / 64
        male = bool(rng.integers(2))
        wear = np.clip(rng.beta(1.6, 2.2, m) * 0.75 * _LOAD + 0.55 * old * _LOAD * rng.uniform(0.5, 1.3), 0, 1)
        hypertrophy = np.clip(0.6 * wear * rng.uniform(0.3, 1.4, m) + 0.3 * old * rng.uniform(0, 1, m), 0, 1)
        stenosis = np.clip(rng.beta(1.1, 3.5, m) * (0.4 + 0.8 * wear) * _LOAD, 0, 0.9)
        vacuum = np.where((rng.random(m) < 0.35) & (wear > 0.65), rng.uniform(0.2, 1.0, m), 0.0)
        return cls(
            age=float(age),
            male=male,
            size=float(np.clip((1.04 if male else 0.95) * rng.normal(1.0, 0.045), 0.84, 1.18)),
            fatness=float(np.clip(rng.beta(1.5, 2.2), 0.02, 1)),
            scoliosis=float(np.clip(abs(rng.normal(0, 0.33)), 0, 1)),
            rotation=float(np.clip(abs(rng.normal(0, 0.33)), 0, 1)),
            infiltration=float(np.clip(rng.normal(0.18 + 0.5 * old**1.5, 0.15), 0.02, 0.9)),
            osteoporosis=float(np.clip(rng.normal(0.15 + 0.65 * old, 0.18), 0, 1)),
            calcification=float(np.clip(rng.normal(1.4 * old - 0.5, 0.3), 0, 1)),
            height_loss=np.clip(1.3 * (wear - 0.3) + rng.normal(0, 0.08, m), 0, 1),
            signal_loss=np.clip(1.15 * wear + rng.normal(0.03, 0.12, m), 0, 1),
            bulge=np.clip(wear * rng.uniform(0.2, 1.1, m), 0, 1),
            protrusion=np.where(rng.random(m) < 0.3, rng.uniform(0.2, 1.0, m), 0.0) * (wear > 0.25),
            vacuum=vacuum,
            osteophytes=np.clip(wear * old * rng.uniform(0.2, 1.6, m), 0, 1),
            facet_hypertrophy=hypertrophy,
            flavum_thickening=np.clip(np.maximum(hypertrophy, stenosis) + rng.normal(0, 0.1, m), 0, 1),
            stenosis=stenosis,
            fusion=_fusion(rng),
        )

    def changed(self, values: Mapping[str, object]) -> Severities:
        """A copy in which some severities are set.

        Args:
            values: Value by name, for example ``stenosis`` (all discs) or ``L4-L5:stenosis`` (one disc). What is said
                of one disc holds, whatever is said of all.

        Raises:
            UsageError: A name is unknown or a value out of its range.
        """
        result = self
        for key, value in sorted(values.items(), key=lambda item: ":" in item[0]):
            level, _, name = key.rpartition(":")
            result = replace(result, **{name: result._value(name, level, value)})
        return result

    def record(self) -> dict:
        """Plain numbers for JSON: per subject, and per level from L1-L2 to L5-S1."""
        result = {
            f.name: value if isinstance(value, bool) else round(float(value), 3)
            for f in fields(self)
            if not isinstance(value := getattr(self, f.name), np.ndarray)
        }
        per_disc = [f.name for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)]
        result["levels"] = {
            level: {name: round(float(getattr(self, name)[DISC_NAMES.index(level)]), 3) for name in per_disc}
            for level in LEVELS
        }
        return result

    def _value(self, name: str, level: str, value):
        if name not in {f.name for f in fields(self)}:
            raise UsageError(f"The severity {name!r} is unknown; use one of {', '.join(f.name for f in fields(self))}.")
        old = getattr(self, name)
        if level and not isinstance(old, np.ndarray):
            raise UsageError(f"The severity {name} belongs to the whole subject; leave out {level!r}.")
        if isinstance(old, bool):
            if value not in (0, 1):
                raise UsageError(f"The severity {name} is {value}; give true or false.")
            return bool(value)
        low, high = {"age": (20, 90), "size": (0.8, 1.2)}.get(name, (0, 1))
        new = np.asarray(value, dtype=float)
        if isinstance(value, bool) or not np.all((new >= low) & (new <= high)):
            raise UsageError(f"The severity {name} is {value}; give a number from {low} to {high}.")
        if not isinstance(old, np.ndarray):
            return float(new)
        result = old.copy()
        if level and level not in DISC_NAMES:
            raise UsageError(f"The level {level!r} is unknown; use one of {', '.join(LEVELS)}.")
        result[DISC_NAMES.index(level) if level else slice(None)] = new
        return result


def _fusion(rng: np.random.Generator) -> np.ndarray:
    """Which discs are bridged by implants: one or two lower ones in a few subjects in a hundred."""
    chance, first, two = rng.random(), int(rng.integers(3, 6)), bool(rng.random() < 0.35)
    result = np.zeros(len(DISC_NAMES))
    if chance < 0.025:
        result[first - (two and first > 3) : first + 1] = 1.0
    return result
