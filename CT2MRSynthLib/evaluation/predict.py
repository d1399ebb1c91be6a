"""The two sides of a comparison: a bundle's generator, or the HU lookup, each asked for the MR of CT slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from CT2MRSynthLib.bundle import Bundle, load_bundle
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.evaluation import hu_lookup
from CT2MRSynthLib.evaluation.selection import Seen, Selection, seen_by_bundle, seen_of_entries, training_pairs
from CT2MRSynthLib.greylevels import CTWindow, to_grey_levels
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.pairset import PairEntry, PairSet, read_pair
from CT2MRSynthLib.provenance import canonical, text_sha256

#: What stands for a bundle's folder where the mapping from local HU is meant.
HU_LOOKUP = "hu-lookup"

Advance = Callable[[float], None]


def card_sha256(card: ModelCard) -> str:
    """SHA-256 in hex of a card without how it was let in: window and architecture change images as weights do."""
    return text_sha256(canonical(replace(card, admission={}).to_json()))


class BundleSide:
    """A bundle's generator, as users get it: fast layers, the precision of the device, the window of its card.

    Args:
        path: The bundle.
        device: As of ``Synthesizer``.
        precision: Likewise.

    Raises:
        BundleError: The bundle cannot be used.
    """

    def __init__(self, path: str | Path, device: str = "auto", precision: str = "auto") -> None:
        self.bundle: Bundle = load_bundle(path)
        self.title = self.bundle.card.title
        self.sequence = self.bundle.card.sequence
        self._device, self._precision = device, precision
        self.notes: list[str] = []

    def seen(self, name: str, pair_set: PairSet) -> Seen:
        """What it was trained on."""
        return seen_by_bundle(name, self.bundle.card)

    def images(
        self, folder: Path, selection: Selection, ct: Sequence[np.ndarray], advance: Advance | None = None
    ) -> np.ndarray:
        """The synthetic MR of each pair of a selection.

        Args:
            folder: Of the pair set.
            selection: The pairs.
            ct: Their CT, HU, each of shape (256, 256).
            advance: Takes the fraction done.

        Returns:
            Grey levels, uint8, shape (n, 256, 256).
        """
        from CT2MRSynthLib.synthesis import Synthesizer

        synthesizer = Synthesizer(self.bundle, self._device, self._precision)
        window = CTWindow(*self.bundle.card.ct_window)
        grey = np.stack([to_grey_levels(image, window) for image in ct])
        images = synthesizer.run(grey, None if advance is None else lambda done, total: advance(done / total))
        self._computed_on = synthesizer.description
        self.notes += synthesizer.warnings
        return images

    def describe(self) -> dict:
        """What the verdict keeps of it."""
        card = self.bundle.card
        return {
            "kind": "bundle",
            "title": self.title,
            "sequence": card.sequence,
            "sha256": self.bundle.sha256,
            "card_sha256": card_sha256(card),
            "computed_on": getattr(self, "_computed_on", None),
        }


class LookupSide:
    """The best mapping from local HU, fitted on the training pairs of the same set.

    In a set without a split it is fitted, for each fifth of the patients, on the others.
    """

    title = "HU lookup"
    sequence = None

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._fits: list[hu_lookup.HuLookup] = []

    def seen(self, name: str, pair_set: PairSet) -> Seen:
        """What it will be fitted on."""
        return seen_of_entries(name, training_pairs(pair_set))

    def images(
        self, folder: Path, selection: Selection, ct: Sequence[np.ndarray], advance: Advance | None = None
    ) -> np.ndarray:
        """As of ``BundleSide``.

        Raises:
            InputError: There are no training pairs and only one patient.
        """
        advance = advance or (lambda fraction: None)
        if selection.training:
            fitted = self._fit(folder, selection.training)
            advance(0.9)
            return fitted.apply(np.stack(ct))
        folds = hu_lookup.deal([entry.patient for entry in selection.entries])
        if folds.max() == 0:
            raise InputError(
                "The HU lookup has nothing to be fitted on: the pair set has no training pairs and the comparison only "
                "one patient; split the set, or add patients."
            )
        result = np.empty((len(ct), *ct[0].shape), dtype=np.uint8)
        for number in range(int(folds.max()) + 1):
            others = [entry for entry, fold in zip(selection.entries, folds, strict=True) if fold != number]
            mine = np.flatnonzero(folds == number)
            result[mine] = self._fit(folder, others).apply(np.stack([ct[n] for n in mine]))
            advance((number + 1) / (folds.max() + 1))
        self.notes.append(
            "The pair set has no training pairs: the HU lookup was fitted, for each fifth of the patients, on the rest."
        )
        return result

    def _fit(self, folder: Path, entries: Sequence[PairEntry]) -> hu_lookup.HuLookup:
        images = [read_pair(folder, entry) for entry in entries]
        ct, mr = zip(*images, strict=True)
        self._fits.append(hu_lookup.fit(ct, mr, [entry.patient for entry in entries]))
        return self._fits[-1]

    def describe(self) -> dict:
        """What the verdict keeps of it."""
        return {
            "kind": HU_LOOKUP,
            "title": self.title,
            "sha256": None,
            "fits": [
                {
                    "description": fitted.description,
                    "sigma_pixels": list(fitted.scales),
                    "mae_on_other_training_patients": fitted.error,
                }
                for fitted in self._fits
            ],
        }


def open_side(source: str | Path, device: str = "auto", precision: str = "auto") -> BundleSide | LookupSide:
    """A side from the folder of a bundle, or from the word "hu-lookup"."""
    return LookupSide() if str(source) == HU_LOOKUP else BundleSide(source, device, precision)
