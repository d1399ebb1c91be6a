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
    from CT2MRSynthLib.bundle import check_bundle, default_bundle_path, list_bundles, load_bundle

    if arguments.list:
        _print_list(list_bundles(arguments.bundle), arguments.json)
        return 0
    path = Path(arguments.bundle) if arguments.bundle else default_bundle_path()
    bundle = check_bundle(path) if arguments.quick else load_bundle(path)
    if arguments.json:
        _print_json(bundle.card.to_json())
    else:
        _print_card(bundle, "card and hash" if arguments.quick else "card, hash, and weights as the card says")
    return 0


def _print_json(values) -> None:
    import json

    print(json.dumps(values, indent=2))


def _print_list(bundles, as_json: bool) -> None:
    if as_json:
        _print_json([{"path": str(bundle.path), "title": bundle.card.title} for bundle in bundles])
        return
    for bundle in bundles:
        print(f"{bundle.card.title:40}  {bundle.path}")


def _print_card(bundle, checked: str) -> None:
    card = bundle.card
    data, architecture = card.training_data, card.architecture
    counts = ", ".join(f"{data[name]} {name}" for name in ("subjects", "pairs") if data.get(name))
    lines = [
        ("bundle", bundle.path),
        ("model", card.title),
        ("sequence", card.sequence),
        ("architecture", f"{architecture['name']}, width {architecture['width']}, {architecture['blocks']} blocks"),
        (
            "weights",
            f"{card.weights.get('parameters', '?')} values, {card.weights.get('dtype', '?')}, SHA-256 {bundle.sha256}",
        ),
        ("CT window", f"{card.ct_window[0]:g} to {card.ct_window[1]:g} HU"),
        ("field of view", _span(card.field_of_view)),
        ("pixel spacing", _span(card.pixel_spacing)),
        ("slice thickness", _span(card.slice_thickness)),
        ("trained on", f"{data.get('description', 'not recorded')} {f'({counts})' if counts else ''}".strip()),
        ("metrics", _metrics(card.metrics)),
        ("intended use", card.intended_use),
        *(("limit", limit) for limit in card.limits),
        ("license", card.license),
        ("checked", checked),
    ]
    for name, value in lines:
        print(f"{name:16} {value}")


def _span(span) -> str:
    return f"{span[0]:.3g} to {span[1]:.3g} mm" if span else "not recorded"


def _metrics(metrics: dict) -> str:
    values = ", ".join(f"{name} {value:g}" for name, value in metrics.get("values", {}).items())
    return f"{values} ({metrics.get('protocol', 'protocol not recorded')})" if values else "not measured"
