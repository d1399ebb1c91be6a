"""How far the picture of one box can be relied on, said by plain rules from the record of how it was made.

Green does not mean right: only that nothing unusual was noticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

#: From good to bad.
COLORS = ("green", "amber", "red")

#: Shares of the box outside the CT from which on a caution, or worse, is due: rounding at the CT's faces is neither.
SOME_OUTSIDE, MUCH_OUTSIDE = 0.002, 0.25

#: Warnings about the machine: they cost time, not trust.
_OF_THE_DEVICE = re.compile(r"ran out of memory|CPU is used instead|is slower", re.IGNORECASE)

#: Said by the share itself.
_OF_THE_OUTSIDE = re.compile(r"lies partly \(.*\) outside the CT", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """What one rule says.

    Args:
        color: One of ``COLORS``.
        reason: A sentence.
    """

    color: str
    reason: str


def light(provenance: Mapping | None) -> tuple[str, list[str]]:
    """The color of a result, and why it is not better.

    Args:
        provenance: The record from ``CT2MRSynthLib.provenance.record``, or what was read of it; None where there is
            none. Whatever it holds, nothing is raised.

    Returns:
        "green", "amber" or "red", and the reasons, the gravest first; none for green.
    """
    found = [finding for rule in RULES for finding in rule(provenance if isinstance(provenance, Mapping) else {})]
    found.sort(key=lambda finding: -COLORS.index(finding.color))
    reasons = list(dict.fromkeys(finding.reason for finding in found if finding.color != COLORS[0]))
    return (found[0].color if found else COLORS[0]), reasons


def in_brief(reasons: Sequence[str], width: int = 48, lines: int = 2) -> list[str]:
    """The first reason in a few short lines, for the corner of a view.

    Args:
        reasons: From ``light``.
        width: Letters on a line at most.
        lines: Lines at most; what does not fit is left out, and dots say so.
    """
    import textwrap

    if not reasons:
        return []
    return textwrap.wrap(reasons[0], width=width, max_lines=lines, placeholder=" ...")


def _without_record(record: Mapping) -> Iterator[Finding]:
    if not isinstance(record.get("model"), Mapping):
        yield Finding("red", "How this image was made is not recorded.")


def _outside(record: Mapping) -> Iterator[Finding]:
    share = _number(record.get("outside_fraction"))
    if share > SOME_OUTSIDE:
        color = "red" if share > MUCH_OUTSIDE else "amber"
        yield Finding(color, f"{100 * share:.1f} % of the box lies outside the CT; that part is black.")


def _warned(record: Mapping) -> Iterator[Finding]:
    warnings = record.get("warnings")
    for warning in warnings if isinstance(warnings, (list, tuple)) else ():
        if not _OF_THE_DEVICE.search(str(warning)) and not _OF_THE_OUTSIDE.search(str(warning)):
            yield Finding("amber", str(warning))


def _preliminary(record: Mapping) -> Iterator[Finding]:
    model = record.get("model")
    if isinstance(model, Mapping) and model.get("preliminary"):
        yield Finding("amber", "The generator is preliminary; its card says what it was trained on.")


def _number(value) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0


#: What is looked at, in the order in which reasons of one color are told. Each takes the record and yields findings.
RULES: tuple[Callable[[Mapping], Iterator[Finding]], ...] = (_without_record, _outside, _warned, _preliminary)
