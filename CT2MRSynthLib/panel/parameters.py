"""What the user has chosen, saved with the scene: one class of typed parameters for each tab."""

import logging
from typing import Annotated

from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


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
        return kind(node)
    except Exception as error:  # whatever a serializer makes of a text it does not know
        logging.warning("CT2MRSynth: settings saved with this scene cannot be read and are reset (%s).", error)
        for name in kind.allParameters:
            node.UnsetParameter(name)
        return kind(node)
