"""How the T2 was taken: what varies from scan to scan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from CT2MRSynthLib.phantom.mr.tissue import TissueSignals
from CT2MRSynthLib.phantom.severities import Severities

#: Length over which the coil's fall-off is stated, mm.
COIL_SPAN = 180.0


@dataclass(frozen=True)
class Coil:
    """The receive coil under the patient's back.

    Args:
        falloff: Ratio of its sensitivity between two points ``COIL_SPAN`` apart, dorsal to ventral.
        remaining: The ratio that the vendor's intensity correction leaves in the picture; ``falloff`` without one.
        bend: How much steeper the fall-off is near the coil.
        lateral: Relative change over 90 mm to the patient's left: linear, quadratic, ripple of the coil's elements.
        ripple_phase: Where the ripple begins, radians.
    """

    falloff: float
    remaining: float
    bend: float
    lateral: tuple[float, float, float]
    ripple_phase: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Coil:
        """A random coil, with intensity correction in some of the scans."""
        falloff, corrected, remaining = rng.uniform(2.6, 4), rng.random() < 0.3, rng.uniform(1.25, 1.8)
        lateral = (float(rng.normal(0, 0.05)), float(rng.uniform(-0.22, 0.0)), float(rng.uniform(0, 0.05)))
        return cls(
            falloff=float(falloff),
            remaining=float(remaining if corrected else falloff),
            bend=float(rng.uniform(0.1, 0.6)),
            lateral=lateral,
            ripple_phase=float(rng.uniform(0, 2 * np.pi)),
        )


@dataclass(frozen=True)
class Readout:
    """How k-space was filled.

    Args:
        phase_axis: Phase encoding along 0 rows (front-back), 1 columns (left-right); the other is the frequency axis.
        frequency, phase: Acquired pixel size along either axis, mm.
        filter: Share of k-space, from its edge inward, over which the filter falls to zero.
        fat_shift: Chemical shift of fat along the frequency axis in acquired pixels; its sign tells the direction.
        noise: Standard deviation of the noise in the middle of the picture where psoas muscle is 1.
        acceleration: Growth of noise in the middle by parallel imaging; 0: none.
    """

    phase_axis: int
    frequency: float
    phase: float
    filter: float
    fat_shift: float
    noise: float
    acceleration: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Readout:
        """A random protocol."""
        frequency = rng.uniform(0.5, 0.72)
        return cls(
            phase_axis=int(rng.random() < 0.55),
            frequency=float(frequency),
            phase=float(min(frequency * rng.uniform(1.0, 1.35), 0.85)),
            filter=float(rng.uniform(0.15, 0.7)),
            fat_shift=float(rng.uniform(1.0, 2.0) * rng.choice([-1, 1])),
            noise=float(np.exp(rng.uniform(np.log(0.07), np.log(0.26)))),
            acceleration=float(rng.uniform(0.15, 0.6) * (rng.random() < 0.45)),
        )

    @property
    def fat_shift_mm(self) -> tuple[float, float]:
        """Displacement of fat along rows and columns, mm."""
        shift = self.fat_shift * self.frequency
        return (shift, 0.0) if self.phase_axis == 1 else (0.0, shift)


@dataclass(frozen=True)
class Motion:
    """Flow, pulsation, peristalsis.

    Args:
        ghost: Strength of vessels' ghosts, psoas muscle = 1.
        fluid_ghost: Strength of the ghosts of pulsating cerebrospinal fluid, relative to the fluid.
        ghost_distance: Distance of ghosts along the phase axis, mm.
        fluid_flow: Lost signal of moving cerebrospinal fluid where it is fastest.
        saturation: Lost signal under the ventral saturation band; 0: no band.
        saturation_gap: From the front of the vertebral body to the middle of the band's edge, mm.
        saturation_edge: Width of the band's edge, mm.
        saturation_tilt: Slope of the band's edge from side to side.
        bowel: Standard deviation of bowel movement along the phase axis, mm.
    """

    ghost: float
    fluid_ghost: float
    ghost_distance: float
    fluid_flow: float
    saturation: float
    saturation_gap: float
    saturation_edge: float
    saturation_tilt: float
    bowel: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Motion:
        """A random protocol and patient."""
        banded = rng.random() < 0.65
        return cls(
            ghost=float(rng.uniform(0.1, 1.2) ** 1.5),
            fluid_ghost=float(rng.uniform(0.0, 0.025)),
            ghost_distance=float(rng.uniform(14, 42)),
            fluid_flow=float(rng.beta(1.3, 2.2) * 0.75),
            saturation=float(rng.uniform(0.35, 0.95) * banded),
            saturation_gap=float(rng.uniform(5, 18)),
            saturation_edge=float(rng.uniform(8, 22)),
            saturation_tilt=float(rng.normal(0, 0.07)),
            bowel=float(rng.uniform(1.5, 5)),
        )


@dataclass(frozen=True)
class MRSettings:
    """One T2-weighted turbo spin echo scan.

    Args:
        field: 0 for 1.5 T, 1 for 3 T.
        tr, te: Repetition and echo time, ms.
        thickness: Slice thickness, mm.
        tissue: Signal of each tissue.
        coil, readout, motion: How the signal becomes a picture.
    """

    field: int
    tr: float
    te: float
    thickness: float
    tissue: TissueSignals
    coil: Coil
    readout: Readout
    motion: Motion

    @classmethod
    def draw(cls, rng: np.random.Generator, severity: Severities) -> MRSettings:
        """Random settings of a lumbar T2 protocol.

        Args:
            rng: Source of randomness.
            severity: The subject: marrow turns to fat with age, endplates change with wear.
        """
        field, tr, te = int(rng.integers(2)), float(rng.uniform(3000, 4500)), float(rng.uniform(85, 115))
        return cls(
            field=field,
            tr=tr,
            te=te,
            thickness=float(rng.choice([3.0, 3.5, 4.0])),
            tissue=TissueSignals.draw(rng, severity, field, tr, te),
            coil=Coil.draw(rng),
            readout=Readout.draw(rng),
            motion=Motion.draw(rng),
        )

    def changed(self, **parts: dict) -> MRSettings:
        """A copy with some values of its parts replaced, for example ``changed(readout={"noise": 0.0})``."""
        return replace(self, **{name: replace(getattr(self, name), **values) for name, values in parts.items()})

    def record(self) -> dict:
        """Settings as plain numbers, for JSON."""
        result = {"field_tesla": (1.5, 3.0)[self.field]}
        result |= {name: round(getattr(self, name), 3) for name in ("tr", "te", "thickness")}
        result |= {"coil_falloff": round(self.coil.falloff, 3), "coil_falloff_left": round(self.coil.remaining, 3)}
        result["phase_axis"] = ("anterior-posterior", "right-left")[self.readout.phase_axis]
        for name in ("frequency", "phase", "noise", "fat_shift"):
            result[name] = round(getattr(self.readout, name), 3)
        for name in ("ghost", "fluid_flow", "saturation"):
            result[name] = round(getattr(self.motion, name), 3)
        return result
