"""The losses of a run over its steps: a table (CSV) and a plot (PNG)."""

from __future__ import annotations

import csv
import math
from io import StringIO
from pathlib import Path

from CT2MRSynthLib.atomic import write_text

FILE = "losses.csv"
#: Grey levels (0 to 255) in one unit of the networks' scale (-1 to 1), that of the column "l1".
GREY_LEVELS = 127.5

COLUMNS = ("step", "seconds", "learning_rate", "l1", "gan", "discriminator", "validation_mae")


class Losses:
    """Rows of ``losses.csv``, at most one a step.

    Args:
        folder: Of the run; rows that are there are read.
        upto: Rows of later steps are removed: they are not in the checkpoint from which the run goes on.
    """

    def __init__(self, folder: Path, upto: float = math.inf) -> None:
        self.path = Path(folder) / FILE
        before = self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""
        self.rows: list[dict[str, float]] = [row for row in read_rows(before) if row["step"] <= upto]
        if before and before != _text(self.rows, header=True):  # later steps, or a line that was cut off
            write_text(self.path, _text(self.rows, header=True))

    def add(self, **values: float) -> None:
        """Append a row; without room on the disk it is kept in memory alone.

        Args:
            values: By column; "step" is needed.
        """
        if self.rows and self.rows[-1]["step"] >= values["step"]:
            return
        row = {name: value for name, value in values.items() if value is not None}
        try:
            new = not self.path.exists()
            with open(self.path, "a", encoding="utf-8", newline="") as file:
                file.write(_text([row], header=new))
        except OSError:
            pass
        self.rows.append(row)

    def column(self, name: str) -> list[tuple[float, float]]:
        """Step and value wherever a column has one."""
        return [(row["step"], row[name]) for row in self.rows if name in row]


def _text(rows: list[dict], header: bool) -> str:
    """Lines of CSV."""
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    writer.writerows([_number(row.get(name)) for name in COLUMNS] for row in rows)
    return stream.getvalue()


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if math.isfinite(value) and value == int(value) else f"{value:.6g}"


def read_rows(text: str) -> list[dict[str, float]]:
    """The rows of a table; what a power cut or a kill left of a last line is left out.

    Args:
        text: With the line of column names first.
    """
    whole = text[: text.rfind("\n") + 1].replace("\0", "")
    rows = []
    for line in csv.DictReader(whole.splitlines()):
        try:
            row = {name: float(line[name]) for name in COLUMNS if line[name] not in ("", None)}
        except (ValueError, KeyError):
            continue
        if "step" in row and None not in line.values():
            rows.append(row)
    return rows
