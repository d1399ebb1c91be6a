"""Preview sheets: CT, synthetic and real MR of the pairs that were held back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from CT2MRSynthLib.atomic import replacing

HEADER = "SYNTHETIC - not for diagnosis   columns: CT, synthetic, real"


def write_sheet(
    path: Path, ct: np.ndarray, synthetic: np.ndarray, real: np.ndarray, title: str = "", per_row: int = 2
) -> None:
    """Write a PNG of cases, ``per_row`` of them beside each other.

    Args:
        path: The file.
        ct: Grey levels, uint8, shape (n, h, w).
        synthetic: Same.
        real: Same.
        title: Added to the header.
        per_row: Cases in a row.
    """
    from PIL import Image, ImageDraw

    cases = [np.concatenate(images, axis=1) for images in zip(ct, synthetic, real, strict=True)]
    cases += [np.zeros_like(cases[0])] * (-len(cases) % per_row)
    rows = [np.concatenate(cases[i : i + per_row], axis=1) for i in range(0, len(cases), per_row)]
    sheet = np.concatenate([np.zeros((16, rows[0].shape[1]), np.uint8), *rows])
    image = Image.fromarray(sheet)
    ImageDraw.Draw(image).text((4, 2), f"{HEADER}   {title}", fill=255)
    with replacing(Path(path), suffix=".png") as temporary:
        image.save(temporary)
