"""Measurements of the simulation's speed, each against a fixed computation in the same process.

All times are CPU time of one core: what else runs on the machine makes them longer, but the computation beside which
they are measured as well, so that their ratios stay.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seed of the first pair, which only warms up, and of the subject; the others follow.
FIRST = 100
#: How often the fixed computation does its work: it takes about as long as a fifth of a pair.
_ROUNDS = 240


def measure_phantom(pairs: int = 12, subject: bool = True) -> dict:
    """Speed at which pairs and a whole subject are simulated.

    The fixed computation takes turns with the pairs. Call this before NumPy is loaded: then its linear algebra takes
    one thread here, as in ``ct2mrsynth phantom``.

    Args:
        pairs: How many are measured, of different subjects, levels and scans.
        subject: Measure a whole subject (CT of clinical size, five T2 stacks) too: as long as thirty pairs.

    Returns:
        ``pairs_per_s``, ``pair_ms``, ``pair_ratio`` (a pair's time relative to the fixed computation's),
        ``computation_ms``, and with a subject ``subject_ct_s``, ``subject_voxels``, ``subject_mr_s``,
        ``subject_ratio``.
    """
    from CT2MRSynthLib.threads import one_thread

    with one_thread():
        from CT2MRSynthLib.phantom.pair import render_pair
    computation = _computation()
    render_pair(FIRST)
    computation()
    spent, fixed = [], []
    for seed in range(FIRST + 1, FIRST + 1 + pairs):
        spent.append(_seconds(lambda seed=seed: render_pair(seed)))
        fixed.append(_seconds(computation))
    pair, unit = sum(spent) / len(spent), sum(fixed) / len(fixed)
    result = {
        "pairs_per_s": round(1 / pair, 2),
        "pair_ms": round(1e3 * pair, 1),
        "pair_ratio": round(pair / unit, 2),
        "computation_ms": round(1e3 * unit, 1),
    }
    return {**result, **_measure_subject(FIRST, computation)} if subject else result


def _measure_subject(seed: int, computation: Callable) -> dict:
    from CT2MRSynthLib.phantom.ct.table_pose import LyingSubject
    from CT2MRSynthLib.phantom.ct.volume import scan_ct
    from CT2MRSynthLib.phantom.subject import take_mr

    body, fixed, made = LyingSubject.of(seed), [], []

    def work_beside(_fraction: float) -> None:
        # as often as a machine's speed may change while a subject is made
        if time.process_time() - last[0] > 1.0:
            fixed.append(_seconds(computation))
            last[0] = time.process_time()

    last = [time.process_time()]
    ct = _seconds(lambda: made.append(scan_ct(body, progress=work_beside))) - sum(fixed)
    mr = _seconds(lambda: take_mr(body))
    fixed.append(_seconds(computation))
    return {
        "subject_ct_s": round(ct, 2),
        "subject_voxels": made[0].volume.array.size,
        "subject_mr_s": round(mr, 2),
        "subject_ratio": round((ct + mr) / (sum(fixed) / len(fixed)), 1),
    }


def _computation() -> Callable[[], float]:
    """What painting is made of, on arrays of a slab's size: gathers from a table, arithmetic, roots, comparisons."""
    import numpy as np

    rng = np.random.default_rng(0)
    table = rng.standard_normal(1 << 17).astype(np.float32)
    index = rng.integers(0, table.size, 1 << 16)
    x, y = (rng.standard_normal(1 << 16).astype(np.float32) for _ in range(2))

    def run() -> float:
        total = 0.0
        for _ in range(_ROUNDS):
            values = table.take(index)
            radius = np.sqrt(x * x + y * y) + 0.1 * values
            where = np.flatnonzero((radius < 1.0) & (x > -0.5))
            share = np.clip((radius[where] - 0.2) / 0.6, 0.0, 1.0)
            total += float(np.exp(-share * share).sum()) + float(np.arctan2(y[where], x[where])[0])
        return total

    return run


def _seconds(function: Callable) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started
