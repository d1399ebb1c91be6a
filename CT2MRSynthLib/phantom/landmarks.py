"""Where the landmarks of the crop rule lie in a simulated subject.

They are looked for in the painted tissue, so that they lie on what they name however bent, bulging or overgrown it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.anatomy import FIRST_DISC
from CT2MRSynthLib.phantom.tissues import Label

if TYPE_CHECKING:
    from CT2MRSynthLib.phantom.scene import Subject

DISC = (Label.ANNULUS, Label.OUTER_ANNULUS, Label.NUCLEUS, Label.VACUUM)
BONE = (Label.MARROW, Label.ARCH_MARROW, Label.CORTEX)
SAC = (Label.CSF, Label.ROOT)

#: Distance in mm of the samples on a ray; an edge is known to half of it.
STEP = 0.45
#: Bone in front of or beside the disc belongs to its edge (an osteophyte) when no wider a gap (mm) parts the two.
GAP = 1.6
#: How far rays go in and out from where the edge is expected, as a share of the half-axis and in mm.
INWARD, OUTWARD = 0.55, 14.0
#: Where the points that give the disc's plane lie on the way from its middle to its edge.
PLANE_POINT = 0.8


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of one disc, world RAS mm; all lie in one plane, through mid-disc.

    Args:
        level: Disc level.
        axes: Rows are the plane's right, anterior and superior unit vectors, shape (3, 3).
        disc_center: Midway between the disc's edges.
        sac_center: Center of area of the thecal sac.
        ventral_point: Most ventral point of the disc and the bone around it.
        disc_points: Points in the disc that give its plane: front, back (both mid-sagittal), right, left; (4, 3).
        lateral_points: Points of the disc and the bone around it farthest to the right and to the left, shape (2, 3).
    """

    level: str
    axes: np.ndarray
    disc_center: np.ndarray
    sac_center: np.ndarray
    ventral_point: np.ndarray
    disc_points: np.ndarray
    lateral_points: np.ndarray

    def points(self) -> list[tuple[str, np.ndarray]]:
        """Labels and positions as ``ct2mrsynth crop`` reads them."""
        names = ("disc front", "disc back", "disc right", "disc left", "lateral right", "lateral left")
        return [
            ("disc center", self.disc_center),
            *zip(names, [*self.disc_points, *self.lateral_points], strict=True),
            ("ventral", self.ventral_point),
            ("sac", self.sac_center),
        ]


def find_landmarks(subject: Subject, level: str) -> Landmarks:
    """Landmarks of one disc level.

    Raises:
        UsageError: No such level.
    """
    plane = _Plane.of(subject, disc_index(level))
    half_width, half_depth = plane.half_axes
    front = [plane.ray(1, 1, u * half_width) for u in (0.0, -0.44, -0.33, -0.22, -0.11, 0.11, 0.22, 0.33, 0.44)]
    sides = [[plane.ray(0, sign, v * half_depth) for v in (0.0, -0.28, 0.28)] for sign in (1, -1)]
    back = plane.ray(1, -1, 0.0)
    rays = [*front, back, *sides[0], *sides[1]]
    window = plane.sac_window()
    # all points in one call: most of its time is overhead
    label = subject.spine_at(plane.world(np.concatenate([*rays, window])))
    on_rays = label[: -len(window)].reshape(len(rays), -1)
    edges = np.array([_edge(ray, found, DISC + BONE) for ray, found in zip(rays, on_rays, strict=True)])
    midlines = [(rays[n], on_rays[n]) for n in (0, len(front), len(front) + 1, len(rays) - len(sides[1]))]
    disc_edges = np.array([_edge(ray, found, DISC) for ray, found in midlines])
    in_disc = [
        _nearest(PLANE_POINT * edge, ray[np.isin(found, DISC)], ray)
        for edge, (ray, found) in zip(disc_edges, midlines, strict=True)
    ]
    middle = np.array([disc_edges[2:, 0].mean(), disc_edges[:2, 1].mean()])
    ventral = edges[: len(front)]
    sac = window[np.isin(label[-len(window) :], SAC)]
    # of a sac bent by a protrusion the center of area may lie outside
    sac_center = _nearest(sac.mean(axis=0) if len(sac) else window.mean(axis=0), sac, window)
    right, left = np.split(edges[len(front) + 1 :], 2)
    lateral = np.array([right[right[:, 0].argmax()], left[left[:, 0].argmin()]])
    return Landmarks(
        level,
        plane.axes,
        plane.world(middle),
        plane.world(sac_center),
        plane.world(ventral[ventral[:, 1].argmax()]),
        plane.world(np.array(in_disc)),
        plane.world(lateral),
    )


