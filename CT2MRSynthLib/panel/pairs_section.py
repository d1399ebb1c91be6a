"""The pair set of the Train tab: open or make one, look through its pairs, decide on them, split its patients."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from slicer.i18n import tr as _

from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.pairset.manifest import MANIFEST, PairSet, read_manifest
from CT2MRSynthLib.pairset.readiness import advice_on, problem_of
from CT2MRSynthLib.pairset.summary import sentence
from CT2MRSynthLib.panel.audit_page import AuditPage
from CT2MRSynthLib.panel.forms import load_form
from CT2MRSynthLib.panel.pair_decision import PairDecision
from CT2MRSynthLib.panel.pair_facts import PairFacts
from CT2MRSynthLib.panel.pair_preview import PairPreview
from CT2MRSynthLib.panel.pair_split import PairSplit
from CT2MRSynthLib.panel.pair_table import PairTable
from CT2MRSynthLib.panel.pairs_build_form import PairsBuildForm, remember
from CT2MRSynthLib.panel.signal import Signal
from CT2MRSynthLib.panel.ticker import Lookout

#: Seconds between two looks whether somebody else has changed the set.
EVERY = 3.0


class PairsSection:
    """Which pair set is open, and all that is done with it.

    ``pair_set_changed`` gives the folder, or None, when another set is open, when the set itself has changed, and when
    it begins or ceases to be made. ``is_seen`` says whether the section can be seen, otherwise it does not look whether
    the set has changed.
    """

    def __init__(self) -> None:
        self.widget, self.ui = load_form("PairsSection")
        self.pair_set_changed = Signal()
        self.is_seen: Callable[[], bool] = lambda: True
        self._parameters = None
        self._folder: Path | None = None
        self._found = PairSet()
        self._seen: tuple | None = None
        self._problem = self._told = ""
        self.table, self.preview, self.decision, self.facts = PairTable(), PairPreview(), PairDecision(), PairFacts()
        self.split, self.build = PairSplit(), PairsBuildForm()
        self.audit = AuditPage(self.ui.auditButton, self.ui.auditProgressBar, self.ui.auditLabel)
        self._ticker = Lookout(EVERY, self.refresh, lambda: self.is_seen())
        self._lay_out()
        self._connect()
        self._show()

    @property
    def folder(self) -> Path | None:
        """The open pair set; None where there is none."""
        return self._folder

    def reason(self) -> str:
        """Why nothing can be trained on it; empty where it can."""
        if self._folder is None:
            return self._problem or _("Choose or make a pair set.")
        if self.build.out == self._folder:
            return _("The pair set is being made.")
        return self._problem

    def open(self, folder: str | Path) -> None:
        """Open a pair set, as if its path were typed in."""
        self.ui.pairSetPath.setCurrentPath(str(folder))

    def set_parameters(self, parameters) -> None:
        """Connect to the parameters of a scene, or to none.

        Args:
            parameters: ``TrainParameters``, whose ``pairSetFolder`` is followed; a scene that names none keeps the set
                that is open. None on leaving the module and while a scene closes.
        """
        self._parameters = None  # what follows is no choice of the user
        if parameters is None:
            self._ticker.stop()
            return
        if parameters.pairSetFolder:
            self.open(parameters.pairSetFolder)
        self._parameters = parameters
        self.refresh()  # also of a path that the widget remembers from the last start of the application
        if self._folder is not None and not parameters.pairSetFolder:
            parameters.pairSetFolder = str(self._folder)
        self._ticker.start()

    def cleanup(self) -> None:
        """End what goes on, before the panel goes."""
        self.set_parameters(None)
        self.build.cleanup()
        self.audit.cleanup()

    def refresh(self) -> None:
        """Read the set again where it has changed on the disk."""
        path = self.ui.pairSetPath.currentPath.strip()
        seen = (path, _state(Path(path) / MANIFEST)) if path else None
        if seen != self._seen:
            self._seen = seen
            self._read(path)

    def _lay_out(self) -> None:
        ui = self.ui
        ui.makeGroupBox.layout().addWidget(self.build.widget)
        for part in (self.table, self.preview, self.decision, self.facts):
            ui.reviewGroupBox.layout().addWidget(part.widget)
        ui.splitGroupBox.layout().addWidget(self.split.widget)

    def _connect(self) -> None:
        self.ui.pairSetPath.connect("currentPathChanged(QString)", self._on_path)
        self.ui.refreshButton.connect("clicked()", self._read_again)
        self.table.selection_changed.connect(self._on_selection)
        self.decision.decided.connect(self._on_decision)
        self.split.done.connect(self._read_again)
        self.build.changed.connect(self._on_build)
        self.build.built.connect(self._on_built)

    def _on_path(self, path: str) -> None:
        if self._parameters is not None:
            self._parameters.pairSetFolder = path.strip()
        self.refresh()

    def _read_again(self) -> None:
        self._seen = None
        self.refresh()

    def _read(self, path: str) -> None:
        before, self._folder, self._found = self._folder, None, PairSet()
        self._problem = ""
        if path and not os.path.isfile(Path(path) / MANIFEST):
            self._problem = _("There is no pair set in this folder; choose another one, or make one below.")
        elif path:
            try:
                self._found = read_manifest(path)
                self._folder = Path(path)
                self._problem = problem_of(path, self._found)
            except CT2MRSynthError as error:
                self._problem = str(error)
        if self._folder is not None and self._folder != before:
            remember(self.ui.pairSetPath)
            self.build.set_folder(self._folder, self._found.made_by)
        self.table.show(self._found)
        self._show()
        self._tell()

    def _show(self) -> None:
        there = self._folder is not None
        self.ui.summaryLabel.text = sentence(self._found) if there else ""
        self.ui.summaryLabel.setVisible(there)
        lacks = [self.reason()] if self.reason() else advice_on(self._found)
        self.ui.problemLabel.text = "\n".join(_("Note: {sentence}").format(sentence=one) for one in lacks)
        self.ui.problemLabel.setVisible(bool(lacks))
        for group in (self.ui.reviewGroupBox, self.ui.splitGroupBox):
            group.setVisible(there)
        self.audit.set_folder(self._folder)
        self.split.show(self._folder, self._found, self.build.out == self._folder and there)

    def _on_selection(self) -> None:
        selected = self.table.selected
        entries = {entry.id: entry for entry in self._found.pairs}
        entry = entries.get(selected[-1]) if selected else None
        outdated = entry is not None and entry.id in self._found.outdated
        self.preview.show(self._folder, entry, self._found.simulated, outdated)
        self.decision.set_pairs(self._folder, selected)
        self.facts.show(entry)

    def _on_decision(self) -> None:
        following = self.table.following()
        self._read_again()
        self.table.select(following)

    def _on_build(self) -> None:
        if self.is_seen():
            self.refresh()
        self._show()
        if self.reason() != self._told:
            self._tell()

    def _tell(self) -> None:
        self._told = self.reason()
        self.pair_set_changed.emit(self._folder)

    def _on_built(self, folder: Path) -> None:
        if os.path.isfile(folder / MANIFEST):
            self.open(folder)
            self._read_again()


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
