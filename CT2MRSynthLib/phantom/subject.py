"""A whole simulated subject: CT volume, disc boxes, landmarks, T2 slices; in memory and as files Slicer opens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom import mr
from CT2MRSynthLib.phantom.ct_volume import phantom_ct
from CT2MRSynthLib.phantom.pair import profile, sample_slab
from CT2MRSynthLib.phantom.table_pose import LyingSubject


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
    truth = {"name": name, "simulated": True, "anatomy": LyingSubject.of(seed).anatomy.record()}
    paths.append(write_text(out / f"{name}.json", json.dumps(truth, indent=1) + "\n"))
    return paths


def phantom_mr(seed: int, frame: DiscFrame) -> np.ndarray:
    """The T2 slice of a subject in a box.

    Args:
        seed: The subject.
        frame: The box, in the world of the subject's CT; its level tells whose disc degeneration counts.

    Returns:
        Grey levels, uint8, shape (256, 256).
    """
    subject = LyingSubject.of(seed)
    rng = np.random.default_rng([seed, 13, LEVELS.index(frame.level)])
    settings = mr.MRSettings.draw(np.random.default_rng([seed, 11]), subject.severity)
    signals, labels, offsets = sample_slab(subject, frame, settings.thickness, lambda c: mr.signals(c, settings))
    weights = profile(offsets, settings.thickness, 0.3)
    water, fat = (np.tensordot(weights, s, axes=1) for s in signals)
    return mr.finish_slice(water, fat, labels, settings, float(frame.extent[0] / 256), rng)
