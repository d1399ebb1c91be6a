"""Forms of the panel: the ``.ui`` files in Resources/UI."""

from __future__ import annotations

from pathlib import Path

import slicer

#: The folder that holds CT2MRSynthLib and Resources, in the sources, the build tree and the install tree alike.
BASE = Path(__file__).resolve().parents[2]


def resource(name: str) -> str:
    """Path of a file in Resources, such as "Icons/CT2MRSynth.png"."""
    return str(BASE / "Resources" / name)


def load_form(name: str):
    """Load ``Resources/UI/<name>.ui``.

    Returns:
        The widget, and an object with its named children as attributes.
    """
    widget = slicer.util.loadUI(resource(f"UI/{name}.ui"))
    return widget, slicer.util.childWidgetVariables(widget)
