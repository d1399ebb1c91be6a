"""Multifidus, longissimus and iliocostalis: their compartment, the clefts between them, and their fat."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.level_table import LevelTable
from CT2MRSynthLib.phantom.shapes import ramp, segment2d, smooth_max
from CT2MRSynthLib.phantom.trunk.muscle_section import Section

# Sizes in mm by phase. The erector spinae is widest at L2 to L4 and becomes an aponeurosis over the sacrum; the
# multifidus is a slip beside the spinous processes at L1 and fills the groove at L5-S1.
_PHASE = (-1.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 7.0)
_SIZES = {
    "width": (66.0, 69.0, 72.0, 73.0, 71.0, 64.0, 54.0, 42.0),
    "dorsal": (-52.0, -53.0, -54.0, -54.5, -54.0, -52.0, -49.0, -42.0),
    "lateral": (-30.0, -28.0, -27.0, -28.0, -30.0, -33.0, -36.0, -36.0),
    "bulge": (0.7, 0.8, 0.9, 1.0, 1.0, 0.75, 0.3, 0.1),
    "cleft_front": (1.0, 2.0, 3.0, 5.0, 7.0, 9.0, 11.0, 14.0),
    "cleft_back": (4.0, 6.0, 8.0, 11.0, 16.0, 23.0, 31.0, 34.0),
    "second_front": (30.0, 33.0, 37.0, 42.0, 46.0, 50.0, 52.0, 52.0),
    "second_back": (44.0, 48.0, 53.0, 55.0, 54.0, 53.0, 53.0, 52.0),
    "low": (0.0, 0.0, 0.0, 0.12, 0.4, 0.8, 1.0, 1.0),
    "aponeurosis": (0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 1.0, 0.8),
}


class BackMuscles:
    """Shapes of the muscles behind the transverse processes, and the fat in and between them.

    Args:
        anatomy: Sizes.
        rng: For what varies from side to side and from subject to subject.
    """

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator):
        self.anatomy = anatomy
        s = anatomy.severity
        old = (s.age - 22) / 64
        self._sizes = LevelTable(_PHASE, _SIZES)
        facets = LevelTable(np.arange(len(anatomy.facet_apart)) + 0.5, {"apart": anatomy.facet_apart.mean(axis=1)})
        self._facets = facets
        size = anatomy.back_muscle * anatomy.scale**0.7 * (1 - 0.06 * old)
        self._width = (size * np.clip(rng.normal(1.0, 0.05) + rng.normal(0, 0.02, 2), 0.85, 1.15)).astype(np.float32)
        # how far the muscles stand out beside the spinous processes: a furrow in the young, none in the old
        bulk = np.clip(rng.normal(7.0, 3.0) + rng.normal(0, 0.8, 2), 0.5, 13.0)
        self._bulge = (bulk * (1.15 if s.male else 0.95) * size * (1 - 0.6 * old)).astype(np.float32)
        self._tip = float(anatomy.scale**0.7 * rng.normal(1.0, 0.03) * (1 - 0.03 * old))
        self._lateral = (rng.normal(0.0, 2.5) + rng.normal(0, 1.0, 2)).astype(np.float32)
        self._start = (13.5 + rng.normal(0.0, 1.3) + rng.normal(0.0, 0.8, 2)).astype(np.float32)
        # the plane in front of the erector spinae: where it is farthest ventral, near the tips of the transverse
        # processes, how far it falls back from there to the facets, and how soon it turns to the lateral edge
        self._apex = (rng.uniform(33.0, 46.0) + rng.normal(0.0, 2.5, 2)).astype(np.float32)
        self._drop = np.clip(rng.normal(4.0, 2.5) + rng.normal(0.0, 2.0, 2), 0.0, 10.0).astype(np.float32)
        self._turn = np.clip(rng.uniform(0.0, 0.8) + rng.normal(0.0, 0.12, 2), 0.0, 0.9).astype(np.float32)
        self._sway = np.abs(rng.normal(0.0, 1.6, 2)).astype(np.float32)
        self._sway_phase = rng.uniform(0, 2 * np.pi, 2).astype(np.float32)
        self._flat = float(rng.uniform(0.45, 1.1))
        self._front = rng.normal(0.0, 1.8, 2).astype(np.float32)
        self._back = (rng.normal(0.0, 2.2) + rng.normal(0.0, 1.5, 2)).astype(np.float32)
        self._bow = (rng.normal(4.0, 2.5) + rng.normal(0.0, 2.0, 2)).astype(np.float32)
        self._open = (rng.normal(-0.3, 0.7) + rng.normal(0.0, 0.45, 2)).astype(np.float32)
        self._open_sway = np.abs(rng.normal(0.0, 0.5, 2)).astype(np.float32)
        # fine fat between the fibers: little in the young and in most, much in a few
        self._marbling = float(0.05 + 0.022 * rng.gamma(1.5, 0.67) * (0.3 + 1.2 * old) + 0.05 * s.infiltration)
        # in the young the clefts are thin even where they gape
        self._worn = float(0.5 + 0.4 * old + 0.25 * s.infiltration + 0.1 * s.fatness)
        self._second = rng.normal(0.0, 4.0, (2, 2)).astype(np.float32)
        self._second_open = (rng.normal(-0.4, 0.5) + rng.normal(0.0, 0.3, 2)).astype(np.float32)
        self._pocket = np.clip(rng.normal(0.7, 0.25, 2), 0.1, 1.2).astype(np.float32)
        self._pad = (anatomy.lamina_fat * rng.uniform(1.2, 3.2, 2)).astype(np.float32)

    def plane(self, s: Section) -> np.ndarray:
        """Distance in front of the ventral surface: the middle layer of the thoracolumbar fascia, which runs from the
        transverse processes outward and backward to the lateral edge."""
        start = self._start[s.side] + self._sway[s.side] * np.sin(2.2 * s.phase + self._sway_phase[s.side])
        apex, early = self._apex[s.side], self._turn[s.side]
        outward = np.clip((s.u - apex) / (self._extent(s) - apex), 0.0, 1.6)
        outward = outward * (early + (1.0 - early) * outward)
        # deepest beside the facet joints; medial of them muscle reaches the laminae
        inward = np.clip((apex - s.u) / (apex - 23.0), 0.0, 1.0) * np.clip((s.u - 13.0) / 9.0, 0.0, 1.0)
        back = self._drop[s.side] * inward * inward - (start + self._edge(s)) * outward
        return s.v + start + back - 1.0 * s.ripple - 1.3 * s.wave

    def distance(self, s: Section, plane) -> tuple[np.ndarray, np.ndarray]:
        """Approximate signed distance to the whole compartment, negative inside, and that to its dorsal surface."""
        extent, lateral = self._extent(s), self._edge(s)
        t = np.minimum(s.u / extent, 1.3)
        height = lateral - self._dorsal(s)
        r = np.maximum((lateral - s.v) / height, 0.0)
        b, square = self._flat, t * t
        level = (1 - b) * square + b * square * square + r * r - 1.0
        slope = np.hypot((2 * (1 - b) + 4 * b * square) * t / extent, 2 * r / height)
        dorsal = level / np.maximum(slope, 0.012) + 1.3 * s.ripple
        return smooth_max(dorsal, 0.94 * plane, 4.0), dorsal

    def cleft(self, s: Section, wander) -> np.ndarray:
        """Position across the cleft between multifidus (negative) and longissimus, mm."""
        depth = np.clip((s.v + 19.0) / (self._dorsal(s) + 19.0), -0.3, 1.0)
        front = self._facets.at("apart", s.rows) + self._at("cleft_front", s) + self._front[s.side]
        back = self._at("cleft_back", s) + self._back[s.side] * (0.4 + self._at("low", s))
        bow = self._bow[s.side] * (0.5 + 0.5 * self._at("low", s)) * 4 * depth * (1 - depth)
        return s.u - front - (np.maximum(back, 2.5) - front) * depth - bow - 2.2 * wander

    def fat(self, s: Section, cleft, plane, dorsal, fields) -> np.ndarray:
        """Share of fat.

        Args:
            s: Points inside the compartment.
            cleft: From ``cleft``.
            plane: From ``plane``.
            dorsal: Distance to the dorsal surface.
            fields: Random fields: streaks along the fibers, fine grain, patches, wander of septa.
        """
        streak, grain, patch, wander = fields
        infiltration, low = self.anatomy.severity.infiltration, self._at("low", s)
        lamina = self._from_lamina(s)
        local = self._local(s, cleft, plane, lamina, low, patch)
        mixed = 0.9 * streak + 0.42 * grain
        level = 2.3 - 3.3 * local
        fat = ramp(mixed, level - 0.6, level + 0.9) * (0.6 + 0.38 * np.minimum(local, 1.0))
        thin = (1 - ramp(np.abs(streak - 0.35), 0.04, 0.16)) * np.clip(0.5 + 0.5 * patch, 0, 1.2)
        fat = np.maximum(fat, thin * (0.16 + 0.35 * infiltration))
        fat = np.maximum(fat, self._septa(s, cleft, wander, grain, streak, low))
        pads = np.maximum(self._pads(s, lamina, low), self._under_aponeurosis(s, dorsal))
        fat = np.maximum(fat, ramp(pads + 0.24 * grain + 0.2 * streak, 0.35, 0.95))
        # marbling: thin lamellae along the fibers, more in some patches than in others
        lamella = np.clip(1.0 + 0.36 * mixed + 0.16 * patch, 0.3, 2.0)
        return np.clip(np.maximum(fat, self._marbling * lamella * lamella), 0, 1)

    def _at(self, name: str, s: Section) -> np.ndarray:
        return self._sizes.at(name, s.rows)

    def _extent(self, s: Section) -> np.ndarray:
        return self._at("width", s) * self._width[s.side]

    def _edge(self, s: Section) -> np.ndarray:
        """v of the lateral edge, where the layers of the fascia meet."""
        return self._at("lateral", s) + self._lateral[s.side]

    def _dorsal(self, s: Section) -> np.ndarray:
        """v of the dorsal surface in the middle of the muscles; beside the spinous processes it lies less deep."""
        rise = 1.0 - np.exp(-((s.u / 12.0) ** 2))
        return self._at("dorsal", s) * self._tip - self._bulge[s.side] * self._at("bulge", s) * rise

    def _from_lamina(self, s: Section) -> np.ndarray:
        """Distance from the dorsal surface of the laminae, mm."""
        apart = self._facets.at("apart", s.rows)
        root = self.anatomy.scale**0.5
        return segment2d(s.u, s.v, (apart * 0.8, -16.5 * root), (0.0, -26.5 * root))[0] - 3.1 * self.anatomy.scale

    def _local(self, s: Section, cleft, plane, lamina, low, patch) -> np.ndarray:
        """How fatty the muscle is here: it starts deep and medially in the multifidus, the lower the worse."""
        deep = np.exp(-((np.maximum(lamina, 0.0) / 9.0) ** 2))
        multifidus = 0.31 + 0.50 * low + 0.26 * deep
        erector = 0.20 + 0.28 * low + 0.5 * np.exp(-((plane / 12.0) ** 2)) * (0.3 + low)
        inner = 1.0 - ramp(cleft, -1.5, 1.5)
        share = erector + (multifidus - erector) * inner
        # severe infiltration is more than twice as bad as moderate
        infiltration = self.anatomy.severity.infiltration
        share = share * infiltration * (0.75 + 0.5 * infiltration)
        return 0.04 + 0.10 * deep * inner + share * np.clip(1 + 0.28 * patch, 0.4, 1.6)

    def _septa(self, s: Section, cleft, wander, grain, streak, low) -> np.ndarray:
        """The clefts on both sides of the longissimus: open, narrow, or closed from place to place, with frayed edges
        where fat runs from them between the bundles of fibers."""
        severity = self.anatomy.severity
        wide = 1.7 * severity.infiltration + 0.7 * severity.fatness + 1.7 * s.gape - 0.9 + 0.5 * grain
        sway = self._open_sway[s.side] * np.sin(2.9 * s.phase + self._sway_phase[s.side])
        first = wide + self._open[s.side] + sway + 0.8 * low - 0.2
        fray = 0.7 * grain + 0.45 * streak
        full = np.clip(0.85 + 0.25 * grain + 0.2 * streak, 0.25, 1.0)
        depth = np.clip((s.v + 20.0) / (self._dorsal(s) + 20.0), 0, 1)
        ends = self._second[:, s.side]
        front, back = self._at("second_front", s) + ends[0], self._at("second_back", s) + ends[1]
        second = s.u - (front + (back - front) * depth) * self._width[s.side] + 3.0 * wander
        result = np.zeros_like(cleft)
        hint = np.clip(0.08 + 0.1 * s.gape, 0.0, 0.2)
        for across, width in ((cleft, first), (second, 0.7 * wide + self._second_open[s.side] - 0.5 * low)):
            width = self._worn * np.maximum(width, 0.0)
            line = (1 - ramp(np.abs(across + fray * (0.6 + 0.5 * width)), 0.3 * width, width + 0.5)) * full
            # some closed clefts show a thin layer of fascia and fat
            result = np.maximum(result, line * np.maximum(ramp(width, 0.0, 0.6), hint))
        return result

    def _pads(self, s: Section, lamina, low) -> np.ndarray:
        """Fat beside the facet joints, where the dorsal branches run, and on the laminae; 1 where it is full."""
        infiltration = self.anatomy.severity.infiltration
        apart = self._facets.at("apart", s.rows)
        beside = np.exp(-(((s.u - apart - 9.0) / (5.0 + 3.0 * low)) ** 2) - (((s.v + 20.0) / 5.0) ** 2))
        pocket = beside * (self._pocket[s.side] + 0.25 * s.gape) * (0.6 + 0.9 * infiltration + 0.3 * low)
        pad = (self._pad[s.side] + 2.2 * infiltration) * np.maximum(0.6 + 0.5 * s.gape, 0.0)
        layer = 0.85 * (1 - ramp(lamina, 0.3 * pad, pad + 0.8)) * ramp(pad, 0.2, 1.2)
        return np.maximum(pocket, layer)

    def _under_aponeurosis(self, s: Section, dorsal) -> np.ndarray:
        """Fat between the aponeurosis of the erector spinae and the multifidus over the sacrum."""
        severity = self.anatomy.severity
        amount = self._at("aponeurosis", s) * (0.05 + 1.2 * severity.infiltration + 0.25 * severity.fatness)
        middle = np.exp(-(((s.u - 26.0) / 13.0) ** 2))
        thick = np.maximum(amount * (3.2 * middle + 1.6 * s.gape - 0.6), 0.0)
        return (1 - ramp(np.abs(-dorsal - 2.0 - thick), 0.6 * thick, thick + 0.6)) * ramp(thick, 0.3, 1.2)
