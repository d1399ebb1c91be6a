"""The audit page: what the set holds in numbers, filters, an index, and the pairs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from CT2MRSynthLib import __version__
from CT2MRSynthLib.pairset.audit.pair import ATTENTION, CODE, link_to
from CT2MRSynthLib.pairset.audit.style import style_of
from CT2MRSynthLib.pairset.facts import MEANINGS, said
from CT2MRSynthLib.pairset.manifest import SPLITS, STATUSES, PairSet
from CT2MRSynthLib.pairset.summary import NO_SIDE, checks_of, counted, sentence, summary

#: Nothing is loaded and nothing is run, whatever a manifest holds.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

HELP = f"""\
<details open><summary>How to judge and decide</summary>
<p>A pair is good where CT and MR show the same slice of the same patient in the same place: edges of bone, muscle and
skin run on across the squares of the checkerboard, and the outlines of the CT (bone amber, muscle and body blue) lie on
the same edges of the MR. The patient's right is on the left, anterior is up.</p>
<p>Open a terminal in the folder of this page. A click on a command below a pair selects it whole; put your own code in
place of {CODE} (initials, never a name) and why between the quotes (nothing that names a patient). Several pairs at
once: list their identifiers, or write <code>"P01_*"</code> for all of patient P01. Then renew this page:
<code>ct2mrsynth pairs audit .</code></p></details>"""


def page_of(found: PairSet, articles: Sequence[str]) -> str:
    """The whole page.

    Args:
        found: The set.
        articles: HTML of its pairs, in their order.
    """
    groups = _filters(found, articles)
    filters = {button: kept for _, buttons in groups for button, kept, _ in buttons}
    title = "Simulated pair set" if found.simulated else "Pair set"
    inputs = [
        f'<input class="filter" type="radio" name="group{n}" id="{button}"{" checked" if not kept else ""}>'
        for n, (_, buttons) in enumerate(groups)
        for button, kept, _ in buttons
    ]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}: audit</title>",
            f"<style>{style_of(filters)}</style>\n</head>\n<body>",
            f"<header><h1>{title}: audit</h1>",
            _banner(found),
            f"<p>{escape(sentence(found))}</p>",
            _summary(found),
            HELP,
            _meanings(found),
            _index(found),
            "</header>",
            *inputs,
            _bar(groups),
            "<main>",
            *articles,
            "</main>",
            f"<footer><p>Written by CT2MRSynth {escape(__version__)}. Research use only.</p></footer>",
            "</body>\n</html>\n",
        ]
    )


def _banner(found: PairSet) -> str:
    if not found.simulated:
        return ""
    return '<p class="simulated">SIMULATED - no patient was imaged. SYNTHETIC - not for diagnosis.</p>'


def _summary(found: PairSet) -> str:
    counts = summary(found)
    divided = SPLITS if any(entry.split for entry in found.pairs) else ()
    tables = [
        _table("Set", [("patients", counts["patients"]), ("pairs", counts["count"]), *counts["statuses"].items()]),
        _table("Not used, by reason", list(counts["reasons"].items())),
        _table(
            "Accepted, by side",
            [
                (
                    side if side != NO_SIDE else "no side",
                    f"{counted(one['pairs'], 'pair')} of {counted(one['patients'], 'patient')}",
                )
                for side, one in counts["splits"].items()
                if one["pairs"] or side in divided
            ],
        ),
        _table("Made with", [(name.replace("_", " "), said(value)) for name, value in _settings(found)]),
        _table("Patients that failed", _records(found, "error")),
        _table("Patients whose pairs are all excluded", _records(found, "doubt")),
    ]
    return f'<div class="summary">{"".join(tables)}</div>'


def _settings(found: PairSet) -> list[tuple[str, object]]:
    """What the set was asked for; what was only found on the way is left out."""
    return [(name, value) for name, value in found.made_by.items() if value is not None and not isinstance(value, dict)]


def _records(found: PairSet, key: str) -> list[tuple[str, str]]:
    """Patients of whom nothing is used, and the sentence of their record that says why."""
    records = found.made_by.get("patients")
    records = records if isinstance(records, dict) else {}
    used = {entry.patient for entry in found.pairs if entry.accepted}
    return [
        (code, one[key]) for code, one in records.items() if isinstance(one, dict) and one.get(key) and code not in used
    ]


def _meanings(found: PairSet) -> str:
    """What the checks of the set mean."""
    names = {str(check.get("name")) for entry in found.pairs for check in checks_of(entry)}
    rows = [(name.replace("_", " "), words) for name, words in MEANINGS.items() if name in names]
    return f"<details><summary>What is checked</summary>{_table('', rows)}</details>" if rows else ""


def _table(caption: str, rows: Sequence[tuple[str, object]]) -> str:
    if not rows:
        return ""
    lines = "".join(f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>" for name, value in rows)
    return f"<table><caption>{caption}</caption><tbody>{lines}</tbody></table>"


def _index(found: PairSet) -> str:
    by_patient: dict[str, list] = {}
    for entry in found.pairs:
        by_patient.setdefault(entry.patient, []).append(entry)
    lines = []
    for patient, entries in by_patient.items():
        links = " ".join(
            f'<a class="dot {entry.decision.status}" href="{link_to(entry)}" title="{entry.decision.status}">'
            f"{escape(entry.level)}</a>"
            for entry in entries
        )
        lines.append(f"<li>{escape(patient)}: {links}</li>")
    return f'<details><summary>Patients</summary><ul class="index">{"".join(lines)}</ul></details>'


def _filters(found: PairSet, articles: Sequence[str]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Groups of filters: a heading, and of each button its ``id``, the class it keeps in sight, and its words."""
    total = f"all {len(found.pairs)}"
    statuses = [entry.decision.status for entry in found.pairs]
    sides = [entry.split or NO_SIDE for entry in found.pairs]
    shown = [("status-all", "", total)]
    shown += [(f"status-{name}", name, f"{name} {statuses.count(name)}") for name in STATUSES if name in statuses]
    attention = sum(f" {ATTENTION}" in article.split(">", 1)[0] for article in articles)
    if attention:
        shown.append(("status-attention", ATTENTION, f"look again {attention}"))
    groups = [("Show", shown)]
    if set(sides) != {NO_SIDE} and sides:
        buttons = [("side-all", "", "all sides")]
        buttons += [
            (f"side-{name}", name, f"{name if name != NO_SIDE else 'no side'} {sides.count(name)}")
            for name in (*SPLITS, NO_SIDE)
            if name in sides
        ]
        groups.append(("of", buttons))
    return groups


def _bar(groups: Sequence[tuple[str, list[tuple[str, str, str]]]]) -> str:
    parts = [
        f'<div class="group"><span>{heading}</span>'
        + "".join(f'<label for="{button}">{words}</label>' for button, _, words in buttons)
        + "</div>"
        for heading, buttons in groups
    ]
    return f'<nav class="bar">{"".join(parts)}</nav>'
