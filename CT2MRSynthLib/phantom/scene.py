"""One simulated subject: the tissue at any world point, and where the discs lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.anatomy import FIRST_DISC, Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import Lattice, NoiseSpace
from CT2MRSynthLib.phantom.softtissue import SoftTissuePainter
from CT2MRSynthLib.phantom.spine import SpinePainter

#: Amplitude and wavelength (mm) of the random deformation that takes smoothness and symmetry from all outlines.
_WARP = ((1.5, 48.0, 6.0), (0.5, 15.0, 3.0), (0.22, 6.5, 1.6))

#: Slow random fields that painters use, by name: number of the field and wavelength in mm. Computed on coarse nodes.
_SLOW = {
    "bone_u": (33, 12.0),
    "bone_v": (35, 12.0),
    "shell": (30, 13.0),
    "loops": (1, 46.0),
    "colon": (14, 110.0),
    "gas": (2, 85.0),
    "septum": (6, 22.0),
    "bend": (8, 16.0),
    "back": (12, 20.0),
    "psoas": (13, 19.0),
    "strand": (15, 9.0),
}


@dataclass(frozen=True)
class Landmarks:
    """World RAS mm of one level: middle of the disc, sac center, most ventral point, and disc points for its plane."""

    level: str
    disc_center: np.ndarray
    sac_center: np.ndarray
    ventral_point: np.ndarray
    disc_points: np.ndarray

    def points(self) -> list[tuple[str, np.ndarray]]:
        """Labels and positions as ``ct2mrsynth crop`` reads them."""
        disc = [
            (f"disc {name}", point)
            for name, point in zip(("front", "back", "right", "left"), self.disc_points, strict=True)
        ]
        return [*disc, ("ventral", self.ventral_point), ("sac", self.sac_center)]


class Subject:
    """The anatomy that one seed stands for.

    Args:
        seed: Any whole number from 0.

    Raises:
        UsageError: The seed is negative.
    """

    def __init__(self, seed: int):
        if seed < 0:
            raise UsageError(f"The seed is {seed}; give a whole number from 0.")
        anatomy_rng, noise_rng, spine_rng, tissue_rng = (np.random.default_rng([seed, stream]) for stream in range(4))
        self.seed = seed
        self.anatomy = Anatomy.draw(seed, anatomy_rng)
        self.geometry = Geometry(self.anatomy)
        self.noise = NoiseSpace(noise_rng)
        self.spine = SpinePainter(self.anatomy, self.geometry, self.noise, spine_rng)
        self.soft = SoftTissuePainter(self.anatomy, self.geometry, self.noise, tissue_rng)

    def paint(self, lattice: Lattice, jitter=None) -> Canvas:
        """The tissue at the points of a lattice.

        Args:
            lattice: Points in world RAS mm.
            jitter: Offsets (dx, dy, dz) in mm, each of the lattice's shape, that spread samples over a voxel.

        Returns:
            Labels and mixing shares, flat, in the lattice's order (k, j, i).
        """
        points = lattice.points()
        if jitter is not None:
            points = [p + d for p, d in zip(points, jitter, strict=True)]
        for octave, (_, _, spacing) in enumerate(_WARP):
            fields = lattice.smooth(partial(self._warp, octave), spacing)
            points = [p + f for p, f in zip(points, fields, strict=True)]
        x, y, z = (p.ravel() for p in points)
        spine = [f.ravel() for f in lattice.smooth(lambda x, y, z: self.geometry.spine_at_height(z), 6.0)]
        canal = self._canal(lattice, points)
        fields = lattice.smooth(lambda x, y, z: [self.noise(f, x, y, z, wave) for f, wave in _SLOW.values()], 2.5)
        slow = {name: field.ravel() for name, field in zip(_SLOW, fields, strict=True)}
        canvas = Canvas(x.size)
        self.soft.paint(canvas, x, y, z, spine, slow)
        self.spine.paint(canvas, x, y, z, canal, slow, lattice.corners())
        return canvas

    def _canal(self, lattice: Lattice, points):
        """Canal coordinates of the warped points: smooth on the lattice, then corrected for the warp."""
        u, v, phase = lattice.smooth(self.geometry.canal, 6.0)
        before = lattice.points()
        dx, dy = points[0] - before[0], points[1] - before[1]
        return (u + dx).ravel(), (v + dy).ravel(), phase.ravel()

    def _warp(self, octave: int, x, y, z):
        amplitude, wavelength, _ = _WARP[octave]
        return [amplitude * self.noise(40 + 3 * octave + axis, x, y, z, wavelength) for axis in range(3)]

    def deformed(self, point: np.ndarray) -> np.ndarray:
        """Where a point of the undeformed anatomy lies in the world, RAS mm."""
        point = np.asarray(point, dtype=float)
        result = point.copy()
        for _ in range(8):
            shift = np.zeros(3)
            for octave in (0, 1):  # the finest one moves nothing by more than half a millimeter
                shift += np.array([float(f[0]) for f in self._warp(octave, *(result[:, None]))])
            result = point - shift
        return result

    def landmarks(self, level: str) -> Landmarks:
        """Landmarks of one disc level."""
        disc = disc_index(level)
        pose = self.geometry.discs[disc]
        a = self.anatomy
        depth = (a.body_depth[disc] + a.body_depth[disc + 1]) / 2
        width = (a.body_width[disc] + a.body_width[disc + 1]) / 2
        sac = float(self.spine.sac(np.array([disc + 0.5]))[3][0])
        around = [(0, 0.9 * depth), (0, 0.1 * depth), (0.38 * width, 0.5 * depth), (-0.38 * width, 0.5 * depth)]
        return Landmarks(
            level=level,
            disc_center=self.deformed(pose.world(0, depth / 2, 0)),
            sac_center=self.deformed(pose.world(0, sac, 0)),
            ventral_point=self.deformed(pose.world(0, depth, 0)),
            disc_points=np.array([self.deformed(pose.world(u, v, 0)) for u, v in around]),
        )

    def frame(self, level: str, thickness: float = 4.0) -> DiscFrame:
        """The crop box by the paper's rule: ventral cut through the ventral point, sac half-way, square in plane."""
        points = self.landmarks(level)
        axes = self.geometry.discs[disc_index(level)].axes
        half = float((points.ventral_point - points.sac_center) @ axes[1])
        center = points.sac_center + axes[2] * ((points.disc_center - points.sac_center) @ axes[2])
        return DiscFrame(center, axes, [2 * half, 2 * half, thickness], level)


def disc_index(level: str) -> int:
    """Index of a disc in the anatomy's arrays.

    Raises:
        UsageError: No such level.
    """
    if level not in LEVELS:
        raise UsageError(f"The level {level!r} is unknown; use one of {', '.join(LEVELS)}.")
    return LEVELS.index(level) + FIRST_DISC
