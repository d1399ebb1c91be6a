"""T2-weighted turbo spin echo signal of tissue, in units of psoas muscle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.severities import Severities
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label, column, partner_indices

_MARROW = (Label.MARROW, Label.ARCH_MARROW)
_BLOOD = (Label.ARTERY, Label.VEIN)
#: Share of the greatest flow loss in the sac along the spine (3.0 is the middle of L3): pulsation fades downward.
_FLOW_PHASE, _FLOW = (0.5, 1.5, 2.5, 3.5, 4.5, 5.5), (1.0, 1.0, 0.7, 0.42, 0.25, 0.15)
#: Share of fat in psoas muscle.
_PSOAS_FAT = 0.035
#: Random fields (``NoiseSpace``): number and wavelength in mm along x, y, z.
_MOTTLE, _GRAIN, _ISLANDS = (160, (9.0, 9.0, 11.0)), (161, (3.2, 3.2, 4.5)), (162, (13.0, 13.0, 12.0))
_MODIC, _FLUID, _BLOOD_FLOW = (163, (20.0, 20.0, 16.0)), (164, (7.0, 5.5, 20.0)), (165, (9.0, 9.0, 30.0))


@dataclass(frozen=True)
class TissueSignals:
    """Signal of each tissue in one scan, psoas muscle = 1.

    Args:
        water, fat: Signal of each tissue's water and fat, by label. Of marrow: all red, and all yellow.
        yellow: Share of yellow marrow by label.
        mottle: Strength of the patchiness of marrow.
        islands: How many islands of fat the marrow of the bodies has; 0 none, 1 many.
        modic: Endplate changes at each disc, shape (7,): positive fatty, negative sclerotic or none.
    """

    water: np.ndarray
    fat: np.ndarray
    yellow: np.ndarray
    mottle: float
    islands: float
    modic: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, severity: Severities, field: int, tr: float, te: float) -> TissueSignals:
        """Signals of one scan of one subject.

        Spin echo signal PD (1 - exp(-TR/T1)) exp(-TE/T2), with what a turbo spin echo adds: magnetization transfer by
        the pulses of neighboring slices darkens muscle (the more the higher the field), the driven equilibrium pulse
        brightens fluid, and dense refocusing keeps fat bright (Henkelman 1992: fat's J coupling).

        Args:
            rng: Source of randomness.
            severity: The subject.
            field: 0 for 1.5 T, 1 for 3 T.
            tr, te: ms.
        """
        t1 = column("t1", field) * rng.normal(1, 0.03, len(Label))
        t2 = column("t2", field) * rng.normal(1, 0.03, len(Label))
        signal = column("density") * (1 - np.exp(-tr / t1)) * np.exp(-te / t2)
        factor = np.ones(len(Label))
        factor[Label.MUSCLE] = rng.uniform(0.56, 0.66) - 0.07 * field
        factor[Label.CSF] = rng.uniform(1.0, 1.25) + 0.12 * field
        # the outer annulus is layers of collagen, of which water near the mean T2 is a part only
        factor[Label.ANNULUS] = rng.uniform(0.35, 0.55)
        factor[Label.NUCLEUS] = rng.uniform(1.05, 1.35)
        factor[Label.JOINT] = rng.uniform(0.9, 2.2)
        factor[Label.BOWEL_CONTENT] = rng.uniform(0.4, 1.8)
        share = column("fat")
        factor[share > 0] = rng.uniform(0.9, 1.05) + 0.08 * field
        signal = signal * factor
        signal /= (1 - _PSOAS_FAT) * signal[Label.MUSCLE] + _PSOAS_FAT * signal[Label.FAT]
        _let_blood_flow(signal, rng)
        water, fat = signal * (1 - share), signal * share
        yellow = np.zeros(len(Label))
        old = (severity.age - 22) / 64
        common = rng.normal(0, 0.05)
        for label, low in ((Label.MARROW, 0.46), (Label.ARCH_MARROW, 0.44)):
            # fat takes the place of lost trabeculae
            age = low - 0.02 + 0.26 * old + 0.1 * severity.osteoporosis
            yellow[label] = np.clip(age + common + rng.normal(0, 0.03), 0.2, 0.9)
            fat[label] = 0.97 * signal[Label.FAT]
        worn = np.clip((severity.height_loss + severity.signal_loss) / 2 + severity.osteophytes / 3 - 0.45, 0, 0.6)
        return cls(
            water=water.astype(np.float32),
            fat=fat.astype(np.float32),
            yellow=yellow.astype(np.float32),
            mottle=float(rng.uniform(0.04, 0.10) + 0.03 * old),
            islands=float(np.clip(rng.normal(0.1, 0.3) + 0.5 * old, 0, 1)),
            modic=(worn / 0.6 * rng.choice([-1.0, 1.0, 1.0], len(worn)) * rng.random(len(worn))).astype(np.float32),
        )


def _let_blood_flow(signal: np.ndarray, rng: np.random.Generator) -> None:
    """Blood leaves the slice between the pulses; slow veins keep some signal."""
    slow, bright = rng.random() < 0.15, rng.uniform(1.5, 3.5)
    signal[Label.ARTERY] = rng.uniform(0.5, 1.1)
    signal[Label.VEIN] = bright if slow else rng.uniform(0.3, 1.1)


def signals(canvas: Canvas, tissue: TissueSignals, fluid_flow: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Water and fat signal at each sample point.

    Args:
        canvas: Tissue; at the points of ``canvas.points``, where marrow and flow vary from place to place.
        tissue: The scan.
        fluid_flow: Lost signal of moving cerebrospinal fluid where it is fastest.
    """
    label = canvas.label
    partner = partner_indices()
    # the mineral of spongy bone hardly darkens its marrow: only where bone is dense is there no signal
    bone = np.flatnonzero((label == Label.MARROW) | (label == Label.ARCH_MARROW))
    mix = canvas.mix.copy()
    mix[bone] = np.clip((mix[bone] - 0.2) / 0.7, 0.5 * np.minimum(mix[bone], 0.2), 1)
    water_table, fat_table = tissue.water.copy(), tissue.fat.copy()
    for kind in _MARROW:
        water_table[kind] *= 1 - tissue.yellow[kind]
        fat_table[kind] *= tissue.yellow[kind]
    water, fat = water_table[label], fat_table[label]
    if canvas.points is not None:
        _mottle(canvas, tissue, bone, water, fat)
    for values, table in ((water, water_table), (fat, fat_table)):
        values += (table[partner][label] - values) * mix
    if canvas.points is not None:
        _let_fluid_flow(canvas, fluid_flow, water)
    return water, fat


def _mottle(canvas: Canvas, tissue: TissueSignals, bone, water, fat) -> None:
    """Patches of red and yellow marrow, islands of fat, changes at the endplates of worn discs."""
    if not bone.size:
        return
    points, label = canvas.points, canvas.label[bone]
    yellow = tissue.yellow[label]
    patches = points.noise(*_MOTTLE, bone) + 0.8 * points.noise(*_GRAIN, bone)
    share = yellow + tissue.mottle * patches
    body = np.flatnonzero(label == Label.MARROW)
    if body.size:
        where = bone[body]
        island = ramp(points.noise(*_ISLANDS, where), 2.3 - tissue.islands, 2.9 - tissue.islands)
        phase = points.canal[2][where]
        disc = np.clip(np.floor(phase), 0, len(tissue.modic) - 1).astype(np.intp)
        # vertebrae follow each other every 34 mm or so
        near = 1 - ramp(np.abs(phase - np.floor(phase) - 0.5) * 34.0, 6.0, 15.0)
        change = tissue.modic[disc] * near * ramp(points.noise(*_MODIC, where), -0.4, 0.8)
        share[body] += (0.92 - share[body]) * np.maximum(island, np.maximum(change, 0))
        dark = 1 - 0.6 * np.maximum(-change, 0)
        water[where] *= dark
        fat[where] *= dark
    share = np.clip(share, 0.08, 0.95)
    water[bone] *= (1 - share) / (1 - yellow)
    fat[bone] *= share / yellow


def _let_fluid_flow(canvas: Canvas, fluid_flow: float, water) -> None:
    """Patches of lost signal in the sac, most of them at upper levels, and eddies in vessels."""
    points = canvas.points
    sac = np.flatnonzero(canvas.label == Label.CSF)
    if sac.size and fluid_flow > 0:
        fast = np.interp(points.canal[2][sac], _FLOW_PHASE, _FLOW).astype(np.float32)
        water[sac] *= 1 - fluid_flow * fast * ramp(points.noise(*_FLUID, sac), -0.2, 1.6)
    blood = np.flatnonzero(np.isin(canvas.label, _BLOOD))
    if blood.size:
        water[blood] *= np.clip(1 + 0.5 * points.noise(*_BLOOD_FLOW, blood), 0.2, 2.2)
