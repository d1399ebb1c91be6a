"""``ct2mrsynth info``: show a model bundle's card and check it."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "show and check a model bundle"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.description = "Show a model bundle's card and check card and weights; without BUNDLE, the one in use."
    parser.add_argument("bundle", nargs="?", metavar="BUNDLE", help="folder of the bundle")
    parser.add_argument("--list", action="store_true", help="list all bundles that are found, instead")
    parser.add_argument("--quick", action="store_true", help="check card and hash only: needs no torch")
    parser.add_argument("--json", action="store_true", help="the card as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; returns the exit status."""
    import sys

    from CT2MRSynthLib.bundle import check_bundle, default_bundle_path, in_use, list_bundles, load_bundle

    if note := in_use()[1]:
        print(f"ct2mrsynth: {note}", file=sys.stderr)
    if arguments.list:
        _print_list(list_bundles(arguments.bundle), _used(), arguments.json)
        return 0
    path = Path(arguments.bundle) if arguments.bundle else default_bundle_path()
    bundle = check_bundle(path) if arguments.quick else load_bundle(path)
    if arguments.json:
        _print_json(bundle.card.to_json())
    else:
        checked = "card and hash" if arguments.quick else "card, hash, and weights as the card says"
        _print_card(bundle, checked, bundle.path == _used())
    return 0


def _used() -> Path | None:
    """The bundle in use, if there is one."""
    from CT2MRSynthLib.bundle import default_bundle_path
    from CT2MRSynthLib.errors import BundleError

    try:
        return default_bundle_path()
    except BundleError:
        return None


def _print_json(values) -> None:
    import json

    print(json.dumps(values, indent=2))


def _print_list(bundles, used: Path | None, as_json: bool) -> None:
    if as_json:
        _print_json([{"path": str(one.path), "title": one.card.title, "in_use": one.path == used} for one in bundles])
        return
    for bundle in bundles:
        print(f"{'*' if bundle.path == used else ' '} {bundle.card.title:40}  {bundle.path}")
    if used is not None:
        print("* in use")


def _print_card(bundle, checked: str, used: bool) -> None:
    from CT2MRSynthLib.cardtext import card_lines

    lines = [("bundle", bundle.path), ("in use", "yes" if used else "no"), *card_lines(bundle), ("checked", checked)]
    for name, value in lines:
        print(f"{name:16} {value}")
