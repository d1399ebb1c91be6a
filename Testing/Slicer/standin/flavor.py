"""PythonQt's flavor for the classes of PySide6, put onto them in place.

In Slicer a Qt property is an attribute (``w.text`` is a string, ``w.checked = True``), signals are connected by their
C++ signature, and an attribute that the class does not have cannot be set on a widget made by Qt.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
import types

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

MODULES = (QtCore, QtGui, QtWidgets, QtUiTools)
#: PythonQt's second name of a property, used by Slicer's own scripts.
ALIASES = {"name": "objectName"}
_busy = threading.local()
#: Not empty while a form is being loaded.
loading: list[str] = []


class QtProperty:
    """A Qt property as an attribute; on the class itself the method of the same name stays (``QTimer.singleShot``)."""

    def __init__(self, name: str, method) -> None:
        self.name = name
        self.method = method

    def __get__(self, widget, kind=None):
        if widget is None:
            if self.method is None:
                raise AttributeError(self.name)
            return self.method.__get__(None, kind) if hasattr(self.method, "__get__") else self.method
        reading = _busy.__dict__.setdefault("reading", set())
        key = (id(widget), self.name)
        if key in reading:  # Qt itself asks for an override of a virtual function of this name
            return self.method.__get__(widget, kind)
        reading.add(key)
        try:
            return QtCore.QObject.property(widget, self.name)
        finally:
            reading.discard(key)

    def __set__(self, widget, value) -> None:
        if not QtCore.QObject.setProperty(widget, self.name, value):
            raise AttributeError(f"Property '{self.name}' of type '{type(widget).__name__}' does not take {value!r}.")


def apply() -> None:
    """Give all classes of QObject's family the flavor; once is enough."""
    if getattr(QtCore.QObject, "standin_flavor", False):
        return
    readers = {kind: kind.__getattribute__ for kind in _object_classes()}  # all of them before any is replaced
    for kind, read in readers.items():
        _properties_of(kind)
        _access_of(kind, read)
    for kind in (QtWidgets.QMenu, QtWidgets.QDialog, QtCore.QEventLoop, QtCore.QCoreApplication):
        if not hasattr(kind, "exec_"):
            kind.exec_ = kind.exec
    QtCore.QObject.className = lambda self: self.metaObject().className()
    QtCore.QObject.standin_flavor = True


def adopt(kind: type) -> type:
    """Give a widget class of the stand-in, written in Python, the strictness of a class of Qt."""
    kind.standin_sealed = True
    return kind


def _object_classes():
    found = [
        value
        for module in MODULES
        for value in (getattr(module, name) for name in dir(module))  # PySide6 makes its classes when asked for
        if isinstance(value, type) and issubclass(value, QtCore.QObject)
    ]
    return sorted(set(found), key=lambda kind: len(kind.__mro__))


def _properties_of(kind: type) -> None:
    meta = kind.staticMetaObject
    own = range(meta.propertyOffset(), meta.propertyCount())
    for index in range(meta.propertyCount()):
        name = meta.property(index).name()
        if index in own or name in kind.__dict__:
            setattr(kind, name, QtProperty(name, kind.__dict__.get(name) or getattr(kind, name, None)))


def _access_of(kind: type, read) -> None:
    def get(self, name):
        if name in ("connect", "disconnect"):
            return types.MethodType(connect if name == "connect" else disconnect, self)
        try:
            return read(self, ALIASES.get(name, name))
        except AttributeError:
            found = None if name.startswith(("standin_", "_")) else _dynamic(self, name)
            if found is None:
                raise
            return found

    kind.__getattribute__ = get
    kind.__setattr__ = put


def _dynamic(widget, name: str):
    """What PythonQt looks for last: a dynamic property, then a direct child of that name."""
    value = QtCore.QObject.property(widget, name)
    if value is not None:
        return value
    children = QtCore.QObject.children(widget)
    return next((child for child in children if QtCore.QObject.property(child, "objectName") == name), None)


def put(self, name: str, value) -> None:
    """Set an attribute: a property, or anything on an object of a Python class."""
    name = ALIASES.get(name, name)
    known = inspect.getattr_static(type(self), name, None)
    if loading and isinstance(value, QtCore.QObject) and not name.startswith("standin_"):
        return  # PySide6's loader makes children attributes of the form; Slicer's does not
    if isinstance(known, QtCore.Property):
        value = list(value) if isinstance(value, tuple) else value
        if not QtCore.QObject.setProperty(self, name, value):
            raise AttributeError(f"Property '{name}' of type '{type(self).__name__}' does not take {value!r}.")
    elif hasattr(known, "__set__"):
        known.__set__(self, value)
    elif name.startswith(("standin_", "__")) or isinstance(value, QtCore.SignalInstance) or not _is_qts(type(self)):
        self.__dict__[name] = value
    elif known is None and name in [bytes(one.data()).decode() for one in self.dynamicPropertyNames()]:
        self.setProperty(name, value)
    else:
        what = "can not be overwritten" if known is not None else "does not exist"
        raise AttributeError(f"'{name}' {what} on a {type(self).__name__}")


def _is_qts(kind: type) -> bool:
    """Whether the class stands for one of C++ rather than being a Python class of the product."""
    return kind.__module__.startswith("PySide6") or "standin_sealed" in kind.__dict__


def _signal(sender, signature: str):
    signature = QtCore.QMetaObject.normalizedSignature(signature)
    signature = bytes(signature.data() if hasattr(signature, "data") else signature).decode()
    name, _, types_ = signature.partition("(")
    types_ = types_.rstrip(")")
    stated = getattr(type(sender), "standin_signals", {}).get(signature)
    if stated is None and sender.metaObject().indexOfSignal(signature) < 0:
        raise AttributeError(f"{type(sender).__name__} has no signal {signature}")
    signal = getattr(sender, name)
    count = len(types_.split(",")) if types_ else 0
    if stated is not None:
        return signal, count, signature
    with contextlib.suppress(IndexError, KeyError, TypeError):
        signal = signal[types_] if types_ else signal
    return signal, count, signature


def connect(sender, *arguments) -> bool:
    """``sender.connect("clicked(bool)", f)``, or ``sender.connect(other, "clicked(bool)", f)``.

    Raises:
        AttributeError: The sender has no such signal.
    """
    if len(arguments) == 3:
        sender, *arguments = arguments
    signature, receiver = arguments
    signal, count, signature = _signal(sender, signature)
    taken = min(count, _accepts(receiver))

    def call(*values):
        return receiver(*values[:taken])

    sender.__dict__.setdefault("standin_connections", []).append((signature, receiver, call))
    signal.connect(call)
    return True


def disconnect(sender, *arguments) -> bool:
    """Undo ``connect`` with the same arguments; without a receiver all connections of the signal."""
    if not arguments:
        return False
    signature = _signal(sender, arguments[0])[2]
    signal = _signal(sender, signature)[0]
    kept, ended = [], False
    for one in sender.__dict__.get("standin_connections", []):
        if one[0] == signature and (len(arguments) == 1 or one[1] == arguments[1]):
            signal.disconnect(one[2])
            ended = True
        else:
            kept.append(one)
    sender.__dict__["standin_connections"] = kept
    return ended


def _accepts(receiver) -> int:
    """How many arguments PythonQt passes: as many as a Python function has; all to whatever it cannot look into."""
    function = receiver
    if not isinstance(function, (types.FunctionType, types.MethodType)):
        return 99
    bound = isinstance(function, types.MethodType)
    code = getattr(function.__func__ if bound else function, "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS:
        return 99
    return code.co_argcount - bound
