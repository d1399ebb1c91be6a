"""From signal to a magnitude picture by way of k-space: resolution, ringing, chemical shift, ghosts, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from CT2MRSynthLib.phantom.mr.settings import Readout

#: The picture is continued on each axis by this share of its size, so that its periodic repetition has no jump.
_MARGIN = 4
#: Relative strength of the ghosts to either side, nearest first.
_GHOSTS = (1.0, 0.5, 0.28)


@dataclass(frozen=True)
class Parts:
    """What is encoded, shape (rows, columns) each.

    Args:
        water, fat: Signal.
        pulsation: What ghosts show; None: no ghosts.
    """

    water: np.ndarray
    fat: np.ndarray
    pulsation: np.ndarray | None = None


def encode(
    parts: Parts,
    readout: Readout,
    pixel: float,
    rng: np.random.Generator,
    ghost_distance: float = 25.0,
    shift: tuple[float, float] = (0.0, 0.0),
    size: int | None = None,
) -> np.ndarray:
    """The magnitude picture a scanner reconstructs: band-limited, interpolated by zero filling, with noise.

    Noise is complex, so that the magnitude is Rician, and lies in the sampled part of k-space, so that neighboring
    pixels of the interpolated picture share it.

    Args:
        parts: Signal, square.
        readout: How k-space was filled.
        pixel: Size of the signal's pixels, mm.
        rng: Source of noise and of the ghosts' phase.
        ghost_distance: mm.
        shift: Displacement of everything along rows and columns, mm.
        size: Pixels along each edge of the result, over the same field of view, at least the signal's.

    Returns:
        Shape (size, size), float32. A pixel of the result and one of the signal at the same relative place show the
        same point.
    """
    count = parts.water.shape[0]
    size = size or count
    total = count + count // _MARGIN
    frequency = [fft.fftfreq(total, pixel)[:, None], fft.rfftfreq(total, pixel)[None, :]]
    frequency = [f.astype(np.float32) for f in frequency]
    ghosts = _ghosts(frequency[readout.phase_axis], ghost_distance, rng)
    spectrum = _transform(parts.water) + _transform(parts.fat) * _moved(frequency, readout.fat_shift_mm)
    if parts.pulsation is not None:
        spectrum = spectrum + _transform(parts.pulsation) * ghosts
    # the first pixels' middles of a finer picture lie nearer to the edge
    finer = pixel * (1 - count / size) / 2
    spectrum = spectrum * _moved(frequency, (shift[0] + finer, shift[1] + finer))
    spectrum *= _window(frequency, readout)
    wide = total * size // count
    picture = fft.irfft2(_zero_filled(spectrum, wide), s=(wide, wide)) * np.float32((wide / total) ** 2)
    noise = _noise(readout, wide, pixel * count / size, rng)[:size, :size]
    growth = _noise_growth(size, readout.acceleration)
    return np.hypot(picture[:size, :size] + noise.real * growth, noise.imag * growth)


def _transform(picture: np.ndarray) -> np.ndarray:
    return fft.rfft2(_continued(_continued(picture.astype(np.float32), 0), 1))


def _continued(picture: np.ndarray, axis: int) -> np.ndarray:
    """The picture with a strip that leads from its end back to its beginning: one mirrored fades into the other."""
    picture = np.moveaxis(picture, axis, 0)
    width = picture.shape[0] // _MARGIN
    fade = ((np.arange(width, dtype=np.float32) + 0.5) / width)[:, None]
    strip = picture[: -width - 1 : -1] * (1 - fade) + picture[width - 1 :: -1] * fade
    return np.moveaxis(np.concatenate([picture, strip]), 0, axis)


def _moved(frequency, shift) -> np.ndarray:
    """Factor on the spectrum that moves a picture by ``shift`` mm (Fourier shift theorem)."""
    return np.exp((-2j * np.pi * (frequency[0] * shift[0] + frequency[1] * shift[1])).astype(np.complex64))


def _ghosts(frequency, distance: float, rng: np.random.Generator) -> np.ndarray:
    """Spectrum of the ghosts of a point: replicas to both sides, each in or out of phase with what it lies on."""
    result = np.zeros(frequency.shape, dtype=np.complex64)
    for order, strength in enumerate(_GHOSTS, start=1):
        for side in (-1, 1):
            amplitude = strength * np.cos(rng.uniform(0, 2 * np.pi))
            result += amplitude * np.exp((-2j * np.pi * side * order * distance * frequency).astype(np.complex64))
    return result


def _window(frequency, readout: Readout) -> np.ndarray:
    """The sampled rectangle of k-space with a cosine-shaped filter toward its edge."""
    result = 1.0
    for axis, f in enumerate(frequency):
        acquired = readout.phase if axis == readout.phase_axis else readout.frequency
        radius = np.abs(f) * 2 * acquired
        edge = np.clip((radius - 1 + readout.filter) / max(readout.filter, 1e-3), 0, 1)
        result = result * np.where(radius <= 1, np.cos(0.5 * np.pi * edge) ** 2, 0.0).astype(np.float32)
    return result


def _zero_filled(spectrum: np.ndarray, wide: int) -> np.ndarray:
    """The spectrum of a finer picture: zeros around."""
    total, half = spectrum.shape
    if wide == total:
        return spectrum
    result = np.zeros((wide, wide // 2 + 1), dtype=np.complex64)
    upper = (total + 1) // 2
    result[:upper, :half] = spectrum[:upper]
    result[upper - total :, :half] = spectrum[upper:]
    return result


def _noise(readout: Readout, wide: int, pixel: float, rng: np.random.Generator) -> np.ndarray:
    """Complex noise of the sampled part of k-space, standard deviation ``readout.noise`` in each channel."""
    f = fft.fftfreq(wide, pixel).astype(np.float32)
    window = _window([f[:, None], f[None, :]], readout)
    spectrum = np.zeros((wide, wide), dtype=np.complex64)
    inside = np.nonzero(window)
    white = rng.standard_normal((2, inside[0].size), dtype=np.float32)
    kept = window[inside]
    spectrum[inside] = (white[0] + 1j * white[1]) * kept
    return fft.ifft2(spectrum) * np.float32(readout.noise * wide**2 / np.sqrt(np.sum(kept**2)))


def _noise_growth(size: int, acceleration: float) -> np.ndarray:
    """Factor on noise: parallel imaging amplifies it most where the coil's elements look alike, in the middle."""
    at = np.linspace(-1, 1, size, dtype=np.float32)
    return 1 + np.float32(acceleration) * np.exp(-((at[:, None] / 0.6) ** 2) - (at[None, :] / 0.6) ** 2)
