"""What tests of whole runs need: a tiny bundle, small CTs with tissues, boxes, and the command in a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from CT2MRSynthLib.frame import DiscFrame

ROOT = Path(__file__).resolve().parents[2]

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def hounsfield(size: int = 80, seed: int = 0) -> np.ndarray:
    """A trunk in air: fat, muscle, a vertebra with dense bone; int16, shape (k, j, i)."""
    noise = np.random.default_rng(seed).normal(0, 12, (size, size, size))
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    radius = np.hypot(x, y)
    plane = np.full((size, size), -1000.0)
    plane[radius < 0.9] = -100
    plane[radius < 0.7] = 55
    plane[np.hypot(x - 0.05, y - 0.1) < 0.3] = 210
    plane[np.hypot(x + 0.2, y - 0.45) < 0.1] = 700
    return np.clip(np.round(plane + noise), -1024, 3071).astype(np.int16)


def geometry(size: int = 80, spacing: float = 1.6) -> np.ndarray:
    """Voxel-to-RAS matrix of a volume whose indices run left, posterior, superior, centered in the origin."""
    matrix = np.diag([-spacing, -spacing, spacing, 1.0])
    matrix[:3, 3] = -matrix[:3, :3] @ np.full(3, (size - 1) / 2)
    return matrix


def write_ct(path: Path, seed: int = 0, array: np.ndarray | None = None) -> Path:
    """A CT as a file of any format that ``write_volume`` knows."""
    from CT2MRSynthLib.imageio import write_volume

    return write_volume(path, hounsfield(seed=seed) if array is None else array, geometry())


def write_boxes(path: Path, *levels: str, centers=None) -> Path:
    """Boxes of 60 x 60 x 4 mm in one Markups file, the levels one above the other."""
    from CT2MRSynthLib.markups import write_box

    markups = []
    for n, level in enumerate(levels):
        center = centers[n] if centers else [0.0, -2.0, 25.0 - 12.0 * n]
        one = write_box(path.with_name(f"one-{n}.mrk.json"), DiscFrame(center, np.eye(3), [60, 60, 4], level))
        content = json.loads(one.read_text(encoding="utf-8"))
        markups += content["markups"]
        one.unlink()
    path.write_text(json.dumps({**content, "markups": markups}), encoding="utf-8")
    return path


def write_bundle(path: Path) -> Path:
    """A generator of four channels with random weights: the smallest that goes through every step."""
    import torch

    from CT2MRSynthLib.bundle import save_bundle
    from CT2MRSynthLib.modelcard import ModelCard
    from CT2MRSynthLib.networks.generator import Generator

    torch.manual_seed(1)
    card = ModelCard(
        name="Tiny test",
        version="0.0.1",
        architecture={"name": Generator.architecture, "width": 4, "blocks": 1},
        ct_window=(-200.0, 600.0),
        training_data={"description": "none", "subjects": 0, "pairs": 0},
    )
    save_bundle(path, Generator(4, 1).state_dict(), card)
    return path


def command(*words) -> list[str]:
    """The command line of ``ct2mrsynth synthesize`` on the CPU."""
    fixed = ["--device", "cpu", "--precision", "float32"]
    return [sys.executable, "-m", "CT2MRSynthLib", "synthesize", *map(str, words), *fixed]


def run(*words, **options) -> subprocess.CompletedProcess:
    """Run it to its end."""
    return subprocess.run(command(*words), env=ENVIRONMENT, capture_output=True, text=True, timeout=300, **options)


def files_below(folder: Path) -> list[str]:
    """Names of all files, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def read(path: Path):
    """A volume file as SimpleITK gives it."""
    import SimpleITK

    return SimpleITK.ReadImage(str(path))


def voxels(image):
    """Its array, shape (k, j, i)."""
    import SimpleITK

    return SimpleITK.GetArrayFromImage(image)


def load(path: Path):
    """The content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
