"""Parts of the vertebral arch: pedicles, pars interarticularis, laminae, spinous and transverse processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.shapes import capsule, segment2d, smooth_max, superellipse
from CT2MRSynthLib.phantom.spine.facets import SIDES
from CT2MRSynthLib.phantom.spine.outline import SACRUM

#: Length of the transverse processes from the midline in mm, T12 to L5, and of spinous processes relative to the
#: longest: the skin lies behind a share of 1, 0.75 at L5 and 0.45 below.
_TRANSVERSE = (26.0, 38.0, 42.0, 46.0, 43.0, 43.0)
_SPINOUS = (0.92, 0.97, 1.0, 1.0, 0.92, 0.66, 0.42, 0.36)


@dataclass(frozen=True)
class Part:
    """One part of a vertebra, in its frame.

    Args:
        box: Lower and upper bounds of u, v, w in mm, outside which the part is not.
        distance: Turns u, v, w of points into the signed distance in mm.
    """

    box: tuple
    distance: Callable

    def near(self, u, v, w) -> np.ndarray:
        """Indices of the points in the box."""
        (u0, u1), (v0, v1), (w0, w1) = self.box
        return np.flatnonzero((u > u0) & (u < u1) & (v > v0) & (v < v1) & (w > w0) & (w < w1))


def arch_parts(a: Anatomy, n: int, rng: np.random.Generator) -> list[Part]:
    """The parts of one vertebra's arch without articular processes.

    Args:
        a: The subject.
        n: Vertebra.
        rng: For shapes. What is drawn does not depend on severities.
    """
    junction = -(27.0 + float(rng.uniform(0.0, 4.5))) * a.scale**0.5
    if n >= SACRUM:
        junction = -22.5 * a.scale**0.5
    parts = [_spinous(a, n, junction, rng)]
    for side in range(2):
        parts += [_lamina(a, n, side, junction, rng), _pedicle(a, n, side, rng)]
        pars, transverse = _pars(a, n, side, rng), _transverse(a, n, side, rng)
        if n < SACRUM:
            parts += [pars, transverse]
    return parts


def stem(a: Anatomy, n: int) -> float:
    """Distance of the pedicle's axis from the midline, mm."""
    return float(a.body_width[n] / 2 - 0.8 * a.pedicle_width[n] - 1.0)


def sided(side: int, box: tuple, distance: Callable) -> Part:
    """A part of one side, given as if it were the right one."""
    sign = SIDES[side]
    (u0, u1), v, w = box
    u = (u0, u1) if sign > 0 else (-u1, -u0)
    return Part((u, v, w), lambda u, v, w: distance(sign * u, v, w))


def _facet_apart(a: Anatomy, disc: int, side: int) -> float:
    return float(a.facet_apart[min(max(disc, 0), DISCS - 1), side])


def _pedicle(a: Anatomy, n: int, side: int, rng: np.random.Generator) -> Part:
    half = float(a.pedicle_width[n]) * rng.uniform(0.92, 1.08)
    axis, k = stem(a, n), a.scale
    height, rise = 7.0 * k * rng.uniform(0.93, 1.07), (5.0 + rng.normal(0, 0.5)) * k

    def distance(u, v, w):
        # narrowest in the middle, closing in on the canal toward the back
        waist = half * (0.88 + 0.002 * (v + 4.0) ** 2)
        shape = superellipse(u - axis + 0.08 * v, w - rise, waist, height, 2.4)[0]
        return smooth_max(shape, smooth_max(v - 9.0, -14.0 - v, 2.0), 2.0)

    return sided(
        side, ((axis - half - 4, axis + half + 4), (-15, 10), (rise - height - 2, rise + height + 2)), distance
    )


def _pars(a: Anatomy, n: int, side: int, rng: np.random.Generator) -> Part:
    k = a.scale
    top = ((_facet_apart(a, n - 1, side) + stem(a, n)) / 2 + 1.0 + rng.normal(0, 0.5), -13.0, 9.0 * k)
    end = (_facet_apart(a, n, side) - 2.0 + rng.normal(0, 0.5), -17.5, -10.0 * k)
    thick, flat = 4.9 * k * rng.uniform(0.9, 1.1), 1.25

    def distance(u, v, w):
        return capsule(u, flat * v, w, (top[0], flat * top[1], top[2]), (end[0], flat * end[1], end[2]), thick, thick)

    low, high = min(top[0], end[0]) - 6.5, max(top[0], end[0]) + 6.5
    return sided(side, ((low, high), (-24, -7), (-17 * k, 15 * k)), distance)


