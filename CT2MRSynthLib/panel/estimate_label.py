"""How long a run will take, before it is started."""

from __future__ import annotations

import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from CT2MRSynthLib.bundle import default_bundle_path
from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.estimate import Estimate
from CT2MRSynthLib.modelcard import ModelCard, read_card
from CT2MRSynthLib.panel.run_times import load_run_times

#: Of a model whose card does not tell.
PARAMETERS = 2_000_000

#: Seconds that sampling a box takes, on top of the generator's.
SAMPLING = 0.3


class EstimateLabel(VTKObservationMixin):
    """A label that follows the parameters of a scene.

    Args:
        label: ``QLabel``.
    """

    def __init__(self, label) -> None:
        VTKObservationMixin.__init__(self)
        self._label = label
        self._parameters = None
        self._shown: tuple | None = None
        self._card: tuple[str, ModelCard | None] | None = None

    def set_parameters(self, parameters) -> None:
        """Follow these parameters, or none."""
        self.removeObservers()
        self._parameters = parameters
        if parameters is not None:
            self.addObserver(parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self._on_modified)
        self.refresh()

    def refresh(self) -> None:
        """Look again at the model and at what runs took."""
        self._shown = self._card = None
        self._show()

    def _on_modified(self, caller=None, event=None) -> None:
        self._show()

    def _show(self) -> None:
        """Do so where something has changed: the node also tells of what does not matter here, often while dragged."""
        parameters = self._parameters
        if parameters is None:
            return
        wanted = (parameters.modelPath, parameters.device, parameters.precision, parameters.sliceCount)
        if wanted == self._shown:
            return
        self._shown = wanted
        text = self._words(*wanted)
        self._label.text = text
        self._label.visible = bool(text)

    def _words(self, model_path: str, device: str, precision: str, slices: int) -> str:
        if self._card is None or self._card[0] != model_path:
            self._card = model_path, _card(model_path)
        card = self._card[1]
        if card is None:
            return ""
        estimate = estimate_for(card, device, precision)
        count = _("1 slice") if slices == 1 else _("{count} slices").format(count=slices)
        if estimate.is_measured:
            text = _("One box, {slices}: about {time} on {device}, measured last time.")
        else:
            text = _("One box, {slices}: about {time}, a guess; not measured on this computer yet.")
        time = duration(estimate.seconds(slices) + SAMPLING)
        return text.format(slices=count, time=time, device=estimate.device)


def estimate_for(card: ModelCard, device: str, precision: str) -> Estimate:
    """What a run with this model takes, by what is known of this computer.

    Args:
        card: Of the model.
        device: As asked for.
        precision: As asked for.
    """
    weights = card.weights
    parameters = weights.get("parameters") or PARAMETERS
    return load_run_times().estimate(str(weights.get("sha256", "")), int(parameters), device, precision)


def duration(seconds: float) -> str:
    """Seconds in words: "12 s", "3 min"."""
    whole = max(1, round(seconds))
    return _("{count} s").format(count=whole) if whole < 90 else _("{count} min").format(count=round(whole / 60))


def _card(model_path: str) -> ModelCard | None:
    """The card of a model; None where it cannot be used, which is said elsewhere."""
    try:
        return read_card(model_path or default_bundle_path())
    except (CT2MRSynthError, OSError):
        return None
