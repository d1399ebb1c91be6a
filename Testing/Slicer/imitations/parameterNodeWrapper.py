"""In place of ``slicer.parameterNodeWrapper``: typed parameters, with the refusals of the real one.

Only what panels here use: numbers, strings, booleans and nodes; ``WithinRange``, ``Minimum``, ``Maximum``, ``Choice``.
Values are written in the same words under the same names, so that scenes saved by either are read by the other.
"""

import dataclasses
import typing

import ctk
import qt
import slicer
import vtk


@dataclasses.dataclass
class Minimum:
    minimum: float

    def validate(self, value):
        if value < self.minimum:
            raise ValueError(f"Value must be greater than {self.minimum}, is {value}")


@dataclasses.dataclass
class Maximum:
    maximum: float

    def validate(self, value):
        if value > self.maximum:
            raise ValueError(f"Value must be less than {self.maximum}, is {value}")


@dataclasses.dataclass
class WithinRange:
    minimum: float
    maximum: float

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within range [{self.minimum}, {self.maximum}], is {value}")


@dataclasses.dataclass
class Choice:
    choices: list

    def validate(self, value):
        if value not in self.choices:
            raise ValueError(f"Value must be one of {self.choices}, is {value}")


class _Parameter:
    """One parameter: its type, its rules, its text on the node."""

    def __init__(self, name, hint, default):
        self.name = name
        self.type = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
        self.rules = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
        self.is_node = isinstance(self.type, type) and issubclass(self.type, slicer.vtkMRMLNode)
        if not self.is_node and self.type not in (int, float, str, bool):
            raise Exception(f"Unable to create serializer for type: {self.type}")
        self.default = default if default is not None or self.is_node else self.type()

    def validate(self, value):
        kinds = (int, float) if self.type is float else self.type
        if value is None and self.is_node:
            return
        if value is None:
            raise ValueError("Value must not be None")
        if not isinstance(value, kinds):
            raise TypeError(f"Value must be of type '{self.type}', is type '{type(value)}' value '{value}'")
        for rule in self.rules:
            rule.validate(value)

    def write(self, node, value):
        self.validate(value)
        if self.is_node:
            node.SetParameter(self.name, "")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            node.SetParameter(self.name, str(value))

    def read(self, node):
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        return text == "True" if self.type is bool else self.type(text)


def parameterNodeWrapper(classtype):
    """Make the annotated names of a class parameters on a ``vtkMRMLScriptedModuleNode``."""
    parameters = {
        name: _Parameter(name, hint, getattr(classtype, name, None))
        for name, hint in typing.get_type_hints(classtype, include_extras=True).items()
    }
    for parameter in parameters.values():
        setattr(classtype, parameter.name, _property(parameter))
    for name, member in vars(_Wrapper).items():
        if not name.startswith("__") or name == "__init__":
            if name != "__init__" and hasattr(classtype, name):
                raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
            setattr(classtype, name, member)
    classtype.allParameters = parameters
    return classtype


def _property(parameter):
    return property(
        lambda self: parameter.read(self.parameterNode),
        lambda self, value: parameter.write(self.parameterNode, value),
    )


