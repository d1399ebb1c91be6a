"""Slicer module CT2MRSynth: synthetic axial T2-weighted MR slices at the lumbar discs, from CT."""
# ruff: noqa: N815 - names are camelCase where Slicer sees them

import os
import sys
from typing import Annotated

import qt
import slicer
import vtk
from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


def _findBase() -> str:
    """The folder of CT2MRSynthLib and Resources: that of this file when built or installed, one up in the sources."""
    here = os.path.dirname(os.path.abspath(__file__))
    for base in (here, os.path.dirname(here)):
        if os.path.isfile(os.path.join(base, "CT2MRSynthLib", "__init__.py")):
            return base
    raise ImportError(f"CT2MRSynthLib lies neither in {here} nor one folder above it: install the extension again.")


BASE = _findBase()
if BASE not in sys.path:
    sys.path.insert(0, BASE)


class CT2MRSynth(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "CT2MRSynth"
        parent.categories = [translate("qSlicerAbstractCoreModule", "Image Synthesis")]
        parent.dependencies = ["Markups"]
        parent.contributors = ["CT2MRSynth contributors"]
        parent.icon = qt.QIcon(os.path.join(BASE, "Resources", "Icons", "CT2MRSynth.png"))
        parent.helpText = _(
            "Makes synthetic axial T2-weighted MR slices at the lumbar discs from CT. Choose the CT and a ROI that lies"
            " parallel to the disc, and press Apply. The images are SYNTHETIC, for research only and not for diagnosis."
        )
        parent.acknowledgementText = _(
            "The method follows published work on synthetic MR of the lumbar spine from CT"
            " by generative adversarial networks."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Offer the simulated samples in the Sample Data module."""
    try:
        import SampleData
    except ImportError:  # an application built without it
        return
    from CT2MRSynthLib.scene.sample_data import CATEGORY, SAMPLES

    for sample in SAMPLES:
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=sample.title,
            uris="",  # nothing is downloaded
            fileNames=sample.main,
            nodeNames=sample.title,
            customDownloader=loadSample,
            thumbnailFileName=os.path.join(BASE, "Resources", "Icons", sample.icon),
        )


def loadSample(source):
    """Make a sample, where that has not been done yet, and load it; returns the nodes."""
    from CT2MRSynthLib.errors import Cancelled
    from CT2MRSynthLib.scene import sample_data

    sample = sample_data.find(source.sampleName)
    folder = sample_data.folder_of(sample, slicer.app.cachePath)
    nodes = []
    with slicer.util.tryWithErrorDisplay(_("The sample could not be made.")):
        try:
            if not sample_data.is_made(sample, folder):
                makeSample(sample, folder)
        except Cancelled:
            return nodes
        nodes = sample_data.load(slicer.mrmlScene, sample, folder)
        if slicer.app.layoutManager() is not None:
            slicer.util.setSliceViewerLayers(background=nodes[0], foreground=None, fit=True)
        slicer.util.showStatusMessage(_("The sample lies in {folder}").format(folder=folder), 10000)
    return nodes


def makeSample(sample, folder):
    """Make a sample in a process of its own behind a progress dialog; the application stays responsive."""
    import shutil

    from CT2MRSynthLib.scene import sample_data

    dialog = slicer.util.createProgressDialog(
        windowTitle=_("Simulating a lumbar spine"),
        labelText=sample.title,
        windowModality=qt.Qt.ApplicationModal,  # no second click on the sample meanwhile
        autoClose=False,
        autoReset=False,
    )

    def tell(percent, words):
        dialog.value = int(percent)
        dialog.labelText = words or _("Starting")
        slicer.app.processEvents()
        return not dialog.wasCanceled

    try:
        python = shutil.which("PythonSlicer") or sys.executable
        sample_data.make(sample, folder, slicer.util.launchConsoleProcess, tell, python)
    finally:
        dialog.close()


@parameterNodeWrapper
class CT2MRSynthParameterNode:
    """What the user has chosen; saved with the scene."""

    ctVolume: vtkMRMLScalarVolumeNode
    cropBox: vtkMRMLMarkupsROINode
    sliceCount: Annotated[int, WithinRange(1, 64)] = 1
    sliceThickness: Annotated[float, WithinRange(0.5, 20.0)] = 4.0


class CT2MRSynthWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None

    def resourcePath(self, filename):
        """Path of a resource, also where the sources lie one folder above the module."""
        return os.path.join(BASE, "Resources", filename)

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/CT2MRSynth.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = CT2MRSynthLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.initializeParameterNode()

    def cleanup(self):
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        self.setParameterNode(None)

    def onReload(self):
        """Reload the library with the module."""
        for name in [name for name in sys.modules if name.split(".")[0] == "CT2MRSynthLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller, event):
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode):
        """Connect the panel to ``parameterNode``, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply)
        self._parameterNode = parameterNode
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply)
            self._checkCanApply()

    def _checkCanApply(self, caller=None, event=None):
        if not self._parameterNode.ctVolume:
            missing = _("Choose the CT.")
        elif not self._parameterNode.cropBox:
            missing = _("Choose a ROI that lies parallel to the disc; the Markups module makes one.")
        else:
            missing = ""
        self.ui.applyButton.enabled = not missing
        self.ui.applyButton.toolTip = missing or _("Make the synthetic T2 volume of this box.")

    def onApplyButton(self):
        parameters = self._parameterNode
        with slicer.util.tryWithErrorDisplay(_("The synthetic MR could not be made."), waitCursor=True):
            self.logic.ensureTorch()
            node = self.logic.synthesize(
                parameters.ctVolume, parameters.cropBox, parameters.sliceCount, parameters.sliceThickness
            )
            slicer.util.setSliceViewerLayers(background=parameters.ctVolume, foreground=node, foregroundOpacity=0.5)