def disc_index(level: str) -> int:
    """Index of a disc in the anatomy's arrays.

    Raises:
        UsageError: No such level.
    """
    if level not in LEVELS:
        raise UsageError(f"The level {level!r} is unknown; use one of {', '.join(LEVELS)}.")
    return LEVELS.index(level) + FIRST_DISC


@dataclass(frozen=True)
class _Plane:
    """The plane through mid-disc with coordinates right and anterior of about the disc's middle, mm."""

    origin: np.ndarray
    axes: np.ndarray
    half_axes: np.ndarray
    sac: float

    @classmethod
    def of(cls, subject: Subject, disc: int) -> _Plane:
        """The plane of least squares through the bent middle surface of a disc."""
        pose, a = subject.geometry.discs[disc], subject.anatomy
        half_width, half_depth = (float(size[disc] + size[disc + 1]) / 4 for size in (a.body_width, a.body_depth))
        share = np.array([0.0, 0.4, 0.8])
        angle = np.arange(8) * np.pi / 4
        u, v = (np.outer(share, turn(angle)).ravel() for turn in (np.cos, np.sin))
        surface = subject.deformed(
            np.array([pose.world(x, half_depth + y, 0) for x, y in zip(u * half_width, v * half_depth, strict=True)])
        )
        center = surface.mean(axis=0)
        superior = np.linalg.svd(surface - center)[2][2]
        superior = superior * np.sign(superior @ pose.axes[2])
        anterior = pose.axes[1] - superior * (pose.axes[1] @ superior)
        anterior /= np.linalg.norm(anterior)
        axes = np.stack([np.cross(anterior, superior), anterior, superior])
        sac = float(subject.canal.sac(np.array([disc + 0.5]))[3][0]) - half_depth
        return cls(center, axes, np.array([half_width, half_depth]), sac)

    def world(self, uv: np.ndarray) -> np.ndarray:
        """World RAS mm of points of the plane, shape (..., 2)."""
        return self.origin + np.asarray(uv) @ self.axes[:2]

    def ray(self, axis: int, sign: int, aside: float) -> np.ndarray:
        """Samples from within the disc outward along an axis, ``aside`` mm from its middle; all rays of one length."""
        reach = np.arange(round((INWARD * self.half_axes.max() + OUTWARD) / STEP)) * STEP
        result = np.full((reach.size, 2), aside)
        result[:, axis] = sign * (self.half_axes[axis] + OUTWARD - reach[::-1])
        return result

    def sac_window(self, half: float = 11.0, step: float = 1.8) -> np.ndarray:
        """Points around the expected center of the sac."""
        ticks = np.arange(-half, half + 0.1, step)
        u, v = np.meshgrid(ticks, self.sac + ticks)
        return np.stack([u.ravel(), v.ravel()], axis=1)


def _edge(ray: np.ndarray, label: np.ndarray, kinds: tuple[Label, ...]) -> np.ndarray:
    """The last point of some tissues on a ray that begins in them.

    Bone without end is no osteophyte but the lateral part of the sacrum: then the disc's own edge counts.
    """
    found = np.flatnonzero(np.isin(label, kinds))
    if not found.size:
        return ray[0]
    parted = np.flatnonzero(np.diff(found) > GAP / STEP + 1)
    last = found[parted[0] if parted.size else -1]
    return _edge(ray, label, DISC) if last == len(ray) - 1 and kinds != DISC else ray[last]


def _nearest(point: np.ndarray, candidates: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """The candidate next to a point."""
    candidates = candidates if len(candidates) else otherwise
    return candidates[np.linalg.norm(candidates - point, axis=1).argmin()]
