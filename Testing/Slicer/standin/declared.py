"""Properties of the stand-in's own widgets, in Qt's meta-object, so that .ui files and attributes reach them."""

from __future__ import annotations

from PySide6 import QtCore

DEFAULTS = {bool: False, int: 0, float: 0.0, str: "", "QStringList": []}


def declared(kind, name: str, default=None, changed=None, read=None):
    """A property that keeps its value.

    Args:
        kind: Python type, or Qt's name of it.
        name: Of the property.
        default: Value at first; by the type where not given.
        changed: Called with the widget and the value after it has been set.
        read: Called with the widget in place of the kept value.
    """

    def get(widget):
        if read is not None:
            return read(widget)
        return widget.__dict__.get("standin_" + name, DEFAULTS.get(kind) if default is None else default)

    def put(widget, value):
        widget.__dict__["standin_" + name] = value
        if changed is not None:
            changed(widget, value)

    return QtCore.Property(kind, get, put)
