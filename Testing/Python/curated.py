"""Patients with matched CT and MR for tests of curation: soft shapes in a body, seen by both scanners."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bodies import tilted_axes

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.imageio import write_volume
from CT2MRSynthLib.markups import write_box, write_points
from CT2MRSynthLib.volume import Volume

#: HU and T2 signal of air, fat, muscle, bone, fluid.
HU = np.array([-1000, -95, 55, 260, 10])
T2 = np.array([0, 145, 27, 70, 215])
SIZE, SPACING = (100, 90, 26), (1.8, 1.8, 3.0)


def tissues(points: np.ndarray, seed: int = 1) -> np.ndarray:
    """Tissue at RAS points, shape (n, 3), of the patient ``seed``: 0 air, 1 fat, 2 muscle, 3 bone, 4 fluid."""
    a, b, c = np.random.default_rng(seed).uniform(0.8, 1.2, 3)
    r, f, s = points.T
    result = np.zeros(len(points), dtype=int)
    result[(r / 78) ** 2 + (f / 66) ** 2 < 1] = 1
    result[(r / 66) ** 2 + (f / 54) ** 2 < 1 + 0.05 * np.sin(s / 9 * a)] = 2
    for n in range(4):
        x, y, z = 40 * np.cos(n * 1.7 + a), 32 * np.sin(n * 1.7 + b), 12 * np.sin(2.0 * n + c)
        result[(r - x) ** 2 + (f - y) ** 2 + (s - z) ** 2 < (11 + 2 * n) ** 2] = 1
    result[(r / (22 * a)) ** 2 + ((f - 20 - 0.2 * s) / (16 * b)) ** 2 < 1 + 0.2 * np.cos(s / 6)] = 3
    result[((r - 0.15 * s) / 10) ** 2 + ((f + 12) / (7 * c)) ** 2 < 1] = 4
    return result


def scan(
    values: np.ndarray, seed: int = 1, size=SIZE, spacing=SPACING, axes=None, center=(0, 0, 0), noise=0.0
) -> Volume:
    """A volume of ``values`` by tissue; index axes run along the rows of ``axes`` (default: RAS)."""
    axes = np.eye(3) if axes is None else axes
    matrix = np.eye(4)
    matrix[:3, :3] = axes.T * np.asarray(spacing)
    matrix[:3, 3] = np.asarray(center) - matrix[:3, :3] @ ((np.asarray(size) - 1) / 2)
    k, j, i = np.mgrid[0 : size[2], 0 : size[1], 0 : size[0]]
    ijk = np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1)
    found = values[tissues(ijk @ matrix[:3, :3].T + matrix[:3, 3], seed)].reshape(k.shape)
    found = found + noise * np.random.default_rng(seed).standard_normal(found.shape)
    return Volume(np.rint(found).astype(np.int16), matrix)


def ct_of(seed: int = 1, **where) -> Volume:
    return scan(HU, seed, noise=8.0, **where)


def mr_of(seed: int = 1, gain: float = 4.0, **where) -> Volume:
    volume = scan(T2 * gain, seed, noise=2.0 * gain, **where)
    return Volume(np.maximum(volume.array, 0), volume.ijk_to_ras)


def frame_at(s: float = 0.0, tilt: float = 0.0, level: str = "L4-L5", edge: float = 80.0) -> DiscFrame:
    return DiscFrame([0.0, 0.0, s], tilted_axes(0, tilt, 0), [edge, edge, 4.0], level)


def write(path: Path, volume: Volume) -> Path:
    return write_volume(path, volume.array, volume.ijk_to_ras)


def write_patient(folder: Path, seed: int = 1, levels=("L3-L4", "L4-L5"), mr: Volume | None = None) -> Path:
    """CT, MR and one box a level in a folder named after the patient."""
    write(folder / "CT.nrrd", ct_of(seed))
    write(folder / "MR.nrrd", mr or mr_of(seed))
    for n, level in enumerate(levels):
        write_box(folder / f"{level}.mrk.json", frame_at(15.0 - 15.0 * n, level=level))
    return folder


def landmarks(s: float = 0.0, half_width: float = 25.0, distance: float = 40.0) -> list:
    """Landmarks of a disc at height ``s``, its ventral cut ``distance`` mm ahead of the sac."""
    return [
        ("disc front", np.array([0.0, 30.0, s])),
        ("disc back", np.array([0.0, 0.0, s])),
        ("disc left", np.array([-20.0, 15.0, s])),
        ("ventral", np.array([0.0, distance - 10.0, s])),
        ("sac", np.array([0.0, -10.0, s])),
        ("lateral right", np.array([half_width, 10.0, s])),
        ("lateral left", np.array([3 - half_width, 10.0, s])),
    ]


def write_landmarks(path: Path, **lists: list) -> Path:
    return write_points(path, {name.replace("_", "-"): points for name, points in lists.items()})
