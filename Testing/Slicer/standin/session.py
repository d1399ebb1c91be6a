"""One use of the stand-in: a fresh scene, with or without a main window, and what tests need around it."""

from __future__ import annotations

import sys
from pathlib import Path

from . import dialogs
from .install import install


class Session:
    """What the fixture ``slicer_app`` gives.

    Attributes:
        app: ``slicer.app``.
        scene: ``slicer.mrmlScene``.
        answers: What the coming modal dialogs answer, see ``dialogs``.
        asked: What modal dialogs asked.
        errors: Exceptions that Slicer would have shown in its log: raised in a function connected to a signal.
    """

    def __init__(self, scene, main_window: bool = True) -> None:
        import slicer

        self.app = install()
        self.scene = slicer.mrmlScene = scene
        self.answers, self.asked = dialogs.answers, dialogs.asked
        self.answers.clear()
        self.asked.clear()
        self.errors: list[BaseException] = []
        self._hook, sys.excepthook = sys.excepthook, self._catch
        self.app.standin_testing = True
        self.app.standin_open(scene, main_window)
        self._window = _main_window() if main_window else None

    def _catch(self, kind, error, trace) -> None:
        self.errors.append(error)
        self._hook(kind, error, trace)

    def grab(self, widget, path, width: int = 400) -> Path:
        """Draw a widget at a width in pixels, as high as it wants to be, into a picture."""
        import qt

        widget.setAttribute(qt.Qt.WA_DontShowOnScreen, True)
        widget.show()
        self.app.processEvents()
        height = widget.heightForWidth(width) if widget.hasHeightForWidth() else -1
        widget.resize(width, max(height, widget.sizeHint.height(), widget.minimumSizeHint.height()))
        self.app.processEvents()
        widget.grab().save(str(path))
        return Path(path)

    def close(self) -> None:
        """End it; the scene is the caller's."""
        import qt
        import slicer

        sys.excepthook = self._hook
        self.app.disconnect("startupCompleted()")
        if self._window is not None:
            self._window.deleteLater()
        slicer.app.processEvents()
        qt.QApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)
        self.app.standin_close()
        qt.QSettings().clear()


def _main_window():
    import qt

    window = qt.QMainWindow()
    window.setObjectName("qSlicerMainWindow")
    return window
