"""Slicer module CT2MRSynth: synthetic axial T2-weighted MR slices at the lumbar discs, from CT."""

import os
import sys

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
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
        parent.dependencies = ["Markups", "Plots"]
        parent.contributors = ["CT2MRSynth contributors"]
        parent.icon = qt.QIcon(os.path.join(BASE, "Resources", "Icons", "CT2MRSynth.png"))
        parent.helpText = _(
            "Makes synthetic axial T2-weighted MR slices at the lumbar discs from CT: choose the CT, choose the level,"
            " check the crop box, press Apply. The Train tab makes a generator of your own from pairs of CT and MR."
            " The images are SYNTHETIC, for research only and not for diagnosis."
        )
        parent.acknowledgementText = _(
            "The method follows published work on synthetic MR of the lumbar spine from CT by generative adversarial"
            " networks (129 patients, 2020). When you use the extension in a publication, please cite that work and"
            " this extension; the README tells how."
        )
        slicer.app.connect("startupCompleted()", onStartup)


def onStartup():
    """Offer the samples, and label synthetic volumes in all views from now on, whether the panel is opened or not."""
    from CT2MRSynthLib.panel.samples import register_samples
    from CT2MRSynthLib.panel.synthetic_label import start_labels

    register_samples()
    start_labels()


class CT2MRSynthWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: a line on the limits, and the tabs."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.tabs = []

    def resourcePath(self, filename):
        """Path of a resource, also where the sources lie one folder above the module."""
        return os.path.join(BASE, "Resources", filename)

    def setup(self):
        from CT2MRSynthLib.panel.forms import load_form
        from CT2MRSynthLib.panel.synthesize_tab import SynthesizeTab
        from CT2MRSynthLib.panel.synthetic_label import start_labels
        from CT2MRSynthLib.panel.train_tab import TrainTab

        ScriptedLoadableModuleWidget.setup(self)
        widget, self.ui = load_form("CT2MRSynth")
        self.layout.addWidget(widget)
        self.logic = CT2MRSynthLogic()
        self.synthesizeTab, self.trainTab = SynthesizeTab(), TrainTab()
        self.tabs = [self.synthesizeTab, self.trainTab]
        self.ui.tabs.addTab(self.synthesizeTab.widget, _("Synthesize"))
        self.ui.tabs.addTab(self.trainTab.widget, _("Train"))
        self.trainTab.model_used.connect(self.synthesizeTab.model.refresh)
        for event in (slicer.mrmlScene.StartCloseEvent, slicer.mrmlScene.StartImportEvent):
            self.addObserver(slicer.mrmlScene, event, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        start_labels()
        self.initializeParameterNode()

    def cleanup(self):
        self.removeObservers()
        for tab in self.tabs:
            tab.cleanup()
        self.tabs = []

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        self.setParameterNode(None)

    def onReload(self):
        """Reload the library with the module; the old panel must let go before its library is forgotten."""
        self.cleanup()
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
        """Connect the tabs to their parameters on ``parameterNode``, or to none."""
        from CT2MRSynthLib.panel.parameters import SynthesizeParameters, TrainParameters, read_parameters

        for tab, kind in zip(self.tabs, (SynthesizeParameters, TrainParameters), strict=False):
            tab.set_parameters(read_parameters(kind, parameterNode) if parameterNode is not None else None)


class CT2MRSynthLogic(ScriptedLoadableModuleLogic):
    """The work without a panel, for scripts."""

    def synthesize(self, ctNode, boxNodes, sliceCount=1, sliceThickness=4.0, bundle=None):
        """Make the synthetic T2 volumes of some boxes in this process; returns their nodes.

        Args:
            ctNode: CT volume node.
            boxNodes: ROI or plane nodes.
            sliceCount: Slices through each box.
            sliceThickness: In mm.
            bundle: Folder of a model; None: the one in use.

        Raises:
            ValueError: An input or the model cannot be used; the sentence says what to do.
        """
        from CT2MRSynthLib.bundle import default_bundle_path, load_bundle
        from CT2MRSynthLib.scene.run import synthesize_in_scene
        from CT2MRSynthLib.synthesis import Synthesizer

        synthesizer = Synthesizer(load_bundle(bundle or default_bundle_path()))
        return synthesize_in_scene(ctNode, boxNodes, synthesizer, sliceCount, sliceThickness)


class CT2MRSynthTest(ScriptedLoadableModuleTest):
    """Self-test, run by *Reload and Test* and by ctest."""

    def runTest(self):
        from CT2MRSynthLib.panel.selftest import run_all

        run_all(self)
