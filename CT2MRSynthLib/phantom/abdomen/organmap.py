"""Where the abdominal organs of one subject lie: courses of all tubes, and how much room everything else leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from CT2MRSynthLib.phantom.abdomen import bowel
from CT2MRSynthLib.phantom.abdomen.bowel import Body, Course
from CT2MRSynthLib.phantom.abdomen.kidneys import Kidney
from CT2MRSynthLib.phantom.abdomen.liver import UpperOrgans
from CT2MRSynthLib.phantom.abdomen.organgrid import LOW, SHAPE, SPACING, OrganGrid, along_axis, seeds
from CT2MRSynthLib.phantom.abdomen.retroperitoneum import superior_mesenteric
from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.shapes import ramp, superellipse

#: Liver, spleen and gallbladder reach no lower than to this phase of the spine: L4 is 4.0, the disc below it 4.5.
LOWEST = 4.6
#: Thickness by phase of the spine, mm, of what lies before the bodies and is no bowel.
_PHASES = np.array([-2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.6, 6.4, 7.0])
_FRONT = np.array([16.0, 16.0, 16.0, 16.0, 16.0, 16.0, 15.0, 14.0, 7.0, 6.0])
#: Sites of small bowel are looked for at this many places, each with this much room (mm) at least.
_TRIES, _FREE = 2600, 5.0


def retroperitoneum(anatomy: Anatomy, u, v, phase):
    """How far in mm a point lies outside the block of spine and psoas, into which no mapped organ reaches.

    Args:
        anatomy: Sizes.
        u, v, phase: Canal coordinates.
    """
    front = np.interp(phase, _PHASES, _FRONT + np.interp(_PHASES, np.arange(8), anatomy.body_depth))
    return superellipse(u, v + 10.0, 58.0, front.astype(np.float32) + 12.0, 6.0)[0]


@dataclass(frozen=True)
class Samples:
    """Samples of all tubes in one row: as ``Course``, and the number of the course."""

    points: np.ndarray
    radius: np.ndarray
    kind: np.ndarray
    gas: np.ndarray
    stool: np.ndarray
    fill: np.ndarray
    course: np.ndarray

    @classmethod
    def of(cls, courses: list[Course]) -> Samples:
        """All samples of some courses."""
        parts = [
            np.concatenate([getattr(c, name) for c in courses])
            for name in ("points", "radius", "kind", "gas", "stool", "fill")
        ]
        return cls(*parts, np.repeat(np.arange(len(courses)), [len(c.points) for c in courses]))


class Room(NamedTuple):
    """What room there is for bowel at points: signed distances in mm, negative where something else lies.

    Args:
        liver, spleen, gallbladder: From these organs.
        tubes: From everything that no tube enters.
        vessels: From the fat around the great vessels, which small bowel does not enter either.
        behind: From the height, in front of the spine, behind which no loop of small bowel has its middle.
    """

    liver: np.ndarray
    spleen: np.ndarray
    gallbladder: np.ndarray
    tubes: np.ndarray
    vessels: np.ndarray
    behind: np.ndarray


class OrganMap:
    """Where the abdominal organs of one subject lie; a grid of them is computed where it is asked for.

    Args:
        body: The subject.
        kidneys: What the other organs give way to.
        rng: Source of individual variation.

    Attributes:
        samples: Of all tubes.
        seeds: ``organgrid.seeds`` of them.
        is_loop: Which samples are small bowel behind the duodenum.
    """

    def __init__(self, body: Body, kidneys: list[Kidney], rng: np.random.Generator):
        self.body, self._kidneys = body, kidneys
        streams = rng.spawn(6)
        self._upper = UpperOrgans(body, streams[0])
        fixed = [bowel.stomach(body, streams[1]), bowel.pancreas(body, streams[2]), bowel.colon(body, streams[3])]
        sites = self._sites(Samples.of(fixed), streams[4])
        wide = 14.5 - 3.5 * body.anatomy.severity.fatness
        loops = bowel.small_bowel(sites, fixed[0].points[-1], wide, streams[5]) if len(sites) else []
        self.samples = Samples.of([*fixed, *loops])
        self.seeds = seeds(self.samples)
        self.is_loop = (self.samples.kind <= bowel.Kind.JEJUNUM) & (self.samples.course >= len(fixed))
        self._grid: OrganGrid | None = None

    def grid(self, low: float, high: float) -> OrganGrid:
        """The organs between two heights in mm: the first time only there, then everywhere."""
        if self._grid is None:
            self._grid = OrganGrid(self, low, high)
        elif not self._grid.covers(low, high):
            self._grid = OrganGrid(self, -np.inf, np.inf)
        return self._grid

    def room(self, x, y, z, depth) -> Room:
        """What room there is at points in world mm that lie ``depth`` mm under the wall of the cavity."""
        body, fatness = self.body, self.body.anatomy.severity.fatness
        u, v, phase = body.geometry.canal(x, y, z)
        kidney = np.minimum.reduce([k.distance(*k.local(x, y, z)) - (0.5 * k.fat + 2.5) for k in self._kidneys])
        block = retroperitoneum(body.anatomy, u, v, phase)
        # the great vessels need more room than what lies beside them
        vessels = np.maximum(np.abs(u) - 30.0, block - (5.0 + 5.0 * fatness) * ramp(6.0 - phase, 0.0, 0.6))
        vessels = np.minimum(vessels, self._mesenteric_root(u, v, phase))
        liver, spleen, gallbladder = (np.full(x.shape, 99.0, dtype=np.float32) for _ in range(3))
        upper = np.flatnonzero(z > body.height(LOWEST))
        if upper.size:
            place, under = (x[upper], y[upper], z[upper]), depth[upper]
            gallbladder[upper] = self._upper.gallbladder(*place)
            spleen[upper] = np.maximum(self._upper.spleen(*place, under), 2.0 - kidney[upper])
            most = np.maximum(self._upper.liver(*place, under), 2.0 - np.minimum(kidney, block)[upper])
            liver[upper] = np.maximum(most, 0.5 - gallbladder[upper])
        tubes = np.minimum.reduce([kidney, liver, spleen, gallbladder, depth - 1.0, block])
        return Room(liver, spleen, gallbladder, tubes, vessels, v - 14.0 * fatness)

    def _mesenteric_root(self, u, v, phase):
        """How far in mm a point lies outside the fat around the superior mesenteric vessels."""
        anatomy = self.body.anatomy
        front = np.interp(phase, np.arange(8), anatomy.body_depth + superior_mesenteric(anatomy, np.arange(8)))
        fat = anatomy.severity.fatness
        shape = superellipse(u - 4.0, v - front.astype(np.float32), 9.0 + 18.0 * fat, 6.0 + 11.0 * fat)[0]
        return np.where((phase > 0.8) & (phase < 4.0), shape, np.float32(99.0))

    def _sites(self, fixed: Samples, rng: np.random.Generator) -> np.ndarray:
        """Points at which loops of small bowel pass, as dense as the fat between them leaves."""
        fatness = self.body.anatomy.severity.fatness
        turn = rng.random(int(np.prod(SHAPE)), dtype=np.float32)
        jitter, thin = rng.uniform(-2, 2, (4096, 3)), rng.uniform(0.7, 1.2, 4096)
        # each node has its turn, whichever others there are
        nodes, places = self._free_nodes(turn, fixed)
        if not nodes.size:
            return np.zeros((0, 3))
        tries, thin = places + jitter[nodes % len(jitter)], thin[nodes % len(jitter)]
        apart = 18.5 + 9.0 * fatness
        root = self.body.ahead(2.6, 0, 35)
        # the root of the mesentery holds fat and vessels, the more the fatter
        reach = np.linalg.norm((tries - root) / np.array([1.0, 0.8, 1.8]), axis=1)
        left = tries[reach > (4 + 38 * fatness) * thin]
        chosen = []
        while len(left):
            chosen.append(left[0])
            left = left[np.sum((left - left[0]) ** 2, axis=1) > apart**2]
        return np.array(chosen).reshape(-1, 3)

    def _free_nodes(self, turn: np.ndarray, fixed: Samples) -> tuple[np.ndarray, np.ndarray]:
        """The first nodes of the grid with room for a loop in the order of their turn, and where they are, mm.

        Only as many nodes are looked at as are needed.
        """
        bottom, top = self.body.height(7.0) - 40.0, self.body.height(0.3)
        tubes = _Tubes(fixed)
        share = 0.1
        while True:
            index = np.flatnonzero(turn < share)
            x, y, z = (along_axis(a)[i] for a, i in enumerate(np.unravel_index(index, SHAPE)))
            part = np.flatnonzero((z > bottom) & (z < top))
            index, x, y, z = (c[part] for c in (index, x, y, z))
            depth = self.body.cavity.depth(x, y, z)
            part = np.flatnonzero(depth > _FREE + 1.0)
            index, x, y, z, depth = (c[part] for c in (index, x, y, z, depth))
            room = self.room(x, y, z, depth)
            part = np.flatnonzero(np.minimum.reduce([room.tubes, room.vessels, room.behind]) > _FREE)
            index, places = index[part], np.stack([c[part] for c in (x, y, z)], axis=1)
            part = np.flatnonzero(tubes.away(places))
            if len(part) >= _TRIES or share >= 1:
                part = part[np.argsort(turn[index[part]])[:_TRIES]]
                return index[part], places[part]
            share = min(1.5 * share * _TRIES / max(len(part), 300), 1.0)


class _Tubes:
    """The tubes whose place is fixed before small bowel fills what is left."""

    def __init__(self, samples: Samples):
        self._samples = samples
        of = seeds(samples)
        self._which = of[of >= 0]
        self._tree = cKDTree(np.argwhere(of >= 0))

    def away(self, places: np.ndarray) -> np.ndarray:
        """Whether nodes of the grid (mm) lie no nearer to all of them than loops of small bowel do."""
        result = np.ones(len(places), dtype=bool)
        # farther than this, in nodes, from the cores of all of them there is room
        away, nearest = self._tree.query((places - LOW) / SPACING, distance_upper_bound=6.0)
        near = np.flatnonzero(np.isfinite(away))
        sample = self._which[nearest[near]]
        distance = np.linalg.norm(places[near] - self._samples.points[sample], axis=1)
        result[near] = distance - self._samples.radius[sample] > _FREE
        return result
