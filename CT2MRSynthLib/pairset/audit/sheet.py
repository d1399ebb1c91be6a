"""The contact sheet: CT and MR of all pairs of a set in one picture, framed by what was decided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from CT2MRSynthLib.pairset.manifest import ACCEPTED, EXCLUDED, REJECTED, PairEntry, PairSet
from CT2MRSynthLib.pairset.summary import sentence

if TYPE_CHECKING:
    from CT2MRSynthLib.pairset.audit.pictures import Panel

#: Edge of a picture in pixels: up to so many pairs, and beyond.
EDGES = ((100, 128), (400, 96), (1500, 64), (math.inf, 40))
#: Width over height of the sheet, about.
ASPECT = 1.5
GAP, CAPTION, HEAD, FRAME = 8, 18, 34, 2
COLORS = {ACCEPTED: (80, 160, 100), REJECTED: (210, 80, 70), EXCLUDED: (220, 170, 60)}
GROUND, TEXT, QUIET = (24, 24, 24), (230, 230, 230), (150, 150, 150)


class ContactSheet:
    """A sheet that fills pair by pair, in the order of the manifest.

    Args:
        found: The set.
    """

    def __init__(self, found: PairSet) -> None:
        from PIL import Image

        count = max(len(found.pairs), 1)
        self._edge = next(edge for most, edge in EDGES if count <= most)
        self._cell = (2 * self._edge + 2 * FRAME + GAP, self._edge + 2 * FRAME + CAPTION + GAP)
        self._columns = max(2, min(count, round(math.sqrt(count * ASPECT * self._cell[1] / self._cell[0]))))
        rows = -(-count // self._columns)
        size = (GAP + self._columns * self._cell[0], HEAD + rows * self._cell[1] + GAP)
        self._image, self._count = Image.new("RGB", size, GROUND), 0
        self._write((GAP, 9), sentence(found), 15, TEXT, size[0] - 2 * GAP)

    def add(self, entry: PairEntry, panels: Sequence[Panel]) -> None:
        """Put the next pair on the sheet; its first two pictures, or words where there are none."""
        from PIL import Image, ImageDraw

        row, column = divmod(self._count, self._columns)
        self._count += 1
        left, top = GAP + column * self._cell[0], HEAD + row * self._cell[1]
        right, bottom = left + 2 * self._edge + 2 * FRAME - 1, top + self._edge + 2 * FRAME - 1
        color = COLORS[entry.decision.status]
        ImageDraw.Draw(self._image).rectangle((left, top, right, bottom), outline=color, width=FRAME)
        for n, panel in enumerate(panels[:2]):
            small = panel.image.convert("RGB").resize((self._edge, self._edge), Image.LANCZOS)
            self._image.paste(small, (left + FRAME + n * self._edge, top + FRAME))
        width = right - left
        if not panels:
            self._write((left + 8, top + self._edge // 2 - 6), "no images", 13, QUIET, width - 16)
        status = "" if entry.accepted else f"  {entry.decision.status}"
        self._write((left, bottom + 2), entry.id + status, 12, TEXT if entry.accepted else color, width)

    def write(self, path: Path) -> Path:
        """Write the sheet as PNG, whole or not at all."""
        from io import BytesIO

        from CT2MRSynthLib.atomic import replacing

        buffer = BytesIO()  # Pillow hides the reason when a disk is full; plain writing tells it
        self._image.save(buffer, format="PNG")
        with replacing(path) as temporary:
            temporary.write_bytes(buffer.getvalue())
        return path

    def _write(self, place: tuple[int, int], text: str, size: int, color, width: int) -> None:
        """Write a line; where it is wider than ``width`` pixels, shortened in the middle."""
        from PIL import ImageDraw, ImageFont

        font = ImageFont.load_default(size=size)
        kept, half = text, min(len(text) // 2, width)  # a letter is wider than a pixel
        while half > 3 and font.getlength(kept[: 2 * width]) > width:
            half -= 1
            kept = f"{text[:half]}...{text[-half:]}"
        ImageDraw.Draw(self._image).text(place, kept, font=font, fill=color)
