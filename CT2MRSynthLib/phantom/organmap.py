"""A coarse map of the abdominal organs of one subject: they make room for each other once, on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.phantom import bowel
from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.bowel import Body, Course
from CT2MRSynthLib.phantom.kidneys import Kidney
from CT2MRSynthLib.phantom.liver import UpperOrgans
from CT2MRSynthLib.phantom.lookup import Cells
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.retroperitoneum import superior_mesenteric
from CT2MRSynthLib.phantom.shapes import ramp, superellipse

#: Distance of the grid's nodes, mm.
SPACING = 4.0
_LOW = np.array([-172.0, -42.0, -214.0])
_HIGH = np.array([172.0, 196.0, 150.0])
#: The thinnest tubes' radius, mm: thicker ones start from a core of what is left.
_THIN = 6.0
#: Thickness by phase of the spine, mm, of what lies before the bodies and is no bowel.
_PHASES = np.array([-2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.6, 6.4, 7.0])
_FRONT = np.array([16.0, 16.0, 16.0, 16.0, 16.0, 16.0, 15.0, 14.0, 7.0, 6.0])
#: Samples of one tube so far apart along it that they are different loops where they touch.
_APART = 14


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


class OrganMap:
    """Signed distances of the organs on a grid.

    Args:
        body: The subject.
        kidneys: What the other organs give way to.
        rng: Source of individual variation.

    Attributes:
        liver, spleen, gallbladder: Signed distance in mm, negative inside.
        tube: Signed distance from the outer surface of the nearest bowel or pancreas; large outside the cavity.
        gas: Height in mm above the level from which on a lumen holds gas.
        owner: Index of the nearest sample in ``samples``.
    """

    def __init__(self, body: Body, kidneys: list[Kidney], rng: np.random.Generator):
        self.body = body
        self.shape = tuple(int(n) for n in np.ceil((_HIGH - _LOW) / SPACING))
        axes = [
            np.float32(_LOW[a]) + np.float32(SPACING) * np.arange(self.shape[a], dtype=np.float32) for a in range(3)
        ]
        x, y, z = (c.ravel() for c in np.meshgrid(*axes, indexing="ij"))
        lattice = Lattice(_LOW, np.eye(3) * SPACING, self.shape)
        u, v, phase = (c.ravel() for c in lattice.smooth(body.geometry.canal, 12.0))
        depth = body.cavity.depth(x, y, z)
        streams = rng.spawn(6)
        upper = UpperOrgans(body, streams[0])
        kidney = np.min([k.distance(*k.local(x, y, z)) - 0.5 * k.fat - 2.5 for k in kidneys], axis=0)
        block = retroperitoneum(body.anatomy, u, v, phase)
        # the great vessels need more room than what lies beside them
        vessels = np.maximum(
            np.abs(u) - 30.0, block - (5.0 + 5.0 * body.anatomy.severity.fatness) * ramp(6.0 - phase, 0.0, 0.6)
        )
        vessels = np.minimum(vessels, self._mesenteric_root(u, v, phase))
        behind = v - 14.0 * body.anatomy.severity.fatness
        self.spleen = np.maximum(upper.spleen(x, y, z, depth), 2.0 - kidney)
        self.liver = np.maximum(upper.liver(x, y, z, depth), 2.0 - np.minimum(kidney, block))
        self.gallbladder = upper.gallbladder(x, y, z)
        self.liver = np.maximum(self.liver, 0.5 - self.gallbladder)
        room = np.minimum.reduce([kidney, self.liver, self.spleen, self.gallbladder, depth - 1.0, block])
        fixed = [bowel.stomach(body, streams[1]), bowel.pancreas(body, streams[2]), bowel.colon(body, streams[3])]
        samples = Samples.of(fixed)
        distance, _ = self._nearest(samples)
        free = np.minimum.reduce([room, distance.ravel(), vessels, behind])
        sites = self._sites(free, np.stack([x, y, z], axis=1), streams[4])
        wide = 14.5 - 3.5 * body.anatomy.severity.fatness
        loops = bowel.small_bowel(sites, fixed[0].points[-1], wide, streams[5]) if len(sites) else []
        self.samples = Samples.of([*fixed, *loops])
        distance, owner = self._nearest(self.samples)
        apart = self._apart(owner)
        tube = np.maximum(distance, 0.6 - apart)
        small = (self.samples.kind[owner] <= bowel.Kind.JEJUNUM) & (self.samples.course[owner] >= len(fixed))
        room = np.where(small.ravel(), np.minimum(room, vessels), room).reshape(self.shape)
        tube = np.maximum(tube, 0.8 - room)
        tube = ndimage.gaussian_filter(tube, 0.45)
        self.tube = np.where(depth.reshape(self.shape) < 0, 99.0, tube).astype(np.float32)
        self.gas = (y.reshape(self.shape) - self.samples.gas[owner]).astype(np.float32)
        self.owner = owner.astype(np.int32)
        self.liver, self.spleen, self.gallbladder = (
            f.reshape(self.shape).astype(np.float32) for f in (self.liver, self.spleen, self.gallbladder)
        )

    def cells(self, x, y, z) -> Cells:
        """Where in the map positions in mm lie."""
        index = [(c - np.float32(o)) * np.float32(1 / SPACING) for c, o in zip((x, y, z), _LOW, strict=True)]
        return Cells(index, self.shape)

    def _mesenteric_root(self, u, v, phase):
        """How far in mm a point lies outside the fat around the superior mesenteric vessels."""
        anatomy = self.body.anatomy
        front = np.interp(phase, np.arange(8), anatomy.body_depth + superior_mesenteric(anatomy, np.arange(8)))
        fat = anatomy.severity.fatness
        shape = superellipse(u - 4.0, v - front.astype(np.float32), 9.0 + 18.0 * fat, 6.0 + 11.0 * fat)[0]
        return np.where((phase > 0.8) & (phase < 4.0), shape, np.float32(99.0))

    def _nearest(self, samples: Samples) -> tuple[np.ndarray, np.ndarray]:
        """Signed distance from the nearest tube's surface, and the index of its nearest sample, on the grid."""
        core = np.maximum(samples.radius - _THIN, 0.0) / SPACING
        center = (samples.points - _LOW) / SPACING
        seeds = np.full(self.shape, -1, dtype=np.int32)
        for size in range(int(np.ceil(core.max())), -1, -1):
            of = np.flatnonzero(np.ceil(core) == size)
            offsets = np.stack(np.meshgrid(*[np.arange(-size, size + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
            offsets = offsets[np.sum(offsets**2, axis=1) <= size * size]
            nodes = np.rint(center[of]).astype(int)[:, None] + offsets[None]
            inside = np.linalg.norm(nodes - center[of][:, None], axis=2) <= np.maximum(core[of], 0.9)[:, None]
            inside &= np.all((nodes >= 0) & (nodes < self.shape), axis=2)
            which = np.broadcast_to(of[:, None], inside.shape)[inside]
            seeds[tuple(nodes[inside].T)] = which
        where = ndimage.distance_transform_edt(seeds < 0, return_distances=False, return_indices=True)
        owner = seeds[tuple(where)]
        distance = np.zeros(self.shape, dtype=np.float32)
        for axis in range(3):
            along = np.float32(_LOW[axis]) + np.float32(SPACING) * np.arange(self.shape[axis], dtype=np.float32)
            along = along.reshape([-1 if a == axis else 1 for a in range(3)])
            distance += (along - samples.points[:, axis].astype(np.float32)[owner]) ** 2
        return np.sqrt(distance) - samples.radius.astype(np.float32)[owner], owner

    def _apart(self, owner: np.ndarray) -> np.ndarray:
        """Distance in mm from where one loop ends and another one begins."""
        course = self.samples.course[owner]
        border = np.zeros(self.shape, dtype=bool)
        for axis in range(3):
            first, second = np.moveaxis(border, axis, 0)[:-1], np.moveaxis(border, axis, 0)[1:]
            a, b = np.moveaxis(owner, axis, 0), np.moveaxis(course, axis, 0)
            differ = (np.abs(a[:-1] - a[1:]) > _APART) | (b[:-1] != b[1:])
            first |= differ
            second |= differ
        # half a node: the border lies between two nodes of which both are marked
        return (ndimage.distance_transform_edt(~border) * SPACING + SPACING / 2 * ~border).astype(np.float32)

    def _sites(self, free: np.ndarray, nodes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Points at which loops of small bowel pass, as dense as the fat between them leaves."""
        fatness = self.body.anatomy.severity.fatness
        turn = rng.random(len(nodes), dtype=np.float32)
        jitter, thin = rng.uniform(-2, 2, (4096, 3)), rng.uniform(0.7, 1.2, 4096)
        bottom, top = self.body.height(7.0) - 40.0, self.body.height(0.3)
        possible = np.flatnonzero((free > 5.0) & (nodes[:, 2] > bottom) & (nodes[:, 2] < top))
        if not possible.size:
            return np.zeros((0, 3))
        # each node has its turn, whichever others there are
        first = possible[np.argsort(turn[possible])[:2600]]
        tries, thin = nodes[first] + jitter[first % len(jitter)], thin[first % len(jitter)]
        apart = 18.5 + 9.0 * fatness
        root = self.body.ahead(2.6, 0, 35)
        # the root of the mesentery holds fat and vessels, the more the fatter
        reach = np.linalg.norm((tries - root) / np.array([1.0, 0.8, 1.8]), axis=1)
        tries = tries[reach > (4 + 38 * fatness) * thin]
        chosen = np.empty((0, 3))
        for point in tries:
            if not len(chosen) or np.min(np.sum((chosen - point) ** 2, axis=1)) > apart**2:
                chosen = np.vstack([chosen, point])
        return chosen
