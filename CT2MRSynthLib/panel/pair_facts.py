"""What is known of the selected pair: decision, checks, numbers of its registration."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from CT2MRSynthLib.pairset.facts import check_facts, decision_facts, number_facts
from CT2MRSynthLib.pairset.manifest import PairEntry
from CT2MRSynthLib.panel.forms import load_form

#: Pixels of the names, which leave room for values and limits in a panel of 400.
NAMES = 135


class PairFacts:
    """Shows one pair, or none."""

    def __init__(self) -> None:
        self.widget, self.ui = load_form("PairFacts")
        tree = self.ui.factsTree
        tree.setHeaderLabels([_("What"), _("Value"), _("Limit")])
        tree.setColumnWidth(0, NAMES)
        tree.header().setSectionResizeMode(1, qt.QHeaderView.Stretch)
        tree.header().setSectionResizeMode(2, qt.QHeaderView.ResizeToContents)
        self.show(None)

    def show(self, entry: PairEntry | None) -> None:
        """Show what is known.

        Args:
            entry: The pair; None: nothing is selected.
        """
        tree = self.ui.factsTree
        tree.clear()
        tree.setVisible(entry is not None)
        if entry is None:
            return
        checks = [
            (fact.name, fact.value, fact.limit if fact.passed else _("{limit}, failed").format(limit=fact.limit))
            for fact in check_facts(entry)
        ]
        _add_group(tree, _("Checks"), checks, [fact.meaning for fact in check_facts(entry)])
        _add_group(tree, _("Numbers"), [(*row, "") for row in number_facts(entry)])
        _add_group(tree, _("Decision"), [(*row, "") for row in decision_facts(entry)])
        tree.expandAll()


def _add_group(tree, title: str, rows: list[tuple[str, str, str]], tips: list[str] | None = None) -> None:
    """Rows of name, value and limit below a title.

    Args:
        tree: Shows them.
        title: Of the group; nothing is added where it has no rows.
        rows: The rows.
        tips: What the rows mean; otherwise each text is its own tooltip, as it may be cut off.
    """
    if not rows:
        return
    group = qt.QTreeWidgetItem()
    group.setText(0, title)
    tree.addTopLevelItem(group)
    for number, texts in enumerate(rows):
        item = qt.QTreeWidgetItem()
        for column, text in enumerate(texts):
            item.setText(column, text)
            item.setToolTip(column, (tips[number] if tips else "") or text)
        group.addChild(item)
