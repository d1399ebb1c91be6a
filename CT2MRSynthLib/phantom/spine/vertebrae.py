"""Paint vertebrae: bodies, arches, facet joints, sacrum."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import VERTEBRAE
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.painter import Painter
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.spine.arches import Arch, ArchSite, Joint, add_parts, arches_of
from CT2MRSynthLib.phantom.spine.bone_texture import BoneTexture
from CT2MRSynthLib.phantom.spine.outline import SACRUM
from CT2MRSynthLib.phantom.spine.sacrum import foramina, lateral_parts
from CT2MRSynthLib.phantom.spine.vertebral_bodies import Body
from CT2MRSynthLib.phantom.tissues import Label

#: No bone takes the place of these.
_KEPT = (Label.AIR, Label.SKIN, Label.CSF)


class VertebraPainter(Painter):
    """Paints the vertebrae of one subject."""

    def draw(self, rng: np.random.Generator) -> None:
        anatomy, geometry, noise = self.anatomy, self.geometry, self.noise
        self.arches = arches_of(geometry)
        self.texture = BoneTexture(anatomy, noise, rng)
        self.bodies = [Body(anatomy, n, rng) for n in range(len(VERTEBRAE))]
        self.wings = {n: lateral_parts(anatomy, n, rng) for n in range(SACRUM, len(VERTEBRAE))}

    def paint(self, canvas: Canvas, points: Points) -> None:
        """Paint all vertebrae near the points."""
        corners = points.corners()
        found = [n for n, pose in enumerate(self.geometry.vertebrae) if pose.near(corners, 36.0)]
        if not found:
            return
        x, y, z = points.position
        (x0, y0, z0), (x1, y1, z1) = self._bounds(found)
        near = np.flatnonzero((z > z0) & (z < z1) & (x > x0) & (x < x1) & (y > y0) & (y < y1))
        if near.size:
            site = _Site(self, canvas, points, near)
            for n in found:
                site.paint(n)

    def _bounds(self, found: list[int]) -> np.ndarray:
        """World box around some vertebrae, mm."""
        ends = [(u, v, w) for u in (-1, 1) for v in (-66, 48) for w in (-36, 36)]
        reach = [62.0 if n >= SACRUM else 54.0 for n in found]
        poses = self.geometry.vertebrae
        corners = [poses[n].world(u * r, v, w) for n, r in zip(found, reach, strict=True) for u, v, w in ends]
        return np.array([np.min(corners, axis=0), np.max(corners, axis=0)], dtype=np.float32)


class _Site:
    """The vertebrae at the points near them."""

    def __init__(self, owner: VertebraPainter, canvas: Canvas, points: Points, near: np.ndarray):
        self.owner, self.canvas, self.near = owner, canvas, near
        self.position = [c[near] for c in points.position]
        self.bend = [0.5 * points.field(name, near) for name in ("bone_u", "bone_v")]
        self.arches = ArchSite(owner.arches, self.position, owner.noise)

    def paint(self, n: int) -> None:
        """One vertebra: arch first, then the body over the roots of its pedicles."""
        self.pose = self.owner.geometry.vertebrae[n]
        #: The points that it may reach, and where they lie in its frame.
        self.within = self.pose.within(*self.position)
        if self.within.size:
            self.local = self._local(self.within)
            self._paint_body(n, self._paint_arch(n))

    def _local(self, at: np.ndarray) -> tuple:
        u, v, w = self.pose.local(*(c[at] for c in self.position))
        return u + self.bend[0][at], v + self.bend[1][at], w

    def _paint_body(self, n: int, behind: np.ndarray) -> None:
        """The body, given the signed distance of all else."""
        body = self.owner.bodies[n]
        near = body.near(*self.local)
        if not near.size:
            return
        at = self.within[near]
        u, v, w = (c[near] for c in self.local)
        distance, rim, ends, own = body.distance(u, v, w + 0.6 * self.bend[1][at])
        # no shell parts a body from its pedicles, or from the lateral parts of the sacrum
        rim = np.minimum(rim, behind[at])
        inside = np.flatnonzero(distance < 0)
        at = at[inside]
        mix = self.owner.texture.body([c[at] for c in self.position], -rim[inside], -ends[inside], -own[inside])
        if n < SACRUM:
            deep = np.flatnonzero(np.abs(w[inside]) < 6.0)
            mix[deep] -= body.vein_share(*(c[inside[deep]] for c in (u, v, w)))
        else:
            mix -= 0.04 if n == SACRUM else 0.08
        self._fill(at, Label.MARROW, mix)

    def _paint_arch(self, n: int) -> np.ndarray:
        """Facet joints and everything beside and behind the body; returns its signed distance."""
        arch = self.arches.arch(n, self.local, self.within)
        for joint in arch.below:
            self._paint_joint(joint)
        whole = self._paint_wings(n, arch.distance) if n in self.owner.wings else arch.distance
        hit = np.flatnonzero(arch.distance < 0)
        if hit.size:
            position = [c[hit] for c in self.position]
            mix = self.owner.texture.arch(position, -whole[hit], arch.face[hit], arch.worn[hit])
            self._fill(hit, Label.ARCH_MARROW, mix)
        self._paint_cysts(arch)
        return whole

    def _paint_joint(self, joint: Joint) -> None:
        """Capsule, cartilage and fluid between the processes, before the bones."""
        facet, at, along = joint.facet, joint.where, joint.along
        high = np.abs(joint.w) < 9.5
        capsule = high & (np.maximum(joint.superior, joint.inferior) < 2.6) & (np.abs(along) < facet.ventral[0] + 2.5)
        between = np.abs(joint.across) < facet.half_gap(along) + 0.1
        space = high & between & (along < 0.95 * facet.ventral[0]) & (along > -0.9 * facet.dorsal[1])
        self._fill(at[capsule], Label.LIGAMENT, 0.12, soft=True)
        offset = np.abs(joint.across[space] - 0.15 * np.sin(0.6 * along[space]))
        fluid = np.clip((0.7 * facet.fluid - offset) / 0.35 + 0.5, 0.0, 1.0)
        self._fill(at[space], Label.JOINT, 0.8 * (1 - fluid), soft=True)

    def _paint_cysts(self, arch: Arch) -> None:
        """Subchondral cysts beside worn joints."""
        for joint in arch.above + arch.below:
            across, along, w, radius = joint.facet.cyst
            if radius > 0.3:
                apart = (joint.across - across) ** 2 + (joint.along - along) ** 2 + (joint.w - w) ** 2
                at = joint.where[apart < radius * radius]
                self._fill(at[arch.distance[at] < -0.6], Label.JOINT, 0.2)

    def _paint_wings(self, n: int, arch) -> np.ndarray:
        """Lateral parts of the sacrum, with its foramina; returns their signed distance with the arch."""
        distance = arch.copy()
        add_parts(self.owner.wings[n], self.local, self.within, distance, 4.0)
        disc = self.owner.geometry.discs[SACRUM]
        hole = np.flatnonzero((np.abs(disc.height(*self.position)) < 8.0) & (distance < 2.0))
        place = disc.local(*(c[hole] for c in self.position))
        beside = np.abs(place[0]) < 36.0
        hole = hole[beside]
        tunnel = foramina(*(c[beside] for c in place), self.owner.anatomy.scale)
        opened = hole[(tunnel < 0) & (distance[hole] < 0)]
        self._fill(opened[self.canvas.label[self.near[opened]] != Label.NERVE], Label.EPIDURAL_FAT, 0.1)
        for solid in (distance, arch):
            solid[hole] = np.maximum(solid[hole], -tunnel)
        hit = np.flatnonzero((distance < 0) & (arch >= 0))
        if hit.size:
            # nor does one part them from the body
            body = self.owner.bodies[n]
            place = self._local(hit)
            inner = np.flatnonzero(np.abs(place[0]) < body.half_width + 4.0)
            depth = -distance[hit]
            depth[inner] = np.maximum(depth[inner], -body.distance(*(c[inner] for c in place))[0])
            self._fill(hit, Label.MARROW, self.owner.texture.sacrum([c[hit] for c in self.position], depth))
        return distance

    def _fill(self, at: np.ndarray, label: Label, mix, soft: bool = False) -> None:
        """Paint bone, but not over the sac or the skin; what is soft stays behind the bodies."""
        where = self.near[at]
        here = self.canvas.label[where]
        free = (here != _KEPT[0]) & (here != _KEPT[1]) & (here != _KEPT[2])
        if soft:
            free &= self._local(at)[1] < -4.0
        self.canvas.paint(where[free], label, mix[free] if np.ndim(mix) else mix)
