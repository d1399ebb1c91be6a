"""The Synthesize tab: from a CT and boxes to synthetic MR beside it."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from CT2MRSynthLib.panel.ct_check import CTCheck
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.model_section import ModelSection
from CT2MRSynthLib.panel.place_section import PlaceSection
from CT2MRSynthLib.panel.result_section import ResultSection
from CT2MRSynthLib.panel.run_section import RunSection


class SynthesizeTab:
    """Chooses the CT, and lets the sections know of each other's doings: box and model to the run, results to views."""

    def __init__(self) -> None:
        self.widget, self.ui = load_form("SynthesizeTab")
        self.place, self.model, self.run, self.result = PlaceSection(), ModelSection(), RunSection(), ResultSection()
        for name, section in self._sections().items():
            getattr(self.ui, f"{name}CollapsibleButton").layout().addWidget(section.widget)
        self.ui.ctSelector.setMRMLScene(slicer.mrmlScene)
        self._check = CTCheck()
        self._parameters = None
        self._gui_tag = None
        self._under_way: list = []  # boxes whose percent is shown
        self._unseen = None  # result that came while the user was in another module
        self._connect()

    def set_parameters(self, parameters) -> None:
        """Connect to the parameters of a scene, or to none.

        Args:
            parameters: ``SynthesizeParameters``; None on leaving the module and while a scene closes.
        """
        if self._parameters is not None:
            self._parameters.disconnectGui(self._gui_tag)
        self._parameters = parameters
        for section in self._sections().values():
            section.set_parameters(parameters)
        if parameters is not None:
            self._gui_tag = parameters.connectGui(self.ui)
            self._show_ct()
            self.result.refresh()
            self._show_unseen()

    def cleanup(self) -> None:
        """Let go of everything, before the panel goes."""
        self.set_parameters(None)
        for section in self._sections().values():
            section.cleanup()

    def start(self, every: bool = False) -> None:
        """Synthesize the selected box.

        Args:
            every: All boxes of the scene that lie in the CT instead; one that does not would fail the whole run.
        """
        parameters = self._parameters
        if parameters is None or self.run.is_running:
            return
        boxes = self.place.usable_boxes if every else [self.place.selected_box]
        self.run.start(
            parameters.ctVolume,
            [box for box in boxes if box is not None],
            self.model.bundle_path,
            parameters.sliceCount,
            parameters.sliceThickness,
            parameters.device,
            parameters.precision,
        )

    def _sections(self) -> dict:
        return {"place": self.place, "model": self.model, "run": self.run, "result": self.result}

    def _connect(self) -> None:
        self.ui.ctSelector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: self._show_ct())
        self.place.selection_changed.connect(self._on_selection)
        self.place.boxes_changed.connect(self._update)
        self.model.model_changed.connect(self._update)
        self.run.run_requested.connect(self.start)
        self.run.progress.connect(self._on_progress)
        self.run.finished.connect(self._on_finished)
        self.run.failed.connect(self._on_failed)
        self.run.state_changed.connect(self._on_state)

    def _show_ct(self) -> None:
        """Say at once whether the chosen volume is a CT."""
        node = self.ui.ctSelector.currentNode()
        self._check.look_at(node)
        self.ui.ctMessageLabel.text = self._check.message
        self.ui.ctMessageLabel.visible = bool(self._check.message)
        self.place.set_ct(node if self._check.is_ct else None)
        self._update()

    def _update(self, *_values) -> None:
        if self._parameters is None:
            return
        self.run.set_reason(self._reason())

    def _reason(self) -> str:
        """Why nothing can be made; empty where it can."""
        if self.ui.ctSelector.currentNode() is None:
            return _("Choose the CT.")
        if not self._check.is_ct:
            return _("Choose another volume: this one is no CT.")
        return self.place.box_reason() or self.model.reason()

    def _on_selection(self, box) -> None:
        self.result.show_of(box)
        self._update()

    def _on_progress(self, box, percent, words) -> None:
        if box is not None:
            self._under_way.append(box)
            self.place.set_status(box, _("{percent} %").format(percent=int(percent)))

    def _on_state(self, state) -> None:
        if not self.run.is_running:  # also after a cancel, which says nothing more; of what was made the scene tells
            boxes, self._under_way = self._under_way, []
            for box in boxes:
                self.place.forget_status(box)
        self._update()

    def _on_finished(self, nodes) -> None:
        self.model.refresh()  # it knows now on what it runs
        self.result.set_results(nodes)
        self._unseen = nodes[0] if nodes else None
        self._show_unseen()

    def _show_unseen(self) -> None:
        """Show what was made last; not before the user is back, whose views are those of another module meanwhile."""
        if self._unseen is not None and self._parameters is not None:
            node, self._unseen = self._unseen, None
            self.result.show(node)

    def _on_failed(self, boxes, sentence) -> None:
        for box in boxes:
            self.place.set_status(box, _("failed"), "red")
