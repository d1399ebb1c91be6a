"""Slicer's Markups JSON (``.mrk.json``): ROI and plane markups as boxes, fiducial lists as points.

Format: Slicer's markups-schema v1.0.x. Positions are stored in LPS (Slicer's default) or RAS and in mm or um; all that
leaves this file is in world RAS mm. ``orientation`` holds the object's x, y and z axis in its columns.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import find_level, level_or_name

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)
MILLIMETERS = {"mm": 1.0, "um": 0.001}

Point = tuple[str, np.ndarray]


def read_boxes(path: str | Path, plane_depth: float = 4.0) -> list[DiscFrame]:
    """Read every ROI and plane markup of a file as a box.

    Args:
        path: A ``.mrk.json`` file.
        plane_depth: Depth in mm given to a plane, which has none of its own.

    Returns:
        One frame per markup, named after the disc level found in the markup's or the file's name.

    Raises:
        InputError: The file is no Markups JSON, holds neither ROI nor plane, or a box in it is unusable.
    """
    path = Path(path)
    boxes = [markup for markup in _markups(path) if markup.get("type") in ("ROI", "Plane")]
    if not boxes:
        kinds = ", ".join(sorted({str(markup.get("type")) for markup in _markups(path)})) or "nothing"
        raise InputError(f"{path.name} holds no box: {kinds} found, an ROI or a plane markup is needed.")
    return [_frame(markup, _name(markup, path, index, len(boxes)), plane_depth) for index, markup in enumerate(boxes)]


def read_points(path: str | Path) -> dict[str, list[Point]]:
    """Read every fiducial list of a file.

    Args:
        path: A ``.mrk.json`` file.

    Returns:
        For each list, by its name (a disc level where one is named): the labels and world RAS positions (mm) of
        its placed points.

    Raises:
        InputError: The file is no Markups JSON or holds no fiducial list.
    """
    path = Path(path)
    lists = [markup for markup in _markups(path) if markup.get("type") == "Fiducial"]
    if not lists:
        raise InputError(f"{path.name} holds no fiducial list; place the landmarks as a point list and save that.")
    return {_name(markup, path, index, len(lists)): _points(markup, path) for index, markup in enumerate(lists)}


def write_box(path: str | Path, frame: DiscFrame) -> Path:
    """Write a box as a ROI markup, whole or not at all; Slicer opens it with the same corners."""
    axes_lps = frame.axes * np.array([-1.0, -1.0, 1.0])
    center = _to_lps(frame.center)
    markup = {
        "type": "ROI",
        "name": frame.level,
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "labelFormat": "%N-%d",
        "roiType": "Box",
        "center": center,
        "orientation": [float(value) for value in axes_lps.T.ravel()],
        "size": [float(value) for value in frame.extent],
        "insideOut": False,
        "controlPoints": [_control_point(1, frame.level, center)],
    }
    return _write(path, [markup])


def write_points(path: str | Path, lists: dict[str, list[Point]]) -> Path:
    """Write fiducial lists (name to labels and world RAS positions in mm), whole or not at all."""
    return _write(path, [_fiducial(name, points) for name, points in lists.items()])


def _write(path: str | Path, markups: list[dict]) -> Path:
    return write_text(path, json.dumps({"@schema": SCHEMA, "markups": markups}, indent=2) + "\n")


def _fiducial(name: str, points: list[Point]) -> dict:
    return {
        "type": "Fiducial",
        "name": name,
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "labelFormat": "%N-%d",
        "controlPoints": [_control_point(n, label, _to_lps(place)) for n, (label, place) in enumerate(points, 1)],
    }


def _control_point(number: int, label: str, position_lps: list[float]) -> dict:
    return {"id": str(number), "label": label, "position": position_lps, "positionStatus": "defined"}


def _to_lps(position: np.ndarray) -> list[float]:
    return [-float(position[0]), -float(position[1]), float(position[2])]


def _markups(path: Path) -> list[dict]:
    try:
        document = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path.name} is not a Markups JSON file (line {error.lineno}: {error.msg}).") from None
    except RecursionError:
        raise InputError(f"{path.name} is not a Markups JSON file; save it from Slicer.") from None
    markups = document.get("markups") if isinstance(document, dict) else None
    if not isinstance(markups, list) or not all(isinstance(markup, dict) for markup in markups):
        raise InputError(
            f"{path.name} is JSON but no Markups file: it has no list named 'markups'; save it from Slicer."
        )
    return markups


def _text(path: Path) -> str:
    try:
        regular = path.is_file() or not path.exists()  # a pipe might never end
        text = path.read_text(encoding="utf-8-sig") if regular else ""
    except FileNotFoundError:
        raise InputError(f"The markups file {path} does not exist.") from None
    except OSError as error:
        raise InputError(f"The markups file {path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not a Markups JSON file; save it from Slicer.") from None
    except ValueError:  # a zero byte, or no valid Unicode
        raise InputError(f"No file can have the name of the markups file {str(path)!r}; check it.") from None
    if not regular:
        raise InputError(f"{path} is no file; give a Markups file (.mrk.json) saved from Slicer.")
    return text


def _name(markup: dict, path: Path, index: int, count: int) -> str:
    stem = re.sub(r"(\.mrk)?\.json$", "", path.name)
    name = str(markup.get("name") or "")
    of_file = find_level(stem) if count == 1 and not find_level(name) else None
    return of_file or level_or_name(name or (stem if count == 1 else f"{stem}-{index + 1}"))


def _unit(markup: dict, name: str) -> float:
    unit = markup.get("coordinateUnits", "mm")
    unit = unit[0] if isinstance(unit, list) and unit else unit
    if not isinstance(unit, str) or unit not in MILLIMETERS:
        raise InputError(f"The markup {name!r} is in units of {unit!r}; only mm and um are understood.")
    return MILLIMETERS[unit]


def _to_ras(markup: dict, name: str) -> np.ndarray:
    """Signs that turn the markup's coordinates into RAS."""
    system = str(markup.get("coordinateSystem", "LPS"))
    if system not in ("LPS", "RAS"):
        raise InputError(
            f"The markup {name!r} is in the coordinate system {system!r}; only LPS and RAS are understood."
        )
    return np.array([-1.0, -1.0, 1.0]) if system == "LPS" else np.ones(3)


