"""The stand-in for the application: it gives what Slicer gives, and refuses what Slicer refuses.

With SLICER_PYTHON set, the same holds for Slicer's own parameterNodeWrapper, i18n and slicer.util.
"""

from typing import Annotated

import pytest

FORM = """<ui version="4.0"><class>Form</class><widget class="qMRMLWidget" name="Form">
<layout class="QFormLayout" name="rows">
<item row="0" column="1"><widget class="qMRMLNodeComboBox" name="selector">
<property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
<property name="showChildNodeTypes"><bool>false</bool></property>
<property name="noneEnabled"><bool>true</bool></property>
<property name="SlicerParameterName" stdset="0"><string>volume</string></property></widget></item>
<item row="1" column="1"><widget class="ctkSliderWidget" name="slider">
<property name="SlicerParameterName" stdset="0"><string>width</string></property></widget></item>
<item row="2" column="1"><widget class="QSpinBox" name="spin">
<property name="SlicerParameterName" stdset="0"><string>count</string></property></widget></item>
<item row="3" column="1"><widget class="QCheckBox" name="check">
<property name="SlicerParameterName" stdset="0"><string>locked</string></property></widget></item>
<item row="4" column="1"><widget class="QLineEdit" name="line">
<property name="SlicerParameterName" stdset="0"><string>level</string></property></widget></item>
</layout></widget>
<connections><connection><sender>Form</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
<receiver>selector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"""


@pytest.fixture
def form(slicer_app, tmp_path):
    import slicer

    path = tmp_path / "Form.ui"
    path.write_text(FORM)
    widget = slicer.util.loadUI(str(path))
    yield widget
    widget.deleteLater()


@pytest.fixture
def ui(form):
    import slicer

    return slicer.util.childWidgetVariables(form)


@pytest.fixture
def parameters(slicer_app):
    import slicer
    from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

    @parameterNodeWrapper
    class Parameters:
        volume: slicer.vtkMRMLScalarVolumeNode
        width: Annotated[float, WithinRange(30.0, 250.0)] = 90.0
        count: Annotated[int, WithinRange(1, 64)] = 3
        locked: bool = True
        level: str = "L4-L5"

    return Parameters(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))


def test_properties_are_attributes(slicer_app):
    import qt

    box = qt.QCheckBox("Lock")
    box.checked = True
    assert box.text == "Lock"
    assert box.checked is True
    assert box.name == box.objectName == ""
    with pytest.raises(TypeError):
        box.text()


def test_a_widget_takes_no_attribute_that_qt_does_not_know(slicer_app):
    import ctk
    import qt

    for widget in (qt.QCheckBox(), ctk.ctkSliderWidget()):
        with pytest.raises(AttributeError, match="does not exist"):
            widget.chekced = True
        with pytest.raises(AttributeError, match="can not be overwritten"):
            widget.setEnabled = True
    with pytest.raises(AttributeError, match="does not take"):
        qt.QSpinBox().value = "three"

    class Mine(qt.QDialog):
        pass

    mine = Mine()
    mine.note = 3
    assert mine.note == 3


def test_a_signal_is_connected_by_its_exact_signature(slicer_app):
    import qt

    got = []
    box = qt.QCheckBox()
    box.connect("toggled(bool)", got.append)
    box.connect("clicked()", lambda: got.append("clicked"))
    box.click()
    assert got == [True, "clicked"]
    for wrong in ("toggled()", "pressed(bool)", "changed(int)"):
        with pytest.raises(AttributeError, match="no signal"):
            box.connect(wrong, print)
    box.disconnect("toggled(bool)", got.append)
    box.click()
    assert got == [True, "clicked", "clicked"]


def test_a_function_gets_as_many_arguments_as_it_has(slicer_app):
    import qt

    got = []
    spin = qt.QSpinBox()
    spin.connect("valueChanged(int)", lambda: got.append("none"))
    spin.connect("valueChanged(int)", lambda *all_: got.append(all_))
    spin.value = 4
    assert got == ["none", (4,)]


def test_what_python_cannot_call_in_slicer_is_not_there(slicer_app):
    import ctk
    import slicer

    assert not hasattr(ctk.ctkSliderWidget(), "setRange")
    assert not hasattr(ctk.ctkCollapsibleButton(), "setCollapsed")
    assert not hasattr(slicer.qMRMLNodeComboBox(), "currentIndex")


def test_an_error_behind_a_signal_is_seen(slicer_app):
    import qt

    def fail(_on):
        raise ValueError("in the log")

    button = qt.QPushButton()
    button.connect("clicked(bool)", fail)
    button.click()
    assert [str(error) for error in slicer_app.errors] == ["in the log"]
    slicer_app.errors.clear()


def test_a_modal_dialog_is_answered_or_refused(slicer_app):
    import qt

    slicer_app.answers.append(qt.QMessageBox.Yes)
    assert qt.QMessageBox.question(None, "Delete", "This box?") == qt.QMessageBox.Yes
    assert "This box?" in slicer_app.asked[0]
    with pytest.raises(RuntimeError, match="wait for ever"):
        qt.QDialog().exec_()


