"""What tests of the pair sets in the panel share."""

import os
import time
from types import SimpleNamespace

from CT2MRSynthLib.pairset import read_manifest


def new_section():
    """The section with all its groups open, since a closed one disables what it holds."""
    from CT2MRSynthLib.panel.pairs_section import PairsSection

    made = PairsSection()
    for group in (made.ui.makeGroupBox, made.ui.reviewGroupBox, made.ui.splitGroupBox):
        group.collapsed = False
    return made


def parameters(folder="") -> SimpleNamespace:
    return SimpleNamespace(pairSetFolder=str(folder))


def told(signal) -> list:
    values = []
    signal.connect(values.append)
    return values


def choose(section, *rows: int) -> list[str]:
    """Select rows of the table as clicks do."""
    table = section.table.ui.table
    table.clearSelection()
    for row in rows:
        table.item(row, 0).setSelected(True)
    return section.table.selected


def statuses(folder) -> dict:
    return {entry.id: entry.decision.status for entry in read_manifest(folder).pairs}


def wait_for(app, condition, seconds=90.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "nothing came"
        app.processEvents()
        time.sleep(0.02)


def widgets_of(widget):
    for child in widget.children():
        if hasattr(child, "toolTip") and hasattr(child, "enabled"):
            yield child
        yield from widgets_of(child)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
