"""The results of the scene: which one is shown beside its CT, how far it can be relied on, and what can be kept."""

from __future__ import annotations

from collections.abc import Sequence

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.layouts import SideBySide
from CT2MRSynthLib.panel.provenance_dialog import ProvenanceDialog

FOLDER_SETTING = "CT2MRSynth/reportFolder"

#: Controls that are of no use without a result; their tool tips then say so.
NEED_RESULT = ("resultComboBox", "showButton", "blendCheckBox", "provenanceButton", "saveButton", "saveAllButton")

#: Of the dot; the word beside it says the same.
DOTS = {"green": "#2e9e4f", "amber": "#e0a000", "red": "#d03030"}


class ResultSection(VTKObservationMixin):
    """A list of the synthetic volumes of the scene, found by attribute, so also of a scene that was opened."""

    def __init__(self) -> None:
        VTKObservationMixin.__init__(self)
        self.widget, self.ui = load_form("ResultSection")
        self._parameters = None
        self._gui_tag = None
        self._views = SideBySide()
        self._dialog = None
        self._does = {name: getattr(self.ui, name).toolTip for name in NEED_RESULT}
        self._soon = qt.QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.connect("timeout()", self.refresh)
        self._connect()
        self._say("")
        self.refresh()

    def set_parameters(self, parameters) -> None:
        """Connect to typed parameters, or to none."""
        if self._parameters is not None:
            self._parameters.disconnectGui(self._gui_tag)
        self._parameters = parameters
        if parameters is not None:
            self._gui_tag = parameters.connectGui(self.ui)

    def cleanup(self) -> None:
        """Let go of everything, for good."""
        self._soon.stop()
        self.set_parameters(None)
        self.removeObservers()
        self._views.cleanup()
        if self._dialog is not None:
            self._dialog.cleanup()
            self._dialog = None

    @property
    def shown(self):
        """The result that is chosen in the list; None where there is none."""
        box = self.ui.resultComboBox
        node_id = box.itemData(box.currentIndex) if box.currentIndex >= 0 else None
        return slicer.mrmlScene.GetNodeByID(node_id) if node_id else None

    def set_results(self, nodes: Sequence) -> None:
        """Take new results into the list and choose the first of them; ``show`` shows it."""
        self.refresh()
        if nodes:
            self._choose(nodes[0])

    def refresh(self) -> None:
        """List the results of the scene as it is now; what was chosen stays chosen where it is still there."""
        from CT2MRSynthLib.scene.synthetic import results_in

        nodes, chosen, box = results_in(slicer.mrmlScene), self.shown, self.ui.resultComboBox
        box.blockSignals(True)
        box.clear()
        for node in nodes:
            box.addItem(node.GetName(), node.GetID())
        box.blockSignals(False)
        if chosen is not None and chosen in nodes:
            self._choose(chosen)
        else:
            self._update()

    def show(self, mr_node) -> None:
        """Show a result beside its CT.

        Args:
            mr_node: A result of the scene; anything else is passed over.
        """
        from CT2MRSynthLib.scene.names import CT_ROLE
        from CT2MRSynthLib.scene.synthetic import results_in

        if mr_node is None or mr_node not in results_in(slicer.mrmlScene) or mr_node.GetImageData() is None:
            return
        self._choose(mr_node)
        self._say("")
        self._views.show(mr_node.GetNodeReference(CT_ROLE), mr_node)
        self._blend()

    def show_of(self, box_node) -> None:
        """While the layout is up, let it follow the box that is worked on: show what was made from it, if anything.

        Args:
            box_node: ROI node, or None.
        """
        from CT2MRSynthLib.scene.names import BOX_ROLE
        from CT2MRSynthLib.scene.synthetic import results_in

        if box_node is None or not self._views.is_up:
            return
        for node in results_in(slicer.mrmlScene):
            if node.GetNodeReferenceID(BOX_ROLE) == box_node.GetID() and node is not self.shown:
                self.show(node)
                return

    def save(self, nodes: Sequence, folder: str) -> bool:
        """Write the reports of results and say where; errors are shown.

        Args:
            nodes: Results.
            folder: Where.

        Returns:
            Whether they are written.
        """
        from CT2MRSynthLib.scene.report import save_report

        try:
            with slicer.util.tryWithErrorDisplay(_("The report could not be written."), waitCursor=True):
                written = save_report(nodes, folder)
        except CT2MRSynthError as error:
            self._say(str(error))
            return False
        names = ", ".join(files.stem for files in written)
        self._say(_("Written to {folder}: {names}").format(folder=folder, names=names))
        return True

    def _connect(self) -> None:
        ui, scene = self.ui, slicer.mrmlScene
        ui.resultComboBox.connect("currentIndexChanged(int)", self._on_chosen)
        ui.showButton.connect("clicked()", self._on_show)
        ui.blendCheckBox.connect("toggled(bool)", self._on_blend)
        ui.blendSlider.connect("valueChanged(double)", self._on_opacity)
        ui.provenanceButton.connect("clicked()", self._on_provenance)
        ui.saveButton.connect("clicked()", self._on_save)
        ui.saveAllButton.connect("clicked()", self._on_save_all)
        events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndImportEvent, scene.EndRestoreEvent)
        for event in (*events, scene.EndCloseEvent, scene.EndBatchProcessEvent):
            self.addObserver(scene, event, self._on_scene_changed)

    def _choose(self, node) -> None:
        """Choose a result in the list without showing it."""
        box = self.ui.resultComboBox
        index = box.findData(node.GetID())
        if index < 0:
            box.blockSignals(True)
            box.addItem(node.GetName(), node.GetID())
            box.blockSignals(False)
            index = box.findData(node.GetID())
        box.blockSignals(True)
        box.setItemText(index, node.GetName())
        box.setCurrentIndex(index)
        box.blockSignals(False)
        self._update()

    def _update(self) -> None:
        node, count = self.shown, self.ui.resultComboBox.count
        missing = "" if node is not None else _("There is no synthetic image in the scene yet.")
        for name in NEED_RESULT[:-1]:
            self._allow(name, missing)
        self._allow("saveAllButton", "" if count > 1 else _("There is no second synthetic image in the scene."))
        self.ui.blendSlider.enabled = node is not None and self.ui.blendCheckBox.checked
        self._show_trust(node)

    def _allow(self, name: str, missing: str) -> None:
        """Enable a control, or disable it and let its tool tip say what is missing."""
        widget = getattr(self.ui, name)
        widget.enabled = not missing
        widget.toolTip = missing or self._does[name]

    def _show_trust(self, node) -> None:
        from CT2MRSynthLib.scene.synthetic import provenance_of
        from CT2MRSynthLib.trust import light

        self.ui.trustDotLabel.visible = node is not None
        if node is None:
            self.ui.trustLabel.text = _("No synthetic image yet.")
            return
        color, reasons = light(provenance_of(node))
        words = {
            "green": _("Green: nothing unusual was noticed."),
            "amber": _("Amber: look twice."),
            "red": _("Red: do not rely on it."),
        }
        self.ui.trustLabel.text = "\n".join([words[color], *reasons])
        self.ui.trustDotLabel.setStyleSheet(
            f"background-color: {DOTS[color]}; border: 1px solid palette(mid); border-radius: 8px;"
        )

    def _blend(self) -> None:
        from CT2MRSynthLib.scene.views import blend

        on = self.ui.blendCheckBox.checked
        self.ui.blendSlider.enabled = self.shown is not None and on
        blend(slicer.mrmlScene, self.shown, self.ui.blendSlider.value if on else None)

    def _ask_folder(self) -> str:
        settings = qt.QSettings()
        before = settings.value(FOLDER_SETTING) or ""
        folder = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder for the report"), before)
        if folder:
            settings.setValue(FOLDER_SETTING, folder)
        return folder

    def _say(self, text: str) -> None:
        self.ui.messageLabel.text = text
        self.ui.messageLabel.visible = bool(text)

    def _on_chosen(self, index: int) -> None:
        self.show(self.shown)

    def _on_show(self) -> None:
        self.show(self.shown)

    def _on_blend(self, checked: bool) -> None:
        self._blend()

    def _on_opacity(self, value: float) -> None:
        if self.ui.blendCheckBox.checked:
            self._blend()

    def _on_provenance(self) -> None:
        node = self.shown
        if node is None:
            return
        if self._dialog is None:
            self._dialog = ProvenanceDialog(self.widget)
        self._dialog.show(node)

    def _on_save(self) -> None:
        node, folder = self.shown, self._ask_folder() if self.shown is not None else ""
        if folder:
            self.save([node], folder)

    def _on_save_all(self) -> None:
        from CT2MRSynthLib.scene.synthetic import results_in

        folder = self._ask_folder()
        if folder:
            self.save(results_in(slicer.mrmlScene), folder)

    def _on_scene_changed(self, caller, event) -> None:
        self._soon.start()
