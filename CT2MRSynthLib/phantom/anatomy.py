"""The sizes of one simulated subject: typical adult values, individual variation, and what severities do to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.phantom.severities import DISC_NAMES, Severities

#: Vertebrae from superior to inferior; disc ``n`` lies below vertebra ``n``, so LEVELS[m] is disc m + 1.
VERTEBRAE = ("T12", "L1", "L2", "L3", "L4", "L5", "S1", "S2")
FIRST_DISC = 1
DISCS = len(DISC_NAMES)

# Typical adult values from superior to inferior, in mm and degrees.
_BODY_HEIGHT = np.array([24.0, 25.5, 26.5, 27.0, 27.0, 26.5, 27.0, 22.0])
_BODY_WIDTH = np.array([40.0, 41.0, 42.5, 44.0, 47.0, 50.0, 50.0, 42.0])
_BODY_NOTCH = np.array([3.0, 3.0, 2.6, 2.0, 1.2, 0.2, -0.5, -0.5])
_BODY_DEPTH = np.array([29.5, 30.5, 31.5, 33.0, 34.0, 34.0, 31.0, 24.0])
# between the rims; hollow endplates add about 3.5 mm in the middle
_DISC_HEIGHT = np.array([4.4, 5.4, 6.5, 7.4, 8.1, 7.2, 1.0])
_FACET_APART = np.array([14.4, 15.5, 16.4, 17.4, 19.0, 22.5, 15.0])
_FACET_ANGLE = np.array([18.0, 22.0, 28.0, 36.0, 44.0, 50.0, 50.0])
_SAC_WIDTH = np.array([17.0, 18.0, 18.0, 18.2, 18.2, 16.0, 11.0])
_SAC_DEPTH = np.array([14.5, 14.5, 14.0, 13.5, 13.0, 11.0, 8.0])
_SAC_TREFOIL = np.array([0.0, 0.01, 0.03, 0.06, 0.09, 0.09, 0.05])
_SAC_GAP = np.array([1.0, 1.0, 1.0, 1.2, 1.6, 3.0, 3.0])
_PEDICLE_WIDTH = np.array([3.6, 3.7, 4.0, 4.6, 5.8, 8.0, 9.0, 8.0])


@dataclass(frozen=True)
class Anatomy:
    """One subject. Arrays per vertebra have 8 entries (``VERTEBRAE``), per disc 7 (``DISC_NAMES``), per facet (7, 2).

    All lengths in mm, all angles in degrees. What is random here does not depend on severities, so that the same seed
    with another severity is the same person.
    """

    seed: int
    severity: Severities
    body_height: np.ndarray
    body_width: np.ndarray
    body_depth: np.ndarray
    body_power: np.ndarray
    body_notch: np.ndarray
    disc_height: np.ndarray
    protrusion_side: np.ndarray
    concavity: np.ndarray
    facet_apart: np.ndarray
    facet_angle: np.ndarray
    facet_offset: np.ndarray
    sac_width: np.ndarray
    sac_depth: np.ndarray
    sac_trefoil: np.ndarray
    sac_gap: np.ndarray
    flavum: np.ndarray
    pedicle_width: np.ndarray
    tilt: np.ndarray
    lateral_tilt: np.ndarray
    rotation: np.ndarray
    wedge: np.ndarray
    spinous_length: float
    lamina_thickness: float
    spinous_drop: np.ndarray
    spinous_side: np.ndarray
    psoas: float
    back_muscle: float
    lamina_fat: float

    def __post_init__(self) -> None:
        # single precision throughout: one double among the factors would double the time of every array operation
        for name, value in list(vars(self).items()):
            if isinstance(value, np.ndarray) and value.dtype == np.float64:
                object.__setattr__(self, name, value.astype(np.float32))

    @property
    def scale(self) -> float:
        """Factor on all lengths."""
        return self.severity.size

    @classmethod
    def build(cls, seed: int, severity: Severities, rng: np.random.Generator) -> Anatomy:
        """The sizes of a subject with given severities.

        Args:
            seed: Recorded.
            severity: What the subject has.
            rng: Source of individual variation.
        """
        n, m = len(VERTEBRAE), DISCS
        s, scale = severity, severity.size
        old = (s.age - 22) / 64

        def vary(size, sd: float) -> np.ndarray:
            return np.clip(rng.normal(1.0, sd, size), 1 - 2.5 * sd, 1 + 2.5 * sd)

        width_factor = vary(1, 0.05) * vary(n, 0.02)
        depth_factor = vary(1, 0.06) * vary(n, 0.02)
        lordosis = rng.normal(1.0, 0.3)
        tilt = np.array([-15, -13, -10, -4, 4, 15, 33, 50.0]) * np.clip(lordosis, 0.3, 1.6) + rng.normal(0, 4)
        tilt += rng.normal(0, 1.5, n)
        # a sacrum steeper than this does not occur, and would lie along the axial planes
        tilt[6:] = np.minimum(tilt[6:], (52.0, 60.0))
        phase = np.arange(n) / (n - 1)
        scoliosis = np.sin(2 * np.pi * (phase * rng.uniform(0.5, 1.0) + rng.random()))
        rotation = np.sin(2 * np.pi * (phase * rng.uniform(0.4, 0.9) + rng.random()))
        canal = vary(1, 0.07) * scale**0.5
        return cls(
            seed=seed,
            severity=s,
            body_height=_BODY_HEIGHT * scale * vary(1, 0.04) * vary(n, 0.02),
            body_width=_BODY_WIDTH * scale * width_factor,
            body_depth=_BODY_DEPTH * scale * depth_factor,
            body_power=rng.uniform(1.9, 2.3) + rng.normal(0, 0.06, n),
            body_notch=np.clip(_BODY_NOTCH + rng.normal(0, 0.7) + rng.normal(0, 0.4, n), -1.5, 4.0),
            disc_height=_DISC_HEIGHT * scale * vary(m, 0.1) * (1 - 0.55 * s.height_loss),
            protrusion_side=rng.uniform(-9, 9, m),
            concavity=rng.uniform(1.5, 3.4) * vary(n, 0.15) * (1 + 0.25 * s.osteoporosis),
            facet_apart=(_FACET_APART * scale**0.6 * vary(1, 0.06) * vary(m, 0.03))[:, None] * vary((m, 2), 0.04),
            facet_angle=_FACET_ANGLE[:, None] + rng.normal(0, 6) + rng.normal(0, 5, (m, 2)),
            facet_offset=rng.normal(0, 1.0) + rng.normal(0, 0.7, (m, 2)),
            sac_width=_SAC_WIDTH * canal * vary(m, 0.05),
            sac_depth=_SAC_DEPTH * canal * vary(m, 0.05),
            sac_trefoil=_SAC_TREFOIL * rng.uniform(0.3, 1.9),
            sac_gap=_SAC_GAP + rng.uniform(-0.4, 1.0),
            flavum=2.6 + 2.2 * s.flavum_thickening + rng.uniform(-0.4, 0.8, m),
            pedicle_width=_PEDICLE_WIDTH * scale * vary(n, 0.05),
            tilt=tilt,
            lateral_tilt=15 * s.scoliosis * scoliosis + rng.normal(0, 1.2, n),
            rotation=12 * s.rotation * rotation + rng.normal(0, 0.8, n),
            wedge=np.array([0, -1, 0, 0, 2, 8, 3, 0.0]) + rng.normal(0, 1.0, n),
            lamina_thickness=float(rng.uniform(0.72, 1.12)),
            spinous_length=float(rng.normal(27, 2.5) * scale),
            spinous_drop=rng.normal(0, 2.5) + rng.normal(0, 1.5, n),
            spinous_side=rng.normal(0, 1.5, n),
            psoas=float(np.clip((1.06 if s.male else 0.92) + rng.normal(0, 0.12) - 0.14 * old, 0.6, 1.35)),
            back_muscle=float(np.clip(rng.normal(1.0, 0.07), 0.82, 1.2)),
            lamina_fat=float(rng.uniform(0.0, 1.0) * (0.35 + 0.65 * old)),
        )

    def record(self) -> dict:
        """Seed and severities as plain numbers, for JSON."""
        return {"seed": self.seed, **self.severity.record()}
