# ruff: noqa: N801 (the names are those of the C++ classes)
"""The CTK widgets that panels use: their properties, slots and signals as in CTK's headers, and no more.

What is neither property, slot, signal nor Q_INVOKABLE in C++ (``ctkSliderWidget.setRange``, say) cannot be called from
Python in Slicer, and has no method here.
"""

from __future__ import annotations

from PySide6.QtCore import QSettings, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QStyle,
    QTextBrowser,
    QToolButton,
    QWidget,
)

from .collapsible import ctkCollapsibleButton, ctkCollapsibleGroupBox
from .declared import declared
from .flavor import adopt
from .sliders import ctkDoubleSlider, ctkDoubleSpinBox, ctkSliderWidget

__all__ = [
    "ctkCheckBox",
    "ctkCollapsibleButton",
    "ctkCollapsibleGroupBox",
    "ctkComboBox",
    "ctkDirectoryButton",
    "ctkDoubleSlider",
    "ctkDoubleSpinBox",
    "ctkFittedTextBrowser",
    "ctkMessageBox",
    "ctkPathLineEdit",
    "ctkSliderWidget",
]


@adopt
class ctkCheckBox(QCheckBox):
    pass


@adopt
class ctkComboBox(QComboBox):
    defaultText = declared(str, "defaultText")
    forceDefault = declared(bool, "forceDefault")


@adopt
class ctkFittedTextBrowser(QTextBrowser):
    collapsed = declared(bool, "collapsed")


@adopt
class ctkMessageBox(QMessageBox):
    dontShowAgain = declared(bool, "dontShowAgain")
    dontShowAgainVisible = declared(bool, "dontShowAgainVisible")
    dontShowAgainSettingsKey = declared(str, "dontShowAgainSettingsKey")


@adopt
class ctkPathLineEdit(QWidget):
    """A path: an editable combo box and a button to browse; ``filters`` says whether files or folders."""

    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)
    # ctkPathLineEdit.h: Filter, values of QDir::Filter
    Dirs, Files, Drives, NoSymLinks, AllEntries = 0x1, 0x2, 0x4, 0x8, 0x7
    Readable, Writable, Executable, Hidden, NoDot, NoDotDot = 0x10, 0x20, 0x40, 0x100, 0x2000, 0x4000

    def _show(self, path):
        self.standin_box.setEditText(path)

    label = declared(str, "label")
    filters = declared(int, "filters", 0x1 | 0x2)
    settingKey = declared(str, "settingKey", "", lambda self, key: self.retrieveHistory())
    nameFilters = declared("QStringList", "nameFilters", [])
    showBrowseButton = declared(bool, "showBrowseButton", True, lambda self, on: self.standin_button.setVisible(on))
    showHistoryButton = declared(bool, "showHistoryButton", True)
    sizeAdjustPolicy = declared(int, "sizeAdjustPolicy")
    minimumContentsLength = declared(int, "minimumContentsLength")
    currentPath = declared(str, "currentPath", "", _show, lambda self: self.standin_box.property("currentText"))

    def __init__(self, parent=None):
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.standin_box = QComboBox(self)
        self.standin_box.setEditable(True)
        self.standin_box.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.standin_button = QToolButton(self)
        self.standin_button.setText("...")
        row.addWidget(self.standin_box)
        row.addWidget(self.standin_button)
        self.standin_box.editTextChanged.connect(self.currentPathChanged.emit)
        self.standin_button.clicked.connect(lambda: self.browse())

    def comboBox(self):
        return self.standin_box

    def setCurrentPath(self, path):
        self._show(path)

    def browse(self):
        path = QFileDialog.getOpenFileName(self, self.label, self.currentPath)
        if path:
            self._show(path)

    def addCurrentPathToHistory(self):
        if self.currentPath:
            others = [path for path in self.standin_history() if path != self.currentPath]
            QSettings().setValue(self.settingKey, [self.currentPath, *others])

    def retrieveHistory(self):
        """Fill the list; the newest is taken where nothing is chosen yet, as CTK does while a form is loaded."""
        path, before = self.currentPath, self.standin_box.blockSignals(True)
        self.standin_box.clear()
        self.standin_box.addItems(self.standin_history())
        self.standin_box.setEditText(path)
        self.standin_box.blockSignals(before)
        if not path and self.standin_history():
            self._show(self.standin_history()[0])

    def standin_history(self):
        kept = QSettings().value(self.settingKey) if self.settingKey else None
        return [kept] if isinstance(kept, str) else list(kept or [])

    def setCurrentDirectory(self, directory):
        pass


@adopt
class ctkDirectoryButton(QWidget):
    """A button that shows a folder."""

    directoryChanged = Signal(str)
    directorySelected = Signal(str)

    def _show(self, folder):
        self.standin_button.setText(folder)
        self.directoryChanged.emit(folder)

    directory = declared(str, "directory", ".", _show)
    caption = declared(str, "caption")
    text = declared(str, "text", "", lambda self, words: self.standin_button.setText(words))
    acceptMode = declared(int, "acceptMode")
    elideMode = declared(int, "elideMode")

    def __init__(self, parent=None):
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.standin_button = QPushButton(self.style().standardIcon(QStyle.SP_DirIcon), "", self)
        row.addWidget(self.standin_button)
        self.standin_button.clicked.connect(lambda: self.browse())

    def browse(self):
        folder = QFileDialog.getExistingDirectory(self, self.caption, self.directory)
        if folder:
            self.directory = folder
            self.directorySelected.emit(folder)
        return folder
