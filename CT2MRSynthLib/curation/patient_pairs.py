"""The pairs of one patient: MR registered, planes chosen, rules checked, grey levels found, images written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from CT2MRSynthLib import __version__
from CT2MRSynthLib.curation import checks as rules
from CT2MRSynthLib.curation.boxes import Level
from CT2MRSynthLib.curation.greymap import GreyMapping, correct_shading, find_mapping
from CT2MRSynthLib.curation.options import BuildOptions
from CT2MRSynthLib.curation.patients import plain_name
from CT2MRSynthLib.curation.planes import (
    ANOTHER_VIEW,
    Plane,
    is_axial,
    plane_of_box,
    planes_of_overlap,
    sample_ct,
    sample_mr,
)
from CT2MRSynthLib.curation.registration import OVERLAP, Registration, refine, register
from CT2MRSynthLib.curation.registration_slice import refine_in_plane
from CT2MRSynthLib.curation.scans import Scans
from CT2MRSynthLib.errors import Cancelled, InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.pairset import PairEntry, write_pair
from CT2MRSynthLib.pairset.manifest import EXCLUDED, Decision
from CT2MRSynthLib.volume import Volume

#: No picture is made where more than this share of it lies outside a scan.
MOSTLY_OUTSIDE = 0.5

NOT_ASKED = Registration(np.eye(4), True, "", {"method": "none"})


@dataclass
class Candidate:
    """A pair in the making.

    Args:
        level: Disc level, or name of the slice.
        details: For its entry.
        checks: Done so far.
        plane: Where it lies; None where there is no box.
        ct: HU, shape (256, 256), or None where no picture can be made.
        mr: Stored values, same shape, NaN outside the MR; or None.
        problem: Why there is no picture.
    """

    level: str
    details: dict = field(default_factory=dict)
    checks: list[rules.Check] = field(default_factory=list)
    plane: Plane | None = None
    ct: np.ndarray | None = None
    mr: np.ndarray | None = None
    problem: str = ""


@dataclass(frozen=True)
class PatientPairs:
    """What was made of a patient.

    Args:
        entries: For the manifest; images are written.
        problem: Why the scans do not go together, or empty.
        doubt: Why all pairs are excluded, though their pictures can be looked at, or empty.
    """

    entries: list[PairEntry]
    problem: str = ""
    doubt: str = ""


def make_pairs(
    out: Path,
    code: str,
    scans: Scans,
    levels: Sequence[Level],
    sources: dict,
    options: BuildOptions,
    progress: Callable[[str, float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> PatientPairs:
    """Make all pairs of a patient; nothing is written before all are made.

    Args:
        out: Folder of the pair set.
        code: The patient's.
        scans: CT and MR.
        levels: Their boxes, CT-world; not used with ``options.every``.
        sources: Hashes, for the entries.
        options: How.
        progress: Called with "register" or "pairs" and the fraction done.
        cancelled: Asked now and then; True ends the work.

    Raises:
        InputError: No pair of the patient can be made.
        OutputError: An image cannot be written.
        Cancelled: ``cancelled`` said so.
    """
    tell = progress or (lambda name, fraction: None)
    stop = cancelled or (lambda: False)
    tell("register", 0.0)
    mrs = list(scans.mrs)
    if options.n4:
        mrs = [correct_shading(mr) for mr in mrs]
    frames = [level.frame for level in levels if level.frame is not None]
    whole = NOT_ASKED
    if options.registration == "rigid":
        whole = register(
            scans.ct, scans.mrs, region=_around(frames) if frames else None, progress=lambda f: tell("register", f)
        )
    tell("register", 1.0)
    if options.every:
        candidates = _of_slices(scans, mrs, whole, options, tell, stop)
    else:
        candidates = []
        for n, level in enumerate(levels):
            if stop():
                raise Cancelled
            candidates.append(_of_level(scans, mrs, level, whole, options))
            tell("pairs", (n + 1) / (len(levels) + 1))
    if stop():
        raise Cancelled
    entries = _write(out, code, candidates, scans, sources, options)
    pictured = any(candidate.ct is not None for candidate in candidates)
    if not whole.succeeded:
        apart = not pictured or whole.numbers.get("overlap", 0.0) < OVERLAP
        return PatientPairs(entries, whole.reason) if apart else PatientPairs(entries, doubt=whole.reason)
    if pictured:
        return PatientPairs(entries)
    return PatientPairs(entries, f"No pair can be made. {entries[0].level}: {entries[0].decision.reason}")


def _around(frames: Sequence[DiscFrame]) -> DiscFrame:
    """A box along the patient's axes around all others."""
    corners = np.concatenate([frame.corners() for frame in frames])
    low, high = corners.min(axis=0), corners.max(axis=0)
    return DiscFrame((low + high) / 2, np.eye(3), high - low, "all levels")


