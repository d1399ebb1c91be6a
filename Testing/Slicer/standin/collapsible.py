# ruff: noqa: N801 (the names are those of the C++ classes)
"""CTK's collapsible containers."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QAbstractButton, QGroupBox, QSizePolicy, QStyle, QStyleOption, QStyleOptionButton, QWidget

from .declared import declared
from .flavor import adopt


def _show_children(box, collapsed: bool) -> None:
    for child in box.children():
        if isinstance(child, QWidget):
            child.setVisible(not collapsed)


@adopt
class ctkCollapsibleButton(QAbstractButton):
    """A header with an arrow over contents that can be hidden; it is checked while it is expanded."""

    contentsCollapsed = Signal(bool)

    def _collapse(self, collapsed):
        self.setChecked(not collapsed)

    collapsed = declared(bool, "collapsed", False, _collapse, lambda self: not self.property("checked"))
    collapsedHeight = declared(int, "collapsedHeight", 10)
    flat = declared(bool, "flat")
    contentsFrameShape = declared(int, "contentsFrameShape")
    contentsFrameShadow = declared(int, "contentsFrameShadow")
    contentsLineWidth = declared(int, "contentsLineWidth", 1)
    contentsMidLineWidth = declared(int, "contentsMidLineWidth")
    buttonTextAlignment = declared(int, "buttonTextAlignment")
    indicatorAlignment = declared(int, "indicatorAlignment")

    def __init__(self, *arguments):
        text = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        parent = arguments[-1] if arguments and not isinstance(arguments[-1], str) else None
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Preferred)
        self.setContentsMargins(0, self._header(), 0, 0)
        self.toggled.connect(self._toggled)

    def _header(self):
        return self.fontMetrics().height() + 8

    def _toggled(self, expanded):
        _show_children(self, not expanded)
        self.updateGeometry()
        self.contentsCollapsed.emit(not expanded)

    def showEvent(self, event):
        _show_children(self, not self.isChecked())

    def _hint(self, inner):
        header = QSize(self.fontMetrics().horizontalAdvance(self.property("text")) + 30, self._header())
        if inner is None or not self.isChecked():
            return header
        return QSize(max(header.width(), inner.width()), max(header.height(), inner.height()))

    def sizeHint(self):
        return self._hint(QWidget.layout(self).totalSizeHint() if QWidget.layout(self) else None)

    def minimumSizeHint(self):
        return self._hint(QWidget.layout(self).totalMinimumSize() if QWidget.layout(self) else None)

    def paintEvent(self, event):
        painter = QPainter(self)
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect.setHeight(self._header())
        self.style().drawControl(QStyle.CE_PushButtonBevel, option, painter, self)
        arrow = QStyleOption()
        arrow.initFrom(self)
        arrow.rect.setRect(6, 0, 12, self._header())
        kind = QStyle.PE_IndicatorArrowDown if self.isChecked() else QStyle.PE_IndicatorArrowRight
        self.style().drawPrimitive(kind, arrow, painter, self)
        painter.drawText(24, 0, self.width - 24, self._header(), Qt.AlignVCenter, self.property("text"))
        painter.end()


@adopt
class ctkCollapsibleGroupBox(QGroupBox):
    """A group box that hides its contents; it is checked while it is expanded."""

    def _collapse(self, collapsed):
        self.setChecked(not collapsed)

    collapsed = declared(bool, "collapsed", False, _collapse, lambda self: not self.property("checked"))
    collapsedHeight = declared(int, "collapsedHeight", 14)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(self._toggled)

    def _toggled(self, expanded):
        _show_children(self, not expanded)
        self.setMaximumHeight(16777215 if expanded else self.fontMetrics().height() + 8)

    def showEvent(self, event):
        super().showEvent(event)
        _show_children(self, not self.isChecked())
