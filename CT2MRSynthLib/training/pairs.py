"""The slice pairs of a training, held in memory."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from CT2MRSynthLib.errors import InputError

#: Edge length in pixels of every slice of a pair.
PIXELS = 256


class PairStore:
    """Pairs from the ``*.npz`` files of a folder; files that appear later are taken in by ``refresh``.

    Each file holds ``ct`` (int16 or float32, HU, shape (n, 256, 256)) and ``mr`` (uint8, same shape). Optional:
    ``subject`` (n,), by which validation pairs are split off; ``extent`` (n, 2 or 3), edge lengths of the boxes in mm.

    Args:
        folder: Where the files are.
        validation: How many pairs of the first file to hold back; rounded up to whole subjects where ``subject`` is
            known.

    Raises:
        InputError: The folder is missing, has no usable file, or a file's arrays do not match.
    """

    def __init__(self, folder: str | Path, validation: int = 20) -> None:
        self.folder = Path(folder)
        self.validation_count = validation
        self._read: set[str] = set()
        self._ct: list[np.ndarray] = []
        self._mr: list[np.ndarray] = []
        self.validation: list[tuple[np.ndarray, np.ndarray]] = []
        self.field_of_view: tuple[float, float] | None = None
        self.slice_thickness: tuple[float, float] | None = None
        self._subjects: set = set()
        self._held_back: set = set()
        if not self.folder.is_dir():
            raise InputError(f"There is no folder of training pairs at {self.folder}.")
        self.refresh()
        if not self._ct:
            raise InputError(
                f"No training pairs are left in {self.folder} after {validation} were held back for validation."
            )

    def __len__(self) -> int:
        return len(self._ct)

    @property
    def subjects(self) -> int | None:
        """How many subjects the training pairs are of; None where the files do not say."""
        return len(self._subjects - self._held_back) or None

    def refresh(self) -> int:
        """Take in files that were not there before; returns how many pairs came."""
        before = len(self)
        for path in sorted(self.folder.glob("*.npz")):
            if path.name not in self._read:
                self._take(path)
        return len(self) - before

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """CT (HU) and MR (grey levels) of a training pair, each of shape (256, 256)."""
        return self._ct[index], self._mr[index]

    def index_at(self, seed: int, draw: int) -> int:
        """Which pair the ``draw``-th of a run is: every epoch shows every pair once, in another order.

        It depends on nothing but its arguments and the number of pairs, so a resumed run goes on as if never stopped.
        """
        epoch, position = divmod(draw, len(self))
        return int(np.random.default_rng([seed, epoch]).permutation(len(self))[position])

    def _take(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return  # still being written; the next refresh tries again
        ct, mr = arrays.get("ct"), arrays.get("mr")
        if ct is None or mr is None or ct.shape != mr.shape or ct.shape[1:] != (PIXELS, PIXELS):
            shapes = {name: array.shape for name, array in arrays.items()}
            raise InputError(
                f"{path.name} is no file of pairs: ct and mr of shape (n, 256, 256) are needed, it holds {shapes}."
            )
        self._read.add(path.name)
        subjects = arrays.get("subject")
        keys = [str(key) for key in subjects] if subjects is not None else [f"{path.name}:{i}" for i in range(len(ct))]
        self._subjects |= set(keys) if subjects is not None else set()
        self._note_extent(arrays.get("extent"))
        for i, key in enumerate(keys):
            if len(self.validation) < self.validation_count or key in self._held_back:
                self._held_back.add(key)
                self.validation.append((ct[i], mr[i]))
            else:
                self._ct.append(ct[i])
                self._mr.append(mr[i])

    def _note_extent(self, extent: np.ndarray | None) -> None:
        if extent is None or extent.size == 0:
            return
        edges = np.asarray(extent, dtype=float).reshape(len(extent), -1)
        self.field_of_view = _widened(self.field_of_view, edges[:, :2])
        if edges.shape[1] == 3:
            self.slice_thickness = _widened(self.slice_thickness, edges[:, 2])


def _widened(span: tuple[float, float] | None, values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if span is None else (min(low, span[0]), max(high, span[1]))
