"""Loads a scripted module as Slicer does: the file by its name, its class, then its widget."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from .declared import declared
from .flavor import adopt
from .mrml_widgets import qMRMLWidget


class ModuleParent:
    """The C++ side of a module (qSlicerScriptedLoadableModule), as far as a module writes to it."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.name = path.stem
        self.title = self.helpText = self.acknowledgementText = ""
        self.categories, self.dependencies, self.contributors = [], [], []
        self.icon, self.index, self.hidden = None, -1, False
        self.standin_panel = None

    def widgetRepresentation(self):
        """The panel, made and set up on the first visit."""
        if self.standin_panel is None:
            self.standin_panel = ModulePanel(self.name)
            self.standin_panel.reload()
        return self.standin_panel


@adopt
class ModulePanel(qMRMLWidget):
    """The C++ side of a module's panel (qSlicerScriptedLoadableModuleWidget)."""

    isEntered = declared(bool, "isEntered")

    def __init__(self, name: str) -> None:
        import qt
        import slicer

        super().__init__()
        self.standin_module_name = name
        qt.QVBoxLayout(self)
        self.setMRMLScene(slicer.mrmlScene)

    def reload(self):
        """Make the widget object of the module's file as it is now, and let it set itself up."""
        import slicer

        name = f"{self.standin_module_name}Widget"
        widget = getattr(sys.modules[self.standin_module_name], name)(self)
        setattr(slicer.modules, name, widget)
        widget.setup()


def load_module(path: Path):
    """Load a module file; returns the instance of its module class, whose ``parent`` is the C++ side."""
    import slicer

    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    parent = ModuleParent(path)
    instance = getattr(module, name)(parent)
    setattr(slicer.modules, name.lower(), parent)
    setattr(slicer.modules, f"{name}Instance", instance)
    setattr(slicer.moduleNames, name, name)
    return instance


def enter_module(instance):
    """Visit a module, as by choosing it in Slicer's list; returns its widget object."""
    import slicer

    panel = instance.parent.widgetRepresentation()
    panel.__dict__["standin_isEntered"] = True
    widget = getattr(slicer.modules, f"{instance.moduleName}Widget")
    widget.enter()
    return widget


def unload_module(instance) -> None:
    """Let a module go, as on leaving the application."""
    import slicer

    slicer.app.moduleManager().moduleAboutToBeUnloaded.emit(instance.moduleName)
    if instance.parent.standin_panel is not None:
        instance.parent.standin_panel.deleteLater()
    for name in (instance.moduleName.lower(), f"{instance.moduleName}Widget", f"{instance.moduleName}Instance"):
        if hasattr(slicer.modules, name):
            delattr(slicer.modules, name)
    sys.modules.pop(instance.moduleName, None)
