"""Loads a scripted module as Slicer does: the file by its name, its class, then its widget."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


class ModuleParent:
    """The C++ side of a module (qSlicerScriptedLoadableModule), as far as a module writes to it."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.name = path.stem
        self.title = self.helpText = self.acknowledgementText = ""
        self.categories, self.dependencies, self.contributors = [], [], []
        self.icon, self.index, self.hidden = None, -1, False

    def defaultDocumentationLink(self):
        return ""


def load_module(path: Path):
    """Load a module file.

    Returns:
        The module of Python, and the instance of its module class.
    """
    import slicer

    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    parent = ModuleParent(path)
    instance = getattr(module, name)(parent)
    setattr(slicer.modules, name.lower(), parent)
    setattr(slicer.modules, f"{name}Instance", instance)
    setattr(slicer.moduleNames, name, name)
    return module, instance


def build_widget(module):
    """Make the module's widget and let it set itself up, as on the first visit; it is entered."""
    import qt
    import slicer

    name = module.__name__
    parent = qt.QWidget()
    parent.setLayout(qt.QVBoxLayout())
    parent = _Entered(parent)
    widget = getattr(module, f"{name}Widget")(parent)
    setattr(slicer.modules, f"{name}Widget", widget)
    widget.setup()
    parent.isEntered = True
    if hasattr(widget, "enter"):
        widget.enter()
    return widget


class _Entered:
    """A widget that also says whether its module is the one shown (qSlicerAbstractModuleWidget::isEntered)."""

    def __init__(self, widget) -> None:
        self.widget = widget
        self.isEntered = False

    def __getattr__(self, name):
        return getattr(self.widget, name)
