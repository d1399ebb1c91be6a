"""A whole simulated subject: CT volume, disc boxes, landmarks, T2 slices; in memory and as files Slicer opens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom import ct, mr
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.pair import profile, sample_slab
from CT2MRSynthLib.phantom.sampling import sample
from CT2MRSynthLib.phantom.scene import Landmarks, Subject
from CT2MRSynthLib.volume import Volume

MATRIX = 320
MARGIN_ABOVE, MARGIN_BELOW = 45.0, 40.0
#: Slices painted at once: keeps memory near 300 MB.
SLAB = 12


def phantom_ct(
    seed: int, matrix: int = MATRIX, spacing: float = 1.15, thickness: float = 1.25
) -> tuple[Volume, list[DiscFrame], list[Landmarks]]:
    """A simulated axial CT with all five lumbar discs.

    Args:
        seed: The subject; contrast agent and noise follow from it as well.
        matrix: Voxels along each edge of a slice.
        spacing: Voxel edge in plane, mm.
        thickness: Slice thickness and distance, mm.

    Returns:
        The CT in HU (int16), the crop boxes and the landmarks from L1-L2 to L5-S1.
    """
    subject = Subject(seed)
    settings = ct.CTSettings.draw(np.random.default_rng([seed, 10]), subject.severity)
    frames = [subject.frame(level) for level in LEVELS]
    landmarks = [subject.landmarks(level) for level in LEVELS]
    matrix_ras, slices = _placed(subject, frames, matrix, spacing, thickness)
    rng = np.random.default_rng([seed, 12])
    array = np.empty((slices, matrix, matrix), dtype=np.int16)
    for first in range(0, slices, SLAB):
        count = min(SLAB, slices - first)
        hu = _sampled(subject, settings, matrix_ras, first, count, matrix)
        for k in range(count):
            # a thinner slice than the 4 mm of a disc picture carries more noise
            picture = ct.finish_slice(
                hu[k], settings, spacing, 0.0, rng, noise_factor=np.sqrt(4.0 / max(thickness, 0.5)) * 0.8
            )
            array[first + k] = np.rint(np.clip(picture, -1024, 3071))
    name = f"phantom_{seed}"
    return Volume(array, matrix_ras, name=name, modality="CT"), frames, landmarks


def write_subject(seed: int, out: str | Path, mr: bool = False) -> list[Path]:
    """Write a subject's CT, one box and one landmark list per disc, and what is known about it.

    Args:
        seed: The subject.
        out: Folder.
        mr: Also write the T2 slice at each disc.

    Returns:
        The files: ``<name>_CT.nrrd``, ``<name>_<level>.mrk.json``, ``<name>_landmarks.mrk.json``, ``<name>.json`` and,
        if asked for, ``<name>_<level>_T2.nrrd``.
    """
    from CT2MRSynthLib.imageio import write_volume
    from CT2MRSynthLib.markups import write_box, write_points

    out = Path(out)
    volume, frames, landmarks = phantom_ct(seed)
    name = volume.name
    paths = [out / f"{name}_CT.nrrd"]
    write_volume(paths[0], volume.array, volume.ijk_to_ras)
    for frame in frames:
        paths.append(write_box(out / f"{name}_{frame.level}.mrk.json", frame))
    paths.append(write_points(out / f"{name}_landmarks.mrk.json", {item.level: item.points() for item in landmarks}))
    if mr:
        for frame in frames:
            paths.append(out / f"{name}_{frame.level}_T2.nrrd")
            write_volume(paths[-1], phantom_mr(seed, frame)[None], frame.grid().ijk_to_ras)
    truth = {"name": name, "simulated": True, "anatomy": Subject(seed).anatomy.record()}
    paths.append(write_text(out / f"{name}.json", json.dumps(truth, indent=1) + "\n"))
    return paths


def phantom_mr(seed: int, frame: DiscFrame) -> np.ndarray:
    """The T2 slice of a subject in a box.

    Args:
        seed: The subject.
        frame: The box; its level tells whose disc degeneration counts.

    Returns:
        Grey levels, uint8, shape (256, 256).
    """
    subject = Subject(seed)
    rng = np.random.default_rng([seed, 13, LEVELS.index(frame.level)])
    settings = mr.MRSettings.draw(np.random.default_rng([seed, 11]), subject.severity)
    signals, labels, offsets = sample_slab(subject, frame, settings.thickness, lambda c: mr.signals(c, settings))
    weights = profile(offsets, settings.thickness, 0.3)
    water, fat = (np.tensordot(weights, s, axes=1) for s in signals)
    return mr.finish_slice(water, fat, labels, settings, float(frame.extent[0] / 256), rng)


def _placed(
    subject: Subject, frames: list[DiscFrame], matrix: int, spacing: float, thickness: float
) -> tuple[np.ndarray, int]:
    """Voxel-to-world matrix (LPS-oriented rows and columns, as scanners store) and number of slices."""
    corners = np.vstack([frame.corners() for frame in frames])
    bottom, top = corners[:, 2].min() - MARGIN_BELOW, corners[:, 2].max() + MARGIN_ABOVE
    slices = int(np.ceil((top - bottom) / thickness))
    middle = subject.torso.middle()
    half = (matrix - 1) / 2 * spacing
    matrix_ras = np.diag([-spacing, -spacing, thickness, 1.0])
    matrix_ras[:3, 3] = [middle[0] + half, middle[1] + half, bottom]
    return matrix_ras, slices


def _sampled(subject: Subject, settings: ct.CTSettings, matrix_ras, first: int, count: int, matrix: int) -> np.ndarray:
    """HU of some slices before blur and noise, shape (count, matrix, matrix)."""
    lattice = Lattice.from_matrix(matrix_ras, (count, matrix, matrix), first)
    return sample(subject, lattice, lambda canvas: [ct.hounsfield(canvas, settings)])[0][0]
