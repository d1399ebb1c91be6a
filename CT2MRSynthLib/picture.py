"""The picture of one box for a radiologist's eye: CT on the left, synthetic slice on the right, same place, same scale.

The patient's right is on the picture's left and anterior is up. Several slices: the middle one, and from eight on the
sagittal and coronal reformats through the stack below it, in true proportion.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from CT2MRSynthLib.provenance import LABEL

if TYPE_CHECKING:
    from PIL.Image import Image

#: Pixels of the longer edge of an axial slice in the picture.
EDGE = 512

#: Length of the scale bar in mm.
BAR = 20.0

#: From this number of slices on a stack is worth reformatting.
SLICES_TO_REFORMAT = 8

#: Where the coronal reformat lies, as a share of the way from the ventral to the dorsal side of the box: in the
#: vertebral body, for the crop rule puts the thecal sac half-way.
CORONAL_DEPTH = 0.28

#: Key of the PNG text that says where in the picture the axial panels are: ``[[left, top, right, bottom], [...]]``.
PANELS = "CT2MRSynth panels"

MARGIN = 12
BACKGROUND, TEXT, QUIET, MARK, AMBER = (0, 0, 0), (240, 240, 240), (170, 170, 170), (255, 255, 255), (255, 200, 60)


def draw(
    ct_grey: np.ndarray,
    mr: np.ndarray,
    extent: Sequence[float],
    *,
    name: str,
    level: str,
    window: tuple[float, float],
    model: str,
    warnings: Sequence[str] = (),
) -> Image:
    """Draw CT and synthetic slice side by side.

    Args:
        ct_grey: Grey levels, shape (k, j, i); indices run to the patient's left, posterior, superior.
        mr: Synthetic grey levels of the same shape.
        extent: Edges of the box along right, anterior, superior, mm.
        name: Of the CT.
        level: Of the box.
        window: Lower and upper limit of the CT window, HU.
        model: Name and version, and "preliminary" if it is.
        warnings: One line each at the bottom.
    """
    rows = [[_axial(stack, extent, synthetic) for stack, synthetic in ((ct_grey, False), (mr, True))]]
    slices = len(mr)
    if slices >= SLICES_TO_REFORMAT:
        rows.append([_sagittal(ct_grey, extent), _sagittal(mr, extent, True)])
        rows.append([_coronal(ct_grey, extent), _coronal(mr, extent, True)])
    which = "" if slices == 1 else f"   slice {slices // 2 + 1} of {slices}"
    captions = [f"CT   {window[0]:g} to {window[1]:g} HU", f"Synthetic T2   {model}"]
    return _compose(rows, f"{level}   {name}{which}", captions, warnings)


def save(image: Image, path: str | Path) -> Path:
    """Write a picture as PNG, whole or not at all.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    from PIL.PngImagePlugin import PngInfo

    from CT2MRSynthLib.atomic import replacing

    text = PngInfo()
    text.add_text("Description", LABEL)
    for key, value in image.info.items():
        if isinstance(value, str):
            text.add_text(key, value)
    buffer = BytesIO()  # Pillow hides the reason when a disk is full; plain writing tells it
    image.save(buffer, format="PNG", pnginfo=text, optimize=False)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return Path(path)


def contact_sheet(pictures: Sequence[str | Path], out: str | Path, edge: int = 352) -> Path:
    """Lay the axial panels of several pictures side by side: the CTs above, the synthetic slices below.

    Args:
        pictures: PNG files that ``save`` wrote, in the order wanted.
        out: PNG file to write.
        edge: Width of a column in pixels.

    Raises:
        InputError: A file is no such picture.
    """
    from PIL import Image

    columns = [_panels(Path(path)) for path in pictures]
    heights = [max(round(edge * p.height / p.width) for p in row) for row in zip(*columns, strict=True)]
    head, foot = 40, 44
    size = (MARGIN + len(columns) * (edge + MARGIN), head + sum(heights) + MARGIN + foot)
    sheet = Image.new("RGB", size, BACKGROUND)
    for n, (column, path) in enumerate(zip(columns, pictures, strict=True)):
        left = MARGIN + n * (edge + MARGIN)
        write_line(sheet, (left, 10), column[0].info["title"] or Path(path).stem, 20, TEXT, width=edge)
        top = head
        for panel, height in zip(column, heights, strict=True):
            sheet.paste(panel.resize((edge, round(edge * panel.height / panel.width)), Image.LANCZOS), (left, top))
            top += height + MARGIN
    line = f"Above: CT.   Below: synthetic T2, {columns[0][0].info['model']}.   {LABEL}"
    write_line(sheet, (MARGIN, size[1] - foot + 12), line, 18, AMBER, width=size[0] - 2 * MARGIN)
    return save(sheet, out)


