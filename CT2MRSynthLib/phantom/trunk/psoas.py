"""Psoas, quadratus lumborum and intertransverse muscles: the muscles in front of the transverse processes."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.level_table import LevelTable
from CT2MRSynthLib.phantom.shapes import ramp, superellipse
from CT2MRSynthLib.phantom.trunk.muscle_section import Section

# Sizes in mm by phase. The psoas starts as a slip beside T12 and L1, is largest and round at L4-L5, and leaves the
# spine to the front and side below L5. The quadratus runs from the twelfth rib to the iliac crest and widens downward.
_PHASE = (-1.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 7.0)
_SIZES = {
    "psoas_out": (5.0, 5.5, 8.5, 12.0, 15.5, 18.0, 23.0, 34.0),
    "psoas_v": (3.0, 4.0, 6.0, 9.0, 11.5, 14.5, 24.0, 38.0),
    "psoas_width": (0.1, 6.0, 9.5, 13.5, 17.0, 19.0, 18.0, 16.5),
    "psoas_length": (0.1, 9.0, 15.5, 20.0, 22.0, 22.5, 20.0, 18.0),
    # the top leans toward the midline, around the body
    "psoas_lean": (0.30, 0.30, 0.28, 0.22, 0.10, -0.05, -0.22, -0.30),
    "quadratus_out": (40.0, 48.0, 52.0, 57.0, 62.0, 57.0, 54.0, 54.0),
    "quadratus_width": (0.1, 9.0, 15.0, 19.0, 20.0, 10.0, 0.1, 0.1),
    "quadratus_thick": (0.1, 3.2, 4.2, 5.2, 6.2, 4.5, 0.1, 0.1),
    "between_thick": (3.0, 5.5, 6.2, 6.0, 5.0, 3.6, 0.1, 0.1),
}


class PsoasGroup:
    """Shapes of the muscles in front of the transverse processes, and the fat in them.

    Args:
        anatomy: Sizes.
        rng: For what varies from side to side and from subject to subject.
    """

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator):
        self.anatomy = anatomy
        s, width = anatomy.severity, anatomy.body_width
        levels = np.arange(len(width), dtype=float)
        self._sizes = LevelTable(_PHASE, _SIZES)
        self._bodies = LevelTable(levels, {"width": width / 2, "depth": anatomy.body_depth / 2})
        size = anatomy.psoas * anatomy.scale**0.5
        self._psoas = (size * np.clip(rng.normal(1.0, 0.05, 2), 0.88, 1.12)).astype(np.float32)
        shrunk = 1 - 0.12 * (s.age - 22) / 64
        self._quadratus = (size**0.5 * shrunk * np.clip(rng.normal(1.0, 0.13, 2), 0.7, 1.3)).astype(np.float32)
        # from a flat plate to a block that is thickest at the tips of the transverse processes
        block = rng.uniform(0.0, 1.0) + rng.normal(0.0, 0.12, 2)
        self._thick = (self._quadratus * (0.75 + 0.75 * np.clip(block, 0, 1.2))).astype(np.float32)
        self._taper = (0.05 + 0.45 * np.clip(block + rng.normal(0.0, 0.2), 0, 1)).astype(np.float32)
        self._lean = rng.normal(0.0, 0.10, 2).astype(np.float32)
        self._forward = (rng.normal(0.0, 1.8) + rng.normal(0.0, 0.7, 2)).astype(np.float32)
        self._outward = (rng.normal(0.0, 1.2) + rng.normal(0.0, 0.6, 2)).astype(np.float32)
        self._between = np.clip(rng.normal(1.0, 0.2, 2), 0.5, 1.4).astype(np.float32)
        self._slope = np.clip(rng.normal(0.14, 0.07) + rng.normal(0, 0.04, 2), -0.02, 0.36).astype(np.float32)
        self._plexus = rng.normal(0.08, 0.15, 2).astype(np.float32)
        self._power = float(rng.uniform(2.0, 2.7))
        self._gap = float(rng.normal(0.0, 0.4))

    def psoas(self, s: Section, ripple, canal) -> np.ndarray:
        """Approximate signed distance to the psoas in mm, negative inside.

        Args:
            s: Points.
            ripple: Random field that makes outlines uneven.
            canal: u, v, phase of the points along the curved spine, for the fat beside the vertebral bodies.
        """
        du, dv, half_width, half_length = self._psoas_frame(s)
        shape = superellipse(du, dv, half_width, half_length, self._power)[0]
        return np.maximum(shape + 1.8 * ripple, self._beside_body(s, canal))

    def quadratus(self, s: Section, plane, ripple) -> np.ndarray:
        """Approximate signed distance to the quadratus and the intertransverse muscles medial of it, mm.

        Args:
            s: Points.
            plane: Distance in front of the plane on which they lie, mm.
            ripple: Random field that makes outlines uneven.
        """
        k = self._quadratus[s.side]
        du = s.u - self._at("quadratus_out", s) * self.anatomy.scale**0.5
        width = self._at("quadratus_width", s) * k
        slim = 1.0 - self._taper[s.side] * np.clip(du / width, -1.0, 1.0)
        thick = self._at("quadratus_thick", s) * self._thick[s.side] * slim
        # lies on the fascia medially and leaves it where the erector spinae turns backward
        height = np.minimum(plane, s.v + 18.0 + self._slope[s.side] * (s.u - 42.0))
        shape = superellipse(du, height - thick, width, thick)[0]
        thick = self._at("between_thick", s) * self._between[s.side]
        middle = self._bodies.at("width", s.rows) + np.float32(13.0)
        between = superellipse(s.u - middle, plane - thick, 15.0, thick)[0]
        return np.minimum(shape, between) + 0.9 * ripple

    def fat(self, s: Section, streak) -> np.ndarray:
        """Share of fat in these muscles: few streaks, and the fat around the lumbar plexus in the dorsal psoas.

        Args:
            s: Points.
            streak: Random field.
        """
        infiltration = self.anatomy.severity.infiltration
        fatty = ramp(streak, 2.2 - 1.6 * infiltration, 3.6 - 1.4 * infiltration) * (0.5 + 0.4 * infiltration)
        du, dv, half_width, half_length = self._psoas_frame(s)
        across = dv + 0.5 * half_length - 0.25 * du + 0.9 * streak
        plexus = np.exp(-((across / 1.3) ** 2) - ((du + 0.25 * half_width) / (0.45 * half_width)) ** 2)
        fatty = np.maximum(fatty, plexus * np.clip(self._plexus[s.side] + 0.3 * infiltration + 0.25 * s.gape, 0, 0.65))
        lamella = np.clip(1.0 + 0.4 * streak + 0.25 * s.wave, 0.3, 2.0)
        return np.maximum(fatty, (0.027 + 0.05 * infiltration) * lamella * lamella)

    def _at(self, name: str, s: Section) -> np.ndarray:
        return self._sizes.at(name, s.rows)

    def _psoas_frame(self, s: Section):
        """Distances along the psoas' own short and long axis, and its half-width and half-length."""
        k = self._psoas[s.side]
        half_body = self._bodies.at("width", s.rows)
        du = s.u - half_body - self._at("psoas_out", s) * k - self._outward[s.side]
        dv = s.v - self._at("psoas_v", s) - self._forward[s.side]
        lean = self._at("psoas_lean", s) + self._lean[s.side]
        du, dv = du + lean * dv, dv - lean * du
        return du, dv, self._at("psoas_width", s) * k, self._at("psoas_length", s) * k

    def _beside_body(self, s: Section, canal) -> np.ndarray:
        """Positive in the fat beside the bodies: wide at their waist, where the lumbar vessels run, closed at discs."""
        u, v, phase = canal
        rows = LevelTable.rows(phase)
        waist = 1.0 - np.minimum((2.3 * (phase - np.rint(phase))) ** 2, 1.0)
        depth = self._bodies.at("depth", rows)
        body = superellipse(u, v - depth, self._bodies.at("width", rows) - 2.6 * waist, depth, 2.0)[0]
        gap = self._gap - 0.2 + 1.0 * self.anatomy.severity.fatness + 1.3 * waist + 1.1 * s.gape
        return gap - body
