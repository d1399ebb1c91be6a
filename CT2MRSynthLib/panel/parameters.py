"""What the user has chosen, saved with the scene: one class of typed parameters for each tab."""

import logging
import math
from typing import Annotated

from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


def let_go_on_disconnect(kind: type) -> type:
    """Make ``disconnectGui`` of typed parameters remove all that ``connectGui`` observes.

    Slicer before 5.12 leaves an observer on the node. Python frees its function when the parameters go, the node calls
    it still, and the application ends.
    """
    connect, disconnect = kind.connectGui, kind.disconnectGui

    def connect_gui(self, gui):
        observers = []

        def add(*arguments):
            observers.append(self.parameterNode.AddObserver(*arguments))
            return observers[-1]

        self.AddObserver = add
        try:
            tag = connect(self, gui)
        finally:
            del self.AddObserver
        self.__dict__.setdefault("_gui_observers", {})[tag] = observers
        return tag

    def disconnect_gui(self, tag):
        disconnect(self, tag)
        for observer in self.__dict__.get("_gui_observers", {}).pop(tag, ()):
            self.parameterNode.RemoveObserver(observer)

    kind.connectGui, kind.disconnectGui = connect_gui, disconnect_gui
    return kind


@let_go_on_disconnect
@parameterNodeWrapper
class SynthesizeParameters:
    """Of the Synthesize tab. Lengths are in mm; an empty ``modelPath`` is the generator in use."""

    ctVolume: vtkMRMLScalarVolumeNode
    cropBox: vtkMRMLMarkupsROINode
    level: str = "L4-L5"
    boxWidth: Annotated[float, WithinRange(30.0, 250.0)] = 90.0
    sliceCount: Annotated[int, WithinRange(1, 64)] = 1
    sliceThickness: Annotated[float, WithinRange(0.5, 20.0)] = 4.0
    lockToPlane: bool = True
    modelPath: str = ""
    device: str = "auto"
    precision: str = "auto"
    blend: bool = False
    blendOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5


@let_go_on_disconnect
@parameterNodeWrapper
class TrainParameters:
    """Of the Train tab; ``trainSteps`` 0 leaves the preset's own number, ``trainWidth`` likewise."""

    pairSetFolder: str = ""
    runFolder: str = ""
    preset: str = "best"
    trainSteps: Annotated[int, WithinRange(0, 10_000_000)] = 0
    trainWidth: Annotated[int, WithinRange(0, 512)] = 0
    trainDevice: str = "auto"


def read_parameters(kind: type, node):
    """The typed parameters of a tab on a parameter node.

    What an earlier or later version has saved and this one cannot take becomes the default, said in the log: a scene of
    before must open.

    Args:
        kind: ``SynthesizeParameters`` or ``TrainParameters``.
        node: ``vtkMRMLScriptedModuleNode``.
    """
    try:
        return _checked(kind(node))
    except Exception as error:  # whatever a serializer makes of a text it does not know
        logging.warning("CT2MRSynth: settings saved with this scene cannot be read and are reset (%s).", error)
    # Not before the error is forgotten, and all at once: what half read the node is told of its changes as long as it
    # lives, and would read again
    modifying = node.StartModify()
    for name in kind.allParameters:
        node.UnsetParameter(name)
    node.EndModify(modifying)
    return kind(node)


def _checked(parameters):
    """Refuse what reads as a number and is none to compute with."""
    for name in parameters.allParameters:
        value = getattr(parameters, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is not a finite number")
    return parameters
