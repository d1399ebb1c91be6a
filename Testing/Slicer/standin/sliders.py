# ruff: noqa: N801 (the names are those of the C++ classes)
"""CTK's sliders and spin box for real numbers."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QWidget

from .declared import declared
from .flavor import adopt


class _Number(QWidget):
    """Value within bounds, shown by a spin box, a slider or both."""

    has_spin_box = has_slider = True

    def __init__(self, parent=None):
        super().__init__(parent if isinstance(parent, QWidget) else None)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.standin_number = 0.0
        self.standin_slider = self.standin_spin = None
        if self.has_slider:
            self.standin_slider = QSlider(Qt.Horizontal, self)
            self.standin_slider.valueChanged.connect(self._slid)
            row.addWidget(self.standin_slider, 1)
        if self.has_spin_box:
            self.standin_spin = QDoubleSpinBox(self)
            self.standin_spin.setKeyboardTracking(False)
            self.standin_spin.valueChanged.connect(lambda value: self._set(value))
            row.addWidget(self.standin_spin)
        self._bounds()

    def _set(self, value):
        bounded = min(max(float(value), self.minimum), self.maximum)
        changed = bounded != self.standin_number
        self.standin_number = bounded
        self._show()
        if changed:
            self.valueChanged.emit(bounded)

    def _slid(self, step):
        self._set(self.minimum + step * self.singleStep)

    def _bounds(self, _widget=None, _value=None):
        if self.standin_spin is not None:
            self.standin_spin.blockSignals(True)
            self.standin_spin.setRange(self.minimum, self.maximum)
            self.standin_spin.blockSignals(False)
        if self.standin_slider is not None and self.maximum - self.minimum < 1e9:
            self.standin_slider.blockSignals(True)
            self.standin_slider.setRange(0, round((self.maximum - self.minimum) / (self.singleStep or 1)))
            self.standin_slider.blockSignals(False)
        self._set(self.standin_number)

    def _show(self):
        if self.standin_spin is not None:
            self.standin_spin.blockSignals(True)
            self.standin_spin.setValue(self.standin_number)
            self.standin_spin.blockSignals(False)
        if self.standin_slider is not None and self.maximum - self.minimum < 1e9:
            self.standin_slider.blockSignals(True)
            self.standin_slider.setValue(round((self.standin_number - self.minimum) / (self.singleStep or 1)))
            self.standin_slider.blockSignals(False)

    def setValue(self, value):
        self._set(value)


def _spin(name):
    return lambda self, value: self.standin_spin.setProperty(name, value)


def _bounds(self, _value):
    self._bounds()


def _steps(self, value):
    if self.standin_spin is not None:
        self.standin_spin.setProperty("singleStep", value)
    self._bounds()


def _number():
    return declared(float, "value", 0.0, lambda self, value: self._set(value), lambda self: self.standin_number)


@adopt
class ctkSliderWidget(_Number):
    """A slider with a spin box."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    decimalsChanged = Signal(int)
    minimum = declared(float, "minimum", 0.0, _bounds)
    maximum = declared(float, "maximum", 99.0, _bounds)
    singleStep = declared(float, "singleStep", 1.0, _steps)
    pageStep = declared(float, "pageStep", 10.0)
    value = _number()
    decimals = declared(int, "decimals", 2, _spin("decimals"))
    prefix = declared(str, "prefix", "", _spin("prefix"))
    suffix = declared(str, "suffix", "", _spin("suffix"))
    tracking = declared(bool, "tracking", True)
    spinBoxVisible = declared(bool, "spinBoxVisible", True, lambda self, on: self.standin_spin.setVisible(on))
    popupSlider = declared(bool, "popupSlider")
    tickInterval = declared(float, "tickInterval")

    def setDecimals(self, count):
        self.decimals = count

    def setSpinBoxVisible(self, visible):
        self.spinBoxVisible = visible

    def reset(self):
        self._set(self.minimum)


@adopt
class ctkDoubleSpinBox(_Number):
    """A spin box."""

    has_slider = False
    valueChanged = Signal(float)
    editingFinished = Signal()
    decimalsChanged = Signal(int)
    minimum = declared(float, "minimum", 0.0, _bounds)
    maximum = declared(float, "maximum", 99.99, _bounds)
    singleStep = declared(float, "singleStep", 1.0, _steps)
    value = _number()
    decimals = declared(int, "decimals", 2, _spin("decimals"))
    prefix = declared(str, "prefix", "", _spin("prefix"))
    suffix = declared(str, "suffix", "", _spin("suffix"))
    readOnly = declared(bool, "readOnly", False, _spin("readOnly"))

    def setDecimals(self, count):
        self.decimals = count


@adopt
class ctkDoubleSlider(_Number):
    """A slider."""

    has_spin_box = False
    valueChanged = Signal(float)
    sliderMoved = Signal(float)
    sliderPressed = Signal()
    sliderReleased = Signal()
    minimum = declared(float, "minimum", 0.0, _bounds)
    maximum = declared(float, "maximum", 99.0, _bounds)
    singleStep = declared(float, "singleStep", 1.0, _steps)
    pageStep = declared(float, "pageStep", 10.0)
    value = _number()
    tracking = declared(bool, "tracking", True)
    tickInterval = declared(float, "tickInterval")
