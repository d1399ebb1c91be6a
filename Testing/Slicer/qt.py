"""``import qt`` of the stand-in: PySide6 with PythonQt's flavor, in one name space."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets  # noqa: E402
from standin import dialogs, flavor, singletons  # noqa: E402

singletons.keep()
flavor.apply()

_HIDDEN = {"Signal", "Slot", "Property", "QUiLoader"}  # PySide6's own, or replaced below
for _module in (QtCore, QtGui, QtWidgets, QtUiTools):
    for _name in dir(_module):
        if _name[0] == "Q" and _name not in _HIDDEN:
            globals()[_name] = getattr(_module, _name)

dialogs.apply()

if QtWidgets.QApplication.instance() is None:
    standin_application = QtWidgets.QApplication(["Slicer"])

from standin.loader import QUiLoader  # noqa: E402, F401
