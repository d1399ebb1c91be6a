"""Sets of simulated pairs as ``.npz`` files that training reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from CT2MRSynthLib.atomic import replacing
from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.phantom.pair import Pair, render_pairs

SHARD = 100


def write_pairs(
    out: str | Path,
    count: int,
    seed: int,
    processes: int | None = 1,
    shard: int = SHARD,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write ``count`` pairs, one per seed from ``seed`` on, in files of ``shard`` pairs; complete files are kept.

    Each file holds ``ct`` (int16, HU), ``mr`` (uint8), both (n, 256, 256), ``level``, ``seed``, ``subject`` and
    ``extent`` (box edges right, anterior, superior in mm).

    Args:
        out: Folder.
        count: Number of pairs, each of another subject.
        seed: First seed.
        processes: Worker processes.
        shard: Pairs per file.
        progress: Called with pairs done and pairs in all.

    Raises:
        UsageError: Nothing to make.
    """
    if count < 1 or shard < 1:
        raise UsageError(f"{count} pairs in files of {shard} are asked for; give numbers from 1.")
    paths = []
    for first in range(seed, seed + count, shard):
        seeds = range(first, min(first + shard, seed + count))
        path = Path(out) / f"pairs_{seeds[0]:06d}_{seeds[-1]:06d}.npz"
        if not path.exists():
            pairs = []
            for pair in render_pairs(seeds, processes):
                pairs.append(pair)
                if progress:
                    progress(seeds[0] - seed + len(pairs), count)
            _write(path, seeds, pairs)
        paths.append(path)
    return paths


def _write(path: Path, seeds, pairs: list[Pair]) -> None:
    with replacing(path, suffix=".part") as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            ct=np.stack([np.rint(pair.ct).astype(np.int16) for pair in pairs]),
            mr=np.stack([pair.mr for pair in pairs]),
            level=np.array([pair.frame.level for pair in pairs]),
            seed=np.array(list(seeds)),
            subject=np.array([f"phantom {seed}" for seed in seeds]),
            extent=np.stack([pair.frame.extent for pair in pairs]),
        )
