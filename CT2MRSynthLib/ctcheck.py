"""Is this a CT? The data tell: the tissues of a body have known Hounsfield units, and nothing else looks like them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.volume import Volume

#: Voxels looked at; more tell nothing new about shares.
SAMPLE = 1_500_000

#: Hounsfield units of what is looked for. Below -1024 is padding; above 3071 metal or the end of a 12 bit scale.
AIR = (-1024, -900)
FAT = (-150, -30)
SOFT_TISSUE = (0, 100)
BONE = (200, 3071)
BODY = (-250, 3071)
BETWEEN = (-850, -250)
DENSE_BONE = (200, 400)
BELOW_FAT = (-400, -250)
METAL = 3000

#: Least shares of the body's voxels. Real CTs of abdomen, pelvis and limbs have 25 to 70 % soft tissue, 3 to 50 % fat
#: and 2 to 10 % bone in these ranges; the limits leave room for a head (hardly any fat), noise of 150 HU and a plate of
#: metal, and still refuse values spread evenly over the range, such as phase images.
LEAST_SOFT_TISSUE = 0.08
LEAST_FAT = 0.003
LEAST_BONE = 0.003

#: Soft tissue and fat are peaks of the histogram. Voxels per Hounsfield unit in soft tissue against those at 200 to 400
#: HU are 11 or more to 1 in real CTs, in fat against those below it 7 or more to 1; an MR shifted to the range of a CT
#: mostly has no such peaks.
LEAST_SOFT_PEAK = 2.0
LEAST_FAT_PEAK = 1.0

#: Modalities that say nothing about how the image was made.
UNKNOWN_MODALITIES = ("", "OT", "SC")

#: Hounsfield units that a reader or exporter may have left out or added twice.
OFFSETS = (-1024, -1000, 1024)


@dataclass(frozen=True)
class TissueShares:
    """Shares (0 to 1): body, air and metal of all voxels that are not padding; tissues of the body's voxels.

    ``between`` is the share, of all, of values between air and fat, where only lungs and blurred skin lie;
    ``dense_bone`` and ``below_fat`` are shares relative to the body, to compare the peaks with.
    """

    body: float
    air: float
    metal: float
    between: float
    soft_tissue: float
    fat: float
    bone: float
    dense_bone: float
    below_fat: float

    @property
    def is_ct(self) -> bool:
        """Whether soft tissue, fat and bone are all there, the first two as peaks."""
        present = self.soft_tissue >= LEAST_SOFT_TISSUE and self.fat >= LEAST_FAT and self.bone >= LEAST_BONE
        soft_peak = _density(self.soft_tissue, SOFT_TISSUE) >= LEAST_SOFT_PEAK * _density(self.dense_bone, DENSE_BONE)
        return present and soft_peak and _density(self.fat, FAT) >= LEAST_FAT_PEAK * _density(self.below_fat, BELOW_FAT)

    def __str__(self) -> str:
        return (
            f"soft tissue (0 to 100 HU) {self.soft_tissue:.1%}, fat (-150 to -30 HU) {self.fat:.1%}, "
            f"bone (above 200 HU) {self.bone:.1%} of the body"
        )


def check_is_ct(volume: Volume) -> list[str]:
    """Refuse what is no CT in Hounsfield units.

    Args:
        volume: Any volume; a stated modality counts, then the values decide.

    Returns:
        Warnings for the user, one sentence each.

    Raises:
        InputError: The modality is another, voxels are not a number, the image is constant, or its values are not
            those of soft tissue, fat and bone; a forgotten rescale intercept is named.
    """
    modality = volume.modality.strip().upper()
    if modality not in (*UNKNOWN_MODALITIES, "CT"):
        raise InputError(f"'{volume.name}' is no CT: its modality is {modality}; give a CT.")
    _check_finite(volume)
    values = sample(volume.array)
    if values.min() == values.max() and volume.array.min() == volume.array.max():
        raise InputError(f"'{volume.name}' is no CT: all its voxels are {values[0]:g}; export the CT again.")
    shares = tissue_shares(values)
    if not shares.is_ct:
        raise InputError(f"'{volume.name}' {_what_it_is(values, shares)}")
    return _warnings(shares)


def tissue_shares(hu: np.ndarray) -> TissueShares:
    """Count the voxels in the ranges of air, fat, soft tissue, bone and metal.

    Args:
        hu: Hounsfield units, any shape.
    """
    inside = hu[hu >= AIR[0]]  # padding is no tissue

    def count(limits: tuple[float, float]) -> int:
        return int(np.count_nonzero((inside >= limits[0]) & (inside <= limits[1])))

    total = max(inside.size, 1)
    body = max(count(BODY), 1)
    return TissueShares(
        body=count(BODY) / total,
        air=count(AIR) / total,
        metal=int(np.count_nonzero(inside >= METAL)) / total,
        between=count(BETWEEN) / total,
        soft_tissue=count(SOFT_TISSUE) / body,
        fat=count(FAT) / body,
        bone=count(BONE) / body,
        dense_bone=count(DENSE_BONE) / body,
        below_fat=count(BELOW_FAT) / body,
    )


def _density(share: float, limits: tuple[float, float]) -> float:
    """Share per Hounsfield unit."""
    return share / (limits[1] - limits[0])


def sample(array: np.ndarray) -> np.ndarray:
    """About ``SAMPLE`` voxels of an array of shape (k, j, i), evenly spread, as a flat array."""
    step = max(1, int(np.ceil((array.size / SAMPLE) ** (1 / 3))))
    # a short axis keeps all its voxels; the others make up for it
    steps = [min(step, max(1, size // 32)) for size in array.shape]
    return array[:: steps[0], :: steps[1], :: steps[2]].ravel()


def _check_finite(volume: Volume) -> None:
    if volume.array.dtype.kind != "f":
        return
    bad = sum(int(part.size - np.isfinite(part).sum()) for part in volume.array)
    if bad:
        raise InputError(
            f"'{volume.name}' holds {bad} of {volume.array.size} voxels that are not a number (NaN or infinite); "
            "repair or export the CT again."
        )


def _what_it_is(values: np.ndarray, shares: TissueShares) -> str:
    """The rest of the sentence that refuses the values, as close to the cause as they tell."""
    for offset in OFFSETS:
        shifted = tissue_shares(values.astype(np.float32) + offset)
        # MR shifted like this fills the range between air and fat, which a body leaves almost empty
        if shifted.is_ct and shifted.body > 0.02 and shifted.between < 0.5 * shifted.body:
            if offset < 0:
                return (
                    f"is no CT in Hounsfield units: its values would fit if {-offset} were subtracted, so the rescale "
                    "intercept is missing; export it again with Hounsfield units."
                )
            return (
                f"is no CT in Hounsfield units: its values would fit if {offset} were added, so the rescale intercept "
                "was applied twice; export it again with Hounsfield units."
            )
    whole = bool((values == np.rint(values)).all())
    if whole and len(np.unique(values)) <= 64:
        count = len(np.unique(values))
        return f"looks like a label map, not a CT: it holds only {count} different values; give the CT itself."
    if values.min() >= 0 and values.max() <= 255 and whole:
        return "is no CT: its values run from 0 to 255 as in a picture; give the original CT in Hounsfield units."
    if values.min() >= 0:
        return (
            f"is no CT in Hounsfield units: it has no value below zero, so no fat and no air "
            f"(values {values.min():g} to {values.max():g}, as in an MR or PET); give a CT."
        )
    return f"is no CT in Hounsfield units, or shows no body: {shares}; give a CT."


def _warnings(shares: TissueShares) -> list[str]:
    found = []
    if shares.air < 0.001:
        found.append("The CT shows no air: a tight reconstruction of the spine, or its values were cut off below.")
    if shares.metal > 5e-4:
        found.append(
            f"{shares.metal:.2%} of the CT is metal (above {METAL} HU); do not trust the synthetic image near it."
        )
    return found
