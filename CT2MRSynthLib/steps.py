"""What a run does at each step, for plain files. The script for Slicer replaces some by those that work on nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.job import Options
from CT2MRSynthLib.volume import Volume


class Steps:
    """Each method is one step; a subclass replaces those that it does in another way.

    A run calls them in this order: bundle, synthesizer, boxes of all tasks; then for each CT hash, read, check, for
    each of its boxes synthesize and write, and release.
    """

    def load_bundle(self, options: Options):
        """The model bundle, its card and hash checked; the synthesizer checks the rest when it loads the weights."""
        from CT2MRSynthLib.bundle import check_bundle, default_bundle_path

        return check_bundle(options.bundle or default_bundle_path())

    def make_synthesizer(self, bundle, options: Options):
        """The synthesizer, on the device and in the precision asked for."""
        from CT2MRSynthLib.synthesis import Synthesizer

        return Synthesizer(bundle, device=options.device, precision=options.precision)

    def read_boxes(self, path: Path) -> list[DiscFrame]:
        """All boxes of a Markups file."""
        from CT2MRSynthLib.markups import read_boxes

        return read_boxes(path)

    def hash_input(self, path: Path) -> str:
        """SHA-256 of the CT's content."""
        from CT2MRSynthLib.imageio import hash_input

        return hash_input(path)

    def read_ct(self, path: Path, series: str | None, progress: Callable[[float], None]) -> Volume:
        """The CT; whatever else belongs to it can be kept until ``release``."""
        from CT2MRSynthLib.imageio import read_ct

        return read_ct(path, series, progress)

    def check(self, volume: Volume) -> list[str]:
        """Warnings about the CT; raises InputError if it is none."""
        from CT2MRSynthLib.ctcheck import check_is_ct

        return check_is_ct(volume)

    def synthesize(self, volume: Volume, frame: DiscFrame, synthesizer, options: Options, progress, cancelled):
        """The ``Synthesis`` of one box; ``progress`` takes the fraction done."""
        from CT2MRSynthLib.synthesis import synthesize

        return synthesize(
            volume,
            frame,
            synthesizer,
            slices=options.slices,
            thickness=options.thickness,
            progress=lambda done, total: progress(done / total),
            cancelled=cancelled,
        )

    def write_volume(self, path: Path, synthesis, record: dict) -> None:
        """The synthetic volume as a file."""
        from CT2MRSynthLib.imageio import write_volume

        model = record["model"]
        metadata = {
            "CT2MRSynth label": record["label"],
            "CT2MRSynth model": f"{model['name']} {model['version']}, SHA-256 {model['sha256']}",
            "CT2MRSynth version": record["software"]["version"],
        }
        write_volume(path, synthesis.mr, synthesis.grid.ijk_to_ras, metadata)

    def release(self, volume: Volume) -> None:
        """The CT is not needed any more."""
