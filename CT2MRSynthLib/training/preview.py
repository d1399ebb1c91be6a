"""Preview sheets: the same cases again and again, so that one sees the generator learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from CT2MRSynthLib.provenance import LABEL

#: Cases on a sheet, and sheets kept of a run.
CASES, KEPT = 6, 24

#: Difference in grey levels that is drawn in full color.
FULL_COLOR = 64.0

COLUMNS = ("CT", "SYNTHETIC", "real", f"too bright: orange, dark: blue (full: {FULL_COLOR:.0f})")
HEAD, BAND, GAP = 64, 24, 4
BACKGROUND, TEXT, QUIET, AMBER = (0, 0, 0), (240, 240, 240), (170, 170, 170), (255, 200, 60)


def write_sheet(
    path: str | Path,
    ct: np.ndarray,
    synthetic: np.ndarray,
    real: np.ndarray,
    names: Sequence[str],
    title: str,
) -> None:
    """Write a PNG with a row for each case: CT, synthetic, real, and their difference.

    Args:
        path: The file.
        ct: Grey levels, uint8, shape (n, h, w); anterior up, the patient's right on the left.
        synthetic: Same.
        real: Same.
        names: Of the cases.
        title: In the header, beside the words that every such picture bears.

    Raises:
        OutputError: The file cannot be written.
    """
    from PIL import Image, ImageDraw

    from CT2MRSynthLib.picture import save

    height, width = ct.shape[1:]
    sheet = Image.new("RGB", (4 * width + 3 * GAP, HEAD + len(ct) * (height + BAND)), BACKGROUND)
    brush = ImageDraw.Draw(sheet)
    brush.text((8, 6), LABEL, font=_font(19), fill=AMBER)
    brush.text((sheet.width - 8, 8), title, font=_font(16), fill=TEXT, anchor="ra")
    for n, words in enumerate(COLUMNS):
        brush.text((n * (width + GAP) + 8, 38), words, font=_font(15), fill=AMBER if n == 1 else QUIET)
    for row, name in enumerate(names):
        top = HEAD + row * (height + BAND)
        brush.text((8, top + 4), name, font=_font(14), fill=TEXT)
        panels = ct[row], synthetic[row], real[row], difference_colors(synthetic[row], real[row])
        for n, panel in enumerate(panels):
            sheet.paste(Image.fromarray(panel).convert("RGB"), (n * (width + GAP), top + BAND))
    save(sheet, path)


def case_boxes(width: int, height: int) -> list[list[tuple[int, int, int, int]]]:
    """Where the panels lie on a sheet of square images.

    Args:
        width: Of the sheet, in pixels.
        height: Same.

    Returns:
        For each case, and each of ``COLUMNS``: left, top, width, height.
    """
    edge = (width - 3 * GAP) // 4
    tops = range(HEAD + BAND, height - edge + 1, edge + BAND)
    return [[(n * (edge + GAP), top, edge, edge) for n in range(len(COLUMNS))] for top in tops]


def difference_colors(synthetic: np.ndarray, real: np.ndarray) -> np.ndarray:
    """What is too bright in orange, what is too dark in blue, what is right in black.

    Args:
        synthetic: Grey levels, uint8, shape (h, w).
        real: Same.

    Returns:
        Colors, uint8, shape (h, w, 3).
    """
    share = (synthetic.astype(np.float32) - real) / FULL_COLOR
    bright, dark = np.clip(share, 0, 1), np.clip(-share, 0, 1)
    colors = np.stack([bright, 0.45 * (bright + dark) ** 2, dark], axis=-1)
    return np.round(255 * colors).clip(0, 255).astype(np.uint8)


def thin_out(folder: str | Path, upto: int, keep: int = KEPT) -> None:
    """Remove sheets: those of later steps, and of the others so many that ``keep``, evenly spread, are left.

    Args:
        folder: With files ``step-<number>.png``.
        upto: Step of the run.
        keep: Sheets to keep, the first and the last among them.
    """
    sheets = {int(path.stem.removeprefix("step-")): path for path in Path(folder).glob("step-*.png")}
    for step in [step for step in sheets if step > upto]:
        sheets.pop(step).unlink(missing_ok=True)
    while len(sheets) > keep:
        steps = sorted(sheets)
        gaps = [after - before for before, after in zip(steps, steps[2:], strict=False)]
        sheets.pop(steps[1 + int(np.argmin(gaps))]).unlink(missing_ok=True)


def _font(size: int):
    from PIL import ImageFont

    return ImageFont.load_default(size=size)
