"""Simulated samples for Slicer's Sample Data module: made on demand, without a download, and loaded into a scene.

A sample is made by ``ct2mrsynth phantom`` in a process of its own, so that the application stays usable meanwhile, and
kept in the application's cache folder.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from CT2MRSynthLib.childprocess import ChildProcess, library_command, said_of
from CT2MRSynthLib.errors import Cancelled, CT2MRSynthError

CATEGORY = "CT2MRSynth"

#: Seconds between two looks at the process.
POLL = 0.05
#: Abdominal window, HU.
WINDOW, LEVEL = 400.0, 40.0


@dataclass(frozen=True)
class Sample:
    """Something that can be made and loaded.

    Args:
        title: What people read, and by which it is found.
        folder: Below the folder of all samples.
        words: For ``ct2mrsynth phantom``.
        main: The file that is written last.
        icon: File name in Resources/Icons.
    """

    title: str
    folder: str
    words: tuple[str, ...]
    main: str
    icon: str

    @property
    def holds_pairs(self) -> bool:
        """Whether it is a pair set, otherwise a subject."""
        return self.main == "manifest.json"


PHANTOM = Sample(
    "Simulated lumbar CT",
    "phantom",
    ("--seed", "7", "--no-mr", "--no-labels"),
    "phantom_7.json",
    "CT2MRSynthPhantom.png",
)
PAIRS = Sample(
    "Simulated pairs of CT and T2",
    "pairs",
    ("--pairs", "20", "--seed", "1"),
    "manifest.json",
    "CT2MRSynthPairs.png",
)
SAMPLES = (PHANTOM, PAIRS)


def find(title: str) -> Sample:
    """The sample of a title."""
    return next(sample for sample in SAMPLES if sample.title == title)


def folder_of(sample: Sample, cache: str | Path) -> Path:
    """Where a sample lies, in the cache folder of the application; another version makes its own."""
    from CT2MRSynthLib import __version__

    return Path(cache) / "CT2MRSynth" / __version__ / sample.folder


def is_made(sample: Sample, folder: Path) -> bool:
    """Whether a sample is there, whole."""
    if sample.holds_pairs:
        from CT2MRSynthLib.errors import InputError
        from CT2MRSynthLib.pairset import is_complete, read_manifest

        try:
            found = read_manifest(folder)
        except InputError:
            return False
        return len(found.pairs) == found.made_by.get("pairs") and all(is_complete(folder, one) for one in found.pairs)
    try:
        files = json.loads((folder / sample.main).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return False
    return all((folder / file).is_file() for file in files)


def make(sample: Sample, folder: Path, tell: Callable[[float, str], bool]) -> None:
    """Make a sample in a process of its own; returns when it is complete.

    Args:
        sample: What to make.
        folder: Where.
        tell: Called often with percent done and words, so that it can keep the application alive; False ends the work.

    Raises:
        Cancelled: ``tell`` said so.
        CT2MRSynthError: The process failed.
    """
    words = ["phantom", *sample.words, "--out", str(folder), "--events", "--quiet"]
    percent, stage, reason = 0.0, "", ""
    with tempfile.TemporaryDirectory(prefix="ct2mrsynth-") as output:
        process = ChildProcess(library_command(*words), output)
        try:
            running = True
            while running:
                running = process.status is None
                for event in process.new_events():
                    if event.get("event") == "progress":
                        percent, stage = float(event["percent"]), _words(event)
                    if event.get("event") == "error":
                        reason = event["message"]
                if not tell(percent, stage):
                    raise Cancelled
                time.sleep(POLL)
        finally:
            process.end()
        if process.status != 0:
            raise CT2MRSynthError(reason or f"The simulation {said_of(process.status)}: {process.last_words(3)}")


def load(scene, sample: Sample, folder: Path) -> list:
    """Load a sample into a scene.

    Args:
        scene: The MRML scene.
        sample: Of a subject the CT, its five crop boxes and five lists of landmarks are loaded. Of a pair set CT and T2
            of the first pair, to look at; training takes the folder.
        folder: Where it lies, complete.

    Returns:
        The nodes, the CT first.
    """
    return _load_pair(scene, folder) if sample.holds_pairs else _load_subject(scene, folder, Path(sample.main).stem)


def _load_subject(scene, folder: Path, name: str) -> list:
    from CT2MRSynthLib.imageio import read_ct
    from CT2MRSynthLib.levels import LEVELS
    from CT2MRSynthLib.markups import read_boxes, read_points
    from CT2MRSynthLib.scene.boxes import roi_from_frame

    ct = read_ct(folder / f"{name}_CT.nrrd")
    frames = [read_boxes(folder / f"{name}_{level}.mrk.json")[0] for level in LEVELS]
    points = read_points(folder / f"{name}_landmarks.mrk.json")
    ct_node = _volume(scene, ct.array, ct.ijk_to_ras, f"{name}_CT", (WINDOW, LEVEL))
    boxes = [roi_from_frame(scene, frame) for frame in frames]
    return [ct_node, *boxes, *(_landmarks(scene, level, points[level]) for level in LEVELS)]


def _load_pair(scene, folder: Path) -> list:
    import numpy as np

    from CT2MRSynthLib.pairset import read_manifest, read_pair

    entry = read_manifest(folder).pairs[0]
    matrix = np.array(entry.geometry.ijk_to_ras)
    images = zip(read_pair(folder, entry), ("CT", entry.sequence), ((WINDOW, LEVEL), None), strict=True)
    return [_volume(scene, image[None], matrix, f"{entry.id} {kind}", window) for image, kind, window in images]


def _volume(scene, array, ijk_to_ras, name: str, window: tuple[float, float] | None):
    from CT2MRSynthLib.provenance import LABEL
    from CT2MRSynthLib.scene.results import PREFIX
    from CT2MRSynthLib.scene.volumes import node_from_volume
    from CT2MRSynthLib.volume import Volume

    node = node_from_volume(scene, Volume(array, ijk_to_ras, name=name))
    node.SetAttribute(PREFIX + "Label", f"SIMULATED, {LABEL}")
    node.SetDescription("Simulated by CT2MRSynth; no patient was imaged.")
    if window is not None:
        display = node.GetDisplayNode()
        display.AutoWindowLevelOff()
        display.SetWindowLevel(*window)
    return node


def _landmarks(scene, level: str, points: list):
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    node.SetName(f"{level} landmarks")
    for label, place in points:
        node.AddControlPointWorld(*(float(value) for value in place), label)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetVisibility(False)  # 45 labels over the CT would hide it
    return node


def _words(event: dict) -> str:
    left = event.get("seconds_left")
    return event.get("stage", "") + (f", about {left:.0f} s left" if left else "")
