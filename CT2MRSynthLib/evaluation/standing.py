"""Where a run stands: its verdict against the generator in use, and whether that verdict still holds. No torch."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from CT2MRSynthLib.bundle import check_bundle, default_bundle_path
from CT2MRSynthLib.errors import BundleError, CT2MRSynthError
from CT2MRSynthLib.modelcard import read_card

#: Folder of a verdict within that of a run.
FOLDER = "verdict"


@dataclass(frozen=True)
class Standing:
    """The verdict of a run.

    Args:
        folder: Of the verdict.
        content: Of ``verdict.json``; empty: there is none, or it cannot be read.
        problem: Why it cannot be read, or why it says nothing of the bundles as they are now; empty: neither.
        report: ``verdict.html``; None: missing.
        pictures: Plot of the patients, best, median and worst case, as far as they are there.
    """

    folder: Path
    content: dict = field(default_factory=dict)
    problem: str = ""
    report: Path | None = None
    pictures: tuple[Path, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict in words; empty where there is none."""
        return str(self.content.get("verdict") or "")

    @property
    def better(self) -> bool:
        """Whether it says that the run's generator is better than the one in use, and holds."""
        return self.content.get("better") is True and not self.problem


def standing(run: str | Path) -> Standing:
    """Read the verdict in the folder of a run and hold it against the bundle of the run and the one in use.

    The gate checks more (``evaluation.gate``); this is what a user is told beforehand.

    Args:
        run: Its folder.
    """
    from CT2MRSynthLib.evaluation.verdict import HTML_FILE, JSON_FILE, PLOT_FILE, read_verdict

    folder = Path(run) / FOLDER
    if not os.path.isfile(folder / JSON_FILE):
        return Standing(folder)
    try:
        content = read_verdict(folder)
    except CT2MRSynthError as error:
        return Standing(folder, problem=str(error))
    names = (PLOT_FILE, "median.png", "best.png", "worst.png")
    pictures = tuple(folder / name for name in names if os.path.isfile(folder / name))
    report = folder / HTML_FILE
    return Standing(folder, content, _problem(content, Path(run)), report if os.path.isfile(report) else None, pictures)


def title_in_use() -> str:
    """Name and version of the generator in use.

    Raises:
        BundleError: There is none.
    """
    try:
        return read_card(default_bundle_path()).title
    except OSError as error:  # a folder of bundles that must not be read
        raise BundleError(f"The generator in use cannot be read: {error.strerror or type(error).__name__}.") from None


def _problem(content: dict, run: Path) -> str:
    """Why a verdict is not, or no longer, one on the run's bundle against the one in use."""
    try:
        made = read_card(run / "bundle").weights.get("sha256")
    except CT2MRSynthError as error:
        return str(error)
    if _weights(content, "b") != made:
        return "The training went on after this verdict was made; compare again."
    try:
        used = check_bundle(default_bundle_path()).sha256
    except (CT2MRSynthError, OSError):
        return ""  # nothing is in use that it could be held against
    if used == made:
        return ""  # it has been let in
    if _weights(content, "a") != used:
        return "Another generator is in use than the one it was held against; compare again."
    return ""


def _weights(content: dict, side: str):
    entry = content.get(side)
    return entry.get("sha256") if isinstance(entry, dict) else None


def is_in_use(run: str | Path) -> bool:
    """Whether the generator of a run, as it is now, is the one in use."""
    try:
        return read_card(Path(run) / "bundle").weights["sha256"] == read_card(default_bundle_path()).weights["sha256"]
    except (CT2MRSynthError, KeyError, OSError):
        return False
