"""The reconstruction kernel of a CT: how sharp it draws edges, and what it makes of the noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

#: Width of the edge enhancement's counterpart, as a standard deviation in mm.
ENHANCED = 0.85


@dataclass(frozen=True)
class Kernel:
    """A kernel by its modulation transfer function G(f) (1 + e (1 - E(f))), G and E Gaussian.

    Args:
        blur: Standard deviation of the point spread G in plane, mm; 0.8 is a very soft kernel, 0.3 a bone kernel.
        enhancement: e, the share of edge enhancement; above 0 edges overshoot.
        iterative: Strength of iterative reconstruction, which takes fine noise away more than coarse, 0 to 1.
    """

    blur: float
    enhancement: float = 0.0
    iterative: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Kernel:
        """A soft, standard or sharp kernel."""
        kind, place, strength, iterative = rng.random(4)
        iterative = max(0.0, 1.5 * iterative - 0.6)
        if kind < 0.38:
            return cls(float(0.46 + 0.28 * place), 0.0, float(iterative))
        if kind < 0.85:
            return cls(float(0.34 + 0.16 * place), float(max(0.0, strength - 0.65)), float(iterative))
        return cls(float(0.26 + 0.14 * place), float(0.15 + 0.65 * strength), float(0.5 * iterative))

    def transfer(self, frequency) -> np.ndarray:
        """Modulation transfer at spatial frequencies in cycles per mm."""
        squared = (2 * np.pi * np.asarray(frequency)) ** 2 / 2
        blurred = np.exp(-squared * self.blur**2)
        return blurred * (1 + self.enhancement * (1 - np.exp(-squared * ENHANCED**2)))

    def noise_spectrum(self, frequency) -> np.ndarray:
        """Noise power at spatial frequencies: the reconstruction's ramp times the squared transfer.

        Riederer, Pelc, Chesler: The noise power spectrum in computed X-ray tomography, Phys Med Biol 1978.
        """
        frequency = np.asarray(frequency)
        denoised = 1 / (1 + self.iterative * (frequency / 0.3) ** 2)
        return (frequency + 0.015) * (self.transfer(frequency) * denoised) ** 2

    def noise_gain(self) -> float:
        """Standard deviation of noise at one dose relative to a standard kernel of 0.5 mm."""
        frequency = np.linspace(0, 3.0, 600)
        own, standard = (np.sum(frequency * kernel.noise_spectrum(frequency)) for kernel in (self, Kernel(0.5)))
        return float(np.sqrt(own / standard))

    def apply(self, picture: np.ndarray, pixel: float, oblique: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """Blur and enhance a picture.

        Args:
            picture: Shape (rows, columns).
            pixel: Pixel size, mm.
            oblique: Further blur along rows' and columns' direction of change, standard deviation in mm.
        """
        sigma = np.hypot(self.blur, oblique) / pixel
        result = ndimage.gaussian_filter(picture, sigma, mode="nearest", truncate=3.5)
        if self.enhancement > 0:
            soft = ndimage.gaussian_filter(result, ENHANCED / pixel, mode="nearest", truncate=3.0)
            result = result + np.float32(self.enhancement) * (result - soft)
        return result

    def record(self) -> dict:
        """Plain numbers, for JSON."""
        return {
            "blur": round(self.blur, 3),
            "sharpening": round(self.enhancement, 3),
            "iterative": round(self.iterative, 3),
        }
