"""The audit of a pair set: a page that holds everything in one file, and a contact sheet, to look through its pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.pairset.manifest import PairEntry, read_manifest

PAGE, CONTACT_SHEET = "audit.html", "contact_sheet.png"
#: What pictures and text of a pair take on one core.
SECONDS_A_PAIR = 0.05


def write_audit(folder: str | Path, progress: Callable[[float], None] | None = None) -> Path:
    """Write ``audit.html`` and ``contact_sheet.png`` into the folder of a pair set.

    Args:
        folder: Of the pair set.
        progress: Called with the share that is done, 0 to 1.

    Returns:
        The page.

    Raises:
        InputError: There is no usable pair set.
        OutputError: The files cannot be written.
    """
    from CT2MRSynthLib.atomic import write_text
    from CT2MRSynthLib.pairset.audit.page import page_of
    from CT2MRSynthLib.pairset.audit.pair import article_of
    from CT2MRSynthLib.pairset.audit.pictures import edge_for, panels_of
    from CT2MRSynthLib.pairset.audit.sheet import ContactSheet

    folder = Path(folder)
    found = read_manifest(folder)
    sheet = ContactSheet(found)
    edge = edge_for(len(found.pairs))
    articles = []
    for n, entry in enumerate(found.pairs, 1):
        images = _images(folder, entry)
        panels = panels_of(*images, entry.sequence, found.simulated) if images else []
        articles.append(article_of(entry, panels, edge, entry.id in found.outdated))
        sheet.add(entry, panels)
        if progress:
            progress(n / (len(found.pairs) + 1))
    sheet.write(folder / CONTACT_SHEET)
    return write_text(folder / PAGE, page_of(found, articles))


def _images(folder: Path, entry: PairEntry):
    """CT and MR, or None where there are none to show: the page says so."""
    from CT2MRSynthLib.pairset.images import read_pair

    try:
        return read_pair(folder, entry)
    except InputError:
        return None
