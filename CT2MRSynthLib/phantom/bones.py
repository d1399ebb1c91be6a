"""Implicit shapes of vertebra, arch, facet joints, sacrum and ilium in vertebral coordinates."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.shapes import capsule, segment2d, smooth_max, smooth_min, superellipse

SACRUM = 6


def outline(u, v, half_width, half_depth, power, notch, width, posterior=0.0):
    """Signed distance and normalized radius of a vertebral outline: an ellipse cut by a flat or notched back."""
    shape, radius = superellipse(u, v - (half_depth - 2.0), half_width, half_depth + 2.0, power)
    back = notch * np.exp(-((u / (0.2 * width)) ** 2)) - posterior - v
    return smooth_max(shape, back, 4.0), radius


def body(a: Anatomy, n: int, u, v, w):
    """Signed distance of a vertebral body, and that of its outline alone."""
    height, half_depth = a.body_height[n], a.body_depth[n] / 2
    relative = np.minimum((2.0 * w / height) ** 2, 1.0)
    waist = 1.0 - relative
    lip = np.zeros_like(w)
    for disc, end in ((n - 1, 1.0), (n, -1.0)):
        if 0 <= disc < DISCS:
            lip = lip + 4.0 * a.severity.osteophytes[disc] * np.exp(-(((w - end * height / 2) / 3.0) ** 2))
    half_width = a.body_width[n] / 2 - 2.6 * waist + lip
    rim, radius = outline(
        u,
        v,
        half_width,
        half_depth - 1.6 * waist + 0.7 * lip,
        a.body_power[n],
        a.body_notch[n],
        a.body_width[n],
        -1.2 * waist,
    )
    hollow = np.maximum(1.0 - radius * radius, 0.0) ** 0.7
    slope = np.tan(np.radians(a.wedge[n] / 2)) * (v - half_depth)
    # lower endplates are deepest beside the midline and behind the middle, the upper ones in the middle
    bow = 1.0 + 0.35 * np.exp(-(((np.abs(u) - 9.0) / 6.0) ** 2)) * np.exp(-(((v - 0.6 * half_depth) / 10.0) ** 2))
    top = height / 2 + slope - 0.8 * a.concavity[n] * hollow
    bottom = -height / 2 - slope + a.concavity[n] * hollow * bow
    if n >= SACRUM:
        top, bottom = height / 2 + slope - 0.5 * a.concavity[n] * hollow, -height / 2 - slope
    ends = np.maximum(w - top, bottom - w)
    return smooth_max(rim, ends, 1.5), rim


def facet_coordinates(a: Anatomy, disc: int, u, v):
    """Distance across the facet joint (positive toward the superior process) and along it (positive ventrally)."""
    side = (u < 0).astype(np.intp)
    angle = np.radians(a.facet_angle[disc])[side].astype(np.float32)
    du = np.abs(u) - a.facet_apart[disc].astype(np.float32)[side]
    dv = v + 14.5 - a.facet_offset[disc].astype(np.float32)[side]
    along = dv * np.cos(angle) - du * np.sin(angle)
    across = du * np.cos(angle) + dv * np.sin(angle) + 0.016 * along * along
    return across, along


def articular(a: Anatomy, disc: int, u, v, w, superior: bool):
    """Signed distance of the superior process (of the vertebra below) or the inferior process (of that above)."""
    across, along = facet_coordinates(a, disc, u, v)
    growth = 1.0 + 0.24 * a.severity.facet_hypertrophy[disc]
    gap = 0.65 - 0.35 * a.severity.facet_hypertrophy[disc]
    size = a.scale**0.5 * growth
    sign = 1.0 if superior else -1.0
    low = min(max(disc - 1, 0), 4) / 4.0
    half_thickness, half_length = (3.6 + 0.6 * low, 7.4) if superior else (3.5 + 1.0 * low, 6.8)
    half_thickness, half_length = half_thickness * size, half_length * size
    shape, _ = superellipse(
        sign * across - gap - half_thickness, along + (0.5 if superior else -0.5), half_thickness, half_length, 2.6
    )
    limit = smooth_max(w - 8.5, -20.0 - w, 3.0) if superior else smooth_max(w - 18.0, -8.5 - w, 3.0)
    # processes taper toward their tips
    tip = 0.10 * np.maximum(w if superior else -w, 0.0)
    return smooth_max(smooth_max(shape + tip, limit, 2.0), gap - sign * across, 0.5)


def joint(a: Anatomy, disc: int, u, v, w):
    """Signed distance of the facet joint's space, and of its capsule."""
    across, along = facet_coordinates(a, disc, u, v)
    size = a.scale**0.5 * (1.0 + 0.24 * a.severity.facet_hypertrophy[disc])
    space = np.maximum(np.maximum(np.abs(across) - 1.0, np.abs(along) - 6.6 * size), np.abs(w) - 9.0)
    capsule_shape, _ = superellipse(across, along, 6.0 * size, 9.6 * size, 2.4)
    return space, np.maximum(capsule_shape, np.abs(w) - 10.0)


