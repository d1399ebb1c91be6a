"""Which generator, on what device and in which precision."""

from __future__ import annotations

from pathlib import Path

import ctk
from slicer.i18n import tr as _

from CT2MRSynthLib.bundle import Bundle, check_bundle, default_bundle_path, in_use, list_bundles
from CT2MRSynthLib.cardtext import card_lines, trained_on
from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.run_times import load_run_times
from CT2MRSynthLib.panel.signal import Signal

#: Data of the item that lets the user name a folder.
OTHER = "other"

#: Of the trained-on sentence; the card tells the rest.
SUMMARY_LENGTH = 160


class ModelSection:
    """Chooses the model bundle, shows its card, and says on what it will run."""

    def __init__(self) -> None:
        self.model_changed = Signal()
        self.widget, self.ui = load_form("ModelSection")
        self._parameters = None
        self._path = ""
        self._bundle: Bundle | None = None
        self._problem = _("No model is chosen yet.")
        self._fill_choices()
        self.ui.modelPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs
        self.ui.cardText.visible = False
        self.ui.modelComboBox.connect("currentIndexChanged(int)", self._on_model)
        self.ui.modelPathLineEdit.connect("currentPathChanged(QString)", self._on_folder)
        self.ui.cardButton.connect("toggled(bool)", self._on_card)
        self.ui.deviceComboBox.connect("currentIndexChanged(int)", self._on_device)
        self.ui.precisionComboBox.connect("currentIndexChanged(int)", self._on_precision)

    @property
    def bundle(self) -> Bundle | None:
        """The chosen model, checked; None where it cannot be used."""
        return self._bundle

    @property
    def bundle_path(self) -> Path:
        """Folder of the chosen model; ``reason`` says whether it can be used."""
        return self._bundle.path if self._bundle is not None else Path(self._path)

    def reason(self) -> str:
        """Why the model cannot be used; empty where it can."""
        return self._problem

    def set_parameters(self, parameters) -> None:
        """Show the choices of a scene, or let go of them.

        Args:
            parameters: ``SynthesizeParameters`` or None.
        """
        self._parameters = parameters
        if parameters is not None:
            self._path = parameters.modelPath
            parameters.device = _select(self.ui.deviceComboBox, parameters.device)
            parameters.precision = _select(self.ui.precisionComboBox, parameters.precision)
            self.refresh()

    def refresh(self) -> None:
        """Look for models again, and check the chosen one."""
        self._list_models()
        self._check()

    def cleanup(self) -> None:
        """Let go of everything."""
        self.set_parameters(None)

    def _fill_choices(self) -> None:
        devices = (
            (_("Automatic"), "auto"),
            (_("Processor (CPU)"), "cpu"),
            (_("NVIDIA graphics card (CUDA)"), "cuda"),
            (_("Apple graphics (MPS)"), "mps"),
        )
        for words, value in devices:
            self.ui.deviceComboBox.addItem(words, value)
        for words, value in ((_("Automatic"), "auto"), *((name, name) for name in ("float32", "bfloat16", "float16"))):
            self.ui.precisionComboBox.addItem(words, value)

    def _list_models(self) -> None:
        box = self.ui.modelComboBox
        box.blockSignals(True)
        box.clear()
        try:
            used = check_bundle(default_bundle_path())
            title = f"{used.card.name} {used.card.version}"
            box.addItem(_("{title} (in use)").format(title=title), "")
        except CT2MRSynthError:
            used = None
            box.addItem(_("None in use"), "")
        for bundle in list_bundles():
            if used is None or bundle.path != used.path:
                box.addItem(bundle.card.title, str(bundle.path))
        box.addItem(_("Of my own: choose the folder"), OTHER)
        index = box.findData(self._path)
        box.setCurrentIndex(index if index >= 0 else box.findData(OTHER))
        box.blockSignals(False)
        if index < 0:
            self.ui.modelPathLineEdit.blockSignals(True)
            self.ui.modelPathLineEdit.currentPath = self._path
            self.ui.modelPathLineEdit.blockSignals(False)
        self._show_folder()

    def _show_folder(self) -> None:
        own = self._choice() == OTHER
        self.ui.folderLabel.visible = own
        self.ui.modelPathLineEdit.visible = own

    def _choice(self) -> str:
        box = self.ui.modelComboBox
        return box.itemData(box.currentIndex) or ""

    def _on_model(self, index) -> None:
        choice = self._choice()
        self._show_folder()
        self._set_path(self.ui.modelPathLineEdit.currentPath if choice == OTHER else choice, own=choice == OTHER)

    def _on_folder(self, path) -> None:
        if self._choice() == OTHER:
            self._set_path(path, own=True)

    def _set_path(self, path: str, own: bool) -> None:
        self._path = path
        if self._parameters is not None:
            self._parameters.modelPath = path
        if own and not path:
            self._show(None, _("Choose the folder of the model."))
        else:
            self._check()

    def _check(self) -> None:
        try:
            bundle = check_bundle(self._path or default_bundle_path())
        except CT2MRSynthError as error:
            self._show(None, str(error))
        except OSError as error:
            self._show(None, _("The model cannot be read: {error}").format(error=error.strerror or error))
        else:
            self._show(bundle, "", note="" if self._path else in_use()[1])

    def _show(self, bundle: Bundle | None, problem: str, note: str = "") -> None:
        changed = (bundle, problem) != (self._bundle, self._problem)
        self._bundle, self._problem = bundle, problem
        self.ui.messageLabel.text = problem or note
        self.ui.messageLabel.visible = bool(problem or note)
        self.ui.summaryLabel.visible = self.ui.cardButton.visible = bundle is not None
        self.ui.cardText.visible = bundle is not None and self.ui.cardButton.checked
        if bundle is not None:
            self.ui.summaryLabel.text = _summary(bundle)
            self.ui.cardText.setPlainText(
                "\n".join(f"{name[:1].upper()}{name[1:]}: {value}" for name, value in card_lines(bundle))
            )
        self._show_where()
        if changed:
            self.model_changed.emit()

    def _on_card(self, checked) -> None:
        self.ui.cardText.visible = bool(checked) and self._bundle is not None

    def _on_device(self, index) -> None:
        if self._parameters is not None:
            self._parameters.device = self.ui.deviceComboBox.itemData(index)
        self._show_where()

    def _on_precision(self, index) -> None:
        if self._parameters is not None:
            self._parameters.precision = self.ui.precisionComboBox.itemData(index)
        self._show_where()

    def _show_where(self) -> None:
        """Where it runs, in words, as far as known without importing torch."""
        known = ""
        if self._bundle is not None:
            device, precision = self.ui.deviceComboBox, self.ui.precisionComboBox
            known = load_run_times().where(
                self._bundle.sha256, device.itemData(device.currentIndex), precision.itemData(precision.currentIndex)
            )
        if known:
            self.ui.whereLabel.text = _("Last time this ran on: {device}").format(device=known)
        else:
            self.ui.whereLabel.text = _("Device and precision are found out, by trying, when it runs.")


def _summary(bundle: Bundle) -> str:
    words = trained_on(bundle)
    if len(words) > SUMMARY_LENGTH:
        words = words[:SUMMARY_LENGTH].rsplit(" ", 1)[0] + " ..."
    text = _("Trained on: {data}").format(data=words)
    if bundle.card.preliminary:
        text = _("PRELIMINARY: shows how the software works, not what an MR would show.") + " " + text
    return text


def _select(box, value: str) -> str:
    """Choose the item of a value, without telling anybody; an unknown one (another version's) becomes the first."""
    box.blockSignals(True)
    box.setCurrentIndex(max(box.findData(value), 0))
    box.blockSignals(False)
    return box.itemData(box.currentIndex)
