"""The best picture that local Hounsfield units alone can give: what a generator has to beat to be worth its name.

Every pixel gets the median of the MR grey levels seen, in the training pairs, where the CT had the same local mean HU.
The conditional median is the mapping with the least mean absolute error, which is what is compared. The local mean is a
Gaussian one; a fine scale keeps the edges of tissues, a coarse one sees through the noise. Which serves best is found
on the training pairs: the table is made from some patients and tried on the others. Tables over several scales at once
would know of the surroundings, and be a simple network rather than HU alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.errors import InputError

#: Standard deviations in pixels that are tried. Pixels, for generators see no millimeters.
SCALES = (0.0, 1.0, 2.0, 4.0, 8.0)
CANDIDATES = tuple((scale,) for scale in SCALES)

#: The one used where nothing can be tried, with the pairs of a single patient.
USUAL = (2.0,)

#: Patients are dealt into so many groups, each tried on a table made from the others.
FOLDS = 5

#: Bins of equal population along HU, by number of scales, besides those of ``EVEN_EDGES``.
QUANTILES = {1: 256, 2: 40}
EVEN_EDGES = np.array([-1000.0, -700.0, -400.0, -200.0, -100.0, 0.0, 100.0, 200.0, 400.0, 700.0, 1000.0, 1500.0])

#: Neighboring bins lend their pixels to one with few: weights of Gaussian blurs of the counts by so many bins.
BORROWED = ((1.5, 0.02), (8.0, 1e-5))

#: More pixels than that say nothing new: neighbors are alike.
MOST_PIXELS = 3_000_000
LEVELS = 256


@dataclass(frozen=True)
class HuLookup:
    """A mapping from local mean HU to MR grey levels.

    Args:
        scales: Standard deviations in pixels of the local means; 0: the pixel itself.
        edges: For each scale the limits between bins, HU.
        table: Grey level of each bin, uint8, one axis a scale.
        error: Mean absolute error in grey levels on patients of the training pairs that its table was not made from;
            None with one patient.
        patients: In the training pairs.
        pairs: Training pairs.
    """

    scales: tuple[float, ...]
    edges: tuple[np.ndarray, ...]
    table: np.ndarray
    error: float | None
    patients: int
    pairs: int

    def apply(self, ct: np.ndarray) -> np.ndarray:
        """Grey levels of a CT.

        Args:
            ct: HU, shape (n, h, w).

        Returns:
            uint8, same shape.
        """
        return np.stack([self.table[self._bins(image)] for image in ct])

    def _bins(self, image: np.ndarray) -> tuple[np.ndarray, ...]:
        means = local_means(image, self.scales)
        return tuple(np.searchsorted(edges, mean) for edges, mean in zip(self.edges, means, strict=True))

    @property
    def description(self) -> str:
        """In words: what was smoothed how, and on what it was fitted."""
        scales = " and ".join(f"{scale:g}" for scale in self.scales)
        return (
            f"median MR grey level by local mean HU (Gaussian, sigma {scales} pixels), fitted on {self.pairs} pairs of "
            f"{self.patients} patients"
        )


def fit(ct: Sequence[np.ndarray], mr: Sequence[np.ndarray], patients: Sequence[str]) -> HuLookup:
    """Fit the mapping, with the scales that serve best.

    Args:
        ct: HU, one image of shape (h, w) a pair.
        mr: Grey levels, uint8, likewise.
        patients: Study code of each pair.

    Raises:
        InputError: There are no pairs.
    """
    if not len(ct):
        raise InputError("The HU lookup needs training pairs to be fitted on; put patients into the split training.")
    folds = deal(patients)
    stride = max(1, int(np.ceil(np.sqrt(len(ct) * ct[0].size / MOST_PIXELS))))
    grey = np.concatenate([image[::stride, ::stride].ravel() for image in mr])
    fold = np.repeat(folds, [image[::stride, ::stride].size for image in mr])
    wanted = sorted({scale for candidate in CANDIDATES for scale in candidate})
    sampled = {scale: [] for scale in wanted}
    for image in ct:
        for scale, mean in zip(wanted, local_means(image, wanted), strict=True):
            sampled[scale].append(mean[::stride, ::stride].ravel())
    means = {scale: np.concatenate(parts) for scale, parts in sampled.items()}
    best, error = USUAL, None
    if fold.max() > 0:
        errors = {scales: _Table(scales, means, grey, fold).error_on_others() for scales in CANDIDATES}
        best = min(errors, key=errors.get)
        error = errors[best]
    edges, table = _Table(best, means, grey, fold).whole()
    return HuLookup(best, edges, table, error, len(set(patients)), len(ct))


def deal(patients: Sequence[str]) -> np.ndarray:
    """The group, 0 to ``FOLDS`` - 1, of each pair: whole patients, in the order of their codes, dealt in turn."""
    order = {patient: number % FOLDS for number, patient in enumerate(sorted(set(patients)))}
    return np.array([order[patient] for patient in patients], dtype=int)


def local_means(image: np.ndarray, scales: Sequence[float]) -> list[np.ndarray]:
    """Gaussian local means of a CT in HU, float32, one a scale; padding outside the scan counts as air."""
    from scipy.ndimage import gaussian_filter

    values = np.clip(image, -1000, 3000).astype(np.float32)
    return [gaussian_filter(values, scale, mode="nearest") if scale else values for scale in scales]


class _Table:
    """Counts of pixels by bin and grey level, for each group of patients."""

    def __init__(self, scales, means: dict, grey: np.ndarray, fold: np.ndarray) -> None:
        self.edges = tuple(_edges(means[scale], QUANTILES[len(scales)]) for scale in scales)
        self.shape = tuple(len(edges) + 1 for edges in self.edges)
        bins = np.zeros(len(grey), dtype=np.int64)
        for scale, edges in zip(scales, self.edges, strict=True):
            bins = bins * (len(edges) + 1) + np.searchsorted(edges, means[scale])
        size = int(np.prod(self.shape)) * LEVELS
        self.folds = [
            np.bincount((bins * LEVELS + grey)[fold == number], minlength=size).astype(np.float32)
            for number in range(int(fold.max()) + 1)
        ]

    def whole(self) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """Limits of the bins and the grey level of each, from all patients."""
        return self.edges, self._medians(sum(self.folds))

    def error_on_others(self) -> float:
        """Mean absolute error on each group of the table made from the other groups."""
        everything, wrong = sum(self.folds), 0.0
        levels = np.arange(LEVELS, dtype=np.float32)
        for counts in self.folds:
            medians = self._medians(everything - counts).ravel().astype(np.float32)
            pixels = counts.reshape(-1, LEVELS)
            for start in range(0, len(pixels), 4096):
                part = slice(start, start + 4096)
                wrong += float((np.abs(levels - medians[part, None]) * pixels[part]).sum(dtype=np.float64))
        return wrong / float(everything.sum(dtype=np.float64))

    def _medians(self, counts: np.ndarray) -> np.ndarray:
        """The median of each bin, of its own pixels and, where these are few, of its neighbors'."""
        from scipy.ndimage import gaussian_filter

        counts = counts.reshape(*self.shape, LEVELS)
        axes = tuple(range(len(self.shape)))
        lent = counts.copy()
        for width, weight in BORROWED:
            lent += weight * gaussian_filter(counts, width, mode="constant", axes=axes)
        lent += 1e-9 * counts.sum(axis=axes)
        below = np.cumsum(lent, axis=-1)
        return (below < below[..., -1:] / 2).sum(axis=-1).clip(0, LEVELS - 1).astype(np.uint8)


def _edges(values: np.ndarray, count: int) -> np.ndarray:
    """Limits of bins with equally many pixels, and some at round numbers for what the training pairs hardly hold."""
    quantiles = np.quantile(values[:: max(1, len(values) // 500_000)], np.linspace(0, 1, count + 1)[1:-1])
    return np.unique(np.round(np.concatenate([quantiles, EVEN_EDGES]), 2)).astype(np.float32)
