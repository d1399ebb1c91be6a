"""A CT's picture of a disc as cutting a slab from the scan's axial slices gives it, without making the volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.phantom.ct.artifacts import BodyScan
from CT2MRSynthLib.phantom.ct.hounsfield import CEILING, finish_slice
from CT2MRSynthLib.phantom.ct.noise import FWHM, NoiseField, slab_factor
from CT2MRSynthLib.phantom.ct.settings import CTSettings
from CT2MRSynthLib.phantom.ct.table_pose import LyingSubject
from CT2MRSynthLib.phantom.ct.voxels import through_voxels
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.scene import Subject


@dataclass(frozen=True)
class CTSlab:
    """A slab parallel to a disc, seen through slices that are axial in the scanner.

    Args:
        subject: The anatomy.
        frame: The slab, in the anatomy's world; its depth along the superior axis counts.
        settings: The scan.
    """

    subject: Subject
    frame: DiscFrame
    settings: CTSettings

    @property
    def axis(self) -> np.ndarray:
        """The scanner's long axis along the slab's right, anterior and superior axis."""
        return self.frame.axes @ LyingSubject(self.subject).pose.rotation[2]

    @property
    def spread(self) -> float:
        """Standard deviation in mm of what one point of the slab sees along the scanner's axis.

        It is the slice profile and linear interpolation between contiguous slices, averaged over where the point lies.
        """
        return self.settings.thickness * float(np.sqrt(1 / FWHM**2 + 1 / 6))

    @property
    def depth(self) -> float:
        """Depth in mm over which tissue is needed."""
        return float(self.frame.extent[2] + 2.4 * self.spread * abs(self.axis[2]))

    @property
    def planes(self) -> int:
        """Planes needed over that depth: edges of bone that planes too far apart cut show one beside the other."""
        return 3 if self.depth < 9.0 else 5

    def weights(self, offsets: np.ndarray) -> np.ndarray:
        """Weights of planes at offsets in mm from the slab's middle."""
        sigma, half = max(self.spread * abs(self.axis[2]), 0.05), self.frame.extent[2] / 2
        weights = norm.cdf((offsets + half) / sigma) - norm.cdf((offsets - half) / sigma)
        return (weights / weights.sum()).astype(np.float32)

    def picture(self, hu: np.ndarray, offsets: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
        """HU of the slab.

        Args:
            hu: Planes before kernel and noise, shape (planes, rows, columns), row 0 ventral.
            offsets: Of the planes from the slab's middle, mm.
            key: Names the noise (``NoiseField``).
        """
        shape, settings = hu.shape[1:], self.settings
        pixel = float(self.frame.extent[0]) / shape[1]
        right, anterior, superior = np.abs(self.axis)
        # within one slice the slab's planes see the same noise, displaced: it is averaged along the slab's tilt
        shared = min(float(self.frame.extent[2]), settings.thickness)
        noise = NoiseField(shape, pixel, settings.kernel, key, (shared * anterior, shared * right)).parts(0)
        noise *= np.float32(slab_factor(float(self.frame.extent[2]) * superior, settings.thickness))
        error, strength = self._body(shape)
        picture = finish_slice(
            np.tensordot(self.weights(offsets), hu, axes=1),
            settings,
            pixel,
            noise,
            error,
            strength,
            (self.spread * anterior, self.spread * right),
        )
        phase = tuple(np.random.default_rng([*key, 1]).random(2))
        smear = float(self.frame.extent[2]) * anterior, float(self.frame.extent[2]) * right
        # sums of weights may exceed 1 by what single precision leaves
        return np.clip(through_voxels(picture, pixel, settings.voxel, phase, smear), settings.floor, CEILING)

    def _body(self, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Artifacts and noise strength in the slab's middle plane."""
        lying = LyingSubject(self.subject)
        heights = lying.pose.to_scanner(self.frame.corners())[:, 2]
        body = BodyScan(lying, self.settings, (float(heights.min()), float(heights.max())), planes=1)
        grid = self.frame.grid(slices=1, pixels=shape[0])
        own = Lattice.from_matrix(grid.ijk_to_ras, (1, *shape))
        pose = lying.pose
        error, strength = body.apply(Lattice(pose.to_scanner(own.origin), own.steps @ pose.rotation.T, own.shape))
        return error[0], strength[:, 0]
