"""Loads .ui files as Slicer does: widgets of Qt, of CTK and of MRML by the names of their classes."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

from . import flavor


class QUiLoader(QtUiTools.QUiLoader):
    """Makes the stand-ins for the classes that plugins of Qt Designer provide in Slicer."""

    def load(self, device, parent=None):
        """Load a form; None where it cannot be."""
        form = ElementTree.fromstring(bytes(device.readAll().data()))
        connections = form.find("connections")
        if connections is not None:
            form.remove(connections)
        for words in form.iterfind(".//widget[@class='ctkPathLineEdit']/property[@name='filters']/set"):
            words.tag, words.text = "number", str(_flags(words.text))  # of a C++ enumeration that only CTK has
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(form))
        buffer.open(QtCore.QIODevice.ReadOnly)
        flavor.loading.append("")
        try:
            widget = super().load(buffer, parent)
        finally:
            flavor.loading.pop()
        for one in connections if connections is not None else ():
            _connect(widget, *(one.findtext(part) for part in ("sender", "signal", "receiver", "slot")))
        return widget

    def createWidget(self, className, parent=None, name=""):  # the name is Qt's
        kind = plugin_classes().get(className)
        if kind is not None:
            widget = kind(parent)
            widget.setObjectName(name)
            widget.standin_made_by_loader = True
            return widget
        if not hasattr(QtWidgets, className):
            raise RuntimeError(f"The stand-in has no widget {className}")
        return super().createWidget(className, parent, name)


def _connect(form, sender: str, signal: str, receiver: str, slot: str) -> None:
    """What a form connects, such as a scene handed down to its selectors."""
    both = [form if form.objectName == name else form.findChild(QtCore.QObject, name) for name in (sender, receiver)]
    if None in both:
        raise RuntimeError(f"The form connects {sender} and {receiver}; one of them is not there")
    flavor.connect(both[0], signal, getattr(both[1], slot.partition("(")[0]))


def _flags(words: str) -> int:
    """Value of "ctkPathLineEdit::Dirs|ctkPathLineEdit::Readable"."""
    from .ctk_widgets import ctkPathLineEdit

    value = 0
    for word in words.split("|"):
        value |= getattr(ctkPathLineEdit, word.rpartition("::")[2])
    return value


def plugin_classes() -> dict:
    """Classes by name."""
    from . import ctk_widgets, mrml_widgets

    modules = (ctk_widgets, mrml_widgets)
    names = ("ctk", "qMRML", "qSlicer")
    return {name: kind for module in modules for name, kind in vars(module).items() if name.startswith(names)}
