"""Pictures of a comparison: the best, the median and the worst patient of B, and the errors of all patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from CT2MRSynthLib.picture import AMBER, BACKGROUND, MARGIN, QUIET, TEXT, mark_panel, write_line
from CT2MRSynthLib.provenance import LABEL

if TYPE_CHECKING:
    from PIL.Image import Image

    from CT2MRSynthLib.evaluation.compare import Case, Comparison

#: Pixels of the longer edge of a slice on a sheet.
EDGE = 384

#: Grey levels of difference that the brightest color stands for; more looks the same.
LARGEST = 100

#: Colors of the scale of differences, evenly spaced: brightness rises all the way, also for the color-blind.
COLORS = np.array([(0, 0, 0), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164)])

#: The CT is shown between these limits, HU, whatever the bundles' windows are.
WINDOW = (-200.0, 600.0)

WHITE, INK, FAINT, LOWER, HIGHER = (255, 255, 255), (30, 30, 30), (205, 205, 205), (0, 114, 178), (213, 94, 0)


def chosen(comparison: Comparison) -> dict[str, Case]:
    """The cases to show, by name: the patients on whom B's error is lowest, median and highest.

    Of a patient it is the slice whose error is nearest to the patient's mean: a typical one. With one or two patients
    there are as many cases.
    """
    order = sorted(comparison.patients, key=lambda row: (row.b.mae, row.patient))
    places = {"best": 0, "median": (len(order) - 1) // 2, "worst": len(order) - 1}
    result, taken = {}, set()
    for name in ("best", "worst", "median"):
        row = order[places[name]]
        if row.patient in taken:
            continue
        taken.add(row.patient)
        slices = [case for case in comparison.cases if case.entry.patient == row.patient]
        result[name] = min(slices, key=lambda case: abs(case.mae_b - row.b.mae))
    return {name: result[name] for name in places if name in result}


def sheet(case: Case, name: str, titles: tuple[str, str], simulated: bool = False) -> Image:
    """CT, real MR, A and B of one slice side by side; below them how far A and B are from the real MR.

    Args:
        case: The slice.
        name: "best", "median" or "worst".
        titles: Names of A and B.
        simulated: Whether the slice to be reached is itself simulated.
    """
    from PIL import Image as Pillow

    low, high = WINDOW
    window = np.clip((case.ct.astype(float) - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    errors = [_colored(np.abs(image.astype(int) - case.real)) for image in (case.a, case.b)]
    sequence, real = case.entry.sequence, "Simulated" if simulated else "Real"
    top = [_panel(window, case), _panel(case.real, case), *(_panel(image, case, True) for image in (case.a, case.b))]
    below = [_panel(error, case, True) for error in errors]
    width, height = top[0].size
    captions = [f"CT   {low:g} to {high:g} HU", f"{real} {sequence}", f"A   {titles[0]}", f"B   {titles[1]}"]
    maes = ("", "", f"|A - real|   mean {case.mae_a:.1f}", f"|B - real|   mean {case.mae_b:.1f}")
    head, line = 50, 26
    size = (4 * (width + MARGIN) + MARGIN, head + 2 * (line + height + MARGIN))
    result = Pillow.new("RGB", size, BACKGROUND)
    title = f"{name.capitalize()} patient of B:  {case.entry.patient}   {case.entry.level}"
    write_line(result, (MARGIN, 10), title, 24, TEXT, width=size[0] - 2 * MARGIN)
    second = head + line + height + MARGIN
    for n in range(4):
        left = MARGIN + n * (width + MARGIN)
        write_line(result, (left, head), captions[n], 17, QUIET, width=width)
        result.paste(top[n], (left, head + line))
        if n >= 2:
            write_line(result, (left, second), maes[n], 17, QUIET, width=width)
            result.paste(below[n - 2], (left, second + line))
    _legend(result, (MARGIN, second + line), 2 * width + MARGIN, case)
    return result


def plot(comparison: Comparison) -> Image:
    """A row for each patient, B's largest gain first: the error of A (ring), of B (dot), and a line between them."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    rows = sorted(comparison.patients, key=lambda row: -row.difference)
    pitch = 26 if len(rows) <= 40 else 16
    left, right, head, foot, width = 190, 30, 64, 62, 900
    highest = max(max(row.a.mae, row.b.mae) for row in rows) or 1.0
    step = _step(highest)
    top = step * np.ceil(highest * 1.02 / step)
    result = Pillow.new("RGB", (width, head + pitch * len(rows) + foot), WHITE)
    brush = ImageDraw.Draw(result)

    def across(value: float) -> float:
        return left + (width - left - right) * value / top

    write_line(result, (16, 12), "Mean absolute error of each patient, grey levels (lower is better)", 18, INK)
    bottom = head + pitch * len(rows)
    for tick in np.arange(0, top + step / 2, step):
        brush.line((across(tick), head - 8, across(tick), bottom), fill=FAINT)
        write_line(result, (across(tick), bottom + 4), f"{tick:g}", 14, INK, anchor="ma")
    for number, row in enumerate(rows):
        y = head + pitch * (number + 0.5)
        color = LOWER if row.difference > 0 else HIGHER
        write_line(result, (left - 12, y), row.patient, min(15, pitch - 2), INK, anchor="rm", width=left - 24)
        brush.line((across(row.a.mae), y, across(row.b.mae), y), fill=color, width=3)
        _dot(brush, across(row.a.mae), y, INK, ring=True)
        _dot(brush, across(row.b.mae), y, color)
    y = bottom + 42
    for x, color, ring, words in (
        (left, INK, True, "A"),
        (left + 70, LOWER, False, "B, lower error than A"),
        (left + 280, HIGHER, False, "B, not lower"),
    ):
        _dot(brush, x, y, color, ring)
        write_line(result, (x + 12, y), words, 15, INK, anchor="lm")
    return result


