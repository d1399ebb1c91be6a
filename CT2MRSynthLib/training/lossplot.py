"""The plot of a run's losses, drawn with Pillow: absolute error above, adversarial losses below, over the steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from CT2MRSynthLib.training.losses import GREY_LEVELS, Losses

WIDTH, HEIGHT = 1100, 360
LEFT, RIGHT, TOP, BOTTOM = 80, 24, 48, 56
#: A curve with more points than this is drawn as means of neighbors.
POINTS = 500

PAPER, INK, QUIET, GRID = (255, 255, 255), (30, 30, 30), (100, 100, 100), (225, 225, 225)
#: Told apart by color-blind readers too (Okabe and Ito 2008).
BLUE, ORANGE, GREEN = (0, 114, 178), (213, 94, 0), (0, 130, 95)


@dataclass(frozen=True)
class Curve:
    """A named row of points (step, value); ``dots`` marks each of them."""

    name: str
    points: Sequence[tuple[float, float]]
    color: tuple[int, int, int]
    dots: bool = False


def write_plot(losses: Losses, path: str | Path, steps: int = 0) -> None:
    """Draw the losses of a run.

    Args:
        losses: Of the run.
        path: PNG file.
        steps: Of the whole run, the end of the axis; 0: as far as there are rows.

    Raises:
        OutputError: The file cannot be written.
    """
    from PIL import Image

    from CT2MRSynthLib.picture import save

    grey = [(step, value * GREY_LEVELS) for step, value in losses.column("l1")]
    panels = [
        (
            "Mean absolute error in grey levels (0 to 255)",
            [Curve("training", grey, BLUE), Curve("validation", losses.column("validation_mae"), ORANGE, dots=True)],
        )
    ]
    adversarial = [
        Curve("generator", losses.column("gan"), BLUE),
        Curve("discriminator", losses.column("discriminator"), GREEN),
    ]
    if any(value for curve in adversarial for _, value in curve.points):
        panels.append(("Adversarial losses", adversarial))
    end = max([steps, 1, *(row["step"] for row in losses.rows)])
    sheet = Image.new("RGB", (WIDTH, HEIGHT * len(panels)), PAPER)
    for n, (title, curves) in enumerate(panels):
        _panel(sheet, n * HEIGHT, title, [curve for curve in curves if curve.points], end)
    save(sheet, path)


def ticks(high: float, most: int = 6) -> list[float]:
    """Round numbers from zero up to ``high``, at most ``most`` steps apart.

    Args:
        high: Largest value of the axis, above zero.
        most: Steps between ticks.
    """
    raw = high / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * (1 - 1e-9))
    return [n * step for n in range(int(high / step + 1e-9) + 1)]


def _panel(sheet, top: int, title: str, curves: list[Curve], end: float) -> None:
    from PIL import ImageDraw

    brush = ImageDraw.Draw(sheet)
    high = _top(curves)
    left, right, upper, lower = LEFT, WIDTH - RIGHT, top + TOP, top + HEIGHT - BOTTOM

    def place(step: float, value: float) -> tuple[float, float]:
        share = min(max(value / high, -0.02), 1.0)
        return left + (right - left) * step / end, lower - (lower - upper) * share

    brush.text((left, top + 14), title, font=_font(17), fill=INK)
    for value in ticks(high):
        _, y = place(0, value)
        brush.line((left, y, right, y), fill=GRID)
        brush.text((left - 8, y), f"{value:.4g}", font=_font(14), fill=QUIET, anchor="rm")
    for step in ticks(end, 8):
        x, _ = place(step, 0)
        brush.line((x, lower, x, lower + 5), fill=QUIET)
        brush.text((x, lower + 8), f"{step:,.0f}".replace(",", " "), font=_font(14), fill=QUIET, anchor="ma")
    brush.text(((left + right) / 2, lower + 30), "step", font=_font(15), fill=INK, anchor="ma")
    brush.line((left, upper, left, lower, right, lower), fill=QUIET)
    for curve in curves:
        _draw(brush, [place(step, value) for step, value in _thinned(curve)], curve)
    _legend(brush, right, top + 14, curves)


def _draw(brush, line: list[tuple[float, float]], curve: Curve) -> None:
    if len(line) > 1:
        brush.line(line, fill=curve.color, width=2, joint="curve")
    if curve.dots or len(line) == 1:
        for x, y in line:
            brush.ellipse((x - 3, y - 3, x + 3, y + 3), fill=curve.color)


def _legend(brush, right: float, y: float, curves: list[Curve]) -> None:
    for curve in reversed(curves):
        name = f"{curve.name} {curve.points[-1][1]:.3g}"
        left = right - brush.textlength(name, font=_font(15))
        brush.text((left, y), name, font=_font(15), fill=INK)
        brush.line((left - 32, y + 10, left - 8, y + 10), fill=curve.color, width=3)
        if curve.dots:
            brush.ellipse((left - 24, y + 6, left - 16, y + 14), fill=curve.color)
        right = left - 52


def _top(curves: list[Curve]) -> float:
    """The upper end of the axis; the steep start of a long run may lie above it, so that the rest can be read."""
    high = 0.0
    for curve in curves:
        values = [value for _, value in _thinned(curve)]
        steep = len(values) > 40 and not curve.dots
        high = max(high, float(np.percentile(values, 97)) if steep else max(values))
    return max(1.08 * high, 1e-6) if curves else 1.0


def _thinned(curve: Curve) -> list[tuple[float, float]]:
    if len(curve.points) <= POINTS or curve.dots:
        return list(curve.points)
    return [tuple(part.mean(axis=0)) for part in np.array_split(np.asarray(curve.points), POINTS)]


def _font(size: int):
    from PIL import ImageFont

    return ImageFont.load_default(size=size)
