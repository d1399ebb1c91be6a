"""The arches of all vertebrae of one subject: where their bone is, with the facet joints between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from CT2MRSynthLib.phantom.anatomy import VERTEBRAE
from CT2MRSynthLib.phantom.geometry import Geometry
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.shapes import smooth_min
from CT2MRSynthLib.phantom.spine.facets import HEIGHT, Facet
from CT2MRSynthLib.phantom.spine.outline import SACRUM
from CT2MRSynthLib.phantom.spine.vertebral_arches import Part, arch_parts

#: Distance that stands for far away, mm.
FAR = np.float32(30.0)
#: Number of the shapes' stream of random numbers.
_STREAM = 64
#: Random field of the roughness of processes: number and wavelength in mm.
_ROUGH = (69, (4.5, 4.5, 7.0))


class Arches:
    """Shapes of all arches and facet joints of one subject.

    Args:
        geometry: Frames.
    """

    def __init__(self, geometry: Geometry):
        a = geometry.anatomy
        rng = np.random.default_rng([a.seed, _STREAM])
        self.geometry = geometry
        self.facets = [[Facet(a, disc, side, rng) for side in range(2)] for disc in range(SACRUM)]
        self.parts: list[list[Part]] = [arch_parts(a, n, rng) for n in range(len(VERTEBRAE))]

    def distance(self, x, y, z) -> np.ndarray:
        """Signed distance of the arches in mm, about right near their surface; far from it at most 30.

        Args:
            x, y, z: mm in the undisturbed anatomy, shape (n,).
        """
        site = ArchSite(self, (x, y, z))
        result = np.full(np.shape(x), FAR, dtype=np.float32)
        for n, pose in enumerate(self.geometry.vertebrae):
            within = pose.within(x, y, z)
            if within.size:
                local = pose.local(*(c[within] for c in (x, y, z)))
                result = np.minimum(result, site.arch(n, local, within).distance)
        return result


@lru_cache(maxsize=4)
def arches_of(geometry: Geometry) -> Arches:
    """The arches of a subject; painters that ask for the same subject share them."""
    return Arches(geometry)


@dataclass
class Joint:
    """One facet joint at the points it may reach.

    Args:
        facet: Its shape.
        where: Indices of the points.
        across, outer, along, w: ``Facet.coordinates`` there, and the height in the disc's frame.
        superior, inferior: Signed distances of its processes.
    """

    facet: Facet
    where: np.ndarray
    across: np.ndarray
    along: np.ndarray
    w: np.ndarray
    superior: np.ndarray
    inferior: np.ndarray


@dataclass
class Arch:
    """One arch at points.

    Args:
        distance: Signed distance, mm.
        face: Distance to the nearest joint face of the arch, mm.
        worn: Facet hypertrophy of that joint.
        above, below: Its joints.
    """

    distance: np.ndarray
    face: np.ndarray
    worn: np.ndarray
    above: list[Joint]
    below: list[Joint]


class ArchSite:
    """The arches at some points.

    Args:
        arches: Shapes.
        position: x, y, z in mm, each of shape (n,).
        noise: Makes the processes rough; None: smooth.
    """

    def __init__(self, arches: Arches, position, noise: NoiseSpace | None = None):
        self.arches, self.position, self.noise = arches, position, noise
        self._joints: dict[int, list[Joint]] = {}
        self._beside: dict[int, tuple[np.ndarray, tuple]] = {}

    def arch(self, n: int, local, within: np.ndarray) -> Arch:
        """The arch of one vertebra.

        Args:
            n: Vertebra.
            local: u, v, w in its frame of those points that it may reach.
            within: Indices of these points.
        """
        size = np.shape(self.position[0])
        distance, face, worn = (np.full(size, fill, np.float32) for fill in (FAR, FAR, 0.0))
        add_parts(self.arches.parts[n], local, within, distance, 2.2)
        above = self._joints_of(n - 1) if n > 0 else []
        below = self._joints_of(n)
        for joint in above:
            _add_process(joint, joint.superior, True, distance, face, worn)
        for joint in below:
            _add_process(joint, joint.inferior, False, distance, face, worn)
        return Arch(distance, face, worn, above, below)

    def _joints_of(self, disc: int) -> list[Joint]:
        """The facet joints of one level that points lie near to, computed once for both its vertebrae."""
        if disc not in self._joints:
            joints = []
            for facet in self.arches.facets[disc] if disc < SACRUM else ():
                joint = self._joint(disc, facet)
                if joint is not None:
                    joints.append(joint)
            self._joints[disc] = joints
        return self._joints[disc]

    def _joint(self, disc: int, facet: Facet) -> Joint | None:
        level, (u, v, w) = self._level(disc)
        part = facet.near(u, v, w)
        if not part.size:
            return None
        at, u, v, w = level[part], u[part], v[part], w[part]
        rough = 0.0
        if self.noise is not None:
            rough = self.noise(_ROUGH[0], *(c[at] for c in self.position), _ROUGH[1])
        across, outer, along = facet.coordinates(u, v, w, rough)
        shapes = (shape(across, outer, along, w) for shape in (facet.superior, facet.inferior))
        return Joint(facet, at, across, along, w, *shapes)

    def _level(self, disc: int) -> tuple[np.ndarray, tuple]:
        """The points at the height of a disc's facet joints, and where they lie in its frame."""
        if disc not in self._beside:
            pose = self.arches.geometry.discs[disc]
            level = np.flatnonzero(np.abs(pose.height(*self.position)) < HEIGHT)
            self._beside[disc] = level, pose.local(*(c[level] for c in self.position))
        return self._beside[disc]


def add_parts(parts: list[Part], local, within: np.ndarray, distance: np.ndarray, blend: float) -> None:
    """Join parts to what is there, in place.

    Args:
        parts: What to add.
        local: u, v, w of some points, at least one, in the frame of the parts' vertebra.
        within: Indices of these points.
        distance: Signed distance at all points.
        blend: Over how many mm joints are rounded.
    """
    ends = [(float(c.min()), float(c.max())) for c in local]
    for part in parts:
        if any(first > high or last < low for (low, high), (first, last) in zip(part.box, ends, strict=True)):
            continue
        near = part.near(*local)
        if near.size:
            at = within[near]
            distance[at] = smooth_min(distance[at], part.distance(*(c[near] for c in local)), blend)


def _add_process(joint: Joint, process, superior: bool, distance, face, worn) -> None:
    facet, at = joint.facet, joint.where
    opening = facet.opening(joint.across, joint.along, joint.w, superior)
    distance[at] = np.maximum(smooth_min(distance[at], process, 1.5), opening)
    beyond = np.maximum(np.abs(joint.w) - 8.0, 0.0) + np.maximum(np.abs(joint.along) - facet.ventral[0], 0.0)
    face[at] = np.minimum(face[at], np.maximum(-opening, 0.0) + beyond)
    worn[at] = facet.worn
