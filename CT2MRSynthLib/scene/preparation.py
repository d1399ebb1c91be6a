"""From a CT node and box nodes to the slices a generator sees, in steps short enough for a window to stay alive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from CT2MRSynthLib import provenance
from CT2MRSynthLib.ctcheck import check_is_ct
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.greylevels import CTWindow
from CT2MRSynthLib.job import Options
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.sampling import SampledBox, sample_steps
from CT2MRSynthLib.scene.boxes import frame_from_node
from CT2MRSynthLib.scene.matrices import is_linear
from CT2MRSynthLib.scene.volumes import ijk_to_world, volume_from_node

#: Shares of the work: checking the CT, sampling, hashing its voxels.
CHECK, SAMPLE = 0.15, 0.85


class Preparation:
    """Everything of a synthesis that comes before the generator and needs the scene.

    Args:
        ct_node: ``vtkMRMLScalarVolumeNode``, under whatever transforms.
        box_nodes: ROI or plane nodes; a plane gets the depth of the slab.
        card: Of the generator.
        options: How many slices, how thick.

    Raises:
        InputError: The CT is no volume, there is no box, or a box is unusable.
    """

    def __init__(self, ct_node, box_nodes: Sequence, card: ModelCard, options: Options) -> None:
        if not box_nodes:
            raise InputError(
                "No box is chosen: add a ROI in the Markups module and name it after the disc, such as L4-L5."
            )
        self._ct_node, self._options = ct_node, options
        self._window = CTWindow(*card.ct_window)
        self.volume = volume_from_node(ct_node)
        depth = options.slices * options.thickness
        self.frames = [frame_from_node(node, plane_depth=depth) for node in box_nodes]
        self.boxes: list[SampledBox] = []
        self.notes: list[str] = []
        self.source: provenance.Source | None = None
        self._place = place_of(ct_node)

    def steps(self) -> Iterator[float]:
        """Do the work; yields the share done, 0 to 1, every few hundredths of a second.

        Raises:
            InputError: The CT is none, or a box lies outside it.
        """
        yield 0.0
        self.notes = check_is_ct(self.volume)
        yield CHECK
        for number, frame in enumerate(self.frames):
            sampling = sample_steps(self.volume, frame, self._window, self._options.slices, self._options.thickness)
            box = yield from _within(sampling, number, len(self.frames), CHECK, SAMPLE)
            self.boxes.append(box)
        sha256 = yield from _within(provenance.voxels_sha256_steps(self.volume), 0, 1, SAMPLE, 1.0)
        volume = self.volume
        self.source = provenance.Source(
            volume.name,
            sha256,
            volume.size,
            tuple(volume.spacing),
            volume.modality,
            volume.notes,
            hash_of="voxels",
        )

    def complete(self) -> Preparation:
        """Do all steps at once; returns itself."""
        for _ in self.steps():
            pass
        return self

    @property
    def grey(self) -> np.ndarray:
        """The slices of all boxes, one box after the other, uint8, shape (n, 256, 256)."""
        return np.concatenate([box.grey for box in self.boxes])

    def check_unmoved(self) -> None:
        """See whether the CT is still what was sampled, where it was.

        Raises:
            InputError: It was moved or changed.
        """
        if place_of(self._ct_node) != self._place:
            raise InputError(f"The CT {self.volume.name!r} was moved or changed meanwhile; run again.")


def place_of(node) -> tuple:
    """What changes when a volume node is moved or gets other voxels; equal as long as it stays what and where it is."""
    image = node.GetImageData()
    voxels = (image.GetMTime(), image.GetPointData().GetScalars().GetMTime()) if image is not None else ()
    if is_linear(node):
        return voxels, tuple(provenance.rounded(ijk_to_world(node).ravel(), 9))
    parent = node.GetParentTransformNode()
    return voxels, parent.GetID(), parent.GetTransformToWorldMTime()


def _within(steps, number: int, count: int, start: float, end: float):
    """Pass on the steps of one of several parts as shares of the whole; returns what they return."""
    while True:
        try:
            share = next(steps)
        except StopIteration as stop:
            return stop.value
        yield start + (end - start) * (number + share) / count