def test_a_form_hands_its_scene_down_and_selectors_follow_it(form, ui, mrml_scene):
    mrml_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "before")
    assert ui.selector.nodeCount() == 0
    form.setMRMLScene(mrml_scene)
    mrml_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "another class")
    node = mrml_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "after")
    assert [ui.selector.nodeFromIndex(i).GetName() for i in range(ui.selector.nodeCount())] == ["before", "after"]
    ui.selector.setCurrentNode(node)
    got = []
    ui.selector.connect("currentNodeChanged(vtkMRMLNode*)", got.append)
    mrml_scene.RemoveNode(node)
    assert got == [None]
    assert ui.selector.currentNode() is None
    assert ui.selector.currentNodeID == ""


def test_parameters_and_widgets_follow_each_other(form, ui, parameters, mrml_scene):
    form.setMRMLScene(mrml_scene)
    tag = parameters.connectGui(ui)
    assert (ui.slider.value, ui.spin.value, ui.check.checked, ui.line.text) == (90, 3, True, "L4-L5")
    assert (ui.slider.minimum, ui.slider.maximum, ui.spin.maximum) == (30, 250, 64)
    node = mrml_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    ui.slider.value, ui.spin.value, ui.check.checked, ui.line.text = 120, 5, False, "L1-L2"
    ui.selector.setCurrentNode(node)
    assert (parameters.width, parameters.count, parameters.locked, parameters.level) == (120, 5, False, "L1-L2")
    assert parameters.volume is node
    parameters.count, parameters.volume = 7, None
    assert (ui.spin.value, ui.selector.currentNode()) == (7, None)
    parameters.disconnectGui(tag)
    ui.spin.value = 9
    assert parameters.count == 7


def test_parameters_refuse_what_they_are_not(parameters):
    with pytest.raises(ValueError, match="range"):
        parameters.width = 1000.0
    with pytest.raises(TypeError):
        parameters.level = 4
    with pytest.raises(ValueError, match="None"):
        parameters.locked = None
    with pytest.raises(TypeError):
        parameters.volume = parameters.parameterNode


def test_widgets_refuse_parameters_they_cannot_show(slicer_app):
    import ctk
    import qt
    import slicer
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    @parameterNodeWrapper
    class Parameters:
        length: float = 1.0
        text: str = ""

    parameters = Parameters(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    with pytest.raises(RuntimeError, match="unbounded"):
        parameters.connectParametersToGui({"length": ctk.ctkSliderWidget()})
    with pytest.raises(RuntimeError, match="Unable to create GUI connector"):
        parameters.connectParametersToGui({"length": qt.QSpinBox()})
    with pytest.raises(RuntimeError, match="Unable to create GUI connector"):
        parameters.connectParametersToGui({"text": ctk.ctkPathLineEdit()})
    with pytest.raises(ValueError, match="Cannot find a param"):
        parameters.connectParametersToGui({"breadth": qt.QDoubleSpinBox()})


def test_what_is_saved_with_a_scene_is_read_again(parameters, mrml_scene):
    parameters.width, parameters.locked = 64.5, False
    again = type(parameters)(parameters.parameterNode)
    assert (again.width, again.locked, again.level) == (64.5, False, "L4-L5")


def test_a_view_is_made_for_every_slice_node_of_a_layout(slicer_app):
    import slicer

    manager = slicer.app.layoutManager()
    assert set(manager.sliceViewNames()) == {"Red", "Yellow", "Green"}
    layout = manager.layoutLogic().GetLayoutNode()
    layout.AddLayoutDescription(
        777,
        '<layout type="horizontal"><item><view class="vtkMRMLSliceNode" singletontag="Extra">'
        '<property name="orientation" action="default">Axial</property></view></item></layout>',
    )
    manager.setLayout(777)
    logic = manager.sliceWidget("Extra").sliceLogic()
    assert logic.GetSliceCompositeNode().GetLayoutName() == "Extra"
    assert slicer.app.applicationLogic().GetSliceLogicByLayoutName("Extra") is logic
    assert manager.sliceWidget("Extra").sliceView().cornerAnnotation().IsA("vtkCornerAnnotation")


def test_without_a_main_window_there_are_no_views(slicer_app_without_window):
    import slicer

    assert slicer.app.layoutManager() is None
    assert slicer.util.mainWindow() is None
    assert slicer.util.showStatusMessage("nobody reads this") is False


def test_a_collapsed_button_hides_what_it_holds(slicer_app):
    import ctk
    import qt

    button, label = ctk.ctkCollapsibleButton(), qt.QLabel("inside")
    qt.QVBoxLayout(button).addWidget(label)
    button.setAttribute(qt.Qt.WA_DontShowOnScreen, True)
    button.show()
    assert label.visible
    button.collapsed = True
    assert not label.visible
    assert not button.checked
