"""What a whole body does to a CT picture: beam hardening, metal artifacts, and where and which way noise is strong.

Axial planes of the body are painted coarsely, projected, and the errors of a polychromatic beam backprojected: only the
error is reconstructed, so that coarse pixels do not blur the picture itself.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom.ct.hounsfield import hounsfield
from CT2MRSynthLib.phantom.ct.radon import radon
from CT2MRSynthLib.phantom.ct.settings import CTSettings
from CT2MRSynthLib.phantom.ct.table_pose import LyingSubject
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.scene import X_RAY_PAINTERS
from CT2MRSynthLib.phantom.tissues import Label

SIZE, ANGLES = 112, 96
#: Pixel of the planes of the body, and of those around metal, mm.
BODY_PIXEL, METAL_PIXEL = 4.3, 1.7
#: Distance of the planes around metal, mm.
METAL_STEP = 2.5
#: A beam of 120 kV in three energies (about 52, 70 and 98 keV): shares, and attenuation per mm of water, cortical bone
#: (1.92 g/cm3) and titanium. Hubbell, Seltzer: NIST tables of X-ray mass attenuation coefficients.
SHARES = np.array([0.32, 0.42, 0.26], dtype=np.float32)
WATER = np.array([0.0221, 0.0193, 0.0172], dtype=np.float32)
BONE = np.array([0.0765, 0.0505, 0.0362], dtype=np.float32)
TITANIUM = np.array([0.510, 0.257, 0.127], dtype=np.float32)
#: Mean HU of what fills the abdomen.
SOFT_TISSUE = 5.0
#: Energy at which Hounsfield units are defined.
REFERENCE = 1
#: Attenuation (logarithm) of an average body's middle, at which ``CTSettings.noise`` is meant.
AVERAGE = 5.3
#: Photons per ray of full dose; what remains behind metal is hardly more than the electronic noise.
PHOTONS = 2e5
#: Scattered photons behind metal, relative to those that the body without it would let through.
SCATTER = 0.025


class BodyScan:
    """Artifacts and noise strength of one scan, interpolated between some heights.

    Args:
        subject: The body as it lies in the scanner.
        settings: The scan.
        span: Lowest and highest z in the scanner's world, mm.
        planes: Planes of the body over the span; around metal there are more.
    """

    def __init__(self, subject: LyingSubject, settings: CTSettings, span: tuple[float, float], planes: int):
        self.settings = settings
        self.heights = np.linspace(*span, planes) if planes > 1 else np.array([np.mean(span)])
        middle = (*subject.upright.torso.middle(), 0.0)
        self.center = tuple(float(c) for c in subject.pose.to_scanner(np.array(middle))[:2])
        hu, label = _painted(subject, settings, self.heights, self.center, BODY_PIXEL)
        self.body = label != Label.AIR
        maps = [self._plane(h) for h in np.where(label == Label.METAL, 300.0, hu)]
        self._error, self._sideways, self._frontal = (np.stack(part) for part in zip(*maps, strict=True))
        self._metal = None
        self._add_metal(subject, span)

    def error(self, x, y, z) -> np.ndarray:
        """Error of beam hardening in HU at points of the scanner's world, mm."""
        return self.at(self._error, x, y, z)

    def metal_error(self, x, y, z) -> np.ndarray | None:
        """Error by metal in HU, which varies over millimeters; None: no metal is near."""
        if self._metal is None:
            return None
        return _interpolated(self._metal, self._metal_heights, METAL_PIXEL, self._metal_center, x, y, z)

    def noise_strength(self, x, y, z) -> list[np.ndarray]:
        """Standard deviation, relative to ``CTSettings.noise``, of noise from sideways and from frontal rays."""
        return [self.at(part, x, y, z) for part in (self._sideways, self._frontal)]

    def at(self, maps: np.ndarray, x, y, z) -> np.ndarray:
        """Interpolate maps on the body's planes, shape (planes, SIZE, SIZE), at points of the scanner's world, mm."""
        return _interpolated(maps, self.heights, BODY_PIXEL, self.center, x, y, z)

    def apply(self, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
        """Error in HU and noise strength on a lattice of the scanner's world.

        Args:
            lattice: A picture or a volume, shape (k, j, i).

        Returns:
            Error of the lattice's shape; strength of both parts of noise, shape (2, k, j, i).
        """
        smooth = lattice.smooth(lambda *p: [self.error(*p), *self.noise_strength(*p)], 0.8 * BODY_PIXEL)
        if self._metal is not None:
            smooth[0] = smooth[0] + lattice.smooth(lambda *p: [self.metal_error(*p)], 0.8 * METAL_PIXEL)[0]
        return smooth[0], np.stack(smooth[1:])

    def _plane(self, hu: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Error in HU and noise strength (sideways, frontal) of one coarse plane."""
        projector = radon(SIZE, ANGLES)
        # bone is water with a share of cortical bone; marrow's is small, so that its sum along rays is right
        bone = np.clip((hu - 90) / 1000 / (BONE[REFERENCE] / WATER[REFERENCE] - 1), 0, 1.2).astype(np.float32)
        water = np.clip(1 + np.minimum(hu, 90) / 1000, 0, None).astype(np.float32)
        water_path, bone_path = (projector.project(part) * BODY_PIXEL for part in (water, bone))
        error = _hardened(water_path, bone_path, BONE) * self.settings.hardening
        # what the correction for water leaves grows with the square of the path
        error = error - self.settings.cupping * 0.45 * (water_path / 100) ** 2
        # rays also meet the object's edge, where coarse pixels make steps: smooth along the detector
        error = ndimage.gaussian_filter1d(error, 0.7, axis=1)
        result = ndimage.gaussian_filter(projector.reconstruct(error) / BODY_PIXEL * 1000, 0.6)
        return result, *self._strength(water_path * WATER[REFERENCE] + bone_path * BONE[REFERENCE])

    def _strength(self, attenuation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        projector = radon(SIZE, ANGLES)
        # the tube follows the most attenuated ray of each direction, within its power
        most = attenuation.max(axis=1, keepdims=True)
        control = self.settings.exposure_control
        tube = np.exp(np.clip(control * (most - AVERAGE - 0.7), -1.5, 1.2))
        variance = np.minimum(np.exp(np.minimum(attenuation, 11.0) - AVERAGE) / tube, 60.0)
        share = np.sin(projector.directions)[:, None].astype(np.float32) ** 2
        sideways, frontal = (projector.backproject(variance * 2 * part) for part in (share, 1 - share))
        # both shares overlap: the coefficients of sin2 and cos2 that have these means
        sideways, frontal = (3 * sideways - frontal) / 2, (3 * frontal - sideways) / 2
        least = 0.12 * np.maximum(sideways, frontal) + 0.04
        return tuple(np.minimum(np.sqrt(np.maximum(part, least)), 5.0) for part in (sideways, frontal))

    def _add_metal(self, subject: LyingSubject, span: tuple[float, float]) -> None:
        box = subject.upright.implants.box()
        if box is None:
            return
        corners = np.stack(np.meshgrid(*zip(*box, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
        low, high = (end(subject.pose.to_scanner(corners), axis=0) for end in (np.min, np.max))
        heights = np.arange(low[2], high[2], METAL_STEP)
        self._metal_heights = heights[(heights > span[0] - METAL_STEP) & (heights < span[1] + METAL_STEP)]
        if self._metal_heights.size < 2:
            return
        self._metal_center = tuple(float(c) for c in (low + high)[:2] / 2)
        hu, label = _painted(subject, self.settings, self._metal_heights, self._metal_center, METAL_PIXEL)
        first = int(np.flatnonzero(heights == self._metal_heights[0])[0])
        # the noise of a plane depends on where it lies in the implant, not on how much of it is scanned
        sources = (np.random.default_rng([subject.seed, 19, first + k]) for k in range(len(hu)))
        maps = (self._metal_plane(h, m, rng) for h, m, rng in zip(hu, label == Label.METAL, sources, strict=True))
        self._metal = np.stack(list(maps))

    def _metal_plane(self, hu: np.ndarray, metal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Error in HU of one plane around metal."""
        if not metal.any():
            return np.zeros(metal.shape, dtype=np.float32)
        projector = radon(SIZE, ANGLES)
        tissue = np.where(metal, 0.0, np.clip(1 + hu / 1000, 0, 2.5)).astype(np.float32)
        # the body beyond the finer planes: about 60 mm more to each side
        water_path = projector.project(tissue) * METAL_PIXEL + 80.0
        metal_path = projector.project(metal.astype(np.float32)) * METAL_PIXEL
        titanium = TITANIUM * self.settings.steel
        error = _hardened(water_path, metal_path, titanium, SCATTER) * (0.55 + 0.45 * self.settings.hardening)
        attenuation = np.minimum(water_path * WATER[REFERENCE] + metal_path * titanium[REFERENCE], 11.0)
        starved = np.sqrt(np.exp(attenuation) / PHOTONS) * rng.standard_normal(error.shape) * (metal_path > 0.5)
        error = error + np.clip(starved, -1.2, 1.2) / WATER[REFERENCE] * 0.35
        return projector.reconstruct(error.astype(np.float32)) / METAL_PIXEL * 1000


def _interpolated(maps: np.ndarray, heights: np.ndarray, pixel: float, center, x, y, z) -> np.ndarray:
    shape = np.broadcast_shapes(*(np.shape(c) for c in (x, y, z)))
    step = heights[1] - heights[0] if heights.size > 1 else 1.0
    middle = (SIZE - 1) / 2
    index = ((z - heights[0]) / step, middle - (y - center[1]) / pixel, middle - (x - center[0]) / pixel)
    index = [np.broadcast_to(np.asarray(c, dtype=np.float32), shape) for c in index]
    return ndimage.map_coordinates(maps, index, order=1, mode="nearest", output=np.float32)


def _hardened(water_path: np.ndarray, other_path: np.ndarray, other: np.ndarray, scatter: float = 0.0) -> np.ndarray:
    """Error in mm of water of the measured attenuation, after a correction that is right for water alone.

    Args:
        water_path, other_path: Path of each ray in water and in the other material, mm.
        other: The other's attenuation per mm at each energy.
        scatter: Scattered photons relative to those that water alone lets through; corrected for but behind the other.
    """
    measured = _attenuation(water_path, other_path, other)
    if scatter:
        alone = _attenuation(water_path, 0 * other_path, other)
        measured = alone - np.log((np.exp(alone - measured) + scatter) / (1 + scatter))
    # invert the attenuation of water by interpolation
    table = np.linspace(0, 4000, 2000, dtype=np.float32)
    seen = np.interp(measured, _attenuation(table, 0 * table, other), table)
    return (seen - water_path - other_path * other[REFERENCE] / WATER[REFERENCE]).astype(np.float32)


def _attenuation(water_path, other_path, other) -> np.ndarray:
    parts = (
        share * np.exp(-np.minimum(w * water_path + o * other_path, 80.0))
        for share, w, o in zip(SHARES, WATER, other, strict=True)
    )
    return -np.log(sum(parts))


def _painted(subject: LyingSubject, settings: CTSettings, heights, center, pixel: float):
    """HU and labels of axial planes around a center, shape (planes, SIZE, SIZE)."""
    step = heights[1] - heights[0] if len(heights) > 1 else 1.0
    half = (SIZE - 1) / 2 * pixel
    matrix = np.diag([-pixel, -pixel, step, 1.0])
    matrix[:3, 3] = [center[0] + half, center[1] + half, heights[0]]
    lattice = Lattice.from_matrix(matrix, (len(heights), SIZE, SIZE))
    own, lattice = subject.own(lattice)
    canvas = own.paint_points(own.points(lattice), X_RAY_PAINTERS)
    hu = hounsfield(canvas, settings)
    # organs, muscles and fat are not told apart here
    hu[canvas.label == Label.FAT] = SOFT_TISSUE
    return hu.reshape(lattice.shape), canvas.label.reshape(lattice.shape)
