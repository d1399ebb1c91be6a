"""Two generators on the same held-out patients: scores per patient, and what they say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from CT2MRSynthLib.evaluation.masks import body_mask
from CT2MRSynthLib.evaluation.metrics import REACH, Scores, Summary, mean_scores, score, summarize
from CT2MRSynthLib.evaluation.predict import BundleSide, LookupSide, open_side
from CT2MRSynthLib.evaluation.selection import Selection, select
from CT2MRSynthLib.evaluation.statistics import Judgement, judge
from CT2MRSynthLib.pairset import PairEntry, read_manifest, read_pair

#: Called with words and the fraction done of what they name.
Tell = Callable[[str, float], None]

STAGES = ("reading pairs", "images of A", "images of B", "scores")


@dataclass(frozen=True)
class PatientScores:
    """One patient's means over his or her slices.

    Args:
        patient: Study code.
        slices: How many.
        a: Scores of A.
        b: Scores of B.
        body_a: Scores of A within the body; None where a CT shows none.
        body_b: Likewise of B.
    """

    patient: str
    slices: int
    a: Scores
    b: Scores
    body_a: Scores | None
    body_b: Scores | None

    @property
    def difference(self) -> float:
        """MAE of A less MAE of B: positive where B has the lower error."""
        return self.a.mae - self.b.mae


@dataclass(frozen=True)
class Case:
    """One pair with both synthetic images; all images of shape (256, 256)."""

    entry: PairEntry
    ct: np.ndarray
    real: np.ndarray
    a: np.ndarray
    b: np.ndarray
    mae_a: float
    mae_b: float


@dataclass(frozen=True)
class Comparison:
    """All that a verdict rests on.

    Args:
        a: The side that B is held against.
        b: The side in question.
        selection: The pairs.
        patients: Scores, patient by patient.
        cases: The pairs with their images.
        judgement: What the patients' differences say.
        allow_seen: Whether patients that a side was trained on were let in.
        sequence: Of the MR of the pairs.
        simulated: Whether no patient was imaged.
        notes: Sentences a reader must be told.
    """

    a: BundleSide | LookupSide
    b: BundleSide | LookupSide
    selection: Selection
    patients: tuple[PatientScores, ...]
    cases: tuple[Case, ...]
    judgement: Judgement
    allow_seen: bool
    sequence: str
    simulated: bool
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The sentence, with what limits it."""
        seen = " and ".join(self.selection.seen)
        limit = f" Not a verdict on unseen patients: {seen} was trained on some of these." if seen else ""
        return self.judgement.sentence + limit

    def summary(self, side: str, name: str) -> Summary:
        """Mean and sample deviation over the patients.

        Args:
            side: "a", "b", "body_a" or "body_b".
            name: "mae", "psnr", "psnr_paper" or "ssim".
        """
        scores = [getattr(row, side) for row in self.patients]
        return summarize(getattr(one, name) for one in scores if one is not None)

    @property
    def has_body(self) -> bool:
        """Whether scores within the body are known of every patient."""
        return all(row.body_a is not None for row in self.patients)

    @property
    def data_sha256(self) -> str:
        """SHA-256 over the sorted hashes of the images."""
        hashes = sorted(file.sha256 for entry in self.selection.entries for file in entry.files.values())
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def compare(
    folder: str | Path,
    a: str | Path,
    b: str | Path,
    split: str | None = None,
    allow_seen: bool = False,
    device: str = "auto",
    precision: str = "auto",
    tell: Tell | None = None,
) -> Comparison:
    """Compare B with A.

    Args:
        folder: The pair set.
        a: A bundle, as a rule the one in use, or "hu-lookup".
        b: A bundle, as a rule the new one.
        split: "test", "validation" or "all"; None: test, or in a set without a split all that neither has seen.
        allow_seen: Let patients in that a side was trained on.
        device: As of ``Synthesizer``.
        precision: Likewise.
        tell: Called with one of ``STAGES`` and the fraction done of it.

    Raises:
        InputError: The pair set cannot be used, nothing is left to compare on, or a side was trained on a patient.
        BundleError: A bundle cannot be used.
    """
    folder, tell = Path(folder), tell or (lambda words, fraction: None)
    sides = [open_side(source, device, precision) for source in (a, b)]
    pair_set = read_manifest(folder)
    seen = [side.seen(name, pair_set) for name, side in zip("AB", sides, strict=True)]
    selection = select(pair_set, seen, split, allow_seen)
    pairs = []
    for number, entry in enumerate(selection.entries, 1):
        pairs.append(read_pair(folder, entry))
        tell(STAGES[0], number / len(selection.entries))
    ct = [pair[0] for pair in pairs]
    images = [
        side.images(folder, selection, ct, lambda fraction, words=words: tell(words, fraction))
        for side, words in zip(sides, STAGES[1:3], strict=True)
    ]
    rows, cases = _scored(selection, pairs, images, lambda fraction: tell(STAGES[3], fraction))
    judgement = judge([row.difference for row in rows])
    notes = [*selection.notes, *_sequence_notes(selection, sides)]
    notes += [note for side in sides for note in side.notes]
    sequences = sorted({entry.sequence for entry in selection.entries})
    return Comparison(
        *sides,
        selection,
        rows,
        cases,
        judgement,
        allow_seen,
        ", ".join(sequences),
        pair_set.simulated,
        tuple(dict.fromkeys(notes)),
    )


def _scored(selection: Selection, pairs: list, images: list[np.ndarray], advance) -> tuple[tuple, tuple]:
    """Scores per patient, slices averaged within the patient first, so that nobody counts more for more slices."""
    by_patient: dict[str, list[tuple]] = {patient: [] for patient in selection.patients}
    cases = []
    for number, (entry, (ct, real)) in enumerate(zip(selection.entries, pairs, strict=True)):
        mask = body_mask(ct)
        both = [stack[number] for stack in images]
        whole = [score(real, image) for image in both]
        body = [_masked(real, image, mask) for image in both]
        by_patient[entry.patient].append((*whole, *body))
        cases.append(Case(entry, ct, real, *both, whole[0].mae, whole[1].mae))
        advance((number + 1) / len(pairs))
    rows = [
        PatientScores(patient, len(slices), *(_mean(column) for column in zip(*slices, strict=True)))
        for patient, slices in by_patient.items()
    ]
    return tuple(rows), tuple(cases)


def _masked(real: np.ndarray, image: np.ndarray, mask: np.ndarray) -> Scores | None:
    """Scores within a mask; None where too little of it lies within the image for a whole window of SSIM."""
    inner = mask[REACH:-REACH, REACH:-REACH]
    return score(real, image, mask) if inner.any() else None


def _mean(scores: tuple[Scores | None, ...]) -> Scores | None:
    present = [one for one in scores if one is not None]
    return mean_scores(present) if present else None


def _sequence_notes(selection: Selection, sides: list) -> list[str]:
    found = {entry.sequence for entry in selection.entries}
    return [
        f"{name} was made for {side.sequence}, the pairs are {', '.join(sorted(found))}."
        for name, side in zip("AB", sides, strict=True)
        if side.sequence and found != {side.sequence}
    ]
