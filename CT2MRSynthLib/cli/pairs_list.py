"""``ct2mrsynth pairs list``: the pairs of a set and what was decided."""

from __future__ import annotations

import argparse

SUMMARY = "list the pairs of a set and what was decided"

#: As in the manifest, said here because reading it takes longer than ``--help`` may.
STATUSES = ("accepted", "rejected", "excluded")
SPLITS = ("training", "validation", "test", "none")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("pairs", metavar="PAIRS", help="folder of the pair set")
    parser.add_argument("--status", choices=STATUSES, help="only pairs of this status")
    parser.add_argument("--split", choices=SPLITS, help="only pairs of this side")
    parser.add_argument("--json", action="store_true", help="print counts, and pairs as in the manifest, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print a table or JSON."""
    from CT2MRSynthLib.pairset import read_manifest

    found = read_manifest(arguments.pairs)
    pairs = [
        entry
        for entry in found.pairs
        if arguments.status in (None, entry.decision.status) and arguments.split in (None, entry.split or "none")
    ]
    if arguments.json:
        _print_json(found, pairs)
    else:
        _print_table(found, pairs)
    return 0


def _print_json(found, pairs: list) -> None:
    import json

    from CT2MRSynthLib.pairset.summary import summary

    content = {**summary(found), "pairs": [{**entry.to_json(), "status": entry.decision.status} for entry in pairs]}
    print(json.dumps(content, indent=1))


def _print_table(found, pairs: list) -> None:
    from CT2MRSynthLib.pairset.summary import sentence

    rows = [("id", "status", "split", "reviewer", "reason or note")]
    for entry in pairs:
        decision = entry.decision
        words = " / ".join(word for word in (decision.reason, decision.note) if word)
        rows.append((entry.id, decision.status, entry.split or "-", decision.reviewer or "-", words))
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    for row in rows:
        print("  ".join([*(word.ljust(width) for word, width in zip(row, widths, strict=False)), row[4]]).rstrip())
    print(f"\n{sentence(found)}")
