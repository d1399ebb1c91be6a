"""Completes the ``slicer`` package of slicer-core to what a panel finds in the application."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
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
    import ctk
    import qt
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
        _name_widgets(real / "slicer" / "parameterNodeWrapper", {"ctk": ctk, "slicer": slicer, "qt": qt})
        _replace_util(slicer, real / "slicer" / "util.py")
    for name in ("i18n", "parameterNodeWrapper", "ScriptedLoadableModule"):
        setattr(slicer, name, importlib.import_module(f"slicer.{name}"))
    return slicer.app


def _name_widgets(folder: Path, modules: dict) -> None:
    """Names of widgets that Slicer's sources compare with and no panel here uses: classes that cannot be made."""
    for path in folder.glob("*.py"):
        for module, name in re.findall(
            r"\b(ctk|slicer|qt)\.((?:ctk|qMRML|qSlicer|Q)\w+)", path.read_text(encoding="utf-8")
        ):
            if not hasattr(modules[module], name):
                setattr(modules[module], name, type(name, (), {"__init__": _cannot_be_made}))


def _cannot_be_made(self, *_arguments):
    raise RuntimeError(f"The stand-in has no {type(self).__name__}")


def _replace_util(slicer, path: Path) -> None:
    """Put Slicer's own ``slicer.util`` in the place of slicer-core's."""
    spec = importlib.util.spec_from_file_location("slicer.util", path)
    slicer.util = sys.modules["slicer.util"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(slicer.util)