def _panel(plane: np.ndarray, case: Case, synthetic: bool = False) -> Image:
    """A slice in true proportion with directions, scale bar and, where it is or shows one, the word synthetic."""
    from PIL import Image as Pillow

    width, height = case.entry.extent[:2]
    size = tuple(max(1, round(EDGE * edge / max(width, height))) for edge in (width, height))
    panel = Pillow.fromarray(np.ascontiguousarray(plane)).resize(size, Pillow.BICUBIC).convert("RGB")
    return mark_panel(panel, width, ("R", "L", "A", "P"), synthetic)


def _colored(differences: np.ndarray) -> np.ndarray:
    """Differences in grey levels as colors, uint8, shape (h, w, 3)."""
    place = np.clip(differences / LARGEST, 0, 1) * (len(COLORS) - 1)
    channels = [np.interp(place, np.arange(len(COLORS)), COLORS[:, n]) for n in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def _legend(image: Image, place: tuple[int, int], width: int, case: Case) -> None:
    """What the colors mean, and the numbers of the slice."""
    from PIL import Image as Pillow

    left, top = place
    gain = case.mae_a - case.mae_b
    words = "lower" if gain > 0 else "higher" if gain < 0 else "equal"
    lines = [
        f"Mean absolute error:  A {case.mae_a:.1f},  B {case.mae_b:.1f} grey levels",
        f"B is {words} by {abs(gain):.1f}" if gain else "A and B are equal",
        "Colors: difference from the real slice, grey levels",
    ]
    for number, line in enumerate(lines):
        write_line(image, (left, top + 16 + 30 * number), line, 18, TEXT, width=width)
    bar = _colored(np.tile(np.linspace(0, LARGEST, 420), (22, 1)))
    image.paste(Pillow.fromarray(bar), (left, top + 122))
    for tick in range(0, LARGEST + 1, 25):
        text = f"{tick}" if tick < LARGEST else f"{tick} and more"
        anchor = "la" if tick in (0, LARGEST) else "ma"
        write_line(image, (left + round(419 * tick / LARGEST), top + 150), text, 15, QUIET, anchor=anchor)
    write_line(image, (left, top + 200), LABEL, 18, AMBER, width=width)


def _dot(brush, x: float, y: float, color, ring: bool = False) -> None:
    brush.ellipse((x - 5, y - 5, x + 5, y + 5), fill=WHITE if ring else color, outline=color, width=2)


def _step(highest: float) -> float:
    """A round distance of ticks, for some eight of them."""
    power = 10.0 ** np.floor(np.log10(highest / 8))
    return float(power * next(factor for factor in (1, 2, 5, 10) if factor * power * 8 >= highest))
