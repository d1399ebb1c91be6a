"""Completes the ``slicer`` package of slicer-core to what a panel finds in the application."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import types
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
_state: dict = {}


def slicer_python() -> Path | None:
    """Folder of Slicer's own Python sources (Base/Python), where SLICER_PYTHON names one."""
    named = os.environ.get("SLICER_PYTHON")
    return Path(named) if named else None


def install():
    """Make ``qt``, ``ctk`` and the missing parts of ``slicer`` importable; returns the application."""
    if "app" in _state:
        return _state["app"]
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    import ctk  # noqa: F401
    import qt  # noqa: F401
    import slicer

    from . import application, mrml_widgets

    for name, kind in vars(mrml_widgets).items():
        if name.startswith("qMRML"):
            setattr(slicer, name, kind)
    for name in ("modules", "moduleNames"):
        sys.modules[f"slicer.{name}"] = types.ModuleType(f"slicer.{name}")
        setattr(slicer, name, sys.modules[f"slicer.{name}"])
    slicer.app = _state["app"] = application.Application(application.default_folder())
    real = slicer_python()
    slicer.__path__.append(str(real / "slicer" if real else HERE / "imitations"))
    if real:
        _replace_util(slicer, real / "slicer" / "util.py")
    for name in ("i18n", "parameterNodeWrapper", "ScriptedLoadableModule"):
        setattr(slicer, name, importlib.import_module(f"slicer.{name}"))
    return slicer.app


def _replace_util(slicer, path: Path) -> None:
    """Put Slicer's own ``slicer.util`` in the place of slicer-core's."""
    spec = importlib.util.spec_from_file_location("slicer.util", path)
    slicer.util = sys.modules["slicer.util"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(slicer.util)