class CT2MRSynthLogic(ScriptedLoadableModuleLogic):
    """The work, without a panel."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        self._synthesizer = None

    def getParameterNode(self):
        return CT2MRSynthParameterNode(super().getParameterNode())

    def ensureTorch(self):
        """Offer to install PyTorch where it is missing.

        Raises:
            ValueError: It is missing still.
        """
        try:
            import torch  # noqa: F401
        except (ImportError, OSError):  # a broken installation raises OSError on Windows
            try:
                import PyTorchUtils
            except ImportError:
                raise ValueError(_("PyTorch is missing: install the PyTorch extension and restart Slicer.")) from None
            logic = PyTorchUtils.PyTorchUtilsLogic()
            if logic.installTorch(askConfirmation=True, torchVersionRequirement=">=2.2") is None:
                raise ValueError(_("PyTorch is needed to make the images; it was not installed.")) from None

    def synthesize(self, ctNode, boxNode, sliceCount=1, sliceThickness=4.0):
        """Make the synthetic T2 volume of one box and return its node.

        Raises:
            ValueError: An input or the model cannot be used; the sentence says what to do.
        """
        from CT2MRSynthLib.bundle import default_bundle_path, load_bundle
        from CT2MRSynthLib.scene.run import synthesize_in_scene
        from CT2MRSynthLib.synthesis import Synthesizer

        if self._synthesizer is None:
            self._synthesizer = Synthesizer(load_bundle(default_bundle_path()))
        return synthesize_in_scene(ctNode, [boxNode], self._synthesizer, sliceCount, sliceThickness)[0]


class CT2MRSynthTest(ScriptedLoadableModuleTest):
    """Self-test, run by *Reload and Test* and by ctest."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_box_is_sampled_where_it_lies()

    def test_box_is_sampled_where_it_lies(self):
        """A rotated ROI on a CT under a shifted transform; needs neither PyTorch nor a model."""
        import numpy as np

        from CT2MRSynthLib.resample import resample
        from CT2MRSynthLib.scene.boxes import frame_from_node
        from CT2MRSynthLib.scene.volumes import volume_from_node

        self.delayDisplay("Sampling a box of a shifted CT")
        array = np.full((40, 40, 40), -50, dtype=np.int16)
        array[:, :, 30:] = 400  # a bright slab, at i >= 30
        ctNode = slicer.util.addVolumeFromArray(array, name="CT")
        transformNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = vtk.vtkMatrix4x4()
        matrix.SetElement(0, 3, 40.0)
        transformNode.SetMatrixTransformToParent(matrix)
        ctNode.SetAndObserveTransformNodeID(transformNode.GetID())
        boxNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "L4-L5")
        boxNode.SetCenter(40 + 29.5, 20, 20)
        boxNode.SetSize(16, 16, 4)
        frame = frame_from_node(boxNode)
        self.assertEqual(frame.level, "L4-L5")
        sampled = resample(volume_from_node(ctNode), frame.grid(1, 32), 4.0)
        self.assertEqual(sampled.outside_fraction, 0)
        # columns run from the patient's right to the left, the bright slab lies to the right
        self.assertAlmostEqual(sampled.array[0, :, :8].mean(), 400, delta=1)
        self.assertAlmostEqual(sampled.array[0, :, -8:].mean(), -50, delta=1)
        self.delayDisplay("Test passed")
