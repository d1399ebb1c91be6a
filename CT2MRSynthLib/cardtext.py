"""A model's card in words, for a terminal and a panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from CT2MRSynthLib.bundle import Bundle


def card_lines(bundle: Bundle) -> list[tuple[str, str]]:
    """Names and values of all that the card of a checked bundle tells, what a user must know first."""
    card = bundle.card
    architecture, weights = card.architecture, card.weights
    return [
        ("model", card.title),
        ("trained on", trained_on(bundle)),
        *(("limit", limit) for limit in card.limits),
        ("intended use", card.intended_use),
        ("metrics", _metrics(card.metrics)),
        *(("let in", line) for line in _admission(card.admission)),
        ("sequence", card.sequence),
        ("field of view", _span(card.field_of_view)),
        ("pixel spacing", _span(card.pixel_spacing)),
        ("slice thickness", _span(card.slice_thickness)),
        ("CT window", f"{card.ct_window[0]:g} to {card.ct_window[1]:g} HU"),
        ("architecture", f"{architecture['name']}, width {architecture['width']}, {architecture['blocks']} blocks"),
        ("weights", f"{weights.get('parameters', '?')} values, {weights.get('dtype', '?')}, SHA-256 {bundle.sha256}"),
        ("license", card.license),
    ]


def trained_on(bundle: Bundle) -> str:
    """What the model was trained on, with the numbers of subjects and pairs."""
    data = bundle.card.training_data
    counts = ", ".join(f"{data[name]} {name}" for name in ("subjects", "pairs") if data.get(name))
    return f"{data.get('description', 'not recorded')} {f'({counts})' if counts else ''}".strip()


def _span(span) -> str:
    return f"{span[0]:.3g} to {span[1]:.3g} mm" if span else "not recorded"


def _metrics(metrics: dict) -> str:
    values = ", ".join(f"{name} {value:g}" for name, value in metrics.get("values", {}).items())
    return f"{values} ({metrics.get('protocol', 'protocol not recorded')})" if values else "not measured"


def _admission(admission: dict) -> list[str]:
    """How the bundle passed the gate; nothing where it did not."""
    if not admission:
        return []
    by = f", by {admission['reader']}" if admission.get("reader") else ""
    lines = [f"{admission.get('date_utc', '')}{by}, through {admission.get('by', 'unknown')}"]
    if admission.get("reason"):
        lines.append(f"reason: {admission['reason']}")
    verdict = admission.get("verdict") or {}
    if verdict:
        against = (verdict.get("against") or {}).get("title", "unknown")
        lines.append(f"verdict: {verdict.get('verdict')} (A: {against})")
    return lines
