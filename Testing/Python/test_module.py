"""The module file, read without Slicer: what Slicer's scanner and build look for in it."""

import ast
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "CT2MRSynth"
TREE = ast.parse((FOLDER / "CT2MRSynth.py").read_text(encoding="utf-8"))
CLASSES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef)}


def bases(name):
    return [base.id if isinstance(base, ast.Name) else None for base in CLASSES[name].bases]


def imported(node):
    """Top-level names of what a statement imports."""
    if isinstance(node, ast.Import):
        return {name.name.split(".")[0] for name in node.names}
    return {node.module.split(".")[0]} if isinstance(node, ast.ImportFrom) and node.module else set()


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
    assert bases(name)[0] == first
    assert None not in bases(name)


def test_slicer_finds_one_module_in_the_folder():
    assert [path.name for path in FOLDER.glob("*.py")] == ["CT2MRSynth.py"]


def test_nothing_heavy_is_imported_when_slicer_starts():
    at_start = set().union(*(imported(node) for node in TREE.body))
    assert at_start <= {"os", "sys", "typing", "qt", "slicer", "vtk"}


def test_no_translated_text_is_an_f_string():
    calls = [node for node in ast.walk(TREE) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"]
    assert calls
    for call in calls:
        assert isinstance(call.args[0], ast.Constant), f"line {call.lineno}"


def parameters():
    return {node.target.id for node in CLASSES["CT2MRSynthParameterNode"].body if isinstance(node, ast.AnnAssign)}


def test_every_parameter_has_its_widget_and_every_widget_its_parameter():
    form = ElementTree.parse(ROOT / "Resources" / "UI" / "CT2MRSynth.ui")
    named = form.findall(".//property[@name='SlicerParameterName']/string")
    assert {element.text for element in named} == parameters()


def test_every_widget_that_code_touches_is_in_the_form():
    form = ElementTree.parse(ROOT / "Resources" / "UI" / "CT2MRSynth.ui")
    names = {widget.get("name") for widget in form.iter("widget")}
    touched = {
        node.attr
        for node in ast.walk(TREE)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "ui"
    }
    assert touched
    assert touched <= names


def test_every_float_of_a_slider_is_bounded():
    """An unbounded one makes the connection of the panel fail."""
    for node in CLASSES["CT2MRSynthParameterNode"].body:
        if isinstance(node, ast.AnnAssign) and "float" in ast.unparse(node.annotation):
            assert "WithinRange" in ast.unparse(node.annotation)


def test_icon_is_a_128_pixel_png():
    head = (ROOT / "Resources" / "Icons" / "CT2MRSynth.png").read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert struct.unpack(">II", head[16:24]) == (128, 128)
