"""How far discs reach beyond the vertebral rims: bulges all around and protrusions, for the disc and what it pushes."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import DISCS, VERTEBRAE, Anatomy

#: Stream of the random numbers of the contour, which several painters share.
_STREAM = 30
#: Distance between neighboring discs by which the phase along the spine is turned into mm.
_SPACING = 34.0


class DiscContour:
    """The edges of the discs of one subject.

    Args:
        anatomy: Sizes and severities.
    """

    def __init__(self, anatomy: Anatomy):
        self.anatomy = anatomy
        rng = np.random.default_rng([anatomy.seed, _STREAM])
        f = np.float32
        self._lobes = rng.uniform(0.05, 0.42, (2, DISCS)).astype(f)
        self._turn = rng.uniform(0, 2 * np.pi, (2, DISCS)).astype(f)
        self._protrusion_width = rng.uniform(4.0, 7.5, DISCS).astype(f)
        self._protrusion_lean = rng.normal(0, 1.2, DISCS).astype(f)
        s = anatomy.severity
        self._bulge, self._protrusion, self._stenosis = (
            getattr(s, name).astype(f) for name in ("bulge", "protrusion", "stenosis")
        )

    def overhang(self, disc, u, v, w):
        """How far a disc reaches beyond the rim, mm.

        Args:
            disc: Index, one number or one per point.
            u, v, w: Coordinates in the disc's frame, mm.
        """
        a = self.anatomy
        depth = (a.body_depth[disc] + a.body_depth[disc + 1]) / 4
        azimuth = np.arctan2(v - depth, u)
        lobes = 1.0 + sum(self._lobes[n][disc] * np.cos((n + 1) * azimuth - self._turn[n][disc]) for n in range(2))
        dorsal = np.clip(1.0 - (v - 1.0) / 7.0, 0.0, 1.0)
        swell = (0.3 + 2.2 * self._bulge[disc]) * lobes + 1.6 * self._stenosis[disc] * dorsal
        beyond = np.maximum(np.abs(w) - a.disc_height[disc] / 2, 0.0)
        return swell + self._focal(disc, u, w) * dorsal - 0.7 * beyond

    def back(self, u, phase):
        """v of the back of bodies and discs, mm, at positions along the spine."""
        a = self.anatomy
        disc = np.clip(np.floor(phase), 0, DISCS - 1).astype(np.intp)
        w = (disc + np.float32(0.5) - phase) * np.float32(_SPACING * a.scale)
        reach = np.maximum(self.overhang(disc, u, 0.0, w), 0.0)
        return self.notch(u, phase) - reach

    def notch(self, u, phase):
        """v of the back of the vertebral rims, which is hollow in the midline at the upper levels, mm."""
        a, n = self.anatomy, np.arange(len(VERTEBRAE))
        width = np.interp(phase, n, a.body_width).astype(np.float32)
        depth = np.interp(phase, n, a.body_notch).astype(np.float32)
        return depth * np.exp(-((u / (0.2 * width)) ** 2))

    def _focal(self, disc, u, w):
        side, width = self.anatomy.protrusion_side[disc], self._protrusion_width[disc]
        across = (u - side) / width
        height = 5.6 * self._protrusion[disc] * np.exp(-(across**2) * (1.0 + 0.25 * across**2))
        return height * np.exp(-(((w - self._protrusion_lean[disc]) / 5.0) ** 2))
