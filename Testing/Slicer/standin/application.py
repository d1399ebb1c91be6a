"""``slicer.app`` and ``slicer.modules``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import slicer
from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import QObject, QSettings, Signal

from .declared import declared
from .flavor import adopt
from .inout import IOManager
from .views import qSlicerLayoutManager


@adopt
class ModuleManager(QObject):
    """``slicer.app.moduleManager()``; ``factoryManager()`` likewise."""

    moduleAboutToBeUnloaded = Signal(str)
    moduleLoaded = Signal(str)

    def module(self, name):
        return getattr(slicer.modules, name.lower(), None)

    def modulesNames(self):
        return list(vars(slicer.moduleNames))

    def factoryManager(self):
        return self

    def isLoaded(self, name):
        return hasattr(slicer.modules, name.lower())

    def loadedModuleNames(self):
        return self.modulesNames()


class LoadableModule:
    """A module written in C++: its name, and its logic on the scene."""

    def __init__(self, name, application_logic, scene):
        self.name = self.title = name
        kind = getattr(slicer, f"vtkSlicer{name}Logic")
        kept = [one for one in getattr(scene, "kept", ()) if isinstance(one, kind)]  # what the scene was made with
        self.standin_logic = kept[0] if kept else kind()
        if hasattr(self.standin_logic, "SetMRMLApplicationLogic"):
            self.standin_logic.SetMRMLApplicationLogic(application_logic)
        self.standin_logic.SetMRMLScene(scene)

    def logic(self):
        return self.standin_logic


@adopt
class Application(QObject):
    """The application as far as panels ask it for something."""

    startupCompleted = Signal()
    lastWindowClosed = Signal()
    aboutToQuit = Signal()
    mrmlSceneChanged = Signal(object)
    standin_signals = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}

    applicationName = declared(str, "applicationName", "Slicer")
    applicationVersion = declared(str, "applicationVersion", "5.12.3-2026-07-01")
    mainApplicationName = declared(str, "mainApplicationName", "Slicer")
    majorVersion = declared(int, "majorVersion", 5)
    minorVersion = declared(int, "minorVersion", 12)
    revision = declared(str, "revision", "0")
    os = declared(str, "os", "linux")
    arch = declared(str, "arch", "amd64")
    platform = declared(str, "platform", "linux-amd64")
    temporaryPath = declared(str, "temporaryPath")
    cachePath = declared(str, "cachePath")
    slicerHome = declared(str, "slicerHome")
    extensionsInstallPath = declared(str, "extensionsInstallPath")
    documentationBaseUrl = declared(str, "documentationBaseUrl", "https://slicer.readthedocs.io/en/latest")

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.standin_folder = folder
        self.standin_testing = True
        self.standin_layout_manager = None
        self.standin_layout_logic = None
        self.standin_logic = None
        self.standin_modules = ModuleManager(self)
        self.standin_io = IOManager(self)
        self.standin_opened_extensions = 0
        for name in ("temporaryPath", "cachePath", "slicerHome", "extensionsInstallPath"):
            path = folder / name
            path.mkdir(parents=True, exist_ok=True)
            setattr(self, name, str(path))
        QSettings.setDefaultFormat(QSettings.IniFormat)
        for scope in (QSettings.UserScope, QSettings.SystemScope):
            QSettings.setPath(QSettings.IniFormat, scope, str(folder / "settings"))
        QtCore.QCoreApplication.setOrganizationName("NA-MIC")
        QtCore.QCoreApplication.setApplicationName("Slicer")

    def standin_open(self, scene, views: bool) -> None:
        """Take a scene, with views or without a main window."""
        self.standin_logic = slicer.vtkSlicerApplicationLogic()
        self.standin_logic.SetMRMLScene(scene)
        _let_read_bundles(scene, self.cachePath)
        for name in ("Markups", "Plots", "Tables", "Volumes"):
            setattr(slicer.modules, name.lower(), LoadableModule(name, self.standin_logic, scene))
        if views:
            self.standin_layout_logic = slicer.vtkMRMLLayoutLogic()
            self.standin_layout_logic.SetMRMLScene(scene)
            node = self.standin_layout_logic.GetLayoutNode()
            node.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
            self.standin_layout_manager = qSlicerLayoutManager(self.standin_logic, self.standin_layout_logic)

    def standin_close(self) -> None:
        """Let go of the scene."""
        if self.standin_layout_manager is not None:
            self.standin_layout_manager.standin_end()
            self.standin_layout_logic.SetMRMLScene(None)
        self.standin_layout_manager = self.standin_layout_logic = None
        for module in [one for one in vars(slicer.modules).values() if isinstance(one, LoadableModule)]:
            module.logic().SetMRMLScene(None)
            delattr(slicer.modules, module.name.lower())
        if self.standin_logic is not None:
            self.standin_logic.SetMRMLScene(None)
        self.standin_logic = None

    def coreIOManager(self):
        return self.standin_io

    ioManager = coreIOManager

    def openExtensionsManagerDialog(self):
        self.standin_opened_extensions += 1

    def layoutManager(self):
        return self.standin_layout_manager

    def applicationLogic(self):
        return self.standin_logic

    def mrmlScene(self):
        return slicer.mrmlScene

    def moduleManager(self):
        return self.standin_modules

    def testingEnabled(self):
        return self.standin_testing

    def settings(self):
        return QSettings()

    userSettings = revisionUserSettings = settings

    def processEvents(self, *arguments):
        QtWidgets.QApplication.processEvents(*arguments)

    def topLevelWidgets(self):
        return QtWidgets.QApplication.topLevelWidgets()

    def clipboard(self):
        return QtWidgets.QApplication.clipboard()

    def palette(self):
        return QtWidgets.QApplication.palette()

    def setOverrideCursor(self, cursor):
        QtWidgets.QApplication.setOverrideCursor(cursor)

    def overrideCursor(self):
        return QtWidgets.QApplication.overrideCursor()

    def restoreOverrideCursor(self):
        QtWidgets.QApplication.restoreOverrideCursor()

    def keyboardModifiers(self):
        return QtWidgets.QApplication.keyboardModifiers()

    def startupEnvironment(self):
        return dict(os.environ)

    def translate(self, _context, text):
        return text

    def pauseRender(self):
        pass

    def resumeRender(self):
        pass

    def restart(self):
        raise RuntimeError("The stand-in does not restart.")

    def moduleDocumentationUrl(self, name):
        return f"{self.documentationBaseUrl}/user_guide/modules/{name.lower()}.html"

    def extensionsManagerModel(self):
        return None

    def commandOptions(self):
        return None


def _let_read_bundles(scene, folder) -> None:
    """Give a scene the cache folder that it unpacks .mrb files in."""
    cache, data = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
    cache.SetRemoteCacheDirectory(folder)
    data.SetCacheManager(cache)
    scene.SetCacheManager(cache)
    scene.SetDataIOManager(data)
    scene.standin_kept = (cache, data)


def default_folder() -> Path:
    """Where a stand-in keeps its settings and temporary files: gone with the process."""
    folder = tempfile.TemporaryDirectory(prefix="slicer-stand-in-")
    sys.modules[__name__].__dict__["_kept_folder"] = folder
    return Path(folder.name)
