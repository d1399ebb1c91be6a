"""How a synthetic volume was made, to read and to copy."""

from __future__ import annotations

import textwrap

import qt
import slicer
from slicer.i18n import tr as _

from CT2MRSynthLib.panel.forms import load_form

#: Letters on a line of the table; a row of the view grows by line breaks only.
LINE = 52


class ProvenanceDialog:
    """A window with the record of a result: a table for people, and the JSON as it is kept.

    Args:
        parent: Widget it stays above of.
    """

    def __init__(self, parent=None) -> None:
        self.widget, self.ui = load_form("ProvenanceDialog")
        if parent is not None:
            self.widget.setParent(parent)
            self.widget.setWindowFlags(qt.Qt.Dialog)  # a parent makes it part of the panel, unless told otherwise
        header = self.ui.recordTable.horizontalHeader()
        header.setStretchLastSection(True)
        self.ui.copyButton.connect("clicked()", self.copy)
        self.ui.closeButton.connect("clicked()", self.widget.close)

    def show(self, node) -> None:
        """Show the record of a result.

        Args:
            node: The result node.
        """
        from CT2MRSynthLib.provenance import to_json
        from CT2MRSynthLib.provenance_table import sections
        from CT2MRSynthLib.scene.names import PROVENANCE_ATTRIBUTE
        from CT2MRSynthLib.scene.synthetic import provenance_of

        record = provenance_of(node)
        self.widget.windowTitle = _("How {name} was made").format(name=node.GetName())
        self._fill(sections(record) if record else [(_("This is not recorded, or the record cannot be read."), [])])
        raw = node.GetAttribute(PROVENANCE_ATTRIBUTE) or ""
        self.ui.jsonTextEdit.setPlainText(_readable(record, to_json) if record else raw)
        self.widget.show()
        self.widget.raise_()

    def copy(self) -> None:
        """Put the JSON on the clipboard."""
        slicer.app.clipboard().setText(self.ui.jsonTextEdit.toPlainText())

    def cleanup(self) -> None:
        """Close it for good."""
        self.widget.close()
        self.widget.deleteLater()

    def _fill(self, sections: list) -> None:
        table = self.ui.recordTable
        table.clearSpans()
        table.setRowCount(sum(1 + len(rows) for _title, rows in sections))
        row = 0
        for title, entries in sections:
            table.setItem(row, 0, _heading(title))
            table.setSpan(row, 0, 1, 2)
            for number, (name, value) in enumerate(entries, row + 1):
                table.setItem(number, 0, qt.QTableWidgetItem(name))
                table.setItem(number, 1, qt.QTableWidgetItem(textwrap.fill(value, LINE, break_on_hyphens=False)))
            row += 1 + len(entries)
        table.resizeColumnToContents(0)
        table.resizeRowsToContents()


def _heading(title: str):
    item = qt.QTableWidgetItem(title)
    font = item.font()
    font.setBold(True)
    item.setFont(font)
    return item


def _readable(record: dict, to_json) -> str:
    try:
        return to_json(record)
    except ValueError:  # a number that JSON does not know, from another software
        return str(record)
