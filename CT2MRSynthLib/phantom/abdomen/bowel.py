"""Courses of colon, stomach, duodenum, pancreas and small bowel as sampled center lines."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from CT2MRSynthLib.phantom.abdomen.cavity import Cavity
from CT2MRSynthLib.phantom.abdomen.tubes import spine_point
from CT2MRSynthLib.phantom.anatomy import Anatomy
from CT2MRSynthLib.phantom.geometry import Geometry

#: Distance of samples along a center line, mm.
STEP = 3.0
_NO_GAS = 400.0
#: Random numbers drawn for a course, however long it is: a larger belly moves the organs, but draws none anew.
_DRAWN = 2400


class Kind(IntEnum):
    """What a tube is."""

    SMALL = 0
    JEJUNUM = 1
    COLON = 2
    STOMACH = 3
    PANCREAS = 4


@dataclass(frozen=True)
class Course:
    """A sampled center line.

    Args:
        points: World RAS mm without the random deformation, shape (n, 3).
        radius: Outer radius, mm, shape (n,).
        kind: ``Kind`` at each sample.
        gas: Height (world y, mm) above which there is gas at each sample.
        stool: 0 liquid to 1 formed, mottled with gas.
        fill: Share of content in what fills the lumen; oral contrast agent comes in portions.
    """

    points: np.ndarray
    radius: np.ndarray
    kind: np.ndarray
    gas: np.ndarray
    stool: np.ndarray
    fill: np.ndarray


@dataclass(frozen=True)
class Body:
    """What courses are laid out in.

    Args:
        anatomy: Sizes.
        geometry: Frames.
        cavity: The abdominal cavity.
    """

    anatomy: Anatomy
    geometry: Geometry
    cavity: Cavity

    def height(self, phase: float) -> float:
        """World z in mm of the front of the spine at a phase."""
        return float(self.ahead(phase, 0, 0)[2])

    def ahead(self, phase: float, u: float, ahead: float) -> np.ndarray:
        """World RAS mm of a point ``ahead`` mm in front of the spine; above T12 the spine goes on straight."""
        depth = float(np.interp(phase, np.arange(8), self.anatomy.body_depth))
        point = spine_point(self.geometry, max(phase, 0.0), u, depth + ahead)
        return point + np.array([0, 0, 30.0 * max(-phase, 0.0)])

    def under_wall(self, degrees: float, depth: float, phase: float) -> np.ndarray:
        """World RAS mm of a point ``depth`` mm under the wall of the cavity."""
        return self.cavity.point(degrees, depth, self.height(phase))


def sampled(knots: list[np.ndarray], radius: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Points every ``STEP`` mm along a smooth curve through knots, and the radius there."""
    knots = np.asarray(knots, dtype=float)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1) + 1e-3)])
    at = np.arange(0, along[-1], STEP)
    return CubicSpline(along, knots)(at), np.interp(at, along, radius)


