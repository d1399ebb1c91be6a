"""The bands in which simulated CT must lie, and how far a set of crops is from another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import wasserstein_distance

from CT2MRSynthLib.phantom.likeness.crop_measures import HISTOGRAM_EDGES, CropMeasures

#: Band of the mean over simulated crops, by measure. HU of tissues: textbook ranges, widened by the partial volume that
#: the masks let in. Shares of the picture, noise and slope: the range found in disc-level crops of public abdominal CTs
#: (0.5, 3 and 5 mm slices), somewhat widened.
CT_BANDS: dict[str, tuple[float, float]] = {
    "sac_hu": (5, 25),
    "disc_hu": (68, 112),
    "muscle_hu": (40, 65),
    "fat_hu": (-100, -78),
    "fat_share": (0.05, 0.16),
    "bone_share": (0.05, 0.14),
    "dense_bone_share": (0.008, 0.04),
    "arch_peak_hu": (550, 850),
    "noise_hu": (4, 14),
    "noise_frequency": (0.2, 0.36),
    "edge_slope": (-4.9, -3.7),
}


def inside(value: float, band: tuple[float, float]) -> bool:
    """Whether a value lies in its band; what could not be measured does not."""
    return bool(band[0] <= value <= band[1])


def histogram_distance(a: CropMeasures, b: CropMeasures) -> float:
    """Earth mover's distance between two crops' HU histograms, in HU."""
    centers = (HISTOGRAM_EDGES[1:] + HISTOGRAM_EDGES[:-1]) / 2
    return float(wasserstein_distance(centers, centers, a.histogram, b.histogram))


def edge_distance(a: CropMeasures, b: CropMeasures) -> float:
    """Mean difference of two crops' spectra, in decades of power."""
    return float(np.abs(a.edge_spectrum - b.edge_spectrum).mean())


def noise_distance(a: CropMeasures, b: CropMeasures) -> float:
    """Half the summed difference of two noise spectra: 0 the same, 1 without overlap; NaN where one is unknown."""
    return float(np.abs(a.noise_spectrum - b.noise_spectrum).sum() / 2)


DISTANCES = {"histogram_hu": histogram_distance, "edges_decades": edge_distance, "noise_spectrum": noise_distance}


def typical_distance(distance, a: Sequence[CropMeasures], b: Sequence[CropMeasures]) -> float:
    """Median distance between the crops of one group and those of another, no crop against itself."""
    values = [distance(x, y) for x in a for y in b if x is not y]
    values = [v for v in values if np.isfinite(v)]
    return float(np.median(values)) if values else float("nan")


def between_groups(distance, groups: Sequence[Sequence[CropMeasures]]) -> float:
    """Median distance between crops of different groups, for example of different patients."""
    pairs = [(g, h) for n, g in enumerate(groups) for h in groups[n + 1 :]]
    values = [typical_distance(distance, g, h) for g, h in pairs]
    return float(np.median(values)) if values else float("nan")
