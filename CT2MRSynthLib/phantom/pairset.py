"""Sets of simulated pairs: which discs of which subjects, and their way into a pair set on disk."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path

import numpy as np

from CT2MRSynthLib import __version__, provenance
from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.pairset import PairEntry, PairSetWriter, write_pair
from CT2MRSynthLib.phantom.pair import render_pair
from CT2MRSynthLib.phantom.severities import Severities
from CT2MRSynthLib.threads import one_thread

#: Subjects for so many pairs, as in the study that this follows.
PAIRS_OF, SUBJECTS_OF = 280, 129
#: More than this nobody waits for.
MOST = 1_000_000
#: How often each level is among the pairs: the lower discs wear more and are imaged more.
LEVEL_SHARES = (0.12, 0.16, 0.22, 0.28, 0.22)


def write_pairs(
    out: str | Path,
    count: int = PAIRS_OF,
    seed: int = 1,
    subjects: int | None = None,
    processes: int = 1,
    severity: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a pair set of ``count`` discs; what is complete in the folder is kept.

    The same numbers give the same bytes, whatever the number of processes, in one run or in several.

    Args:
        out: Folder.
        count: Number of pairs.
        seed: The first subject; the others follow it.
        subjects: How many subjects the pairs are of, 1 to 5 discs each; None: 129 for 280 pairs, and in proportion.
        processes: Worker processes; 1: this one.
        severity: Severities to set in all subjects, by name; the others follow from the seeds.
        progress: Called with pairs complete and pairs in all.

    Returns:
        The manifest.

    Raises:
        UsageError: The numbers do not go together, or the folder holds another pair set.
        OutputError: A file cannot be written.
    """
    if subjects is None:
        subjects = max(1, round(count * SUBJECTS_OF / PAIRS_OF))
    plan = plan_pairs(count, subjects, seed)
    Severities.draw(np.random.default_rng(0)).changed(severity or {})  # refused before anything is written
    made_by = {
        "command": "phantom",
        "version": __version__,
        "pairs": count,
        "subjects": subjects,
        "seed": seed,
        "severities_set": dict(severity or {}),
    }
    with PairSetWriter(out, made_by, simulated=True) as writer:
        missing = [(str(out), *item, severity) for item in plan if _identifier(*item) not in writer]
        done = len(plan) - len(missing)
        if progress:
            progress(done, len(plan))
        with _mapper(min(processes, len(missing))) as mapped:
            for n, entry in enumerate(mapped(_make, missing), 1):
                writer.add(entry)
                if progress:
                    progress(done + n, len(plan))
        return writer.manifest


def plan_pairs(count: int, subjects: int, seed: int) -> list[tuple[int, str]]:
    """Seeds and levels of a pair set, subject by subject from superior to inferior.

    Args:
        count: Number of pairs.
        subjects: Number of subjects, each with 1 to 5 of its discs.
        seed: The first subject.

    Raises:
        UsageError: The numbers do not go together.
    """
    if not 1 <= count <= MOST or seed < 0:
        raise UsageError(f"{count} pairs from seed {seed} are asked for; give 1 to {MOST} pairs and a seed from 0.")
    if not subjects <= count <= len(LEVELS) * subjects:
        raise UsageError(
            f"{count} pairs of {subjects} subjects are asked for; a subject has 1 to {len(LEVELS)} discs: "
            f"give {-(-count // len(LEVELS))} to {count} subjects."
        )
    rng = np.random.default_rng([seed, 200])
    # some patients have several discs imaged, others only the one that hurts
    turn = rng.exponential(size=(subjects, len(LEVELS) - 1)) / rng.uniform(0.2, 2.0, (subjects, 1))
    further = np.argsort(turn.ravel(), kind="stable")[: count - subjects] // (len(LEVELS) - 1)
    discs = 1 + np.bincount(further, minlength=subjects)
    chosen = [sorted(rng.choice(len(LEVELS), n, replace=False, p=LEVEL_SHARES)) for n in discs]
    return [(seed + n, LEVELS[level]) for n, levels in enumerate(chosen) for level in levels]


def _patient(seed: int) -> str:
    return f"phantom-{seed:06d}"


def _identifier(seed: int, level: str) -> str:
    return f"{_patient(seed)}_{level}"


def _make(task: tuple[str, int, str, Mapping | None]) -> PairEntry:
    """Render and write one pair; runs in a worker process."""
    out, seed, level, severity = task
    pair = render_pair(seed, level, severity=severity)
    return write_pair(
        out,
        _patient(seed),
        level,
        pair.ct,
        pair.mr,
        pair.frame.grid(),
        details={"seed": seed, **pair.truth},
        metadata={"CT2MRSynth label": f"SIMULATED, {provenance.LABEL}"},
    )


@contextmanager
def _mapper(processes: int) -> Iterator[Callable]:
    """``map`` in this process or in several, which end at once when this one is told to."""
    if processes < 2:
        yield map
        return
    # not forked: a thread of this process may hold a lock that would stay locked
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _depend_on_parent)
    with one_thread():
        try:
            yield pool.map
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _depend_on_parent() -> None:
    """Leave signals to the parent process, and end with it even where it was killed and could tell nobody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_after, args=(parent_process(),), daemon=True).start()


def _end_after(parent) -> None:
    parent.join()
    os._exit(1)
