"""The pictures of one pair as PNG, all of them on one sheet or one alone."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from CT2MRSynthLib.pairset.audit.pictures import Panel

#: Pixels between the pictures of a sheet, and of the letters on them.
GAP, LETTERS = 4, 13
GROUND = (0, 0, 0)


def sheet_png(panels: Sequence[Panel], edge: int) -> bytes:
    """All pictures of a pair, two beside each other, each with its title.

    Args:
        panels: The pictures (see ``panels_of``).
        edge: Of the sheet, in pixels.
    """
    from PIL import Image

    one = (edge - GAP) // 2
    rows = -(-len(panels) // 2)
    sheet = Image.new("RGB", (2 * one + GAP, rows * (one + GAP) - GAP), GROUND)
    for n, panel in enumerate(panels):
        row, column = divmod(n, 2)
        sheet.paste(_titled(panel, one), (column * (one + GAP), row * (one + GAP)))
    return _png(sheet)


def panel_png(panel: Panel, edge: int) -> bytes:
    """One picture of a pair.

    Args:
        panel: The picture.
        edge: Of the picture, in pixels.
    """
    return _png(_titled(panel, edge))


def _titled(panel: Panel, edge: int) -> Image:
    from PIL import Image

    from CT2MRSynthLib.pairset.audit.pictures import write

    image = panel.image.convert("RGB").resize((edge, edge), Image.LANCZOS)
    write(image, (4, 2), panel.title, LETTERS, (255, 255, 255))
    return image


def _png(image: Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
