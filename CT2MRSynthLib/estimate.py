"""How long a synthesis will take: guessed from the size of the model, and known once it ran on this machine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

#: Seconds until PyTorch is imported and the model loaded, on a common laptop; a graphics card takes longer to wake.
START = {"cpu": 5.0, "cuda": 9.0, "mps": 7.0}

#: Seconds a slice for each million parameters. CPU: four cores, float32; two AVX-512 BF16 cores are three times faster.
SLICE = {"cpu": 0.08, "cuda": 0.002, "mps": 0.01}

#: Runs remembered; the oldest goes first.
MOST = 20

#: How much of what was known a new run replaces: one slow run (a busy machine) shall not rule.
WEIGHT = 0.6


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Args:
        start: Seconds until the model is ready.
        slice: Seconds for one slice.
        device: Where it ran last time, in words; empty where it never did.
    """

    start: float
    slice: float
    device: str = ""

    @property
    def is_measured(self) -> bool:
        """Whether it ran on this machine before."""
        return bool(self.device)

    def seconds(self, slices: int) -> float:
        """For so many slices in all, without their sampling."""
        return self.start + self.slice * slices


@dataclass
class RunTimes:
    """What runs took on this machine, by model, device and precision asked for."""

    runs: dict[str, dict] = field(default_factory=dict)

    @classmethod
    def from_text(cls, text: str) -> RunTimes:
        """The inverse of ``to_text``; what cannot be read is forgotten."""
        try:
            content = json.loads(text or "{}")
            runs = {
                str(key): {
                    "start": _seconds(run["start"]),
                    "slice": _seconds(run["slice"]),
                    "device": str(run["device"]),
                }
                for key, run in content.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return cls()
        return cls(runs)

    def to_text(self) -> str:
        """One line of JSON, for a setting."""
        return json.dumps(self.runs)

    def estimate(self, sha256: str, parameters: int, device: str, precision: str) -> Estimate:
        """What a run will take.

        Args:
            sha256: Of the model's weights.
            parameters: Of the model.
            device: As asked for: "auto", "cpu", "cuda" or "mps".
            precision: As asked for.
        """
        known = self.runs.get(_key(sha256, device, precision))
        if known:
            return Estimate(known["start"], known["slice"], known["device"])
        kind = device if device in START else "cpu"
        return Estimate(START[kind], max(SLICE[kind] * parameters / 1e6, 0.01))

    def where(self, sha256: str, device: str, precision: str) -> str:
        """Where it ran last time, in words; empty where it never did."""
        return self.runs.get(_key(sha256, device, precision), {}).get("device", "")

    def learn(
        self, sha256: str, device: str, precision: str, start: float, seconds: float, slices: int, where: str
    ) -> None:
        """Remember a run.

        Args:
            sha256: Of the model's weights.
            device: As asked for.
            precision: As asked for.
            start: Seconds until the model was ready.
            seconds: For all slices.
            slices: How many.
            where: It ran, in words.
        """
        key = _key(sha256, device, precision)
        before = self.runs.pop(key, None)
        new = {"start": start, "slice": seconds / max(slices, 1)}
        if before and before["device"] == where:
            new = {name: WEIGHT * value + (1 - WEIGHT) * before[name] for name, value in new.items()}
        self.runs[key] = {**{name: round(value, 4) for name, value in new.items()}, "device": where}
        while len(self.runs) > MOST:
            del self.runs[next(iter(self.runs))]


def _key(sha256: str, device: str, precision: str) -> str:
    return f"{sha256[:16]} {device} {precision}"


def _seconds(value) -> float:
    number = float(value)
    if not 0 <= number < 86400:
        raise ValueError(f"{value!r} are no seconds")
    return number
