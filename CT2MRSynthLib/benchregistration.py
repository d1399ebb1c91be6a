"""Measurement of registration on simulated patients, whose displacement between CT and MR is known."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Slice thicknesses of the CTs in turn, mm.
THICKNESSES = (1.25, 2.0, 3.0, 5.0)

#: Severities in turn: usual, and what makes registration harder.
SEVERITIES = ({}, {"stenosis": 0.8}, {}, {"scoliosis": 0.9})

#: CT voxels along an edge and their distance in mm: small, to save time.
MATRIX, SPACING = 256, 1.3

#: Further displacement of every third patient's start, mm.
FAR = 15.0


def measure_registration(subjects: int = 12, seed: int = 300, progress: Callable[[float], None] | None = None) -> dict:
    """Error of registration at the discs, and how often it trusts what it must not.

    Every patient is registered, all levels refined. Then the MR of the patient before, laid on the same disc, has to
    be refused. The error is the greatest distance, among nine points of the disc (center and 20 mm around it in plane),
    between where the registration takes them and where they are (target registration error).

    Args:
        subjects: Patients.
        seed: Of the first.
        progress: Called with the fraction done.

    Returns:
        For JSON: ``subjects``, ``levels``, mm ``before``, ``after_patient`` and ``after`` (each with median, p95, max),
        ``seconds_per_patient`` and ``seconds_per_level`` (CPU), ``failures`` (right pairs and levels refused: seed,
        level, reason), ``wrong_pairs``, ``wrong_accepted`` (seeds of CT and MR).
    """
    import numpy as np

    from CT2MRSynthLib.curation.registration import refine, register

    errors: dict[str, list[float]] = {"before": [], "after_patient": [], "after": []}
    failures, accepted, previous = [], [], None
    seconds = {"patient": 0.0, "level": 0.0}
    for n in range(subjects):
        subject = _subject(seed + n, n)
        start = _start(np.random.default_rng([seed, n]), FAR if n % 3 == 2 else 0.0)
        began = time.process_time()
        whole = register(subject.ct, [stack.volume for stack in subject.stacks.values()], start)
        seconds["patient"] += time.process_time() - began
        if not whole.succeeded:
            failures.append({"seed": seed + n, "level": None, "reason": whole.reason})
        for level, stack in subject.stacks.items():
            began = time.process_time()
            kept = whole.numbers["kept_start"]
            refined = refine(subject.ct, stack.volume, subject.frames[level], whole.mr_to_ct, aligned=kept)
            seconds["level"] += time.process_time() - began
            if whole.succeeded and not refined.succeeded:
                failures.append({"seed": seed + n, "level": level, "reason": refined.reason})
            found = {"before": start, "after_patient": whole.mr_to_ct, "after": refined.mr_to_ct}
            for name, matrix in found.items():
                errors[name].append(_target_error(subject.frames[level], stack.ct_to_mr, matrix))
        if previous is not None and _accepts(subject, previous):
            accepted.append([seed + n, previous.seed])
        previous = subject
        if progress:
            progress((n + 1) / subjects)
    return {
        "subjects": subjects,
        "levels": len(errors["after"]),
        **{name: _summary(values) for name, values in errors.items()},
        "seconds_per_patient": round(seconds["patient"] / max(subjects, 1), 2),
        "seconds_per_level": round(seconds["level"] / max(len(errors["after"]), 1), 2),
        "failures": failures,
        "wrong_pairs": max(subjects - 1, 0),
        "wrong_accepted": accepted,
    }


def _subject(seed: int, turn: int):
    from CT2MRSynthLib.phantom.ct.protocol import CTProtocol
    from CT2MRSynthLib.phantom.subject import phantom_subject

    thickness = THICKNESSES[turn % len(THICKNESSES)]
    layout = CTProtocol(matrix=MATRIX, spacing=SPACING, thickness=thickness, increment=thickness)
    # another cycle than that of the thicknesses, so that every severity meets every thickness
    return phantom_subject(seed, SEVERITIES[(turn + turn // len(THICKNESSES)) % len(SEVERITIES)], layout)


def _start(rng, distance: float):
    import numpy as np

    start, way = np.eye(4), rng.normal(size=3)
    start[:3, 3] = distance * way / np.linalg.norm(way)
    return start


def _accepts(subject, other) -> bool:
    """Whether the MR of another patient is taken for the subject's."""
    import numpy as np

    from CT2MRSynthLib.curation.registration import register

    start = np.eye(4)
    start[:3, 3] = subject.frames["L3-L4"].center - other.frames["L3-L4"].center
    return register(subject.ct, [stack.volume for stack in other.stacks.values()], start).succeeded


def _target_error(frame, ct_to_mr, mr_to_ct) -> float:
    import numpy as np

    steps = np.array([[x, y, 0.0] for x in (-20, 0, 20) for y in (-20, 0, 20)])
    points = frame.center + steps @ frame.axes
    both = mr_to_ct @ ct_to_mr
    return float(np.linalg.norm(points @ both[:3, :3].T + both[:3, 3] - points, axis=1).max())


def _summary(values: list[float]) -> dict:
    import numpy as np

    if not values:
        return {"median": None, "p95": None, "max": None}
    found = {"median": np.median(values), "p95": np.percentile(values, 95), "max": np.max(values)}
    return {name: round(float(value), 3) for name, value in found.items()}
