"""Tests of the panel that run in Slicer, by ctest (``slicer_add_python_unittest``): plain unittest, without pytest.

Outside Slicer ``test_panel.py`` runs the same bodies on the stand-in.
"""

import importlib
import importlib.util
import pkgutil
import unittest

import slicer

CONTROLS = (
    "QAbstractButton",
    "QComboBox",
    "QAbstractSpinBox",
    "QLineEdit",
    "QSlider",
    "qMRMLNodeComboBox",
    "ctkSliderWidget",
    "ctkPathLineEdit",
)
#: Headings, and widgets that others are made of.
LEFT_OUT = ("ctkCollapsibleButton", "QScrollBar")


def controls(form):
    """The named widgets of a loaded form that a user works with."""
    for widget in vars(form).values():
        if any(widget.inherits(kind) for kind in CONTROLS) and not any(widget.inherits(kind) for kind in LEFT_OUT):
            yield widget


def parts(widget):
    """The form objects of the panel: of the tabs and of their sections."""
    for tab in (widget.synthesizeTab, widget.trainTab):
        yield tab.ui
        for section in vars(tab).values():
            if hasattr(section, "ui") and hasattr(section, "set_parameters"):
                yield section.ui


class PanelInSlicerTest(unittest.TestCase):
    """On an empty scene, the panel as it is after a visit."""

    def setUp(self):
        slicer.mrmlScene.Clear()
        self.panel = slicer.modules.ct2mrsynth.widgetRepresentation()
        self.widget = slicer.modules.CT2MRSynthWidget
        self.widget.enter()

    def tearDown(self):
        slicer.modules.CT2MRSynthWidget.exit()
        slicer.mrmlScene.Clear()

    def test_both_tabs_fit_into_400_pixels(self):
        for tab in range(self.widget.ui.tabs.count):
            self.widget.ui.tabs.currentIndex = tab
            slicer.app.processEvents()
            self.assertLessEqual(self.panel.minimumSizeHint.width(), 400, self.widget.ui.tabs.tabText(tab))

    def test_every_control_has_a_tool_tip(self):
        found = [control for form in parts(self.widget) for control in controls(form)]
        self.assertGreater(len(found), 30)
        missing = [one.objectName for one in found if not one.toolTip and not one.objectName.startswith("qt_")]
        self.assertEqual(missing, [])

    def test_closing_the_scene_empties_the_panel(self):
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "L4-L5")
        self.widget.synthesizeTab.ui.ctSelector.setCurrentNode(volume)
        slicer.mrmlScene.Clear()
        slicer.app.processEvents()
        self.assertIsNone(self.widget.synthesizeTab.ui.ctSelector.currentNode())
        self.assertFalse(self.widget.synthesizeTab.run.ui.applyButton.enabled)

    def test_nodes_may_be_deleted_under_the_panel(self):
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
        box = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "L4-L5")
        self.widget.synthesizeTab.ui.ctSelector.setCurrentNode(volume)
        slicer.mrmlScene.RemoveNode(box)
        slicer.mrmlScene.RemoveNode(volume)
        slicer.app.processEvents()
        self.assertFalse(self.widget.synthesizeTab.run.ui.applyButton.enabled)

    def test_what_was_chosen_is_there_after_leaving(self):
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
        self.widget.synthesizeTab.ui.ctSelector.setCurrentNode(volume)
        self.widget.exit()
        self.widget.enter()
        self.widget.enter()
        self.assertEqual(self.widget.synthesizeTab.ui.ctSelector.currentNodeID, volume.GetID())

    def test_the_application_stays_as_it_is_when_the_panel_is_set_up_twice(self):
        from CT2MRSynthLib.panel.synthesize_tab import SynthesizeTab

        tab = SynthesizeTab()
        tab.cleanup()
        tab.cleanup()
        tab.widget.deleteLater()
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "L3-L4")
        slicer.app.processEvents()
        self.assertEqual(len(self.widget.synthesizeTab.place.boxes), 1)

    def test_every_module_of_the_library_can_be_imported(self):
        import CT2MRSynthLib

        has_torch = importlib.util.find_spec("torch") is not None
        for found in pkgutil.walk_packages(CT2MRSynthLib.__path__, "CT2MRSynthLib."):
            if found.name.endswith("__main__"):
                continue
            try:
                importlib.import_module(found.name)
            except ModuleNotFoundError as error:
                self.assertFalse(has_torch or error.name != "torch", f"{found.name}: {error}")
