"""The pictures by which the match of a CT and an MR slice is judged.

The patient's right is on the picture's left and anterior is up, as in the images of a pair.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from CT2MRSynthLib.greylevels import CTWindow, to_grey_levels

if TYPE_CHECKING:
    from PIL.Image import Image

#: Soft tissue, HU: fat, muscle and disc are told apart, bone is white.
WINDOW = CTWindow(-160.0, 240.0)
#: Pixels of a square of the checkerboard.
SQUARE = 32
#: What is outlined: HU that bound it, the sigma in pixels that keeps noise out, color.
OUTLINES = ((-300.0, 1.5, (90, 200, 250)), (-30.0, 2.0, (90, 200, 250)), (180.0, 1.0, (255, 190, 60)))
#: Pixels of the smallest patch that is outlined.
PATCH = 40
#: Quality of JPEG, and what the four pictures of a pair take with it in bytes at 256 pixels: noisy ones, at most.
QUALITY, BYTES = 80, 75_000
#: What all pictures of a page take in bytes at most; larger sets have smaller pictures.
MOST = 28_000_000
EDGES = (256, 192, 160, 128, 96)


@dataclass(frozen=True)
class Panel:
    """A picture, and what it shows in a word and in a sentence."""

    title: str
    words: str
    image: Image


def panels_of(ct: np.ndarray, mr: np.ndarray, sequence: str, simulated: bool) -> list[Panel]:
    """CT, MR, checkerboard of both, and outlines of the CT over the MR.

    Args:
        ct: HU, shape (256, 256).
        mr: Grey levels, uint8, same shape.
        sequence: Of the MR.
        simulated: Say so in each picture.
    """
    from PIL import Image

    grey = to_grey_levels(ct, WINDOW)
    pictures = {
        ("CT", f"CT, {WINDOW.low:g} to {WINDOW.high:g} HU"): grey,
        (sequence, f"MR, {sequence}"): mr,
        ("Checkerboard", f"Squares of CT and {sequence} in turn"): checkerboard(grey, mr),
        (
            "Outlines",
            f"Outlines of the CT over the {sequence}: bone in amber, muscle and body in blue",
        ): outlines(ct, mr),
    }
    return [Panel(*words, _marked(Image.fromarray(array), simulated)) for words, array in pictures.items()]


def checkerboard(ct_grey: np.ndarray, mr: np.ndarray) -> np.ndarray:
    """Squares of CT and MR in turn, the CT in the upper left corner; shape as given, uint8."""
    rows, columns = (np.arange(n) // SQUARE for n in mr.shape)
    return np.where((rows[:, None] + columns) % 2 == 0, ct_grey, mr).astype(np.uint8)


def outlines(ct: np.ndarray, mr: np.ndarray) -> np.ndarray:
    """The MR with outlines of body, muscle and bone of the CT; shape (rows, columns, 3), uint8."""
    from scipy import ndimage

    picture = np.repeat(mr[..., None], 3, axis=2)
    for hu, sigma, color in OUTLINES:
        mask = _without_specks(ndimage.gaussian_filter(ct.astype(np.float32), sigma) > hu)
        picture[mask & ~ndimage.binary_erosion(mask, border_value=1)] = color
    return picture


def edge_for(pairs: int) -> int:
    """Pixels of the edge of a picture on a page of so many pairs."""
    fitting = (edge for edge in EDGES if pairs * BYTES * (edge / EDGES[0]) ** 2 <= MOST)
    return next(fitting, EDGES[-1])


def embedded(image: Image, edge: int) -> str:
    """A picture as the address of an ``img`` element that holds it whole (JPEG)."""
    from PIL import Image

    if image.width != edge:
        image = image.resize((edge, edge), Image.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, format="JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def write(image: Image, place: tuple[int, int], text: str, size: int, color, anchor: str = "la") -> None:
    """Write a line with a dark rim, legible on bright and dark tissue alike."""
    from PIL import ImageDraw, ImageFont

    rim = 0 if image.mode == "L" else (0, 0, 0)
    font = ImageFont.load_default(size=size)
    ImageDraw.Draw(image).text(place, text, font=font, fill=color, anchor=anchor, stroke_width=2, stroke_fill=rim)


def _marked(image: Image, simulated: bool) -> Image:
    """The patient's right and anterior, and that no patient was imaged."""
    white = 255 if image.mode == "L" else (255, 255, 255)
    write(image, (4, image.height // 2), "R", 14, white, "lm")
    write(image, (image.width // 2, 2), "A", 14, white, "ma")
    if simulated:
        write(image, (4, image.height - 3), "SIMULATED", 13, white, "ld")
    return image


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """A mask without patches and holes that only noise makes."""
    from scipy import ndimage

    for _ in range(2):
        labels, _ = ndimage.label(mask)
        mask = ~(mask & (np.bincount(labels.ravel())[labels] >= PATCH))  # the second round fills the holes
    return mask