def colon(body: Body, rng: np.random.Generator) -> Course:
    """The colon from the cecum to the rectum.

    Args:
        body: The subject.
        rng: Source of individual variation.
    """
    n, u = rng.normal(0, 1, (24, 3)), rng.uniform(0, 1, 8)
    sag = 0.5 + 1.8 * u[0] ** 1.5
    near = 4.0 + 12.0 * body.anatomy.severity.fatness
    knots, radius = [], []

    def add(point: np.ndarray, size: float) -> None:
        knots.append(point + 4.0 * n[len(knots)] * [1, 0.5, 1])
        radius.append(size)

    wide = 21 + 9 * u[1]
    for degrees, phase, size in ((2, 5.6, 0.9), (-4, 5.1, 1.15), (-9, 4.3, 1.0), (-14, 3.4, 0.95), (-12, 2.6, 0.95)):
        add(body.under_wall(degrees, near + size * wide, phase), size * wide)
    across = 14 + 8 * u[2]
    for degrees, phase in ((18, 2.3), (42, 2.4 + 0.5 * sag), (68, 2.3 + sag), (98, 2.2 + sag), (128, 1.8 + 0.6 * sag)):
        add(body.under_wall(degrees, 0.6 * near + across, phase), across)
    add(body.under_wall(155, near + across, 1.2), across)
    add(body.under_wall(182, near + across, 0.6 + 0.4 * u[3]), across)
    down = 10.5 + 7 * u[4]
    for degrees, phase in ((196, 1.5), (198, 2.6), (196, 3.6), (188, 4.6), (178, 5.4)):
        add(body.under_wall(degrees, 0.8 * near + down, phase), down)
    loop = 11 + 6 * u[5]
    for degrees, depth, phase in ((165, 34, 6.2), (130, 40, 5.6 + u[6]), (80, 50, 5.5 + u[7])):
        add(body.under_wall(degrees, depth, phase), loop)
    add(body.ahead(6.3, -12, 45), loop)
    add(body.ahead(6.9, 4, 22), loop + 2)
    add(body.ahead(7.5, 0, 18), loop + 3)
    points, size = sampled(knots, radius)
    along = np.arange(len(points)) * STEP
    # haustra: rows of pouches of irregular length
    turns = np.cumsum(STEP / (26 + 8 * gaussian_filter1d(_normal(rng, len(points)), 8) * 5)) + u[0]
    size = size * (0.78 + 0.24 * np.abs(np.sin(np.pi * turns))) * _wandering(rng, len(points), 0.10, 14)
    part = along / along[-1]
    stool = np.clip(
        np.interp(part, [0, 0.3, 0.6, 1], [0.75, 0.6, 0.5, 0.6]) * _wandering(rng, len(points), 0.35, 16), 0, 1
    )
    gas = gas_levels(points, size, rng, 0.8, (-0.55, 0.8))
    return Course(points, size, np.full(len(points), Kind.COLON), gas, stool, _portions(rng, len(points)))


def stomach(body: Body, rng: np.random.Generator) -> Course:
    """Stomach and duodenum to the first loop of the jejunum."""
    n, u = rng.normal(0, 1, (16, 3)), rng.uniform(0, 1, 5)
    fat = body.anatomy.severity.fatness
    low = 0.9 * u[0]
    full = 17 + 17 * u[1]
    knots = [
        body.under_wall(165, 18 + full, -2.2),
        body.under_wall(160, 14 + full, -1.0),
        body.under_wall(145, 12 + full, 0.0 + 0.5 * low),
        body.under_wall(120, 10 + full, 0.8 + low),
        body.under_wall(96, 10 + 0.9 * full, 1.2 + low),
        body.ahead(1.3 + 0.6 * low, 22, 52 + 16 * fat),
        body.ahead(1.2, 42, 40 + 8 * fat),
        body.ahead(1.6, 47, 32),
        body.ahead(2.4, 43, 29),
        body.ahead(3.0 + 0.3 * u[2], 34, 30),
        body.ahead(3.2 + 0.3 * u[2], 8, 36),
        body.ahead(3.0, -22, 33),
        body.ahead(2.2, -30, 32),
        body.ahead(1.9, -46, 44),
    ]
    tube = 9.5 + 4 * u[3]
    radius = [full, full, full, 0.95 * full, 0.8 * full, 0.6 * full, 11, tube, tube, tube, tube - 1.5, tube, tube, tube]
    points, size = sampled([k + 3 * m for k, m in zip(knots, n, strict=False)], radius)
    end = int(np.argmin(np.linalg.norm(points - knots[6], axis=1)))
    kind = np.where(np.arange(len(points)) < end, Kind.STOMACH, Kind.JEJUNUM)
    gas = gas_levels(points, size, rng, 0.7, (-0.6, 0.6))
    size = size * _wandering(rng, len(points), 0.07, 8)
    return Course(points, size, kind, gas, np.where(kind == Kind.STOMACH, 0.2, 0.0), np.ones(len(points)))


def pancreas(body: Body, rng: np.random.Generator) -> Course:
    """The pancreas from its head in the duodenum's loop to its tail before the left kidney."""
    n = rng.normal(0, 1, (5, 3))
    thick = (10.5 - 0.05 * max(body.anatomy.severity.age - 45, 0)) * (1 + 0.08 * n[0, 0])
    knots = [
        body.ahead(2.3, 28, 30),
        body.ahead(1.6, 20, 36),
        body.ahead(1.2, -4, 42),
        body.ahead(0.9, -36, 32),
        body.ahead(0.5, -70, 20),
    ]
    points, size = sampled(
        [k + 3 * m for k, m in zip(knots, n, strict=True)],
        [1.1 * thick, 1.25 * thick, 0.8 * thick, thick, 0.85 * thick],
    )
    size = size * _wandering(rng, len(points), 0.12, 2.5)
    none = np.zeros(len(points))
    return Course(points, size, np.full(len(points), Kind.PANCREAS), none + _NO_GAS, none, none)