def _lamina(a: Anatomy, n: int, side: int, junction: float, rng: np.random.Generator) -> Part:
    """A plate from the inferior articular process to the midline, with a notched lower border."""
    k, root = a.scale, a.scale**0.5
    apart = _facet_apart(a, n, side)
    half = 2.5 * k * a.lamina_thickness * rng.uniform(0.88, 1.12)
    start, bulge = (apart * rng.uniform(0.72, 0.84), -(17.0 + rng.normal(0, 0.7)) * root), rng.normal(0.0, 0.9)
    low, notch, top = (20.0 + rng.normal(0, 1.5)) * k, rng.uniform(0.5, 6.0) * k, rng.uniform(0.0, 3.5) * k
    if n >= SACRUM:
        half, start, notch, bulge = 2.0 * k, (15.0, -14.5), 0.0, 0.0
    drop = 0.5 * float(a.spinous_drop[n])
    end = (-0.5, junction)

    def distance(u, v, w):
        slant = 0.16 * np.clip(-w - 10.0, -10.0, 14.0)
        line, t = segment2d(u, v + slant, start, end)
        arc = 4.0 * t * (1.0 - t)
        line, t = segment2d(u, v + slant + bulge * arc, start, end)
        thick = half * (1.12 - 0.27 * arc)
        bottom = -w - low + notch * arc**2 + drop
        return smooth_max(line - thick, np.maximum(bottom, w + top - 2.0 + 3.0 * t - drop), 1.5)

    return sided(side, ((-3, apart + 6), (junction - 8, -9), (-28 * k, 6 * k)), distance)


def _spinous(a: Anatomy, n: int, junction: float, rng: np.random.Generator) -> Part:
    """A thin blade, sometimes crooked, with a thick lower border and an irregular tip."""
    k = a.scale
    length = 26.5 * k**0.5 + junction + float(a.spinous_length) * _SPINOUS[n] * rng.uniform(0.85, 1.0)
    waist, tip = (1.9 + rng.uniform(-0.5, 0.7)) * a.lamina_thickness, rng.uniform(0.6, 2.6)
    flare, fade = rng.uniform(0.0, 1.8), rng.uniform(3.0, 7.0)
    crook, border = rng.normal(0, 1.1), rng.uniform(0.0, 0.1)
    side, drop = float(a.spinous_side[n]), float(a.spinous_drop[n])
    slope, hatchet, notch = rng.uniform(2.0, 6.0), rng.uniform(0.0, 3.0), rng.uniform(-2.0, 1.6)

    def distance(u, v, w):
        back = junction + 1.0 - v
        share = np.clip(back / length, 0.0, 1.0)
        height = w - drop + 13.5 * k
        thick = waist + tip * share**4 + flare * np.exp(-np.maximum(back, 0.0) / fade)
        thick = thick + border * np.clip(-height, -6.0, 12.0)
        middle = side * share + crook * np.sin(3.0 * share)
        lateral = np.abs(u - middle) - np.maximum(thick, 0.9) * k
        upper = height - (9.5 - (slope + 2.5) * share) * k
        lower = -height - (10.5 + hatchet * share) * k
        ends = smooth_max(back - length + notch * np.cos(0.7 * (u - middle)), -back - 3.0, 2.0)
        return smooth_max(smooth_max(lateral, np.maximum(upper, lower), 2.0), ends, 2.0)

    tail = junction - length - 6.0
    return Part(((-11, 11), (tail, junction + 6), (-32 * k + min(drop, 0), 2 + max(drop, 0))), distance)


def _transverse(a: Anatomy, n: int, side: int, rng: np.random.Generator) -> Part:
    """A flat process that points to the side, somewhat back and up; L5's is a stout cone."""
    k, stout = a.scale, n == SACRUM - 1
    reach = _TRANSVERSE[min(n, SACRUM - 1)] * k * rng.uniform(0.88, 1.08)
    start = (_facet_apart(a, n - 1, side) + 1.0, -11.0, 2.0 + rng.normal(0, 0.7))
    end = (reach, -(13.0 if stout else 17.0) + rng.normal(0, 2.5), start[2] + rng.uniform(-1.0, 5.0))
    base, tip = (5.2, 3.6) if stout else (3.2 * rng.uniform(0.85, 1.15), 2.0 * rng.uniform(0.8, 1.3))
    flat = 0.62 if not stout else 0.8

    def distance(u, v, w):
        return capsule(
            u, v, flat * w, (start[0], start[1], flat * start[2]), (end[0], end[1], flat * end[2]), base * k, tip * k
        )

    low, high = min(start[2], end[2]) - 9.0, max(start[2], end[2]) + 9.0
    return sided(side, ((start[0] - 7, reach + 5), (min(end[1], -11) - 6, -3), (low, high)), distance)
