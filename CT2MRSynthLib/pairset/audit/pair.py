"""A pair on the audit page: pictures, checks, numbers, what was decided, and how to decide otherwise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from CT2MRSynthLib.pairset.facts import check_facts, decision_facts, notices_of, number_facts
from CT2MRSynthLib.pairset.manifest import REJECTED, PairEntry
from CT2MRSynthLib.pairset.summary import NO_SIDE

if TYPE_CHECKING:
    from CT2MRSynthLib.pairset.audit.pictures import Panel

#: Class of a pair that wants a second look.
ATTENTION = "attention"
#: Stands for the reviewer's own code in the commands.
CODE = "CODE"


def article_of(entry: PairEntry, panels: Sequence[Panel], edge: int, outdated: bool = False) -> str:
    """HTML of a pair.

    Args:
        entry: The pair.
        panels: Its pictures; none: there are none to show.
        edge: Of the pictures in pixels.
        outdated: An earlier run left it.
    """
    notices = notices_of(entry, bool(panels), outdated)
    classes = ["pair", entry.decision.status, entry.split or NO_SIDE, *([ATTENTION] if notices else [])]
    side = entry.split or "no side"
    body = [
        f'<article class="{" ".join(classes)}" id="{escape(entry.id)}">',
        f'<h3><a href="{link_to(entry)}">{escape(entry.id)}</a>',
        f'<span class="badge {entry.decision.status}">{entry.decision.status}</span>',
        f'<span class="badge">{side}</span></h3>',
        *(f'<p class="notice">{escape(notice)}</p>' for notice in notices),
        _pictures(entry, panels, edge),
        '<div class="facts">',
        _table("Decision", decision_facts(entry)),
        _checks(entry),
        _numbers(entry),
        "</div>",
        _commands(entry),
        _details(entry),
        "</article>",
    ]
    return "\n".join(part for part in body if part)


def link_to(entry: PairEntry) -> str:
    """Address of a pair within the page."""
    return "#" + escape(quote(entry.id))


def command(verb: str, entry: PairEntry) -> str:
    """The command that decides on a pair, for a terminal in the folder of the set."""
    plain = all(letter.isalnum() or letter in "_.+-" for letter in entry.id)
    identifier = entry.id if plain and not entry.id.startswith("-") else f'"{entry.id}"'
    return f'ct2mrsynth pairs {verb} . {identifier} --reviewer {CODE} --note ""'


def _pictures(entry: PairEntry, panels: Sequence[Panel], edge: int) -> str:
    from CT2MRSynthLib.pairset.audit.pictures import embedded

    if not panels:
        return f'<p class="empty">No images. {escape(entry.decision.reason)}</p>'
    figures = [
        f'<figure><img src="{embedded(panel.image, edge)}" width="{edge}" height="{edge}" loading="lazy" '
        f'alt="{escape(f"{panel.words}, {entry.id}")}" title="{escape(panel.words)}">'
        f"<figcaption>{escape(panel.title)}</figcaption></figure>"
        for panel in panels
    ]
    return '<div class="pictures">' + "".join(figures) + "</div>"


def _checks(entry: PairEntry) -> str:
    rows = []
    for fact in check_facts(entry):
        mark = '<td class="passed">passed</td>' if fact.passed else '<td class="failed">failed</td>'
        cells = f"<th>{escape(fact.name)}</th><td>{escape(fact.value)}</td><td>{escape(fact.limit)}</td>{mark}"
        rows.append(f'<tr title="{escape(fact.meaning)}">{cells}</tr>')
    if not rows:
        return ""
    head = "<tr><th>check</th><th>value</th><th>limit</th><th></th></tr>"
    return f"<table><caption>Checks</caption><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _numbers(entry: PairEntry) -> str:
    lines = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in number_facts(entry)
    )
    return f'<div class="numbers"><b>Numbers</b><dl>{lines}</dl></div>' if lines else ""


def _commands(entry: PairEntry) -> str:
    verbs = ["accept"] if entry.files and not (entry.accepted and entry.decision.by_hand) else []
    verbs += ["reject"] if entry.decision.status != REJECTED else []
    return (
        '<div class="commands">' + "".join(f"<code>{escape(command(verb, entry))}</code>" for verb in verbs) + "</div>"
    )


def _details(entry: PairEntry) -> str:
    if not entry.details:
        return ""
    text = escape(json.dumps(entry.details, indent=1, sort_keys=True))
    return f"<details><summary>all details</summary><pre>{text}</pre></details>"


def _table(caption: str, rows: Sequence[tuple[str, str]]) -> str:
    lines = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table><caption>{caption}</caption><tbody>{lines}</tbody></table>"
