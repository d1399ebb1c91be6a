"""The table of the crop boxes of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import qt
from slicer.i18n import tr as _

from CT2MRSynthLib.panel.signal import Signal

LEVEL, WIDTH, STATUS = range(3)

#: Dots beside the status; the words say the same.
COLORS = {"green": "#2e9e4f", "amber": "#d98b00", "red": "#c83232"}


@dataclass(frozen=True)
class BoxRow:
    """One box.

    Args:
        key: What tells boxes apart: the node's ID.
        level: Disc level or name.
        width: In words.
        status: In words.
        color: "green", "amber", "red", another color of Qt, or empty.
    """

    key: str
    level: str
    width: str
    status: str
    color: str = ""


class BoxTable:
    """Shows boxes; one can be selected and renamed.

    Args:
        table: ``QTableWidget`` with columns for level, width and status.
    """

    def __init__(self, table) -> None:
        self.clicked = Signal()  # emits the key of the box that the user clicked or went to with the keys
        self.renamed = Signal()  # emits key and new name
        self._table = table
        self._rows: list[BoxRow] = []
        self._filling = False
        table.connect("itemSelectionChanged()", self._on_selection)
        table.connect("cellClicked(int,int)", self._on_clicked)
        table.connect("cellDoubleClicked(int,int)", self._on_double_clicked)
        table.connect("cellChanged(int,int)", self._on_changed)

    @property
    def keys(self) -> list[str]:
        """Keys of the boxes shown, from top to bottom."""
        return [row.key for row in self._rows]

    def show(self, rows: list[BoxRow], selected: str) -> None:
        """Show these boxes.

        Args:
            rows: From top to bottom.
            selected: Key of the selected one; empty for none.
        """
        self._filling = True
        try:
            if len(rows) != len(self._rows):
                self._table.setRowCount(len(rows))
            for index, row in enumerate(rows):
                if index >= len(self._rows) or self._rows[index] != row:
                    self._fill(index, row)
            self._rows = list(rows)
            self._select(selected)
        finally:
            self._filling = False

    def edit(self, key: str) -> None:
        """Let the user type another level."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self._table.setFocus()
                self._table.editItem(self._table.item(index, LEVEL))

    def _fill(self, index: int, row: BoxRow) -> None:
        for column, text in ((LEVEL, row.level), (WIDTH, row.width), (STATUS, row.status)):
            item = self._table.item(index, column)
            if item is None:
                item = qt.QTableWidgetItem()
                self._table.setItem(index, column, item)
            item.setText(text)
            item.setToolTip(text if column == STATUS else _("Double-click to rename.") if column == LEVEL else "")
        self._table.item(index, STATUS).setIcon(_dot(row.color))

    def _select(self, key: str) -> None:
        if key in self.keys:
            self._table.selectRow(self.keys.index(key))
        else:
            self._table.clearSelection()
            self._table.setCurrentCell(-1, -1)

    def _on_selection(self) -> None:
        if not self._filling:
            self._on_clicked(self._table.currentRow(), LEVEL)

    def _on_clicked(self, row: int, column: int) -> None:
        if not self._filling and 0 <= row < len(self._rows):
            self.clicked.emit(self._rows[row].key)

    def _on_double_clicked(self, row: int, column: int) -> None:
        if column == LEVEL and 0 <= row < len(self._rows):
            self.edit(self._rows[row].key)

    def _on_changed(self, row: int, column: int) -> None:
        if self._filling or column != LEVEL or not 0 <= row < len(self._rows):
            return
        before, text = self._rows[row], self._table.item(row, LEVEL).text()
        if text != before.level:
            self._filling = True
            self._table.item(row, LEVEL).setText(before.level)  # what comes of the new name is shown when it is there
            self._filling = False
            self.renamed.emit(before.key, text)


def _dot(color: str):
    """A small square of a color, or an empty icon."""
    if not color:
        return qt.QIcon()
    pixmap = qt.QPixmap(10, 10)
    pixmap.fill(qt.QColor(COLORS.get(color, color)))
    return qt.QIcon(pixmap)
