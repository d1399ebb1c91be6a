"""How much cortical bone there is at points in a bone: shell, endplates, subchondral bone, trabeculae."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.shapes import ramp

#: Random fields: number and wavelength in mm.
_SHELL, _COARSE, _FINE, _POCKET = (64, 9.0), (65, (8.0, 8.0, 13.0)), (66, (2.0, 2.0, 4.5)), (67, (5.5, 5.5, 8.0))
_GRAIN = (68, (2.4, 2.4, 3.2))


class BoneTexture:
    """Shares of cortical bone (``mix`` of marrow labels) in the bones of one subject.

    Shares below 0 stand for marrow with less mineral than the subject's mean.

    Args:
        anatomy: The subject.
        noise: Random fields.
        rng: For what varies. What is drawn does not depend on severities.
    """

    def __init__(self, anatomy: Anatomy, noise: NoiseSpace, rng: np.random.Generator):
        self.noise = noise
        porous = anatomy.severity.osteoporosis
        self.porous = porous
        self.shell = float(rng.uniform(0.3, 0.65) * (1 - 0.35 * porous))
        self.endplate = float(rng.uniform(0.7, 1.1) * (1 - 0.3 * porous))
        self.arch_shell = float(rng.uniform(0.7, 1.5) * (1 - 0.35 * porous))
        self.sclerosis = float(rng.uniform(0.05, 0.3) * (1 - 0.4 * porous))
        self.ring = float(rng.uniform(0.15, 0.4) * (1 - 0.4 * porous))
        self.subchondral = float(rng.uniform(0.9, 1.8) * (1 - 0.25 * porous))
        # how much of processes and laminae is dense bone
        self.dense = float(rng.uniform(0.05, 0.5) * (1 - 0.6 * porous))
        self.pocket = float(rng.uniform(0.08, 0.2))
        self.lip = float(rng.spawn(1)[0].uniform(0.1, 0.38) * (1 - 0.3 * porous))

    def body(self, position, rim, ends, own) -> np.ndarray:
        """Shares in a vertebral body.

        Args:
            position: x, y, z in mm.
            rim, ends: Depth below its outline and its endplates, mm.
            own: Depth below its outline without bony lips, mm; negative in a lip.
        """
        # a shell thinner than voxels is spread a little: single samples of it would be specks
        uneven = self.noise(_SHELL[0], *position, _SHELL[1])
        coarse = self.noise(_COARSE[0], *position, _COARSE[1])
        fine = self.noise(_FINE[0], *position, _FINE[1])
        thick = self.shell * np.maximum(1 + 0.4 * uneven, 0.35)
        shell = 0.85 * (1.0 - ramp(rim, thick - 0.7, thick + 0.9))
        # endplates are thickest at the ring apophysis, and so is the spongy bone beneath
        edge = np.exp(np.maximum(own, 0.0) * np.float32(-1 / 3.2))
        thick = self.endplate * (0.8 + 0.5 * edge) * np.maximum(1 + 0.35 * coarse, 0.3)
        plate = (0.62 + 0.2 * edge) * (1.0 - ramp(ends, thick - 1.0, thick + 1.6))
        beneath = np.exp(ends * np.float32(-1 / 3.0))
        spongy = beneath * (self.sclerosis + self.ring * edge * (1 + 0.3 * coarse))
        spongy += 0.08 * np.exp(np.minimum(rim, ends) * np.float32(-1 / 4.0)) - 0.02
        # lips are compact bone with little marrow
        lip = ramp(-own, -1.5, 1.2)
        spongy += lip * (self.lip + 0.11 * coarse + 0.1 * fine)
        # osteoporotic bone loses thin trabeculae first: vertical ones remain
        spongy += 0.028 * coarse + (0.034 + 0.03 * self.porous) * fine
        return np.clip(np.maximum(np.maximum(shell, plate), spongy), -0.12, 1.0)

    def arch(self, position, depth, joint, worn) -> np.ndarray:
        """Shares in an arch.

        Args:
            position: x, y, z in mm.
            depth: Below the surface, mm.
            joint: Distance to the nearest facet joint's face, mm.
            worn: Facet hypertrophy there, 0 to 1.
        """
        shell = self.noise(_SHELL[0], *position, _SHELL[1])
        pocket = self.noise(_POCKET[0], *position, _POCKET[1])
        thick = self.arch_shell * np.maximum(1 + 0.5 * shell, 0.35)
        cortex = (0.92 + 0.08 * shell) * (1.0 - ramp(depth, thick - 0.5, thick + 0.6))
        face = joint / (self.subchondral * (1.0 + 1.4 * worn) * np.maximum(1 + 0.35 * pocket, 0.4))
        hard = (0.85 + 0.15 * worn) * np.exp(-face * face)
        spongy = self.dense * (1.15 - ramp(depth, 0.6, 3.2)) + self.pocket * pocket - 0.02
        spongy += 0.35 * worn * np.exp(joint * np.float32(-1 / 5.0))
        spongy += (0.05 + 0.02 * self.porous) * self.noise(_GRAIN[0], *position, _GRAIN[1])
        return np.clip(np.maximum(np.maximum(cortex, hard), spongy), -0.1, 1.0)

    def sacrum(self, position, depth) -> np.ndarray:
        """Shares in the sacrum, whose lateral parts hold fatty marrow.

        Args:
            position: x, y, z in mm.
            depth: Below the surface, mm.
        """
        shell = self.noise(_SHELL[0], *position, _SHELL[1])
        thick = 0.9 * self.arch_shell * np.maximum(1 + 0.5 * shell, 0.3)
        cortex = 0.9 * (1.0 - ramp(depth, thick - 0.6, thick + 0.7))
        spongy = 0.18 * np.exp(depth * np.float32(-1 / 3.0)) - 0.10
        spongy += 0.045 * self.noise(_COARSE[0], *position, _COARSE[1])
        spongy += (0.06 + 0.02 * self.porous) * self.noise(_GRAIN[0], *position, _GRAIN[1])
        return np.clip(np.maximum(cortex, spongy), -0.2, 1.0)
