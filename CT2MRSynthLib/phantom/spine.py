"""Paint discs, canal, ligaments and bones."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom import bones
from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.geometry import Geometry, Pose
from CT2MRSynthLib.phantom.noise import NoiseSpace
from CT2MRSynthLib.phantom.shapes import ramp
from CT2MRSynthLib.phantom.tissues import Label

_DISC_PHASE = np.arange(DISCS) + 0.5


class SpinePainter:
    """Paints the spine of one subject.

    Args:
        anatomy: Parameters.
        geometry: Frames.
        noise: Random fields.
        rng: For the nerve roots and shell thickness.
    """

    def __init__(self, anatomy: Anatomy, geometry: Geometry, noise: NoiseSpace, rng: np.random.Generator):
        self.anatomy, self.geometry, self.noise = anatomy, geometry, noise
        self.shell = float(rng.uniform(0.4, 0.8) * (1 - 0.3 * anatomy.osteoporosis))
        self.arch_shell = float(rng.uniform(1.0, 2.2) * (1 - 0.2 * anatomy.osteoporosis))
        self.endplate_sclerosis = rng.uniform(0.0, 0.35)
        count = 26
        angle = rng.uniform(np.radians(185), np.radians(355), count)
        radius = rng.uniform(0.35, 0.86, count)
        self.roots = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        self.root_radius = rng.uniform(0.45, 0.8, count)
        self.root_exit = rng.uniform(3.0, 9.0, count)
        self.root_phase = rng.uniform(0, 2 * np.pi, count)
        self.conus_end = float(np.clip(rng.normal(1.2, 0.35), 0.4, 2.2))

    def paint(self, canvas: Canvas, x, y, z, canal, slow: dict, corners: np.ndarray) -> None:
        """Paint everything of the spine.

        Args:
            canvas: Receives the tissue.
            x, y, z: Warped world coordinates, flat.
            canal: Canal coordinates (u, v, phase), flat.
            slow: Slow random fields by name, flat.
            corners: Corners of the box that holds all points, shape (8, 3): what is far from it is not looked at.
        """
        self._paint_canal(canvas, canal, slow)
        for disc, pose in enumerate(self.geometry.discs):
            if _within(pose, corners, 16.0):
                self._paint_disc(canvas, disc, x, y, z, slow)
        self._paint_flavum(canvas, canal)
        for n, pose in enumerate(self.geometry.vertebrae):
            if _within(pose, corners, 38.0):
                self._paint_vertebra(canvas, n, x, y, z, slow)

    # -- canal ----------------------------------------------------------------------------------------------------

    def sac(self, phase):
        """Half-width, half-depth, trefoil share and center's v of the thecal sac at positions along the spine."""
        a = self.anatomy
        near = np.exp(-(((phase - np.floor(phase) - 0.5) / 0.22) ** 2))

        def at(values):
            return np.interp(phase, _DISC_PHASE, values)

        narrow = at(a.stenosis) * near
        pushed = at(a.bulge * 1.6 + a.protrusion * 1.8) * near
        half_width = at(a.sac_width) / 2 * (1 - 0.34 * narrow)
        half_depth = at(a.sac_depth) / 2 * (1 - 0.28 * narrow) - 0.35 * pushed
        center = -(at(a.sac_gap) + pushed * 0.8 + half_depth)
        return half_width, half_depth, at(a.sac_trefoil) * (1 + 1.2 * narrow), center

    def _paint_canal(self, canvas: Canvas, canal, slow: dict) -> None:
        u, v, phase = canal
        near = np.flatnonzero((np.abs(u) < 36) & (v > -30) & (v < 12) & (phase > -2.4) & (phase < 8.4))
        if not near.size:
            return
        u, v, phase = u[near], v[near], phase[near]
        au = np.abs(u)
        rough = 0.22 * slow["septum"][near] + 0.18 * slow["bone_u"][near]
        foramen = ((au - 15.0) / 11.0) ** 2 + ((v + 6.0) / 7.5) ** 2 < 1.0 + rough
        inner = (au < 13.5) & (v > -26.0 + au * 0.9) & (v < 3.0)
        veins = np.clip(0.05 + 0.45 * (1 - ramp(np.abs(slow["strand"][near] + 0.4), 0.05, 0.35)), 0, 1)
        fatty = foramen | inner
        canvas.paint(near[fatty], Label.EPIDURAL_FAT, veins[fatty])
        fraction = phase - np.floor(phase)
        self._paint_nerves(canvas, near, u, v, fraction)
        half_width, half_depth, trefoil, center = self.sac(phase)
        du, dv = u / half_width, (v - center) / half_depth
        radius = np.sqrt(du * du + dv * dv)
        limit = 1.0 + trefoil * np.sin(3.0 * np.arctan2(dv, du))
        distance = (radius - limit) * np.minimum(half_width, half_depth)
        canvas.paint(near[distance < 0.3], Label.LIGAMENT, 0.1)
        inside = np.flatnonzero(distance < -0.25)
        roots = self._roots(
            u[inside], v[inside] - center[inside], half_width[inside], half_depth[inside], phase[inside]
        )
        canvas.paint(near[inside], Label.CSF, roots)

    def _roots(self, u, v, half_width, half_depth, phase):
        """Share of nerve tissue in the sac: cauda equina as strands that lie dorsally, and the conus above."""
        share = np.zeros_like(u)
        for (ru, rv), radius, leave, wander in zip(
            self.roots, self.root_radius, self.root_exit, self.root_phase, strict=True
        ):
            sway = 0.06 * np.sin(2.1 * phase + wander)
            # a root moves to the side before it leaves
            away = np.clip(1.0 - (leave - phase) / 1.5, 0.0, 1.0)
            cu = (ru * (1 - away) + np.sign(ru) * 0.8 * away + sway) * half_width * 0.93
            cv = (rv * (1 - away) + 0.1 * away + sway) * half_depth * 0.93
            share += np.where(phase < leave, np.exp(-((((u - cu) ** 2 + (v - cv) ** 2) / radius**2) ** 1.5)), 0.0)
        cone = 4.2 * np.sqrt(np.clip((self.conus_end - phase) / 1.2, 0.0, 1.0)) + 1e-3
        share += ramp(cone - np.sqrt(u * u + (v + 1.0) ** 2 * 1.3), -0.5, 0.5)
        return np.minimum(share, 0.95).astype(np.float32)

    def _paint_nerves(self, canvas: Canvas, near, u, v, fraction) -> None:
        """Exiting roots with their ganglion in the foramen, traversing roots in the lateral recess."""
        au = np.abs(u)
        t = np.clip((fraction - 0.12) / 0.75, 0.0, 1.0)
        wobble = np.where(u > 0, 0.7, -0.5)
        cu, cv = 12.0 + 21.0 * t + wobble, -6.5 + 7.5 * t + 0.5 * wobble
        thick = 1.7 + 1.2 * np.exp(-(((t - 0.4) / 0.25) ** 2))
        exiting = ((au - cu) / (1.35 * thick)) ** 2 + ((v - cv) / thick) ** 2 < 1.0
        traversing = (au - 8.8 - 2.0 * fraction) ** 2 + (v + 4.5) ** 2 < 1.5**2
        canvas.paint(near[(exiting & (fraction > 0.12)) | traversing], Label.NERVE)

    def _paint_flavum(self, canvas: Canvas, canal) -> None:
        a = self.anatomy
        u, v, phase = canal
        near = np.flatnonzero((np.abs(u) < 26) & (v > -46) & (v < -6))
        u, v, phase = u[near], v[near], phase[near]
        fraction = phase - np.floor(phase)
        thick = np.interp(phase, _DISC_PHASE, a.flavum)
        apart = np.interp(phase, _DISC_PHASE, a.facet_apart.mean(axis=1))
        k = a.scale**0.5
        au = np.abs(u)
        t = np.clip((apart * 0.62 - au) / (apart * 0.62 - 0.5), 0.0, 1.3)
        front = -10.5 * k - (9.5 * k) * t**0.85
        band = (au < apart * 0.7) & (v < front) & (v > front - 1.25 * thick) & (np.abs(fraction - 0.5) < 0.3)
        midline = (au < 0.5) & (v > front - 2.0)
        canvas.paint(near[band & ~midline], Label.LIGAMENT)
        muscle = canvas.label[near] == Label.MUSCLE
        interspinous = (au < 2.6) & (v < -24 * k) & (v > -48) & (phase < 5.9) & muscle
        u, v, phase = u[interspinous], v[interspinous], phase[interspinous]
        streak = ramp(self.noise(37, u, v, 33.0 * phase, (3.0, 9.0, 12.0)), -0.3, 1.6)
        canvas.paint(near[interspinous], Label.LIGAMENT, 0.15 + 0.6 * streak)

    # -- discs ----------------------------------------------------------------------------------------------------

    def _paint_disc(self, canvas: Canvas, disc: int, x, y, z, slow: dict) -> None:
        a, pose = self.anatomy, self.geometry.discs[disc]
        u, v, w = pose.local(x, y, z)
        half = a.disc_height[disc] / 2 + 5.0
        near = np.flatnonzero((np.abs(w) < half) & (np.abs(u) < 42) & (v > -14) & (v < 60))
        if not near.size:
            return
        u, v, w = u[near], v[near], w[near]

        def mean(values):
            return (values[disc] + values[disc + 1]) / 2

        swell = 0.6 + 1.8 * a.bulge[disc]
        push = a.bulge[disc] * 1.6 + a.protrusion[disc] * 5.0 * np.exp(
            -(((u - a.protrusion_side[disc]) / 6.0) ** 2)
        ) * np.exp(-((w / 5.0) ** 2))
        distance, radius = bones.outline(
            u,
            v,
            mean(a.body_width) / 2 + swell,
            mean(a.body_depth) / 2 + 0.5 * swell,
            mean(a.body_power),
            mean(a.body_notch),
            mean(a.body_width),
            push,
        )
        ligament = distance < 0.9
        canvas.paint(near[ligament], Label.LIGAMENT)
        inside = np.flatnonzero(distance < 0)
        where = near[inside]
        wobble = 0.07 * self.noise(20 + disc, x[where], y[where], z[where], 9.0)
        core = np.maximum(radius[inside], 1.0 + distance[inside] / 14.0) + wobble
        nucleus = 1.0 - ramp(core, 0.42, 0.86)
        canvas.paint(where, Label.ANNULUS, nucleus)
        if a.vacuum[disc]:
            gas = (np.abs(w[inside] + 20 * wobble) < 1.2) & (core < 0.6) & (slow["septum"][where] > 0.1)
            canvas.paint(where[gas], Label.VACUUM)

    # -- bones ----------------------------------------------------------------------------------------------------

    def _paint_vertebra(self, canvas: Canvas, n: int, x, y, z, slow: dict) -> None:
        a, pose = self.anatomy, self.geometry.vertebrae[n]
        u, v, w = pose.local(x, y, z)
        reach = 62.0 if n < bones.SACRUM else 66.0
        near = np.flatnonzero((np.abs(w) < 36) & (np.abs(u) < reach) & (v > -66) & (v < 46))
        if not near.size:
            return
        u, v, w = u[near], v[near], w[near]
        u = u + 0.7 * slow["bone_u"][near]
        v = v + 0.7 * slow["bone_v"][near]
        back = v < 24.0
        if n < bones.SACRUM:  # only the spinous process lies far back, only transverse processes far to the side
            au = np.abs(u)
            back &= ((au < 14.0) | (v > -40.0)) & ((au < 40.0) | (np.abs(w) < 18.0))
        back = np.flatnonzero(back)
        if back.size:
            self._paint_arch(canvas, n, near, back, (u, v, w), (x, y, z), slow)
        front = np.flatnonzero((v > -6) & (np.abs(w) < a.body_height[n] / 2 + 5))
        body, _ = bones.body(a, n, u[front], v[front], w[front])
        inside = body < 0
        self._paint_bone(canvas, near[front[inside]], -body[inside], Label.MARROW, self.shell, x, y, z, slow)

    def _paint_arch(self, canvas: Canvas, n: int, near, back, local, world, slow: dict) -> None:
        """Facet joint and everything behind the body, at the points ``near[back]``."""
        (u, v, w), (x, y, z), frames = local, world, self.geometry.discs
        bx, by, bz = (c[near[back]] for c in (x, y, z))
        above = frames[n - 1].local(bx, by, bz) if n > 0 else None
        below = frames[n].local(bx, by, bz) if n < DISCS else None
        arch = bones.arch(self.anatomy, n, u[back], v[back], w[back], above, below)
        if below is not None and n < bones.SACRUM:
            self._paint_joint(canvas, n, near[back], below)
        hit = back[arch < 0]
        self._paint_bone(canvas, near[hit], -arch[arch < 0], Label.ARCH_MARROW, self.arch_shell, x, y, z, slow)

    def _paint_joint(self, canvas: Canvas, disc: int, where, coordinates) -> None:
        space, capsule = bones.joint(self.anatomy, disc, *coordinates)
        keep = (canvas.label[where] != Label.CSF) & (coordinates[1] < -6)
        canvas.paint(where[(capsule < 0) & keep], Label.LIGAMENT, 0.15)
        canvas.paint(where[(space < 0) & keep], Label.JOINT)

    def _paint_bone(self, canvas: Canvas, where, depth, label: Label, shell: float, x, y, z, slow: dict) -> None:
        """Marrow mixed with cortical bone: a shell, denser spongiosa beneath it, and trabecular texture."""
        if not where.size:
            return
        px, py, pz = x[where], y[where], z[where]
        thickness = shell * np.maximum(1 + 0.42 * slow["shell"][where], 0.3)
        cortex = 1.0 - ramp(depth, thickness - 0.2, thickness + 0.35)
        dense = self.endplate_sclerosis * np.exp(-depth / 2.5) * (0.5 if label == Label.MARROW else 1.0)
        coarse = self.noise(31, px, py, pz, (7.0, 7.0, 12.0))
        fine = self.noise(32, px, py, pz, (2.3, 2.3, 4.5))
        spongy = 0.04 + (0.035 if label == Label.MARROW else 0.10) * coarse + 0.05 * fine
        canvas.paint(where, label, np.clip(np.maximum(cortex, dense + spongy), 0.0, 1.0))


def _within(pose: Pose, corners: np.ndarray, reach: float) -> bool:
    """Whether a box comes within ``reach`` mm (and 3 mm of deformation) of a frame's plane."""
    w = (corners - pose.origin) @ pose.axes[2]
    return bool(w.min() < reach + 3.0 and w.max() > -reach - 3.0)