def _numbers(markup: dict, key: str, count: int, name: str) -> np.ndarray:
    try:
        values = np.array(markup[key], dtype=float)
    except KeyError:
        raise InputError(f"The markup {name!r} has no {key!r}; open it in Slicer 5 and save it again.") from None
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (count,) or not np.isfinite(values).all():
        raise InputError(f"The markup {name!r} has {key} = {markup[key]!r}; {count} numbers are needed.")
    return values


def _frame(markup: dict, name: str, plane_depth: float) -> DiscFrame:
    signs, unit = _to_ras(markup, name), _unit(markup, name)
    center = _numbers(markup, "center", 3, name) * signs * unit
    axes = (_numbers(markup, "orientation", 9, name).reshape(3, 3) * signs[:, None]).T
    if markup["type"] == "ROI":
        return DiscFrame.from_box(center, axes, _numbers(markup, "size", 3, name) * unit, name)
    if "controlPoints" in markup and not _points(markup, Path(name)):
        raise InputError(f"The plane {name!r} is not placed yet; place it in Slicer and save it again.")
    size, middle = _plane_rectangle(markup, name)
    center = center + (middle * unit) @ axes[:2]
    return DiscFrame.from_box(center, axes, [*(size * unit), plane_depth], name)


def _plane_rectangle(markup: dict, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Edge lengths of a plane's rectangle and where its middle lies from the plane's origin, along its x and y axis."""
    if "planeBounds" in markup:
        left, right, bottom, top = _numbers(markup, "planeBounds", 4, name)
        if right > left and top > bottom:
            return np.array([right - left, top - bottom]), np.array([right + left, top + bottom]) / 2
    return _numbers(markup, "size", 3, name)[:2], np.zeros(2)


def _points(markup: dict, path: Path) -> list[Point]:
    name = str(markup.get("name") or path.name)
    scale = _to_ras(markup, name) * _unit(markup, name)
    points = markup.get("controlPoints", [])
    if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
        raise InputError(f"The markup {name!r} has no list of control points; save it from Slicer again.")
    placed = [point for point in points if point.get("positionStatus", "defined") == "defined"]
    return [(str(point.get("label", "")), _numbers(point, "position", 3, name) * scale) for point in placed]
