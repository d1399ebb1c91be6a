"""The box of each disc level of a patient, from landmarks by the paper's crop rule, or as drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from CT2MRSynthLib.crop import Landmarks, crop_box
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.markups import Point, read_boxes, read_points

#: Heights in mm of lumbar discs of adults, used where no landmarks of the endplates are given; low rather than high, as
#: most patients who are imaged have worn discs.
DISC_HEIGHTS = {"L1-L2": 8.0, "L2-L3": 9.0, "L3-L4": 10.0, "L4-L5": 10.0, "L5-S1": 9.0}
OTHER_HEIGHT = 9.0
#: Depth in mm of a box of landmarks.
DEPTH = 4.0
#: Plausible disc heights, mm.
HEIGHT_LIMITS = (2.0, 20.0)
#: No vertebral body reaches farther to the side than this, mm; a slip of the hand must not widen all boxes.
WIDEST = 50.0


@dataclass(frozen=True)
class Level:
    """One disc of a patient.

    Args:
        name: Disc level, or another name.
        frame: Its box, square in plane, CT-world RAS mm; None where there is a problem.
        disc_height: mm.
        half_width: mm from the box's center that show both lateral sides of the vertebral body; None: not known.
        origin: "landmarks" or "box".
        height_origin: "landmarks" or "default".
        problem: One sentence why there is no box, or empty.
    """

    name: str
    frame: DiscFrame | None = None
    disc_height: float = OTHER_HEIGHT
    half_width: float | None = None
    origin: str = "landmarks"
    height_origin: str = "default"
    problem: str = ""


def read_levels(markups: Sequence[Path]) -> list[Level]:
    """The disc levels of a patient; landmarks, from which the crop rule can be told, go before a box of the same level.

    Args:
        markups: Markups files with boxes (ROI, plane) or point lists, in the CT's world.

    Raises:
        InputError: A file cannot be read, or gives a level twice.
    """
    boxes, lists = {}, {}
    for path in markups:
        found_boxes, found_lists = _read(path)
        for kind, found, all_found in (("boxes", found_boxes, boxes), ("point lists", found_lists, lists)):
            for name, content in found:
                if name in all_found:
                    raise InputError(f"Two {kind} are named {name!r}; remove one of them from the Markups files.")
                all_found[name] = content
    levels = {name: _from_box(name, frame) for name, frame in boxes.items()}
    levels |= {name: _from_points(name, points) for name, points in lists.items()}
    return [levels[name] for name in sorted(levels)]


def with_half_width(level: Level, half_width: float | None) -> Level:
    """The level with a box no narrower than the half-width that all patients share; it stays square.

    Args:
        level: With the box that the crop rule gives.
        half_width: mm, or None: not known.
    """
    if level.frame is None or half_width is None or level.frame.extent[0] >= 2 * half_width:
        return level
    frame = level.frame
    extent = [2 * half_width, 2 * half_width, frame.extent[2]]
    return replace(level, frame=DiscFrame(frame.center, frame.axes, extent, frame.level))


def _read(path: Path) -> tuple[list[tuple[str, DiscFrame]], list[tuple[str, list[Point]]]]:
    """Boxes and point lists of a file, which may hold one kind or both."""
    boxes, lists, nothing = [], [], []
    for read in (
        lambda: boxes.extend((box.level, box) for box in read_boxes(path, DEPTH)),
        lambda: lists.extend(read_points(path).items()),
    ):
        try:
            read()
        except InputError as error:
            if " holds no " not in str(error):
                raise
            nothing.append(str(error))
    if not boxes and not lists:
        raise InputError(f"{path.name} holds neither a box nor a point list; save boxes or landmarks from Slicer.")
    return boxes, lists


def _from_box(name: str, frame: DiscFrame) -> Level:
    edge = float(max(frame.extent[:2]))
    square = DiscFrame(frame.center, frame.axes, [edge, edge, frame.extent[2]], name)
    return Level(name, square, DISC_HEIGHTS.get(name, OTHER_HEIGHT), None, "box")


def _from_points(name: str, points: list[Point]) -> Level:
    try:
        frame = crop_box(Landmarks.from_points(points), name, DEPTH)
    except InputError as error:
        return Level(name, problem=f"{name}: {error}")
    lateral = [place for label, place in points if label.lower().strip().startswith("lateral")]
    reach = [float(abs((place - frame.center) @ frame.axes[0])) for place in lateral]
    if reach and max(reach) > WIDEST:
        return Level(
            name,
            problem=f"{name}: A 'lateral' point lies {max(reach):.0f} mm beside the sac center, at most {WIDEST:.0f} "
            "are plausible; move it to the side of the vertebral body.",
        )
    ends = [place for label, place in points if "endplate" in label.lower()]
    height, origin = DISC_HEIGHTS.get(name, OTHER_HEIGHT), "default"
    if len(ends) >= 2:
        along = np.array(ends) @ frame.axes[2]
        height, origin = float(np.clip(np.ptp(along), *HEIGHT_LIMITS)), "landmarks"
    return Level(name, frame, height, max(reach) if len(reach) >= 2 else None, "landmarks", origin)
