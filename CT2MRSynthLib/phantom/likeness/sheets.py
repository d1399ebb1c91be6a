"""Sheets of pictures to judge simulated crops by: real and simulated mixed, CT beside T2, curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from CT2MRSynthLib.atomic import replacing
from CT2MRSynthLib.phantom.likeness.crop_measures import FREQUENCY_EDGES, HISTOGRAM_EDGES

#: Window of the CT pictures in HU, as a radiologist sets it for the lumbar spine.
WINDOW = (-160.0, 460.0)

#: Colors of simulated and real curves.
_SIMULATED, _REAL = (255, 160, 40), (90, 170, 255)


def ct_picture(hu: np.ndarray) -> np.ndarray:
    """HU as grey levels in the reading window, uint8."""
    return np.clip((hu - WINDOW[0]) / (WINDOW[1] - WINDOW[0]) * 255, 0, 255).astype(np.uint8)


def write_sheet(path: Path, pictures: Sequence[np.ndarray], captions: Sequence[str], columns: int) -> Path:
    """Lay pictures of one size in rows, each with a caption.

    Args:
        path: PNG file.
        pictures: uint8, all of the same shape.
        captions: One per picture.
        columns: Pictures per row.
    """
    from PIL import Image, ImageDraw, ImageFont

    edge = max(pictures[0].shape)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("L", (columns * (edge + 6), rows * (edge + 26)), 0)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=16)
    for n, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = n % columns * (edge + 6), n // columns * (edge + 26)
        sheet.paste(Image.fromarray(picture), (left, top + 22))
        draw.text((left + 4, top + 2), caption, fill=220, font=font)
    return _save(sheet, path)


def write_curves(path: Path, simulated: dict[str, np.ndarray], real: dict[str, np.ndarray]) -> Path:
    """Draw histogram, noise spectrum and edge spectrum of both groups, one curve per crop and the mean in bold.

    Args:
        path: PNG file.
        simulated, real: ``histogram``, ``noise`` and ``edges``: shape (crops, bins); real ones may be missing.
    """
    from PIL import Image

    titles = {
        "histogram": ("Share of pixels by HU", HISTOGRAM_EDGES),
        "noise": ("Noise power in muscle by cycles/mm", FREQUENCY_EDGES),
        "edges": ("Power of the picture (log10) by cycles/mm", FREQUENCY_EDGES),
    }
    panels = [
        _panel(title, edges, simulated[name], real.get(name, np.empty((0, len(edges) - 1))))
        for name, (title, edges) in titles.items()
    ]
    picture = Image.new("RGB", (sum(p.width for p in panels), panels[0].height))
    for n, panel in enumerate(panels):
        picture.paste(panel, (n * panel.width, 0))
    return _save(picture, path)


def _panel(title: str, edges: np.ndarray, simulated: np.ndarray, real: np.ndarray, size=(520, 380)):
    from PIL import Image, ImageDraw, ImageFont

    panel = Image.new("RGB", size, (16, 16, 16))
    draw, font = ImageDraw.Draw(panel), ImageFont.load_default(size=15)
    left, top, right, bottom = 56, 34, size[0] - 14, size[1] - 44
    values = np.concatenate([simulated, real])
    low, high = float(np.nanmin(values)), float(np.nanpercentile(values, 99.5))
    high = high if high > low else low + 1
    center = (edges[1:] + edges[:-1]) / 2
    across = left + (center - center[0]) / (center[-1] - center[0]) * (right - left)

    def line(curve, color, width):
        known = np.isfinite(curve)
        down = bottom - (np.clip(curve[known], low, high) - low) / (high - low) * (bottom - top)
        draw.line(list(zip(across[known].tolist(), down.tolist(), strict=True)), fill=color, width=width)

    for group, color in ((simulated, _SIMULATED), (real, _REAL)):
        for curve in group:
            line(curve, tuple(c // 3 for c in color), 1)
    for group, color in ((simulated, _SIMULATED), (real, _REAL)):
        if np.isfinite(group).any():
            line(_mean(group), color, 3)
    draw.rectangle((left, top, right, bottom), outline=(120, 120, 120))
    draw.text((left, 8), title, fill=(230, 230, 230), font=font)
    for place, value in ((left, center[0]), (right - 40, center[-1])):
        draw.text((place, bottom + 4), f"{value:.3g}", fill=(180, 180, 180), font=font)
    for place, value in ((bottom - 14, low), (top, high)):
        draw.text((4, place), f"{value:.2g}", fill=(180, 180, 180), font=font)
    draw.text((left, bottom + 22), f"simulated ({len(simulated)})", fill=_SIMULATED, font=font)
    draw.text((left + 150, bottom + 22), f"real ({len(real)})", fill=_REAL, font=font)
    return panel


def _mean(group: np.ndarray) -> np.ndarray:
    known = np.isfinite(group).any(axis=0)
    result = np.full(group.shape[1], np.nan)
    result[known] = np.nanmean(group[:, known], axis=0)
    return result


def _save(image, path: Path) -> Path:
    with replacing(path) as temporary, open(temporary, "wb") as file:
        image.save(file, format="PNG")
    return Path(path)
