"""Pictures of slice views, drawn from the real slice logics; for the tutorial, and to look at what a panel does.

Drawn outside Slicer: the image is what the view's logic makes, the corner texts are those of the view, boxes are drawn
as the lines in which their faces meet the plane, points as dots. Slicer's own handles and rulers are not there.
"""

from __future__ import annotations

import itertools

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from vtk.util import numpy_support

COLORS = {"Red": (243, 74, 51), "Yellow": (237, 213, 76), "Green": (110, 176, 75)}
OTHER = (120, 160, 220)
BOX, CHOSEN, POINT = (255, 170, 60), (255, 240, 80), (90, 220, 255)
BAR = 18
FONT = ImageFont.load_default(15)
#: Where the texts of vtkCornerAnnotation go, by their number: anchor of the text and place in the view.
PLACES = {
    0: ("ld", 0.01, 0.99),
    1: ("rd", 0.99, 0.99),
    2: ("la", 0.01, 0.01),
    3: ("ra", 0.99, 0.01),
    4: ("md", 0.5, 0.99),
    5: ("rm", 0.99, 0.5),
    6: ("lm", 0.01, 0.5),
    7: ("ma", 0.5, 0.01),
}


def resize_views(manager, width: int, height: int) -> None:
    """Give all slice views, and those to come, the size in pixels of a picture that is to be drawn of them."""
    manager.standin_size = (width, height - BAR)
    for name in manager.sliceViewNames():
        manager.sliceWidget(name).sliceLogic().ResizeSliceNode(width, height - BAR)


def draw_grid(manager, rows: list[list[str]], width: int, height: int) -> Image.Image:
    """Views beside and below each other.

    Args:
        manager: Layout manager.
        rows: Names of views; where there is no such slice view, a gray field with the name.
        width: Of one view, pixels.
        height: Of one view, pixels.
    """
    columns = max(len(row) for row in rows)
    sheet = Image.new("RGB", (columns * width, len(rows) * height))
    for y, row in enumerate(rows):
        for x, name in enumerate(row):
            there = name in manager.sliceViewNames()
            tile = draw_view(manager.sliceWidget(name), width, height) if there else _empty(name, width, height)
            sheet.paste(tile, (x * width, y * height))
    return sheet


def _empty(name: str, width: int, height: int) -> Image.Image:
    tile = Image.new("RGB", (width, height), (130, 130, 150))
    ImageDraw.Draw(tile).text((width / 2, height / 2), name, (220, 220, 230), FONT, "mm")
    return tile