def arch(a: Anatomy, n: int, u, v, w, above, below):
    """Signed distance of everything behind the body of one vertebra.

    Parts that no point is near are left out: at a disc only two or three of them count.

    Args:
        a: The subject.
        n: Vertebra.
        u, v, w: Coordinates in the vertebra's frame.
        above, below: Coordinates (u, v, w) in the frames of the discs above and below, or None.
    """
    au = np.abs(u)
    low, high = float(w.min()), float(w.max())
    result = np.full_like(w, 30.0)
    for part, bottom, top in (
        (_pedicle, -8, 20),
        (_pillar, -20, 18),
        (_lamina, -30, 6),
        (_spinous, -36, 8),
        (_side, -30, 30),
    ):
        if low < top and high > bottom:
            result = smooth_min(result, part(a, n, u, au, v, w), 3.0)
    if above is not None and above[2].min() < 9.0 and above[2].max() > -21.0:
        result = smooth_min(result, articular(a, n - 1, *above, superior=True), 2.0)
    if below is not None and n < SACRUM and below[2].min() < 19.0 and below[2].max() > -9.0:
        result = smooth_min(result, articular(a, n, *below, superior=False), 2.0)
    for coordinates, disc, keep in ((above, n - 1, 1.0), (below, n, -1.0)):
        if coordinates is not None and disc < SACRUM and np.abs(coordinates[2]).min() < 10.0:
            result = _keep_joint_open(a, disc, coordinates, result, keep)
    return result


def _neighbors(a: Anatomy, n: int) -> tuple[float, float]:
    """Distance of the facet joints above and below from the midline."""
    return float(a.facet_apart[max(n - 1, 0)].mean()), float(a.facet_apart[min(n, DISCS - 1)].mean())


def _stem(a: Anatomy, n: int) -> float:
    """Distance of the pedicle's axis from the midline."""
    return float(a.body_width[n] / 2 - 0.8 * a.pedicle_width[n] - 1.0)


def _pedicle(a: Anatomy, n: int, u, au, v, w):
    shape = superellipse(au - _stem(a, n), w - 5.0 * a.scale, a.pedicle_width[n], 7.2 * a.scale, 2.2)[0]
    return smooth_max(shape, smooth_max(v - 9.0, -14.0 - v, 2.0), 2.0)


def _pillar(a: Anatomy, n: int, u, au, v, w):
    """The pars interarticularis, from the superior to the inferior articular process."""
    up, down = _neighbors(a, n)
    k = a.scale
    return capsule(
        au, v, w, ((up + _stem(a, n)) / 2 + 1.0, -13.5, 9.0 * k), (down - 2.0, -18.0, -10.0 * k), 4.8 * k, 4.6 * k
    )


def _lamina(a: Anatomy, n: int, u, au, v, w):
    k = a.scale
    slant = 0.16 * np.clip(-w - 10.0, -10.0, 14.0)
    line, _ = segment2d(au, v + slant, (_neighbors(a, n)[1] * 0.8, -16.5 * k**0.5), (0.0, -26.5 * k**0.5))
    half = (3.1 if n < SACRUM else 2.2) * k * a.lamina_thickness
    return smooth_max(line - half, np.abs(w + 11.5 * k - 0.5 * a.spinous_drop[n]) - 10.5 * k, 3.0)


def _spinous(a: Anatomy, n: int, u, au, v, w):
    k = a.scale
    length = a.spinous_length * (1.0 if n < 5 else 0.72 if n == 5 else 0.4)
    back = -26.0 * k**0.5 - v
    share = np.clip(back / length, 0.0, 1.0)
    half = (2.1 + 1.6 * share**3 + 1.2 * np.exp(-((back / 4.0) ** 2))) * a.lamina_thickness
    lateral = np.abs(u - a.spinous_side[n] * share) - half * k
    vertical = np.abs(w + (13.5 + 5.0 * share) * k - a.spinous_drop[n]) - (10.0 - 1.5 * share) * k
    return smooth_max(smooth_max(lateral, vertical, 2.5), smooth_max(back - length, -back - 3.0, 2.0), 3.0)


def _side(a: Anatomy, n: int, u, au, v, w):
    """Transverse process, or ala of the sacrum."""
    k = a.scale
    if n >= SACRUM:
        return capsule(au, v, w, (15.0, 7.0, -2.0), (44.0 if n == SACRUM else 36.0, -4.0, -9.0), 12.0, 14.5)
    if w.min() > 15.0 or w.max() < -4.0:
        return np.full_like(w, 30.0)
    reach = (38.0, 40.0, 43.0, 46.0, 43.0, 43.0)[n] * k
    end = (reach, -17.0 if n < 5 else -14.0, 3.5)
    return capsule(au, v, w, (_neighbors(a, n)[0] + 2.0, -12.5, 1.0), end, 3.6 if n < 5 else 5.5, 2.8 if n < 5 else 4.5)


def _keep_joint_open(a: Anatomy, disc: int, coordinates, distance, sign: float):
    """Cut from a vertebra what would reach across the facet joint into its neighbor."""
    u, v, w = coordinates
    across, along = facet_coordinates(a, disc, u, v)
    gap = 0.65 - 0.35 * a.severity.facet_hypertrophy[disc]
    near = (np.abs(along) < 10.0) & (np.abs(w) < 10.0) & (np.abs(across) < 8.0)
    return np.where(near, np.maximum(distance, gap - sign * across), distance)


def ilium(u, v, z, scale: float):
    """Signed distance of the iliac wings; u, v from the spine, z in mm above the middle of S1."""
    au = np.abs(u)
    first, t1 = segment2d(au, v, (43.0 * scale, -38.0), (66.0 * scale, -2.0))
    second, t2 = segment2d(au, v, (66.0 * scale, -2.0), (118.0 * scale, 42.0))
    thick = np.where(first < second, 7.5 - 1.5 * t1, 6.0 - 2.5 * np.sin(np.pi * t2) + 2.0 * t2)
    t = np.where(first < second, 0.4 * t1, 0.4 + 0.6 * t2)
    crest = 6.0 + 46.0 * np.sin(np.pi * np.clip(t * 0.95, 0, 1)) ** 0.8
    return smooth_max(np.minimum(first, second) - thick, z - crest, 4.0)
