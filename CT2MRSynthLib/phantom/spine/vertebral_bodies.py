"""Vertebral bodies: hollow endplates, waist, osteophytes, and the canal of the basivertebral vein."""

from __future__ import annotations

import numpy as np

from CT2MRSynthLib.phantom.anatomy import DISCS, Anatomy
from CT2MRSynthLib.phantom.shapes import ramp, segment2d, smooth_max
from CT2MRSynthLib.phantom.spine.outline import SACRUM, outline

#: Length in mm of an average bony lip at the rim when osteophytes are severe.
_LIP = 4.6


class Body:
    """One vertebral body, in the frame of its vertebra.

    Args:
        anatomy: Sizes.
        n: Vertebra.
        rng: For shapes. What is drawn does not depend on severities.
    """

    def __init__(self, anatomy: Anatomy, n: int, rng: np.random.Generator):
        a = anatomy
        self.n, self.half_height, self.half_depth = n, float(a.body_height[n]) / 2, float(a.body_depth[n]) / 2
        self.half_width, self.power, self.notch = (
            float(a.body_width[n]) / 2,
            float(a.body_power[n]),
            float(a.body_notch[n]),
        )
        self.concavity, self.slope = float(a.concavity[n]), float(np.tan(np.radians(a.wedge[n] / 2)))
        self.waist = 2.6 * rng.uniform(0.75, 1.25) if n < SACRUM else 1.0
        self.deepest = rng.uniform(6.0, 11.0), rng.uniform(0.45, 0.75)
        self.bow = rng.uniform(0.15, 0.5)
        # where the hollow of the endplates ends, as a share of the way to the rim; S2's is grown to S1
        self.ring = float(rng.spawn(1)[0].uniform(0.86, 0.97)) if n <= SACRUM else 1.3
        # upper and lower rim: how the length of lips runs around it
        self.waves = rng.uniform(0, 2 * np.pi, (2, 4)).tolist()
        self.lean = rng.normal(0, 0.5, 2).tolist()
        worn = a.severity.osteophytes
        self.lips = [float(worn[disc]) if 0 <= disc < DISCS - 1 else 0.0 for disc in (n - 1, n)]
        self.room = [0.22 * float(a.disc_height[min(max(disc, 0), DISCS - 1)]) for disc in (n - 1, n)]
        self.vein = float(rng.uniform(0.28, 0.5)), float(rng.uniform(0.5, 0.8)), float(rng.uniform(1.0, 1.9))

    def near(self, u, v, w) -> np.ndarray:
        """Indices of points that the body may reach."""
        lip = 1.0 + 9.0 * max(self.lips)
        box = (np.abs(w) < self.half_height + 3 + 0.4 * lip) & (np.abs(u) < self.half_width + 2 + lip)
        return np.flatnonzero(box & (v > -4 - 0.3 * lip) & (v < 2 * self.half_depth + 3 + lip))

    def distance(self, u, v, w):
        """Signed distances of the body, of its outline and of its endplates, and that of its outline without lips."""
        relative = np.minimum((w / self.half_height) ** 2, 1.0)
        waist = self.waist * (1.0 - relative)
        rim, radius = outline(
            u,
            v,
            self.half_width - waist,
            self.half_depth - 0.6 * waist,
            self.power,
            self.notch,
            2 * self.half_width,
            -0.45 * waist,
        )
        # the ring apophysis is flat: endplates are hollow inside of it only
        hollow = np.maximum(1.0 - (radius / self.ring) ** 2, 0.0) ** 1.5
        tilt = self.slope * (v - self.half_depth)
        if self.n >= SACRUM:
            ends = np.maximum(w - self.half_height - tilt + 0.5 * self.concavity * hollow, -self.half_height - tilt - w)
        else:
            # lower endplates are deepest beside the midline and behind the middle, the upper ones in the middle
            aside, behind = self.deepest
            pit = np.exp(-(((np.abs(u) - aside) / 6.0) ** 2) - ((v - 2 * behind * self.half_depth) / 10.0) ** 2)
            top = w - self.half_height - tilt + 0.7 * self.concavity * hollow
            bottom = -self.half_height - tilt + 0.9 * self.concavity * hollow * (1.0 + self.bow * pit) - w
            ends = np.maximum(top, bottom)
        own = rim
        rim, ends = self._with_lips(u, v, w, rim.copy(), ends)
        return smooth_max(rim, ends, 1.2), rim, ends, own

    def _with_lips(self, u, v, w, rim, ends):
        """Osteophytes: irregular lips at the rims, longer in front and at the sides, that curve toward the disc."""
        for end, sign in enumerate((1.0, -1.0)):
            if self.lips[end] <= 0:
                continue
            at = np.flatnonzero((sign * w > self.half_height - 9.0) & (rim > -6.5))
            if not at.size:
                continue
            angle = np.arctan2((v[at] - self.half_depth) / self.half_depth, u[at] / self.half_width)
            wave = self.waves[end]
            around = 1.0 + 0.6 * np.sin(2 * angle + wave[0]) + 0.5 * np.sin(3 * angle + wave[1])
            around = around + 0.4 * np.sin(5 * angle + wave[2]) + 0.25 * np.sin(9 * angle + wave[3])
            around = around + self.lean[end] * np.cos(angle)
            front = 0.25 + 0.75 * ramp(np.sin(angle), -0.85, 0.1)
            long = _LIP * self.lips[end] * front * np.clip(around, 0.08, 2.0)
            beyond = sign * w[at] - self.half_height
            profile = np.exp(-((beyond / np.where(beyond > 0, 2.5 + 0.35 * long, 4.0)) ** 2))
            # the rim rises slowly toward a lip, but leaves room for the disc
            slow = np.minimum(0.6 * long, self.room[end])
            rise = slow * ramp(rim[at], -6.0, 1.0) + (0.6 * long - slow) * ramp(rim[at], -0.5, 1.5)
            rim[at] = rim[at] - long * profile
            ends[at] = ends[at] - rise
        return rim, ends

    def vein_share(self, u, v, w):
        """Bone missing in the canal of the basivertebral vein, as a share: a flat Y that opens at the back."""
        fork, end, thick = self.vein
        fork, end = fork * 2 * self.half_depth, end * 2 * self.half_depth
        trunk, t = segment2d(np.abs(u), v, (0.0, -2.0), (0.0, fork))
        branch, s = segment2d(np.abs(u), v, (0.0, fork), (0.55 * (end - fork) + 3.0, end))
        wide = np.minimum(trunk / (1.9 - 1.0 * t), branch / (0.9 - 0.5 * s)) / thick
        flat = (wide * wide + (w / (1.1 * thick)) ** 2) * np.float32(0.8)
        return 0.13 * np.exp(-flat * flat)
