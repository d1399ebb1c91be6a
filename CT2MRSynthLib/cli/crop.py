"""``ct2mrsynth crop``: boxes from landmarks by the paper's rule."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "make crop boxes from landmarks by the paper's rule"

DESCRIPTION = """\
Make a crop box (Slicer ROI markup) for each fiducial list of a Markups file. A list belongs to one disc and is named
after its level. Labels: 'disc front' and 'disc back' (mid-sagittal edges of the disc), or three or more points that
begin with 'disc'; 'ventral' (most ventral point of the vertebral body); 'sac' (center of the thecal sac)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.description = DESCRIPTION
    parser.add_argument(
        "--landmarks", action="append", required=True, metavar="POINTS.mrk.json", help="fiducial lists; may be repeated"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for <level>.mrk.json, one file per disc")
    parser.add_argument("--level", help="name of the box, for a file with one list that does not name its level")
    parser.add_argument("--thickness", type=float, default=4.0, metavar="MM", help="depth of the box (default: 4)")
    parser.add_argument(
        "--lateral-half-width",
        type=float,
        metavar="MM",
        help="half-width that shows both lateral sides of the vertebral body (default: ventral cut to sac center)",
    )
    parser.add_argument(
        "--rectangular", action="store_true", help="as wide as the lateral half-width says, instead of square in plane"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the boxes; all landmarks are checked before the first is written."""
    from CT2MRSynthLib.crop import Landmarks, crop_box
    from CT2MRSynthLib.errors import InputError, UsageError
    from CT2MRSynthLib.levels import level_or_name
    from CT2MRSynthLib.markups import read_points, write_box

    lists = [item for path in arguments.landmarks for item in read_points(path).items()]
    if arguments.level:
        if len(lists) != 1:
            raise UsageError(
                f"--level names one box, but there are {len(lists)} point lists; name the lists in Slicer instead."
            )
        lists = [(level_or_name(arguments.level), lists[0][1])]
    boxes = {}
    for level, points in lists:
        if level in boxes:
            raise UsageError(f"Two point lists are named {level!r}; rename one in Slicer.")
        try:
            boxes[level] = crop_box(
                Landmarks.from_points(points),
                level,
                thickness=arguments.thickness,
                lateral_half_width=arguments.lateral_half_width,
                square=not arguments.rectangular,
            )
        except InputError as error:
            raise InputError(f"{level}: {error}") from None
    for level, box in boxes.items():
        print(write_box(Path(arguments.out) / f"{level}.mrk.json", box))
    return 0
