"""How a simulated CT was taken: tissue values with contrast agent, reconstruction kernel, dose, slices, artifacts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from CT2MRSynthLib.phantom.ct.contrast_agent import PHASES, give_contrast
from CT2MRSynthLib.phantom.ct.kernel import Kernel
from CT2MRSynthLib.phantom.severities import Severities
from CT2MRSynthLib.phantom.tissues import Label, column

#: Slice thicknesses of common protocols in mm, and how often each is drawn.
THICKNESSES = (0.6, 1.0, 1.25, 2.0, 2.5, 3.0, 5.0)
_OFTEN = (0.1, 0.16, 0.17, 0.13, 0.12, 0.14, 0.18)
#: Slow variation within tissues, standard deviation in HU at ``texture`` 1.
_TEXTURE = {
    Label.SUBCUTANEOUS_FAT: 3.5,
    Label.FAT: 5.0,
    Label.EPIDURAL_FAT: 6.0,
    Label.MUSCLE: 4.5,
    Label.LIVER: 3.0,
    Label.SPLEEN: 2.5,
    Label.KIDNEY: 4.0,
    Label.BOWEL_CONTENT: 12.0,
    Label.BOWEL_WALL: 6.0,
    Label.NUCLEUS: 5.0,
    Label.ANNULUS: 6.0,
    Label.OUTER_ANNULUS: 8.0,
    Label.MARROW: 16.0,
    Label.ARCH_MARROW: 30.0,
    Label.LIGAMENT: 6.0,
}


@dataclass(frozen=True)
class CTSettings:
    """How a CT was taken.

    Args:
        hu: HU of each tissue in this subject (contrast agent included), by label.
        phase: Phase of contrast agent, one of ``PHASES``.
        kernel: Reconstruction kernel.
        noise: Standard deviation of noise in HU at slices of ``thickness``, in the middle of an average body.
        thickness: Slice thickness of the scan (full width at half maximum of the slice profile), mm.
        voxel: Voxel edge in plane of a scan whose layout is not given otherwise, mm.
        exposure_control: How far the tube current follows attenuation, 0 not at all to 1 fully.
        hardening: Strength of beam hardening by bone left after correction, 0 to 1.
        cupping: Residual error of the water correction, negative or positive, about -1 to 1.
        texture: Strength of slow variation within tissues.
        offset: HU added everywhere (calibration).
        floor: Lowest HU that the scanner stores.
        steel: Implants attenuate by this factor more than titanium.
    """

    hu: np.ndarray
    phase: str
    kernel: Kernel
    noise: float
    thickness: float
    voxel: float
    exposure_control: float
    hardening: float
    cupping: float
    texture: float
    offset: float
    floor: float
    steel: float

    @classmethod
    def draw(cls, rng: np.random.Generator, severity: Severities) -> CTSettings:
        """Random settings, from low-dose soft thick slices to sharp thin ones.

        Args:
            rng: Source of randomness; draws do not depend on the severities.
            severity: The subject's; bone mineral matters here.
        """
        tissue_rng, agent_rng, scan_rng = rng.spawn(3)
        hu = column("hu") + column("hu_sd") * np.clip(tissue_rng.standard_normal(len(Label)), -1.8, 1.8)
        spongiosa = np.clip(hu[Label.MARROW] - column("hu")[Label.MARROW], -35, 35)
        hu[Label.MARROW] = np.clip(235 + spongiosa - 165 * severity.osteoporosis, 45, 270)
        hu[Label.ARCH_MARROW] = np.clip(hu[Label.ARCH_MARROW] + 60 - 160 * severity.osteoporosis, 60, 480)
        phase = str(agent_rng.choice(PHASES, p=(0.4, 0.13, 0.37, 0.1)))
        hu = give_contrast(hu, phase, agent_rng)
        steel = float(scan_rng.choice([1.0, 1.7], p=[0.8, 0.2]))
        # a dense implant lies far beyond what is stored; clipped after the blur, it blooms
        hu[Label.METAL] = 8500 * steel
        thickness = float(scan_rng.choice(THICKNESSES, p=_OFTEN))
        kernel = Kernel.draw(scan_rng)
        dose = np.exp(scan_rng.uniform(np.log(3.2), np.log(13.5)))
        return cls(
            hu=hu,
            phase=phase,
            kernel=kernel,
            noise=float(_soft_limit(dose * kernel.noise_gain() * np.sqrt(5.0 / thickness), 90.0)),
            thickness=thickness,
            exposure_control=float(scan_rng.uniform(0.0, 0.7)),
            hardening=float(scan_rng.uniform(0.15, 0.9)),
            cupping=float(np.clip(scan_rng.normal(0.15, 0.35), -0.6, 1.0)),
            texture=float(scan_rng.uniform(0.5, 1.5)),
            offset=float(scan_rng.normal(0, 3)),
            floor=float(scan_rng.choice([-1024.0, -1000.0], p=[0.85, 0.15])),
            steel=steel,
            voxel=_draw_voxel(scan_rng, thickness),
        )

    @property
    def contrast(self) -> bool:
        """Whether contrast agent was given."""
        return self.phase != PHASES[0]

    def with_thickness(self, thickness: float) -> CTSettings:
        """The same dose reconstructed to other slices: noise falls with the root of the thickness.

        Args:
            thickness: Slice thickness, mm.
        """
        noise = _soft_limit(self.noise * np.sqrt(self.thickness / thickness), 110.0)
        return replace(self, thickness=float(thickness), noise=float(noise))

    def texture_by_label(self) -> np.ndarray:
        """Standard deviation in HU of the slow variation within each tissue, by label."""
        result = np.zeros(len(Label), dtype=np.float32)
        for label, deviation in _TEXTURE.items():
            result[label] = deviation * self.texture
        return result

    def record(self) -> dict:
        """Settings as plain numbers, for JSON."""
        names = ("noise", "thickness", "voxel", "exposure_control", "hardening", "cupping", "texture", "offset")
        return {
            "contrast": self.contrast,
            "phase": self.phase,
            **self.kernel.record(),
            **{name: round(getattr(self, name), 3) for name in names},
        }


def _draw_voxel(rng: np.random.Generator, thickness: float) -> float:
    """Voxels of 0.55 to 0.98 mm; some scans were resampled to coarser ones."""
    kind, place, coarse = rng.random(3)
    if kind < 0.14:
        return float(1.1 + 1.9 * coarse**1.3) if thickness > 1.9 else float(1.0 + 0.7 * coarse)
    return float(0.55 + 0.43 * place)


def _soft_limit(value: float, limit: float) -> float:
    """Nearly the value where it is small, never more than the limit."""
    return limit * np.tanh(value / limit)