def small_bowel(sites: np.ndarray, start: np.ndarray, wide: float, rng: np.random.Generator) -> list[Course]:
    """Loops that visit sites one after the other, always the nearest one left.

    Args:
        sites: Points in mm that the bowel passes through, shape (n, 3).
        start: Where the duodenum ends.
        wide: Mean radius, mm; loops that touch flatten each other.
        rng: Source of individual variation.
    """
    chains, chain, here = [], [], np.asarray(start, dtype=float)
    left = np.asarray(sites, dtype=float)
    # a loop would rather run within its axial plane than up or down
    weight = np.array([1.0, 1.0, 1.25])
    while len(left):
        apart = np.linalg.norm((left - here) * weight, axis=1)
        nearest = int(np.argmin(apart))
        if apart[nearest] > 52 and chain:
            chains.append(chain)
            chain = []
        here = left[nearest]
        chain.append(here)
        left = np.delete(left, nearest, axis=0)
    chains.append(chain)
    result, done = [], 0
    for chain in chains:
        chain = chain if len(chain) > 1 else [chain[0], chain[0] + np.array([14.0, 4.0, 3.0])]
        points, _ = sampled(chain, [1.0] * len(chain))
        swell = gaussian_filter1d(_normal(rng, len(points) + 40), 9)[20:-20] * 4.2
        # peristalsis: stretches filled, stretches collapsed
        size = np.clip(wide + 3.0 * swell, 6.0, wide + 5.5)
        upper = (done + np.arange(len(points))) < 0.4 * 1.1 * len(sites) * 28 / STEP
        done += len(points)
        kind = np.where(upper, Kind.JEJUNUM, Kind.SMALL)
        gas = gas_levels(points, size, rng, 0.14, (0.0, 0.9))
        nothing = np.zeros(len(points))
        result.append(Course(points, size, kind, gas, nothing, _portions(rng, len(points))))
    return result


def gas_levels(
    points: np.ndarray, radius: np.ndarray, rng: np.random.Generator, chance: float, fill: tuple[float, float]
) -> np.ndarray:
    """Heights above which a lumen holds gas: it gathers where the tube lies most ventral, under a level surface.

    Args:
        points: Center line, shape (n, 3).
        radius: Outer radius, shape (n,).
        rng: Source of randomness.
        chance: Of gas at each such place.
        fill: Range of the fluid's level there, in radii from the center.
    """
    height = points[:, 1]
    window = 9
    padded = np.pad(gaussian_filter1d(height, 2), window, mode="edge")
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * window + 1).max(axis=1)
    result = np.full(len(points), _NO_GAS)
    draws, levels = rng.random(_DRAWN), rng.uniform(*fill, _DRAWN)
    for top in np.flatnonzero(padded[window:-window] >= highest - 0.05):
        # neighbors along the course share their draw
        if draws[top // 6 % _DRAWN] > chance:
            continue
        level = height[top] + levels[top // 6 % _DRAWN] * radius[top]
        reach = np.flatnonzero(height + radius < level)
        before, after = reach[reach < top], reach[reach > top]
        first = before[-1] + 1 if before.size else 0
        last = after[0] if after.size else len(points)
        first, last = max(first, top - 20), min(last, top + 20)
        result[first:last] = np.minimum(result[first:last], level)
    return result


def _normal(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.resize(rng.normal(0, 1, _DRAWN), size)


def _portions(rng: np.random.Generator, size: int) -> np.ndarray:
    """Shares between 0.15 and 1 that change every ten or twenty centimeters."""
    values = gaussian_filter1d(_normal(rng, size + 60), 16)[30:-30] * 7.5
    return np.clip(0.6 + 0.45 * values, 0.15, 1.0)


def _wandering(rng: np.random.Generator, size: int, sd: float, samples: float) -> np.ndarray:
    """Factors about 1 that wander along a tube."""
    values = gaussian_filter1d(_normal(rng, size), samples, mode="nearest")
    return 1 + sd * np.clip(values * np.sqrt(2 * np.sqrt(np.pi) * samples), -2, 2)