class _Wrapper:
    """What the decorator adds."""

    def __init__(self, parameterNode):
        self.parameterNode = parameterNode
        self._connections = {}
        self._nextTag = 0
        self._updating = False
        for name, parameter in self.allParameters.items():
            if not parameterNode.HasParameter(name):
                parameter.write(parameterNode, parameter.default)
            parameter.read(parameterNode)

    def default(self, name):
        return self.allParameters[name].default

    def getValue(self, name):
        return self.allParameters[name].read(self.parameterNode)

    def setValue(self, name, value):
        self.allParameters[name].write(self.parameterNode, value)

    def connectGui(self, gui):
        widgets = gui.findChildren(qt.QWidget) if hasattr(gui, "findChildren") else vars(gui).values()
        return self.connectParametersToGui(
            {one.property("SlicerParameterName"): one for one in widgets if one.property("SlicerParameterName")}
        )

    def connectParametersToGui(self, mapping):
        for name in mapping:
            if name not in self.allParameters:
                raise ValueError(f"Cannot find a param with the given name: {name}")
        connectors = {name: _Connector(widget, self.allParameters[name]) for name, widget in mapping.items()}
        tag, self._nextTag = self._nextTag, self._nextTag + 1
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.listen(self._receiver(name, connector))
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._updateGui())
        self._connections[tag] = (connectors, observer)
        return tag

    def disconnectGui(self, tag):
        connectors, observer = self._connections.pop(tag, ({}, None))
        for connector in connectors.values():
            connector.listen(None)
        if observer is not None:
            self.RemoveObserver(observer)

    def _receiver(self, name, connector):
        def receive():
            if not self._updating:
                with slicer.util.NodeModify(self):
                    self.setValue(name, connector.read())

        return receive

    def _updateGui(self):
        if self._updating:
            return
        self._updating = True
        try:
            for connectors, _ in list(self._connections.values()):
                for name, connector in connectors.items():
                    connector.write(self.getValue(name))
        finally:
            self._updating = False

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified):
        return self.parameterNode.EndModify(wasModified)

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)

    def Modified(self):
        self.parameterNode.Modified()


#: Which widget may show which type, by which property and signal (as in Slicer's guiConnectors.py).
_SLIDERS = ("ctkSliderWidget", "qMRMLSliderWidget")
_REALS = (*_SLIDERS, "QDoubleSpinBox", "ctkDoubleSlider", "ctkDoubleSpinBox", "qMRMLSpinBox")
_WIDGETS = {
    bool: {
        "QCheckBox": ("checked", "toggled"),
        "ctkCheckBox": ("checked", "toggled"),
        "QPushButton": ("checked", "toggled"),
    },
    int: {name: ("value", "valueChanged") for name in ("QSlider", "QSpinBox", *_REALS)},
    float: {name: ("value", "valueChanged") for name in _REALS},
    str: {"QLineEdit": ("text", "textChanged")},
}


class _Connector:
    """Carries a value between a parameter and a widget."""

    def __init__(self, widget, parameter):
        self.widget = widget
        self.receiver = None
        kind = type(widget).__name__
        self.integer = parameter.type is int
        if parameter.is_node:
            if type(widget) is not slicer.qMRMLNodeComboBox:
                raise RuntimeError(f"Unable to create GUI connector from a node to widget type '{kind}'")
            self.name, self.signal = None, "currentNodeChanged"
            widget.nodeTypes = [parameter.type().GetClassName()]
            return
        known = _WIDGETS[parameter.type]
        exact = getattr(qt, kind, None) or getattr(ctk, kind, None) or getattr(slicer, kind, None)
        if kind not in known or type(widget) is not exact:
            raise RuntimeError(
                f"Unable to create GUI connector from datatype '{parameter.type}' to widget type '{kind}'"
            )
        self.name, self.signal = known[kind]
        if self.name == "value":
            self._bound(kind, parameter.rules)

    def _bound(self, kind, rules):
        low = [rule.minimum for rule in rules if hasattr(rule, "minimum")]
        high = [rule.maximum for rule in rules if hasattr(rule, "maximum")]
        if (kind in _SLIDERS or kind == "QSlider") and not (low and high):
            raise RuntimeError(f"Cannot have a connection to {kind} where the float types is unbounded.")
        if self.integer and kind in _REALS and kind != "ctkDoubleSlider":
            self.widget.decimals = 0
        self.widget.minimum = low[0] if low else -(2**31)
        self.widget.maximum = high[0] if high else 2**31 - 1

    def listen(self, receiver):
        signal = getattr(self.widget, self.signal)
        if self.receiver is not None:
            signal.disconnect(self._changed)
        if receiver is not None:
            signal.connect(self._changed)
        self.receiver = receiver

    def _changed(self, *_values):
        if self.receiver is not None:
            self.receiver()

    def read(self):
        if self.name is None:
            return self.widget.currentNode()
        value = getattr(self.widget, self.name)
        return int(value) if self.integer else value

    def write(self, value):
        if self.name is None:
            self.widget.setCurrentNode(value)
        elif getattr(self.widget, self.name) != value:
            setattr(self.widget, self.name, value)
