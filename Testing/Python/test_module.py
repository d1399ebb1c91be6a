"""The module file and the forms, read without Slicer: what Slicer's scanner, build and loader look for in them."""

import ast
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "CT2MRSynth"
PANEL = ROOT / "CT2MRSynthLib" / "panel"
FORMS = sorted((ROOT / "Resources" / "UI").glob("*.ui"))
MODULE = FOLDER / "CT2MRSynth.py"
SOURCES = [MODULE, *sorted(PANEL.glob("*.py"))]
#: Widgets that a parameter of a type may be connected to (Slicer's guiConnectors.py, as far as used here).
FITTING = {
    "bool": {"QCheckBox"},
    "int": {"QSpinBox"},
    "float": {"ctkSliderWidget", "QDoubleSpinBox"},
    "str": {"QLineEdit"},
}


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def by_name(paths):
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


def imported(node):
    """Top-level names of what a statement imports."""
    if isinstance(node, ast.Import):
        return {name.name.split(".")[0] for name in node.names}
    return {node.module.split(".")[0]} if isinstance(node, ast.ImportFrom) and node.module else set()


def classes(path):
    return {node.name: node for node in tree(path).body if isinstance(node, ast.ClassDef)}


def parameters():
    """Type in words by name, of all typed parameters."""
    return {
        node.target.id: ast.unparse(node.annotation)
        for one in classes(PANEL / "parameters.py").values()
        for node in one.body
        if isinstance(node, ast.AnnAssign)
    }


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("CT2MRSynth", "ScriptedLoadableModule"),
        ("CT2MRSynthWidget", "ScriptedLoadableModuleWidget"),
        ("CT2MRSynthLogic", "ScriptedLoadableModuleLogic"),
        ("CT2MRSynthTest", "ScriptedLoadableModuleTest"),
    ],
)
def test_slicers_four_classes_have_bare_bases(name, first):
    bases = [base.id if isinstance(base, ast.Name) else None for base in classes(MODULE)[name].bases]
    assert bases[0] == first
    assert None not in bases


def test_slicer_finds_one_module_in_the_folder():
    assert [path.name for path in FOLDER.glob("*.py")] == ["CT2MRSynth.py"]


def test_nothing_of_the_library_is_imported_when_slicer_starts():
    at_start = set().union(*(imported(node) for node in tree(MODULE).body))
    assert at_start <= {"os", "sys", "typing", "qt", "slicer", "vtk"}


@by_name(SOURCES)
def test_nothing_heavy_is_imported_with_the_panel(path):
    at_import = set().union(*(imported(node) for node in tree(path).body))
    assert not at_import & {"numpy", "scipy", "SimpleITK", "torch", "PIL", "pydicom"}


@by_name(SOURCES)
def test_no_translated_text_is_an_f_string(path):
    calls = [
        node for node in ast.walk(tree(path)) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"
    ]
    for call in calls:
        assert isinstance(call.args[0], ast.Constant), f"line {call.lineno}"


@by_name(SOURCES)
def test_every_widget_that_code_touches_is_in_its_form(path):
    """Of files that load one form; a name of ``self.ui`` that is not there is an error at run time only."""
    whole = tree(path)
    loaded = {
        call.args[0].value
        for call in ast.walk(whole)
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") == "load_form"
        and isinstance(call.args[0], ast.Constant)
    }
    if len(loaded) != 1:
        assert not loaded, "one form for one file"
        return
    form = ElementTree.parse(ROOT / "Resources" / "UI" / f"{loaded.pop()}.ui")
    names = {element.get("name") for element in form.iter() if element.get("name")}
    touched = {
        node.attr
        for node in ast.walk(whole)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self.ui", "ui")
    }
    assert touched <= names


@by_name(FORMS)
def test_widgets_of_parameters_fit_their_type(path):
    known = parameters()
    for widget in ElementTree.parse(path).iter("widget"):
        named = widget.find("./property[@name='SlicerParameterName']/string")
        if named is None:
            continue
        kind = known[named.text].removeprefix("Annotated[").split(",")[0]
        assert widget.get("class") in FITTING.get(kind, {"qMRMLNodeComboBox"}), named.text


@by_name(FORMS)
def test_selectors_of_nodes_get_a_scene(path):
    """By a connection in the form, or by the code that loads it."""
    form = ElementTree.parse(path)
    code = "".join(source.read_text(encoding="utf-8") for source in SOURCES)
    handed = {one.findtext("receiver") for one in form.iter("connection") if "setMRMLScene" in one.findtext("slot", "")}
    for widget in form.iter("widget"):
        if widget.get("class").startswith("qMRML") and widget.get("class") != "qMRMLWidget":
            assert widget.get("name") in handed or f"{widget.get('name')}.setMRMLScene(" in code


@by_name(FORMS)
def test_names_in_a_form_are_used_once(path):
    names = [widget.get("name") for widget in ElementTree.parse(path).iter("widget")]
    assert sorted(names) == sorted(set(names))


def test_numbers_are_bounded():
    """An unbounded one makes the connection to a slider fail, and setup stop half-way."""
    bounded = {name for name, kind in parameters().items() if "WithinRange" in kind}
    assert {name for name, kind in parameters().items() if "float" in kind or "int" in kind} == bounded


def test_icon_is_a_128_pixel_png():
    head = (ROOT / "Resources" / "Icons" / "CT2MRSynth.png").read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert struct.unpack(">II", head[16:24]) == (128, 128)