def _of_level(scans: Scans, mrs: list[Volume], level: Level, whole: Registration, options: BuildOptions) -> Candidate:
    """The pair of a disc."""
    if level.frame is None:
        return Candidate(level.name, problem=level.problem)
    matrices = [whole.mr_to_ct] * len(mrs)
    plane = plane_of_box(level.frame, mrs, matrices)
    registration = whole
    if options.registration == "rigid" and whole.succeeded and plane.angle <= ANOTHER_VIEW:
        # the patient moved between the stacks: each disc has a registration of its own
        kept = whole.numbers["kept_start"]
        registration = refine(scans.ct, scans.mrs[plane.mr], level.frame, whole.mr_to_ct, aligned=kept)
        matrices[plane.mr] = registration.mr_to_ct
        one = plane_of_box(level.frame, [mrs[plane.mr]], [registration.mr_to_ct])
        plane = replace(one, mr=plane.mr)
    candidate = _pictures(scans.ct, mrs, matrices, plane, level.name, level.disc_height / 2)
    candidate.checks[:0] = [
        *_of_registration(registration, options),
        rules.check_angle(plane.angle, options.max_angle),
        rules.check_offset(plane.offset, level.disc_height),
    ]
    candidate.details.update(
        registration={"whole": whole.numbers, "level": registration.numbers, **_matrix(registration.mr_to_ct)},
        box={
            "from": level.origin,
            "edge_mm": round(float(level.frame.extent[0]), 3),
            "disc_height_mm": round(level.disc_height, 2),
            "disc_height_from": level.height_origin,
        },
    )
    return candidate


def _of_slices(
    scans: Scans, mrs: list[Volume], whole: Registration, options: BuildOptions, tell, stop
) -> list[Candidate]:
    """Every N-th slice of the overlap."""
    matrices = [whole.mr_to_ct] * len(mrs)
    if not any(is_axial(mr, whole.mr_to_ct) for mr in mrs):
        raise InputError("The MR has no axial slices; give an axial series.")
    result = []
    planes = list(planes_of_overlap(scans.ct, mrs, matrices, options.every))
    for n, plane in enumerate(planes):
        if stop():
            raise Cancelled
        tell("pairs", n / len(planes))
        found, numbers = whole.mr_to_ct, {}
        if options.registration == "rigid" and whole.succeeded:
            # limbs and skin have shifted against what the whole MR was registered by
            fit = refine_in_plane(scans.ct, scans.mrs[plane.mr], whole.mr_to_ct, plane)
            found, plane, numbers = fit.mr_to_ct, fit.plane, {"slice": fit.numbers}
        candidate = _pictures(scans.ct, mrs, [found] * len(mrs), plane, plane.frame.level)
        candidate.checks[:0] = [
            *_of_registration(whole, options),
            rules.check_angle(plane.angle, options.max_angle),
        ]
        if candidate.ct is not None:
            candidate.checks.append(rules.check_agreement(candidate.ct, candidate.mr))
        candidate.details.update(
            registration={"whole": whole.numbers, **numbers, **_matrix(found)},
            box={"from": "overlap", "edge_mm": round(float(plane.frame.extent[0]), 3)},
        )
        result.append(candidate)
    if not result:
        raise InputError(
            "CT and MR have no field of view in common; check that both are of one patient and one place."
            if whole.succeeded
            else whole.reason
        )
    return result


