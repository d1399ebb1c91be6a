"""A pair on the audit page: pictures, checks, numbers, what was decided, and how to decide otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from CT2MRSynthLib.pairset.manifest import OTHER_IMAGES, REJECTED, PairEntry
from CT2MRSynthLib.pairset.summary import NO_SIDE, checks_of

if TYPE_CHECKING:
    from CT2MRSynthLib.pairset.audit.pictures import Panel

#: Details that are shown as numbers; all others, and matrices, are below "all details".
NUMBERS = ("registration", "plane", "grey_mapping", "days_apart", "mr_shift_mm")
#: Class of a pair that wants a second look.
ATTENTION = "attention"
#: What the checks of curated pairs mean, by name.
MEANINGS = {
    "registration": "1 where metric, overlap and parts of the MR say that its registration to the CT can be trusted.",
    "angle": "Between the planes of the MR slice and of the CT or the disc.",
    "offset": "From the MR slice to mid-disc; the limit is half the disc's height.",
    "days": "Between CT and MR.",
    "ct_outside": "Share of the picture that lies outside the CT.",
    "mr_outside": "Share of the picture that lies outside the MR.",
    "agreement": "Share of the MR's variance within the body that the CT's local density explains (correlation ratio): "
    "low where a slice lies in the wrong place, in another pose, or is spoiled by artifacts. Only of slices without a "
    "disc (--every), whose place no landmark vouches for.",
    "ct_body": "Share of the CT picture that shows the body.",
    "mr_signal": "Share of the CT's soft tissue in which the MR has signal.",
    "ct_contrast": "Standard deviation of the CT picture: a flat one shows nothing.",
    "mr_contrast": "Standard deviation of the MR picture: a flat one shows nothing.",
}
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
        _decision(entry),
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


def notices_of(entry: PairEntry, has_pictures: bool, outdated: bool) -> list[str]:
    """Why a reviewer should look at a pair again."""
    notices = []
    if entry.files and not has_pictures:
        notices.append("Its images are missing, altered or cannot be read; make the pair set again.")
    if entry.details.get(OTHER_IMAGES):
        notices.append(f"The images have changed since {entry.decision.reviewer} decided; decide again.")
    if outdated:
        notices.append("An earlier run with other settings made this pair; run pairs build to its end.")
    warnings = entry.details.get("warnings")
    return notices + [str(warning) for warning in (warnings if isinstance(warnings, list) else [])]


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


def _decision(entry: PairEntry) -> str:
    decision = entry.decision
    how = " by hand" if decision.by_hand else " by the checks" if checks_of(entry) else ""
    rows = [
        ("decision", decision.status + how),
        ("reason", decision.reason),
        ("reviewer", decision.reviewer),
        ("note", decision.note),
        ("patient", entry.patient),
        ("level", entry.level),
        ("sequence", entry.sequence),
        ("pixel", " x ".join(f"{edge:.3g}" for edge in entry.geometry.spacing_mm) + " mm" if entry.geometry else ""),
    ]
    return _table("Decision", [row for row in rows if row[1]])


def _checks(entry: PairEntry) -> str:
    rows = []
    for check in checks_of(entry):
        value, limit, passed = check.get("value"), check.get("limit"), check.get("passed") is True
        unit = escape(str(check.get("unit") or ""))
        sign = ""
        if isinstance(value, (int, float)) and isinstance(limit, (int, float)) and value != limit:
            sign = "&le; " if (value <= limit) == passed else "&ge; "
        mark = '<td class="passed">passed</td>' if passed else '<td class="failed">failed</td>'
        words = f"{escape(said(value))} {unit}</td><td>{sign}{escape(said(limit))} {unit}"
        meaning = escape(MEANINGS.get(str(check.get("name")), ""))
        rows.append(f'<tr title="{meaning}"><th>{escape(_words(check.get("name")))}</th><td>{words}</td>{mark}</tr>')
    if not rows:
        return ""
    head = "<tr><th>check</th><th>value</th><th>limit</th><th></th></tr>"
    return f"<table><caption>Checks</caption><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _numbers(entry: PairEntry) -> str:
    rows = [
        (_words(name), said(value))
        for key in NUMBERS
        if entry.details.get(key) is not None
        for name, value in _flat(key, entry.details[key])
        if value is not None and not _is_matrix(value)
    ]
    lines = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return f'<div class="numbers"><b>Numbers</b><dl>{lines}</dl></div>' if rows else ""


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


def _flat(name: str, value) -> Iterator[tuple[str, object]]:
    """Numbers below a name, one by one."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, one in value.items():
        yield from _flat(f"{name} {key}", one)


def _is_matrix(value) -> bool:
    return isinstance(value, list) and any(isinstance(row, list) for row in value)


def said(value) -> str:
    """A number, a list of numbers or another plain value for a person."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(said(one) for one in value)
    return "-" if value is None else str(value)


def _words(name) -> str:
    return str(name).replace("_", " ")
