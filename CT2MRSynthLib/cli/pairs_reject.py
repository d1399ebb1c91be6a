"""``ct2mrsynth pairs reject``: decide by hand that pairs are not used."""

from __future__ import annotations

import argparse

from CT2MRSynthLib.cli import pairs_accept

SUMMARY = "reject pairs by hand"

configure = pairs_accept.configure


def run(arguments: argparse.Namespace) -> int:
    """Decide and print what was decided."""
    return pairs_accept.run(arguments, "rejected")
