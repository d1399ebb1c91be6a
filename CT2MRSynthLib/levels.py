"""Names of the lumbar disc levels."""

from __future__ import annotations

import re

LEVELS = ("L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1")

# Within a lookahead, so that the second half of one pair can begin the next: "L2 L3-L4" names two discs. A bare blank
# stands between two letters only: "L3 4 mm" names no disc.
_PATTERN = re.compile(
    r"(?<![A-Za-z0-9])(?=L\s?([1-5])(?:\s?[-_/\u2013]\s?|\s(?=[LS])|)([LS]?)\s?([1-5])(?![0-9]|\s?mm))", re.IGNORECASE
)


def find_level(text: str) -> str | None:
    """The disc level named in ``text`` ("Patient_L4_L5 box", "l4/5", "L5S1"), in the form "L4-L5".

    None if none is named, or several: a picture under the name of another disc is worse than one under its own words.
    """
    found = set()
    for upper, letter, lower in _PATTERN.findall(text):
        below = f"S{lower}" if letter.upper() == "S" or (upper == "5" and lower == "1") else f"L{lower}"
        if f"L{upper}-{below}" in LEVELS:
            found.add(f"L{upper}-{below}")
    return found.pop() if len(found) == 1 else None


def level_or_name(text: str) -> str:
    """The disc level named in ``text``, otherwise ``text`` itself without what a file name cannot hold."""
    return find_level(text) or re.sub(r"[^\w.+-]+", "_", text).strip("_.") or "free"
