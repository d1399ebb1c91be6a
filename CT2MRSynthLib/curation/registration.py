"""Rigid registration of a patient's MR to the CT by mutual information, and whether it can be trusted.

Real scans come in three kinds. Most lie a few millimeters off: the search from patient coordinates finds them. Some
come from a scanner with another origin: they are looked for in the whole CT. And some belong to another patient:
whatever is found then has a blunt metric, and parts of the MR disagree with each other on where they lie.

The edges of fat are what the metric mostly sees. Chemical shift displaces them along the frequency axis by a
millimeter or so against water, and with them the result; the last step at a level goes by tissue without fat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from CT2MRSynthLib.curation.registration_checks import (
    Fit,
    displaced,
    mean_distance,
    measure_fit,
    rotation_deg,
)
from CT2MRSynthLib.curation.registration_coarse import likely_starts
from CT2MRSynthLib.curation.registration_images import (
    PROFILE,
    Lattice,
    Picture,
    ct_picture,
    mr_picture,
    native_lattice,
)
from CT2MRSynthLib.curation.registration_search import Stage, descend
from CT2MRSynthLib.curation.registration_water import step_onto_water
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.volume import Volume

__all__ = ["Registration", "refine", "register"]

#: mm between the voxels of MR and CT that all stacks together are registered on, and of one level's.
MR_SPACING, CT_SPACING, LEVEL_SPACING = 2.5, 2.0, 1.0

#: mm of CT around the MR, so that it may move.
MARGIN, LEVEL_MARGIN = 25.0, 8.0

#: mm around a box that belong to its disc level: in plane, and along its normal.
AROUND = np.array([40.0, 40.0, 12.0])

#: A pose that was searched for is trusted from this sharpness on. Measured on simulated spines: 0.47 and more for the
#: right patient, 0.21 and less for another one or a mirrored picture.
SHARP = 0.33

#: Mutual information from which on a pose that was given, not searched for, is plausible. Another patient or a mirrored
#: picture laid there reached 0.11, aligned real CT and T1 of limbs 0.17 and more.
PLAUSIBLE = 0.15

#: The share of the MR that the CT has to show.
OVERLAP = 0.5

#: mm that parts of the MR, registered each for itself, may lie from where all together do (median).
RESIDUAL = 3.0

#: A start is left as it is unless the metric gains this share and the MR moves by more than so many mm: less may be
#: nothing but the chemical shift of fat (two pixels of 0.8 mm), and would make aligned scans worse.
GAIN, WORTH = 0.03, 1.6

#: The same for one level after the patient's registration, which has followed the fat already, and how far a level may
#: lie from where that puts it: mm, degrees.
LEVEL_GAIN, LEVEL_WORTH = 0.01, 0.2
LEVEL_MOVE, LEVEL_TURN = 5.0, 5.0

_COARSE = (Stage(4.0, 4.0, 0.1, 60, 0.2),)
_FINE = (Stage(2.0, 1.0, 0.05, 40, 0.5), Stage(1.0, 0.5, 0.05, 20, 0.5))
_PART = (Stage(2.0, 1.0, 0.05, 30, 0.5),)
_LEVEL = (Stage(2.0, 1.0, 0.05, 20, 0.3), Stage(0.0, 0.3, 0.02, 20, 0.5))


@dataclass(frozen=True)
class Registration:
    """Where the MR lies in the CT's world.

    Args:
        mr_to_ct: 4x4, moves MR-world RAS mm to CT-world RAS mm.
        succeeded: It can be trusted.
        reason: Empty, or one sentence why it is not to be trusted.
        numbers: For JSON: metric (mutual information, nats) at the start, as returned and as found, sharpness_found
            (share of the metric lost 5 mm beside), overlap (0 to 1), moved_mm (mean over the MR), rotation_deg and
            translation_mm (right, anterior, superior) against the start, residual_mm, kept_start, searched, water_mm
            (the last step of ``refine``, right, anterior, superior).
    """

    mr_to_ct: np.ndarray
    succeeded: bool
    reason: str
    numbers: dict = field(default_factory=dict)


def register(
    ct: Volume,
    mr: Volume | Sequence[Volume],
    start: np.ndarray | None = None,
    region: DiscFrame | None = None,
    progress=None,
) -> Registration:
    """Register all of a patient's MR to the CT with one rigid transform.

    Mattes mutual information (Mattes et al., IEEE TMI 2003), regular step descent from coarse to fine. All stacks count
    together, since one of a few thick slices alone hardly knows where it lies along its normal.

    Args:
        ct: HU.
        mr: One volume or several stacks, all in one world.
        start: 4x4 matrix from MR-world to CT-world RAS mm; None: patient coordinates as they are.
        region: Box in the CT's world around which the MR is compared; None: all of it.
        progress: Called with the fraction done.

    Returns:
        The transform; the start itself, exactly, where nothing better was found.

    Raises:
        InputError: No MR was given, or the start is not rigid.
    """
    stacks = [mr] if isinstance(mr, Volume) else list(mr)
    start = _rigid(start)
    if not stacks:
        raise InputError("No MR was given; give at least one volume to register.")
    told = progress or (lambda fraction: None)
    told(0.0)
    picture = _all_stacks(stacks, start, region)
    if np.count_nonzero(picture.mask) < 500 or np.ptp(picture.values[picture.mask]) < 1e-6:
        reason = "The MR shows next to no tissue: it is empty or all of one value; check its file."
        return Registration(start, False, reason, {"kept_start": True})
    first = _attempt(ct, picture, start, start, _COARSE + _FINE)
    told(0.4)
    found, searched = first, False
    if not first.trusted and not first.start_plausible:
        searched = True
        starts = likely_starts(ct, stacks, start)
        tries = [_attempt(ct, picture, start, place, _COARSE, coarse=True) for place in starts]
        told(0.8)
        if tries:
            best = max(tries, key=lambda attempt: attempt.after.metric)
            found = replace(_attempt(ct, picture, start, best.matrix, _FINE), before=first.before)
            if not found.trusted and first.after.metric > found.after.metric:
                found = first
    told(1.0)
    return found.result(start, searched)


def refine(
    ct: Volume, mr: Volume | Sequence[Volume], frame: DiscFrame, start: np.ndarray, aligned: bool = False
) -> Registration:
    """Register the MR about one disc level, on its own slices, within small bounds around the patient's registration.

    Args:
        ct: HU.
        mr: The volume or the stack of this level; of several, the one whose tissue fills most of the box.
        frame: The level's box in the CT's world.
        start: 4x4 matrix from MR-world to CT-world RAS mm, from ``register``.
        aligned: ``register`` has kept the start it was given: small movements are no reason to leave it here either.

    Returns:
        The transform at this level; the start itself, exactly, where nothing better was found.
    """
    start = _rigid(start)
    pictures = [_level(stack, frame, start) for stack in ([mr] if isinstance(mr, Volume) else mr)]
    if not pictures:
        raise InputError("No MR was given; give at least one volume to register.")
    picture, smoothing = max(pictures, key=lambda pair: np.count_nonzero(pair[0].mask))
    if np.count_nonzero(picture.mask) < 500:
        reason = f"The MR shows next to no tissue around {frame.level}; check that it holds this disc."
        return Registration(start, False, reason, {"kept_start": True})
    points = picture.points()
    lattice = Lattice.around(
        _placed(points, start), picture.lattice.axes @ start[:3, :3].T, LEVEL_SPACING, LEVEL_MARGIN
    )
    target = ct_picture(ct, lattice).smoothed(smoothing)
    before = measure_fit(picture, target, start, sharpness=False)
    matrix = start
    if before.overlap >= OVERLAP:
        matrix = descend(picture, target, start, _LEVEL)
    attempt = _Attempt(start, matrix, before, measure_fit(picture, target, matrix), points)
    result = attempt.level_result(frame.level, WORTH if aligned else LEVEL_WORTH)
    if not result.succeeded or (aligned and result.numbers["kept_start"]):
        return result
    step = step_onto_water(picture, target, result.mr_to_ct)
    if not step.any():
        return result
    matrix = displaced(result.mr_to_ct, step)
    moved = {"moved_mm": _short(mean_distance(matrix, start, points)), "kept_start": False}
    return replace(result, mr_to_ct=matrix, numbers={**result.numbers, **moved, "water_mm": [_short(x) for x in step]})


@dataclass(frozen=True)
class _Attempt:
    """What came of one search."""

    start: np.ndarray
    matrix: np.ndarray
    before: Fit
    after: Fit
    points: np.ndarray
    residual: float | None = None

    @property
    def trusted(self) -> bool:
        consistent = self.residual is None or self.residual <= RESIDUAL
        return self.after.sharpness >= SHARP and self.after.overlap >= OVERLAP and consistent

    @property
    def start_plausible(self) -> bool:
        return self.before.metric >= PLAUSIBLE and self.before.overlap >= OVERLAP

    @property
    def moved(self) -> float:
        return mean_distance(self.matrix, self.start, self.points)

    @property
    def gain(self) -> float:
        return self.after.metric / max(self.before.metric, 1e-6) - 1

    def result(self, start: np.ndarray, searched: bool) -> Registration:
        better = self.trusted and self.gain > GAIN and self.moved > WORTH
        succeeded = self.trusted or self.start_plausible
        # where neither is to be trusted, the transform found is no better than the one given
        return self._registration(better, succeeded, "" if succeeded else self._reason(), searched=searched)

    def level_result(self, level: str, worth: float) -> Registration:
        turned = rotation_deg(self.matrix @ np.linalg.inv(self.start))
        far = self.moved > LEVEL_MOVE or turned > LEVEL_TURN
        if self.trusted and far and self.gain > GAIN:
            reason = (
                f"At {level} the MR lies {self.moved:.1f} mm and {turned:.1f} degrees from where the patient's "
                f"registration puts it (at most {LEVEL_MOVE:g} mm and {LEVEL_TURN:g} degrees); look at the pair."
            )
            return self._registration(False, False, reason)
        better = self.trusted and not far and self.gain > LEVEL_GAIN and self.moved > worth
        # without a search from here the start's own fit decides
        succeeded = better or self.start_plausible
        return self._registration(better, succeeded, "" if succeeded else self._reason(f" at {level}"))

    def _registration(self, better: bool, succeeded: bool, reason: str, **more) -> Registration:
        matrix, fit = (self.matrix, self.after) if better else (self.start, self.before)
        step = matrix @ np.linalg.inv(self.start)
        center = self.points.mean(axis=0)
        numbers = {
            "metric_before": _short(self.before.metric),
            "metric_after": _short(fit.metric),
            "metric_found": _short(self.after.metric),
            "sharpness_found": _short(self.after.sharpness),
            "overlap": _short(fit.overlap),
            "moved_mm": _short(mean_distance(matrix, self.start, self.points)),
            "moved_found_mm": _short(self.moved),
            "rotation_deg": _short(rotation_deg(step)),
            "translation_mm": [
                _short(x) for x in _placed(center[None], matrix)[0] - _placed(center[None], self.start)[0]
            ],
            "residual_mm": None if self.residual is None else _short(self.residual),
            "kept_start": not better,
            **more,
        }
        return Registration(matrix, succeeded, reason, numbers)

    def _reason(self, where: str = "") -> str:
        if self.after.overlap < OVERLAP:
            share = f"{100 * self.after.overlap:.0f} % of the MR's tissue{where} lies on the CT's"
            return f"Only {share} ({100 * OVERLAP:.0f} % are needed): they show different parts of the body."
        if self.after.sharpness < SHARP:
            return (
                f"MR and CT do not match{where}: the metric's sharpness is {self.after.sharpness:.2f} ({SHARP:g} is "
                "needed), as between two patients, two parts of the body or a mirrored picture; check both files."
            )
        return (
            f"Parts of the MR lie {self.residual:.1f} mm from where all of it does (at most {RESIDUAL:g} mm): MR and "
            "CT may be of two patients; check both files."
        )


def _attempt(ct: Volume, mr: Picture, start: np.ndarray, place: np.ndarray, stages, coarse: bool = False) -> _Attempt:
    """Search from ``place`` and measure what is found against ``start``; coarse: its metric only, to choose by."""
    points = mr.points()
    target = ct_picture(ct, Lattice.around(_placed(points, place), np.eye(3), CT_SPACING * (1 + coarse), MARGIN))
    at_place = measure_fit(mr, target, place, sharpness=False)
    before = at_place if place is start else Fit(0.0, 0.0, 0.0)
    matrix = descend(mr, target, place, stages) if at_place.overlap > 0.1 else place
    after = measure_fit(mr, target, matrix, sharpness=not coarse)
    residual = None
    if not coarse and after.sharpness >= SHARP:
        residual = _residual(mr, target, matrix)
    return _Attempt(start, matrix, before, after, points, residual)


def _residual(mr: Picture, ct: Picture, matrix: np.ndarray) -> float:
    """How far parts of the MR, registered each for itself, lie from where all together do, mm: their median.

    The parts are fifths along the longest axis: independent estimates, which agree only if the body is the same.
    """
    where = np.stack([mr.lattice.plane(k) for k in range(mr.lattice.size[2])])
    axis = int(np.argmax(np.ptp(mr.points(), axis=0)))
    limits = np.quantile(where[mr.mask][:, axis], np.linspace(0, 1, 6))
    distances = []
    for low, high in zip(limits[:-1], limits[1:], strict=True):
        part = mr.within((where[..., axis] >= low) & (where[..., axis] <= high))
        if np.count_nonzero(part.mask) >= 500:
            distances.append(mean_distance(descend(part, ct, matrix, _PART), matrix, part.points()))
    return float(np.median(distances)) if distances else 0.0


def _all_stacks(stacks: list[Volume], start: np.ndarray, region: DiscFrame | None) -> Picture:
    corners = np.concatenate([stack.corners() for stack in stacks])
    picture = mr_picture(stacks, Lattice.around(corners, np.eye(3), MR_SPACING))
    if region is None:
        return picture
    near = _near(picture, region, start, np.full(3, 40.0))
    # a start that is far off would cut away what is looked for
    return picture.within(near) if np.count_nonzero(near & picture.mask) >= 5000 else picture


def _level(stack: Volume, frame: DiscFrame, start: np.ndarray) -> tuple[Picture, np.ndarray]:
    """One stack's own slices around a level, and the filter (mm along its axes) that makes the CT as thick."""
    lattice = native_lattice(stack, LEVEL_SPACING)
    picture = mr_picture([stack], lattice)
    smoothing = np.where(lattice.spacing > 1.5 * LEVEL_SPACING, PROFILE * lattice.spacing, 0.0)
    return picture.within(_near(picture, frame, start, AROUND)), smoothing


def _near(picture: Picture, frame: DiscFrame, start: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """Which voxels of the MR lie in a box of the CT's world and a margin around it."""
    planes = []
    for k in range(picture.lattice.size[2]):
        along = (_placed(picture.lattice.plane(k), start) - frame.center) @ frame.axes.T
        planes.append((np.abs(along) <= frame.extent / 2 + margin).all(axis=-1))
    return np.stack(planes)


def _rigid(matrix: np.ndarray | None) -> np.ndarray:
    matrix = np.eye(4) if matrix is None else np.array(matrix, dtype=float)
    turn = matrix[:3, :3]
    if matrix.shape != (4, 4) or not np.allclose(turn @ turn.T, np.eye(3), atol=1e-4) or np.linalg.det(turn) < 0:
        raise InputError(f"The start of the registration is no rigid 4x4 matrix: {matrix.tolist()}; correct it.")
    return matrix


def _placed(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _short(value: float) -> float:
    return round(float(value), 4)
