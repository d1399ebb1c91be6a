"""From an MR's stored values, whose unit no scanner defines, to 256 grey levels: one for a patient.

Of T2 images the geometric mean of fat and muscle is set to the level it has in the simulated T2 (``phantom.mr``), so
that a generator trained on simulated pairs can be trained further on curated ones. The CT says where fat and muscle
are; a percentile of the picture would move with how much fat lies behind the spine or how wide the sac is. Of other
sequences in which fat is brighter, both are set to fixed levels, linearly in between (Nyul and Udupa 1999): contrast
differs between scanners as much as brightness. Where there is too little of either, or fat is dark, the 99th
percentile of the tissue is set to a fixed level. Medians
and percentiles over tissue alone leave out air, and do not follow bright fat beside the coil or single outliers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.volume import Volume

#: Hounsfield units, after a median filter, of fat, of muscle, and of all soft tissue.
FAT, MUSCLE, TISSUE = (-130.0, -60.0), (30.0, 80.0), (-200.0, 300.0)
#: Square root of the median levels of fat and muscle; measured on simulated pairs (57 to 73 in eleven subjects).
T2_LEVEL = 63.0
#: Level of the 99th percentile of tissue, where fat and muscle do not decide.
PERCENTILE, PERCENTILE_LEVEL = 99.0, 230.0
#: Levels of muscle and fat in other sequences, and how many times fat's value becomes 255.
MUSCLE_LEVEL, FAT_LEVEL, BRIGHTEST = 72.0, 212.0, 1.3
#: Fewer pixels of fat or muscle are no measure; fat less bright than this against muscle was suppressed.
LEAST_PIXELS, LEAST_CONTRAST = 500, 1.5
#: N4: voxels along each axis that become one, and iterations at each of its resolutions.
SHRINK, ITERATIONS = 4, (40, 30, 20)
#: Share of the 99th percentile below which there is air.
BACKGROUND = 0.06


@dataclass(frozen=True)
class GreyMapping:
    """Stored values ``low`` and ``high`` become 0 and 255, linearly between these and the points between them.

    Args:
        low, high: Stored values, after N4 where that was done.
        method: "fat and muscle", "fat and muscle levels" or "percentile".
        n4: Whether the coil's shading was taken out.
        points: Further stored values and their levels, rising.
    """

    low: float
    high: float
    method: str
    n4: bool = False
    points: tuple[tuple[float, float], ...] = ()

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Grey levels, uint8, of stored values."""
        stored, levels = zip((self.low, 0.0), *self.points, (self.high, 255.0), strict=True)
        return np.rint(np.interp(values, stored, levels)).astype(np.uint8)

    def to_json(self) -> dict:
        """Plain content for JSON."""
        return asdict(self)


def find_mapping(
    cts: Sequence[np.ndarray], mrs: Sequence[np.ndarray], sequence: str = "T2", n4: bool = False
) -> GreyMapping:
    """The mapping of one patient.

    Args:
        cts: HU of each slice, any shape.
        mrs: Stored values of the MR in the same places, NaN where there is none.
        sequence: Of the MR.
        n4: Whether the MR was corrected, for the record.

    Raises:
        InputError: The MR has no signal where the CT shows tissue.
    """
    fat, muscle, tissue = (np.concatenate(part) for part in zip(*map(_tissues, cts, mrs), strict=True))
    low = min(0.0, float(np.percentile(tissue, 0.1))) if tissue.size else 0.0
    if min(fat.size, muscle.size) >= LEAST_PIXELS:
        bright, dark = float(np.median(fat)) - low, float(np.median(muscle)) - low
        if dark > 0 and bright >= LEAST_CONTRAST * dark:
            if sequence.upper().startswith("T2"):
                return GreyMapping(low, low + 255.0 * float(np.sqrt(bright * dark)) / T2_LEVEL, "fat and muscle", n4)
            points = ((low + dark, MUSCLE_LEVEL), (low + bright, FAT_LEVEL))
            return GreyMapping(low, low + BRIGHTEST * bright, "fat and muscle levels", n4, points)
    high = float(np.percentile(tissue, PERCENTILE)) if tissue.size else 0.0
    if high <= low:
        raise InputError(
            "The MR has no signal where the CT shows tissue; check that both are of one patient and one place."
        )
    return GreyMapping(low, low + (high - low) * 255.0 / PERCENTILE_LEVEL, "percentile", n4)


def correct_shading(mr: Volume) -> Volume:
    """The MR without the coil's shading, by N4 (Tustison 2010, SimpleITK) on a grid made coarser for speed.

    Args:
        mr: Stored values.

    Raises:
        InputError: N4 cannot work on it.
    """
    import SimpleITK as sitk

    image = sitk.Cast(sitk.GetImageFromArray(np.asarray(mr.array)), sitk.sitkFloat32)
    image.SetSpacing([float(edge) for edge in mr.spacing])
    # by a share of the brightest, as Otsu's threshold would leave out muscle, which is dark in T2
    mask = image > BACKGROUND * float(np.percentile(mr.array, 99))
    # a stack of few slices keeps them all
    factors = [max(1, min(SHRINK, size // 16)) for size in mr.size]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(list(ITERATIONS))
    try:
        n4.Execute(sitk.Shrink(image, factors), sitk.Shrink(mask, factors))
        field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image)).astype(np.float32)
    except RuntimeError:
        raise InputError(f"N4 cannot correct the MR '{mr.name}' ({mr.size} voxels); leave out --n4.") from None
    inside = sitk.GetArrayViewFromImage(mask).astype(bool)
    field -= field[inside].mean() if inside.any() else 0.0
    return Volume(mr.array / np.exp(field), mr.ijk_to_ras, name=mr.name, modality=mr.modality, notes=mr.notes)


def tissue_mask(ct: np.ndarray) -> np.ndarray:
    """Where a CT slice shows soft tissue, without its edges: gas, table, air and dense bone are left out."""
    smooth = _smooth(ct)
    return ndimage.binary_erosion((smooth > TISSUE[0]) & (smooth < TISSUE[1]), iterations=2)


def _tissues(ct: np.ndarray, mr: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """MR values in fat, muscle and all soft tissue of a slice."""
    smooth, mr = _smooth(ct), np.squeeze(mr)
    known = np.isfinite(mr)
    masks = [
        ndimage.binary_erosion((smooth > low) & (smooth < high), iterations=2) & known for low, high in (FAT, MUSCLE)
    ]
    return mr[masks[0]], mr[masks[1]], mr[tissue_mask(ct) & known]


def _smooth(ct: np.ndarray) -> np.ndarray:
    """Against the CT's noise, which is as wide as the difference of muscle and fat."""
    return ndimage.median_filter(np.squeeze(ct).astype(np.float32), 5)
