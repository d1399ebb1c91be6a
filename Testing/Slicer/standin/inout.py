"""``slicer.app.coreIOManager()``: scenes are saved and loaded, by MRML itself."""

from __future__ import annotations

from pathlib import Path

import slicer
from PySide6.QtCore import QObject, Signal

from .flavor import adopt


@adopt
class IOManager(QObject):
    newFileLoaded = Signal(object)

    def fileType(self, path):
        return "SceneFile" if Path(path).suffix in (".mrml", ".mrb") else "NoFile"

    def saveNodes(self, kind, properties, messages=None):
        if kind != "SceneFile":
            raise RuntimeError(f"The stand-in saves scenes, not {kind}")
        path = str(properties["fileName"])
        if path.endswith(".mrb"):
            return bool(slicer.mrmlScene.WriteToMRB(path))
        slicer.mrmlScene.SetURL(path)
        slicer.mrmlScene.SetRootDirectory(str(Path(path).parent))
        return bool(slicer.mrmlScene.Commit(path))

    def loadNodes(self, kind, properties, nodes=None, messages=None):
        if kind != "SceneFile":
            raise RuntimeError(f"The stand-in loads scenes, not {kind}")
        path, clear = str(properties["fileName"]), bool(properties.get("clear", False))
        if path.endswith(".mrb"):
            return bool(slicer.mrmlScene.ReadFromMRB(path, clear))
        slicer.mrmlScene.SetURL(path)
        return bool(slicer.mrmlScene.Connect() if clear else slicer.mrmlScene.Import())