def _axial(stack: np.ndarray, extent, synthetic: bool) -> Image:
    panel = _scaled(stack[len(stack) // 2], extent[0], extent[1], max(extent[:2]))
    return mark_panel(panel, extent[0], ("R", "L", "A", "P"), synthetic)


def _sagittal(stack: np.ndarray, extent, synthetic: bool = False) -> Image:
    plane = stack[::-1, :, stack.shape[2] // 2]  # superior up, anterior on the left
    panel = _scaled(plane, extent[1], extent[2], max(extent[:2]))
    return mark_panel(panel, extent[1], ("A", "P", "S", "I"), synthetic, "sagittal reformat")


def _coronal(stack: np.ndarray, extent, synthetic: bool = False) -> Image:
    plane = stack[::-1, round(CORONAL_DEPTH * (stack.shape[1] - 1))]  # superior up, patient's right on the left
    panel = _scaled(plane, extent[0], extent[2], max(extent[:2]))
    return mark_panel(panel, extent[0], ("R", "L", "S", "I"), synthetic, "coronal reformat")


def _scaled(plane: np.ndarray, width: float, height: float, longest: float) -> Image:
    """A grey plane of so many mm, drawn at ``EDGE`` pixels for ``longest`` mm."""
    from PIL import Image

    size = (max(1, round(EDGE * width / longest)), max(1, round(EDGE * height / longest)))
    return Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.BICUBIC).convert("RGB")


def mark_panel(panel: Image, width: float, marks: Sequence[str], synthetic: bool, caption: str = "") -> Image:
    """Directions at the edges (left, right, top, bottom), a scale bar, and on synthetic pictures what they are."""
    middle = (panel.width // 2, panel.height // 2)
    inset = 6
    left, right, top, bottom = marks
    write_line(panel, (inset, middle[1]), left, 20, MARK, anchor="lm", outline=True)
    write_line(panel, (panel.width - inset, middle[1]), right, 20, MARK, anchor="rm", outline=True)
    if panel.height >= 120:
        write_line(panel, (middle[0], inset), top, 20, MARK, anchor="ma", outline=True)
        write_line(panel, (middle[0], panel.height - inset), bottom, 20, MARK, anchor="md", outline=True)
    _scale_bar(panel, width)
    if synthetic:
        _plate(panel, LABEL)
    if caption:
        write_line(panel, (inset, panel.height - inset), caption, 16, MARK, anchor="ld", outline=True)
    return panel


def _plate(panel: Image, text: str) -> None:
    """Text on a dark plate in the upper left corner, where it hides least: legible on bright and dark tissue alike."""
    from PIL import Image, ImageDraw

    size, room = 17, panel.width // 2 - 22
    while size > 12 and _font(size).getlength(text) > room:
        size -= 1
    left, top, right, bottom = ImageDraw.Draw(panel).textbbox((8, 6), text, font=_font(size))
    plate = (0, 0, round(right) + 8, round(bottom) + 6)
    panel.paste(Image.blend(panel.crop(plate), Image.new("RGB", plate[2:], BACKGROUND), 0.7), plate)
    write_line(panel, (8, 6), text, size, AMBER)


def _scale_bar(panel: Image, width: float) -> None:
    from PIL import ImageDraw

    length = BAR * panel.width / width
    if length > panel.width / 2:
        return
    brush = ImageDraw.Draw(panel)
    right, bottom = panel.width - 10, panel.height - 10
    brush.rectangle((right - length - 1, bottom - 5, right + 1, bottom + 1), fill=BACKGROUND)
    brush.rectangle((right - length, bottom - 4, right, bottom), fill=MARK)
    write_line(panel, (right - length / 2, bottom - 8), f"{BAR / 10:g} cm", 16, MARK, anchor="md", outline=True)


def _compose(rows: list[list[Image]], title: str, captions: Sequence[str], warnings: Sequence[str]) -> Image:
    from PIL import Image

    column = max(EDGE, max(panel.width for row in rows for panel in row))
    width = 2 * column + 3 * MARGIN
    lines = [line for warning in warnings for line in _wrapped(f"Warning: {warning}", 16, width - 2 * MARGIN)]
    head, line_height = 76, 22
    tops = np.cumsum([head, *(max(panel.height for panel in row) + MARGIN for row in rows)]).tolist()
    sheet = Image.new("RGB", (width, tops[-1] + line_height * len(lines) + (MARGIN if lines else 0)), BACKGROUND)
    write_line(sheet, (MARGIN, 10), title, 24, TEXT, width=width - 2 * MARGIN)
    places = []
    for n, caption in enumerate(captions):
        left = MARGIN + n * (column + MARGIN)
        write_line(sheet, (left, 46), caption, 18, QUIET, width=column)
        for top, row in zip(tops, rows, strict=False):
            sheet.paste(row[n], (left, top))
        places.append([left, head, left + rows[0][n].width, head + rows[0][n].height])
    for n, line in enumerate(lines):
        write_line(sheet, (MARGIN, tops[-1] + n * line_height), line, 16, AMBER)
    model = captions[1].split("   ", 1)[-1]
    sheet.info.update({PANELS: json.dumps(places), "title": title.split("   ")[0], "model": model})
    return sheet


def _panels(path: Path) -> list[Image]:
    from PIL import Image

    from CT2MRSynthLib.errors import InputError

    try:
        image = Image.open(path)
        places = json.loads(image.info[PANELS])
        image.load()
    except (OSError, KeyError, ValueError):
        sentence = f"{path.name} is no picture that this software made; give the _sMRT2.png files of a run."
        raise InputError(sentence) from None
    panels = [image.crop(place) for place in places]
    for panel in panels:
        panel.info.update({key: image.info.get(key, "") for key in ("title", "model")})
    return panels


def _font(size: int):
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def write_line(image: Image, place, text: str, size: int, color, anchor="la", outline=False, width=None) -> None:
    """Write one line; where it is wider than ``width`` pixels, smaller, down to 12 pixels, then shortened."""
    from PIL import ImageDraw

    text = text[:width]  # a letter is wider than a pixel; measuring an endless line takes as long
    font = _font(size)
    while width and size > 12 and font.getlength(text) > width:
        size -= 1
        font = _font(size)
    while width and len(text) > 4 and font.getlength(text) > width:
        text = text[:-4].rstrip() + "..."
    edge = {"stroke_width": 2, "stroke_fill": BACKGROUND} if outline else {}
    ImageDraw.Draw(image).text(place, text, font=font, fill=color, anchor=anchor, **edge)


def _wrapped(text: str, size: int, width: int) -> list[str]:
    font, lines, line = _font(size), [], ""
    for word in text.split():
        if line and font.getlength(f"{line} {word}") > width:
            lines.append(line)
            line = f"   {word}"
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
