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
        self.model = qt.QStandardItemModel()
        self.ui.recordTreeView.setModel(self.model)
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
        """Through indices only: item objects would have two owners, Python and Qt."""
        model, view = self.model, self.ui.recordTreeView
        model.clear()
        model.setColumnCount(2)
        model.setHeaderData(0, qt.Qt.Horizontal, _("What"))
        model.setHeaderData(1, qt.Qt.Horizontal, _("Value"))
        model.insertRows(0, len(sections))
        for number, (title, rows) in enumerate(sections):
            section = model.index(number, 0)
            model.setData(section, title)
            if not rows:
                continue
            model.insertColumns(0, 2, section)
            model.insertRows(0, len(rows), section)
            for row, (name, value) in enumerate(rows):
                model.setData(model.index(row, 0, section), name)
                model.setData(model.index(row, 1, section), textwrap.fill(value, LINE, break_on_hyphens=False))
        view.expandAll()
        view.resizeColumnToContents(0)


def _readable(record: dict, to_json) -> str:
    try:
        return to_json(record)
    except ValueError:  # a number that JSON does not know, from another software
        return str(record)
