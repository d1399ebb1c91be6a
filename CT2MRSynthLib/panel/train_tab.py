"""The Train tab: from pairs of CT and MR to a generator of one's own, and whether it is better."""

from __future__ import annotations

from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.pairs_section import PairsSection
from CT2MRSynthLib.panel.signal import Signal
from CT2MRSynthLib.panel.training_section import TrainingSection
from CT2MRSynthLib.panel.verdict_section import VerdictSection


class TrainTab:
    """Lets the sections know of each other's doings: pair set to the training, run to the verdict."""

    def __init__(self) -> None:
        self.widget, self.ui = load_form("TrainTab")
        self.pairs, self.training, self.verdict = PairsSection(), TrainingSection(), VerdictSection()
        self.model_used = Signal()
        self._folder = None
        self._status = None
        for name, section in self._sections().items():
            getattr(self.ui, f"{name}CollapsibleButton").layout().addWidget(section.widget)
        self.pairs.is_seen = self.training.is_seen = lambda: self.widget.visible
        self.pairs.pair_set_changed.connect(self._on_pairs)
        self.training.run_changed.connect(self._on_run)
        self.training.status_changed.connect(self._on_status)
        self.training.looked.connect(self.verdict.draw)
        self.verdict.model_used.connect(self.model_used.emit)

    def set_parameters(self, parameters) -> None:
        """Connect to the parameters of a scene, or to none.

        Args:
            parameters: ``TrainParameters``; None on leaving the module and while a scene closes.
        """
        for section in self._sections().values():
            section.set_parameters(parameters)
        if parameters is not None:
            self._on_pairs(self.pairs.folder)

    def cleanup(self) -> None:
        """Let go of everything, before the panel goes; a training goes on."""
        self.set_parameters(None)
        for section in self._sections().values():
            section.cleanup()

    def _sections(self) -> dict:
        return {"pairs": self.pairs, "training": self.training, "verdict": self.verdict}

    def _on_pairs(self, folder) -> None:
        self.training.set_pair_set(folder, self.pairs.reason())
        self._tell_verdict()

    def _on_run(self, folder) -> None:
        self._folder = folder
        self._tell_verdict()

    def _on_status(self, status) -> None:
        self._status = status
        self._tell_verdict()

    def _tell_verdict(self) -> None:
        self.verdict.set_run(self.pairs.folder, self._folder, self._status)
