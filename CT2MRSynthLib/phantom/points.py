"""Sample points of one rendering with the smooth fields that painters ask for, computed once and only when asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import Lattice, NoiseSpace

#: Amplitude, wavelength and node distance (mm) of the random deformation that takes smoothness and symmetry from all
#: outlines.
WARP = ((1.5, 48.0, 8.0), (0.5, 15.0, 3.0), (0.22, 6.5, 1.6))

#: Random fields by name: number of the field, wavelength in mm (one, or one per axis), node distance in mm.
#: Fields of different numbers are independent; 40 to 48 are the warp's.
FIELDS: dict[str, tuple] = {
    "bone_u": (33, 12.0, 2.5),
    "bone_v": (35, 12.0, 2.5),
    "shell": (30, 13.0, 2.5),
    "loops": (1, 46.0, 5.0),
    "colon": (14, 110.0, 8.0),
    "gas": (2, 85.0, 8.0),
    "septum": (6, 22.0, 3.5),
    "bend": (8, 16.0, 2.5),
    "back": (12, 20.0, 3.5),
    "psoas": (13, 19.0, 3.5),
    "gape": (96, (13.0, 13.0, 28.0), 3.0),
    "patch": (97, (26.0, 26.0, 40.0), 5.0),
    "strand": (15, 9.0, 1.8),
    "ct_texture": (144, (16.0, 16.0, 34.0), 4.0),
}


class _Grid:
    """Fields on a lattice: smooth ones are computed on coarse nodes."""

    def __init__(self, lattice: Lattice):
        self.lattice = lattice

    def world(self) -> list[np.ndarray]:
        return [p.ravel() for p in self.lattice.points()]

    def evaluate(self, function: Callable, spacing: float) -> list[np.ndarray]:
        return [f.ravel() for f in self.lattice.smooth(function, spacing)]


class _Scatter:
    """Fields at single points."""

    def __init__(self, positions: np.ndarray):
        self._world = [np.ascontiguousarray(c, dtype=np.float32) for c in np.atleast_2d(positions).T]

    def world(self) -> list[np.ndarray]:
        return self._world

    def evaluate(self, function: Callable, spacing: float) -> list[np.ndarray]:
        return [np.asarray(f, dtype=np.float32) for f in function(*self._world)]


class _Space:
    """What all subsets of one rendering share: where the points are and the fields computed so far."""

    def __init__(self, source, geometry: Geometry, noise: NoiseSpace):
        self.source, self.geometry, self.noise = source, geometry, noise
        self._known: dict[str, list[np.ndarray]] = {}

    def field(self, name: str) -> list[np.ndarray]:
        if name not in self._known:
            self._known[name] = self._compute(name)
        return self._known[name]

    def _compute(self, name: str) -> list[np.ndarray]:
        if name == "ripple":
            return self._octaves(range(1, len(WARP)))
        if name == "warp":
            return [a + b for a, b in zip(self._octaves(range(1)), self.field("ripple"), strict=True)]
        if name == "position":
            return [c + d for c, d in zip(self.source.world(), self.field("warp"), strict=True)]
        if name == "canal":
            u, v, phase = self.source.evaluate(self.geometry.canal, 6.0)
            dx, dy, _ = self.field("warp")
            return [u + dx, v + dy, phase]
        if name == "spine":
            x, y, phase = self.source.evaluate(lambda x, y, z: self.geometry.spine_at_height(z), 6.0)
            px, py, _ = self.field("position")
            return [px - x, py - y, phase]
        number, wavelength, spacing = FIELDS[name]
        return self.source.evaluate(lambda x, y, z: [self.noise(number, x, y, z, wavelength)], spacing)

    def _octaves(self, octaves: range) -> list[np.ndarray]:
        result = [np.zeros_like(c) for c in self.source.world()]
        for octave in octaves:
            parts = self.source.evaluate(partial(warp, self.noise, octave), WARP[octave][2])
            for total, part in zip(result, parts, strict=True):
                total += part
        return result


class Points:
    """Flat arrays of sample points in mm. Painters paint at indices into these arrays.

    All coordinates are those of the undisturbed anatomy: the random deformation has been taken out. ``x, y, z`` are
    right, anterior, superior; the origin is the middle of L3's body.
    """

    def __init__(self, space: _Space, indices: np.ndarray | None = None, shift: tuple | None = None):
        self._space, self._indices, self._shift = space, indices, shift
        self._own: dict[str, list[np.ndarray]] = {}

    @classmethod
    def on(cls, lattice: Lattice, geometry: Geometry, noise: NoiseSpace) -> Points:
        """All points of a lattice, in its order (k, j, i)."""
        return cls(_Space(_Grid(lattice), geometry, noise))

    @classmethod
    def at(cls, positions: np.ndarray, geometry: Geometry, noise: NoiseSpace) -> Points:
        """Points at world RAS mm, shape (n, 3)."""
        return cls(_Space(_Scatter(positions), geometry, noise))

    @property
    def size(self) -> int:
        """Number of points."""
        return self.position[0].size

    @property
    def position(self) -> list[np.ndarray]:
        """x, y, z in mm."""
        return self._get("position", lambda c, d: [a + b for a, b in zip(c, d, strict=True)])

    @property
    def ripple(self) -> list[np.ndarray]:
        """What the faster octaves of the deformation add to the position, mm: the skin does not follow them."""
        return self._get("ripple", lambda c, d: c)

    @property
    def canal(self) -> list[np.ndarray]:
        """u (right), v (anterior of the posterior wall of bodies and discs) in mm, and the phase along the spine.

        The phase counts vertebrae: 3.0 is the middle of L3, 3.5 the disc below it.
        """
        return self._get("canal", self._shifted_phase)

    @property
    def spine(self) -> list[np.ndarray]:
        """u, v in the axial plane from the posterior wall at the same height, and the phase: for soft tissue."""
        return self._get("spine", self._shifted_phase)

    def field(self, name: str, where: np.ndarray | None = None) -> np.ndarray:
        """A random field of zero mean and unit variance (``FIELDS``), at some indices or at all points."""
        values = self._space.field(name)[0]
        if self._indices is not None:
            return values[self._indices if where is None else self._indices[where]]
        return values if where is None else values[where]

    def noise(self, number: int, wavelength, where: np.ndarray) -> np.ndarray:
        """A random field of zero mean and unit variance (``NoiseSpace``) at some indices."""
        return self._space.noise(number, *(c[where] for c in self.position), wavelength)

    def corners(self) -> np.ndarray:
        """Corners of the box around all points, shape (8, 3)."""
        ends = [(float(c.min()), float(c.max())) for c in self.position]
        return np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)

    def take(self, where: np.ndarray, shift: tuple | None = None) -> Points:
        """Some of these points.

        Args:
            where: Indices.
            shift: Offset (dx, dy, dz) in mm, numbers or one per point; small against all fields' wavelengths.
        """
        indices = where if self._indices is None else self._indices[where]
        if shift is not None and self._shift is not None:
            raise ValueError("points are shifted once only")
        kept = self._shift and tuple(s[where] if np.ndim(s) else s for s in self._shift)
        return Points(self._space, indices, shift if shift is not None else kept)

    def _get(self, name: str, moved: Callable) -> list[np.ndarray]:
        if name not in self._own:
            values = self._space.field(name)
            if self._indices is not None:
                values = [c[self._indices] for c in values]
            if self._shift is not None:
                values = moved(values, self._shift)
            self._own[name] = values
        return self._own[name]

    def _shifted_phase(self, values, shift):
        u, v, phase = values
        dx, dy, dz = shift
        # vertebrae follow each other every 34 mm or so
        return [u + dx, v + dy, phase - dz * np.float32(1 / 34)]


def warp(noise: NoiseSpace, octave: int, x, y, z) -> list[np.ndarray]:
    """One octave of the random deformation in mm."""
    amplitude, wavelength, _ = WARP[octave]
    return [amplitude * noise(40 + 3 * octave + axis, x, y, z, wavelength) for axis in range(3)]