def draw_view(widget, width: int, height: int) -> Image.Image:
    """One slice view with its bar, its corner texts, boxes and points."""
    logic, node = widget.sliceLogic(), widget.mrmlSliceNode()
    logic.ResizeSliceNode(width, height - BAR)
    view = _pixels(logic, width, height - BAR)
    pen = ImageDraw.Draw(view)
    for box in _nodes(logic, "vtkMRMLMarkupsROINode"):
        _draw_box(pen, node, box, view.height)
    for points in _nodes(logic, "vtkMRMLMarkupsFiducialNode"):
        _draw_points(pen, node, points, view.height)
    _draw_texts(pen, widget.sliceView().cornerAnnotation(), view.size)
    sheet = Image.new("RGB", (width, height), COLORS.get(node.GetLayoutName(), OTHER))
    ImageDraw.Draw(sheet).text((6, BAR // 2), node.GetLayoutName(), (0, 0, 0), FONT, "lm")
    sheet.paste(view, (0, BAR))
    ImageDraw.Draw(sheet).rectangle((0, 0, width - 1, height - 1), outline=(60, 60, 60))
    return sheet


def _pixels(logic, width: int, height: int) -> Image.Image:
    port = logic.GetImageDataConnection()
    if port is None:
        return Image.new("RGB", (width, height))
    port.GetProducer().Update()
    data = port.GetProducer().GetOutputDataObject(port.GetIndex())
    size = data.GetDimensions()
    scalars = data.GetPointData().GetScalars()
    if scalars is None:
        return Image.new("RGB", (width, height))
    array = numpy_support.vtk_to_numpy(scalars).reshape(size[1], size[0], -1)[::-1]
    picture = Image.fromarray(np.ascontiguousarray(array[..., :3]))
    if array.shape[2] == 4:
        picture = Image.composite(picture, Image.new("RGB", picture.size), Image.fromarray(array[..., 3].copy()))
    return picture.resize((width, height))


def _nodes(logic, kind: str) -> list:
    scene = logic.GetMRMLScene()
    nodes = [scene.GetNthNodeByClass(i, kind) for i in range(scene.GetNumberOfNodesByClass(kind))]
    return [node for node in nodes if node.GetDisplayNode() is not None and node.GetDisplayVisibility()]


def _to_view(slice_node, points: np.ndarray) -> np.ndarray:
    """Points in the world, RAS mm, shape (n, 3), in pixels of the view (from below) and mm off the plane."""
    import slicer

    back = slicer.util.arrayFromVTKMatrix(slice_node.GetXYToRAS())
    xy = (np.linalg.inv(back) @ np.c_[points, np.ones(len(points))].T).T
    plane = slicer.util.arrayFromVTKMatrix(slice_node.GetSliceToRAS())
    xy[:, 2] = (points - plane[:3, 3]) @ plane[:3, 2]
    return xy[:, :3]


def _draw_box(pen, slice_node, box, height: int) -> None:
    from CT2MRSynthLib.scene.boxes import frame_from_node

    frame = frame_from_node(box)
    half = [axis * size / 2 for axis, size in zip(frame.axes, frame.extent, strict=True)]
    signs = list(itertools.product((-1, 1), repeat=3))
    corners = {sign: frame.center + sum(s * h for s, h in zip(sign, half, strict=True)) for sign in signs}
    edges = [pair for pair in itertools.combinations(signs, 2) if sum(a != b for a, b in zip(*pair, strict=True)) == 1]
    met = []
    for first, second in edges:
        ends = _to_view(slice_node, np.array([corners[first], corners[second]]))
        (a, b) = ends[:, 2]
        if a * b < 0:
            met.append(ends[0, :2] + (ends[1, :2] - ends[0, :2]) * a / (a - b))
    if len(met) < 3:
        return
    met = np.array(met)
    around = met[np.argsort(np.arctan2(*(met - met.mean(0)).T))]
    line = [(x, height - 1 - y) for x, y in around]
    color = CHOSEN if box.GetSelected() else BOX
    pen.line([*line, line[0]], fill=color, width=2)
    pen.text(max(line, key=lambda point: point[0]), f" {box.GetName()}", color, FONT, "lm")


def _draw_points(pen, slice_node, points, height: int) -> None:
    for index in range(points.GetNumberOfControlPoints()):
        place = np.array([points.GetNthControlPointPositionWorld(index)])
        x, y, off = _to_view(slice_node, place)[0]
        if abs(off) < 2.5:
            pen.ellipse((x - 4, height - 5 - y, x + 4, height + 3 - y), fill=POINT)
            pen.text((x + 7, height - 1 - y), points.GetNthControlPointLabel(index), POINT, FONT, "lm")


def _draw_texts(pen, annotation, size) -> None:
    color = tuple(int(255 * part) for part in annotation.GetTextProperty().GetColor())
    for number, (anchor, x, y) in PLACES.items():
        text = annotation.GetText(number)
        if text:
            lines = text.split("\n")
            for row, line in enumerate(lines):
                shift = row - (len(lines) - 1 if anchor[1] == "d" else (len(lines) - 1) / 2 if anchor[1] == "m" else 0)
                pen.text((x * size[0], y * size[1] + 18 * shift), line, color, FONT, anchor)


def save_small(sheet: Image.Image, path) -> None:
    """Save a picture with a palette: half of it grey for the slices, half for what is colored, lest that turn grey."""
    pixels = np.asarray(sheet).reshape(-1, 3)
    colored = pixels[np.ptp(pixels, axis=1) > 10][::7]
    palette = np.repeat(np.linspace(0, 255, 128).astype(np.uint8), 3).tolist()
    if len(colored):
        palette += Image.fromarray(colored[None]).quantize(128).getpalette()[: 3 * 128]
    holder = Image.new("P", (1, 1))
    holder.putpalette(palette + palette[-3:] * (256 - len(palette) // 3))
    sheet.quantize(palette=holder, dither=Image.Dither.NONE).save(path, optimize=True)
