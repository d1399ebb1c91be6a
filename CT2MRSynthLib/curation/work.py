"""One patient on the way through a run: what is given, what was found out, what is left to do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from CT2MRSynthLib import __version__
from CT2MRSynthLib.curation.boxes import Level
from CT2MRSynthLib.curation.options import BuildOptions
from CT2MRSynthLib.curation.patients import Patient
from CT2MRSynthLib.imageio.image_file import stem
from CT2MRSynthLib.progress import Stage


@dataclass
class Work:
    """A patient and what is known so far.

    Args:
        patient: What is given.
        sources: Hashes, from ``hash_sources``.
        levels: Disc levels and their boxes.
        stages: Of the progress, by kind.
    """

    patient: Patient
    sources: dict = field(default_factory=dict)
    levels: list[Level] = field(default_factory=list)
    stages: dict[str, Stage] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The patient's."""
        return self.patient.code

    @property
    def paths(self) -> list[Path]:
        """Of all its files."""
        scans = [source.path for source in (self.patient.ct, *self.patient.mr) if source]
        return [*scans, *self.patient.markups]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(_bytes_of(path) for path in self.paths)

    def for_records(self, sentence: str) -> str:
        """A sentence without the names of the patient's files, which may name the patient; the code stays."""
        scans = [("CT", self.patient.ct), *(("MR", source) for source in self.patient.mr)]
        paths = [(word, source.path) for word, source in scans if source]
        paths += [("Markups file", path) for path in self.patient.markups]
        words = {f"'{name}'": f"'{word}'" for word, path in paths for name in (stem(path), path.name)}
        # without quotation marks only what can be nothing but the name of a file
        words |= {path.name: word for word, path in paths if "." in path.name}
        for name in sorted(words, key=len, reverse=True):
            if name.strip("'") != self.code:
                sentence = sentence.replace(name, words[name])
        return sentence

    def request(self, options: BuildOptions) -> str:
        """All that the pairs of a patient depend on."""
        boxes = [
            [level.name, level.problem, level.disc_height, level.origin]
            + (
                []
                if level.frame is None
                else [part.tolist() for part in (level.frame.center, level.frame.axes, level.frame.extent)]
            )
            for level in self.levels
        ]
        asked = {key: value for key, value in options.of_images().items() if key != "lateral_half_width"}
        content = [__version__, self.sources, self.patient.days_apart, boxes, asked]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _bytes_of(path: Path) -> int:
    """Size of a file, or of all files below a folder; 0 where there is nothing."""
    try:
        files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        return sum(one.stat().st_size for one in files)
    except (OSError, ValueError):
        return 0