def _pictures(
    ct: Volume, mrs: list[Volume], matrices: list[np.ndarray], plane: Plane, name: str, reach: float = 0.0
) -> Candidate:
    """Both pictures of a plane, where they can be made: no farther than ``reach`` mm and a slice from mid-disc."""
    candidate = Candidate(name, plane=plane)
    candidate.details["plane"] = {
        "angle_deg": round(plane.angle, 3),
        "offset_mm": round(plane.offset, 3),
        "thickness_mm": round(plane.thickness, 3),
        "mr_stack": plane.mr + 1,
        "mr_slice": None if plane.slice is None else plane.slice + 1,
    }
    if plane.angle > ANOTHER_VIEW:
        candidate.problem = (
            f"The MR slices are turned by {plane.angle:.0f} degrees against the disc, which is another view; give an "
            "axial series."
        )
        return candidate
    if abs(plane.offset) > reach + plane.thickness:
        candidate.problem = "No MR slice shows this disc."
        return candidate
    hu, signal = sample_ct(ct, plane), sample_mr(mrs[plane.mr], matrices[plane.mr], plane)
    candidate.checks = rules.check_view(hu.outside_fraction, signal.outside_fraction)
    if max(hu.outside_fraction, signal.outside_fraction) > MOSTLY_OUTSIDE:
        candidate.problem = "No picture can be made."
        return candidate
    candidate.ct = hu.array[0]
    candidate.mr = np.where(signal.outside[0], np.nan, signal.array[0])
    return candidate


def _of_registration(registration: Registration, options: BuildOptions) -> list[rules.Check]:
    if options.registration == "none":
        return []
    return [rules.check_registration(registration.succeeded, registration.reason)]


def _matrix(mr_to_ct: np.ndarray) -> dict:
    return {"mr_to_ct_ras": np.round(mr_to_ct, 9).tolist()}


def _write(
    out: Path, code: str, candidates: list[Candidate], scans: Scans, sources: dict, options: BuildOptions
) -> list[PairEntry]:
    """Map the MR to grey levels, check what is seen, write the images."""
    pictured = [candidate for candidate in candidates if candidate.ct is not None]
    # a slice that lies wrong would mix fat with muscle
    pictured = [candidate for candidate in pictured if all(check.passed for check in candidate.checks)] or pictured
    mapping = None
    if pictured:
        mapping = find_mapping(
            [candidate.ct for candidate in pictured],
            [candidate.mr for candidate in pictured],
            options.sequence,
            options.n4,
        )
    entries = []
    for candidate in candidates:
        if options.max_days is not None and scans.days_apart is not None:
            candidate.checks.append(rules.check_days(scans.days_apart, options.max_days))
        candidate.details.update(sources=sources, days_apart=scans.days_apart, warnings=list(scans.warnings))
        entries.append(_entry(out, code, candidate, mapping, options.sequence))
    return entries


def _entry(out: Path, code: str, candidate: Candidate, mapping: GreyMapping | None, sequence: str) -> PairEntry:
    mr = None
    if candidate.ct is not None:
        mr = mapping.apply(np.nan_to_num(candidate.mr, nan=mapping.low))
        candidate.checks += rules.check_content(candidate.ct, mr)
        candidate.details["grey_mapping"] = mapping.to_json()
    candidate.details["checks"] = [check.to_json() for check in candidate.checks]
    reason = " ".join(part for part in (rules.reason(candidate.checks), candidate.problem) if part)
    decision = Decision(EXCLUDED, reason) if reason else Decision()
    if mr is None:
        identifier = f"{plain_name(code)}_{plain_name(candidate.level)}"
        return PairEntry(identifier, code, candidate.level, sequence, {}, None, decision, None, candidate.details)
    entry = write_pair(
        out,
        code,
        candidate.level,
        candidate.ct,
        mr,
        candidate.plane.grid,
        sequence,
        candidate.details,
        {"CT2MRSynth version": __version__},
    )
    return replace(entry, decision=decision)
