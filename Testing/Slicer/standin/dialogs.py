"""Modal dialogs: nobody is there to answer, so a test says beforehand what is pressed."""

from __future__ import annotations

from PySide6 import QtWidgets

#: What the coming modal dialogs answer, in order: a value, or a function that is given the dialog (or the arguments
#: of a static function such as ``QFileDialog.getOpenFileName``) and returns the value.
answers: list = []
#: What was asked: title and text of each dialog.
asked: list[str] = []

STATIC = {
    "QMessageBox": ("question", "warning", "information", "critical"),
    "QFileDialog": ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"),
    "QInputDialog": ("getText", "getItem", "getInt", "getDouble", "getMultiLineText"),
}


def apply() -> None:
    """Replace what would wait for a click."""
    QtWidgets.QDialog.exec_ = QtWidgets.QDialog.exec = _run
    QtWidgets.QMessageBox.exec_ = QtWidgets.QMessageBox.exec = _run
    for kind, names in STATIC.items():
        for name in names:
            setattr(getattr(QtWidgets, kind), name, staticmethod(_static(f"{kind}.{name}")))


def _run(dialog):
    words = dialog.property("text") or ""
    return _answer(f"{dialog.property('windowTitle')}: {words}", dialog)


def _static(name: str):
    return lambda *arguments: _answer(f"{name}: {' | '.join(str(one) for one in arguments[1:])}", *arguments)


def _answer(question: str, *context):
    asked.append(question)
    if not answers:
        raise RuntimeError(
            f"A modal dialog would wait for ever here ({question}); a test answers by slicer_app.answers"
        )
    answer = answers.pop(0)
    return answer(*context) if callable(answer) else answer
