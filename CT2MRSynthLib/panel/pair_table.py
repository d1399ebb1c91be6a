"""The table of pairs, with what narrows it down."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from CT2MRSynthLib.pairset.listing import PairFilter, row_of
from CT2MRSynthLib.pairset.manifest import SPLITS, STATUSES, PairSet
from CT2MRSynthLib.pairset.summary import NO_SIDE
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.signal import Signal

#: So many pairs are selected again in a set that has got others; each takes longer than the one before.
MOST = 200


class PairTable:
    """Lists the pairs of a set; ``selection_changed`` tells when others are selected."""

    def __init__(self) -> None:
        self.widget, self.ui = load_form("PairTable")
        self.selection_changed = Signal()
        self._found = PairSet()
        self._choices = {"statusBox": ("", *STATUSES), "sideBox": ("", *SPLITS, NO_SIDE)}
        self.ui.statusBox.addItems([_("Accepted"), _("Rejected"), _("Excluded")])
        self.ui.sideBox.addItems([_("Training"), _("Validation"), _("Test"), _("No side")])
        self._columns = [_("Patient"), _("Level"), _("Side"), _("Decision"), _("Why")]
        table = self.ui.table
        table.setColumnCount(len(self._columns))
        table.setHorizontalHeaderLabels(self._columns)
        for column in range(len(self._columns) - 1):
            table.horizontalHeader().setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        table.sortByColumn(0, qt.Qt.AscendingOrder)  # otherwise the first sorting is from Z to A
        for box in (self.ui.statusBox, self.ui.sideBox):
            box.connect("currentIndexChanged(int)", self._on_filter)
        self.ui.wordsEdit.connect("textChanged(QString)", self._on_filter)
        table.connect("itemSelectionChanged()", self._on_selection)
        self._count()

    @property
    def selected(self) -> list[str]:
        """Identifiers of the selected pairs that are listed, from the top."""
        return [self._identifier(row) for row in self._listed() if self.ui.table.item(row, 0).isSelected()]

    def show(self, found: PairSet) -> None:
        """List the pairs of a set; what is selected stays so where it is still there.

        Args:
            found: The set.
        """
        selected, table = set(self.selected), self.ui.table
        same = sorted(entry.id for entry in found.pairs) == sorted(entry.id for entry in self._found.pairs)
        self._found = found
        table.blockSignals(True)
        table.setSortingEnabled(False)
        self._renew() if same else self._fill()
        table.setColumnHidden(2, not any(entry.split for entry in found.pairs))
        table.setSortingEnabled(True)
        self._narrow()
        if not same or len(self.selected) != len(selected):
            self._select(selected)
        table.blockSignals(False)
        self._count()
        self.selection_changed.emit()

    def following(self) -> str:
        """Identifier of the listed pair below the last one that is selected; empty where there is none."""
        selected = set(self.selected)
        listed = [self._identifier(row) for row in self._listed()]
        places = [place for place, identifier in enumerate(listed) if identifier in selected]
        return listed[places[-1] + 1] if places and places[-1] + 1 < len(listed) else ""

    def select(self, identifier: str) -> None:
        """Select one pair and no other; where it is not listed, nothing happens."""
        row = next((row for row in self._listed() if self._identifier(row) == identifier), None)
        if row is not None:
            self.ui.table.setCurrentCell(row, 0)

    def _fill(self) -> None:
        table = self.ui.table
        table.setRowCount(len(self._found.pairs))
        for row, entry in enumerate(self._found.pairs):
            for column, text in enumerate(row_of(entry)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(text)
                item.setData(qt.Qt.UserRole, entry.id)
                table.setItem(row, column, item)

    def _renew(self) -> None:
        """Write what has changed into the rows that are there; their selection stays."""
        table, rows = self.ui.table, {entry.id: row_of(entry) for entry in self._found.pairs}
        for row in range(table.rowCount):
            for column, text in enumerate(rows[self._identifier(row)]):
                item = table.item(row, column)
                if item.text() != text:
                    item.setText(text)
                    item.setToolTip(text)

    def _listed(self) -> list[int]:
        """Rows that are in sight."""
        return [row for row in range(self.ui.table.rowCount) if not self.ui.table.isRowHidden(row)]

    def _select(self, identifiers: set[str]) -> None:
        table = self.ui.table
        kept = [row for row in self._listed() if self._identifier(row) in identifiers]
        table.clearSelection()
        if len(kept) > MOST:
            return
        for row in kept:
            for column in range(len(self._columns)):
                table.item(row, column).setSelected(True)

    def _identifier(self, row: int) -> str:
        return self.ui.table.item(row, 0).data(qt.Qt.UserRole)

    def _narrow(self) -> None:
        chosen = [self._choices[name][getattr(self.ui, name).currentIndex] for name in ("statusBox", "sideBox")]
        kept = {entry.id for entry in PairFilter(*chosen, self.ui.wordsEdit.text).of(self._found)}
        for row in range(self.ui.table.rowCount):
            self.ui.table.setRowHidden(row, self._identifier(row) not in kept)

    def _count(self) -> None:
        self.ui.countLabel.text = _("{listed} of {all} pairs listed, {selected} selected").format(
            listed=len(self._listed()), all=self.ui.table.rowCount, selected=len(self.selected)
        )

    def _on_filter(self, *_value) -> None:
        self._narrow()
        self._on_selection()

    def _on_selection(self) -> None:
        self._count()
        self.selection_changed.emit()
