"""A synthesis from nodes to nodes that goes on a little at a time, with the generator in a process of its own."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from CT2MRSynthLib import provenance, worker
from CT2MRSynthLib.bundle import Bundle, check_bundle
from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.estimate import Estimate
from CT2MRSynthLib.job import Options
from CT2MRSynthLib.scene.preparation import Preparation
from CT2MRSynthLib.scene.results import Result, add_results
from CT2MRSynthLib.synthesis import assemble
from CT2MRSynthLib.workerclient import Failure, WorkerClient

PREPARING, RUNNING, IMPORTING = "preparing", "running", "importing"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"

#: Percent at which sampling, then the generator, are done.
PREPARED, COMPUTED = 20.0, 97.0

SAMPLING = "sampling the CT"


@dataclass(frozen=True)
class Timing:
    """What a run took.

    Args:
        start: Seconds until the model was ready.
        seconds: For all slices.
        slices: How many.
        where: It ran, in words.
    """

    start: float
    seconds: float
    slices: int
    where: str


class SynthesisJob:
    """Samples boxes here, lets a worker run the generator, and adds the results to the scene, all or none.

    The worker starts at once and loads the model while the boxes are sampled. Whoever owns the job calls ``advance``
    often. When the scene is closed, or the CT or a box removed from it, the job ends as cancelled, without a word.

    Args:
        ct_node: ``vtkMRMLScalarVolumeNode`` in a scene.
        box_nodes: ROI or plane nodes.
        bundle: A bundle or its folder.
        options: Slices, thickness, device and precision.
        estimate: What the run is expected to take, to weigh the progress.
        temporary: Where to make the folder of the worker. None: the system's temporary folder.

    Raises:
        CT2MRSynthError: The CT, a box or the model cannot be used.
        OSError: The folder cannot be made or the process not started.
    """

    def __init__(
        self,
        ct_node,
        box_nodes: Sequence,
        bundle: Bundle | str | Path,
        options: Options,
        estimate: Estimate | None = None,
        temporary: str | Path | None = None,
    ) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else check_bundle(bundle)
        self.ct_node, self.box_nodes, self.options = ct_node, list(box_nodes), options
        self._prepared = Preparation(ct_node, self.box_nodes, self.bundle.card, options)
        self._steps = self._prepared.steps()
        self._scene = ct_node.GetScene()
        self.state, self.percent, self.words = PREPARING, 0.0, SAMPLING
        self.results: list = []
        self.failure: Failure | None = None
        self.timing: Timing | None = None
        self._began = time.monotonic()
        count = options.slices * len(self.box_nodes)
        self.worker = WorkerClient(self.bundle, options, count, estimate or Estimate(5.0, 0.5), temporary)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in (DONE, FAILED, CANCELLED)

    @property
    def seconds_left(self) -> float | None:
        """As the worker estimates it; None where it does not know."""
        return self.worker.seconds_left if self.state == RUNNING else None

    @property
    def box_percent(self) -> list[float]:
        """Percent done of each box."""
        if self.state == DONE:
            return [100.0] * len(self.box_nodes)
        each, done = self.options.slices, self.worker.slices_done
        return [100.0 * min(max(done - number * each, 0), each) / each for number in range(len(self.box_nodes))]

    def advance(self, budget: float = 0.04) -> None:
        """Go on for about so many seconds; a single step may take longer, a tenth of a second as a rule."""
        if self.is_over:
            return
        if not all(node.GetScene() is self._scene for node in (self.ct_node, *self.box_nodes)):
            self.cancel()
            return
        try:
            self.worker.listen()
            if self.worker.failure is not None:
                self._fail(self.worker.failure)
            elif self.state == PREPARING:
                self._prepare(budget)
            elif self.state == RUNNING:
                self._await_worker()
            elif self.state == IMPORTING:
                self._import()
        except CT2MRSynthError as error:
            self._fail(Failure(str(error), worker.kind_of(error), self.worker.log))
        except Exception as error:  # whatever it is, the scene is as it was and the user gets a sentence
            sentence = f"The synthesis failed ({type(error).__name__}: {error})."
            self._fail(Failure(sentence, "", traceback.format_exc()))

    def wait(self, patience: float = 600.0) -> list:
        """Go on until it is over; for scripts without a window.

        Returns:
            The new nodes; none when it was cancelled.

        Raises:
            CT2MRSynthError: It failed, or took longer than ``patience`` seconds.
        """
        until = time.monotonic() + patience
        while not self.is_over:
            self.advance()
            if self.state == RUNNING:
                time.sleep(0.02)
            if time.monotonic() > until:
                self.cancel()
                raise CT2MRSynthError(f"The synthesis took longer than {patience:g} s and was ended.")
        if self.failure is not None:
            raise CT2MRSynthError(self.failure.sentence)
        return self.results

    def cancel(self) -> None:
        """End the job; the scene is as it was, the process and its folder are gone."""
        if not self.is_over:
            self.state = CANCELLED
            self._let_go()

    def _prepare(self, budget: float) -> None:
        until = time.monotonic() + budget
        for share in self._steps:
            self._show(PREPARED * share, SAMPLING)
            if time.monotonic() >= until:
                return
        self.worker.give(self._prepared.grey)
        self.state = RUNNING
        self._show(PREPARED, self.worker.words)

    def _await_worker(self) -> None:
        words = "the process has not answered for a while" if self.worker.is_silent else self.worker.words
        self._show(PREPARED + (COMPUTED - PREPARED) * self.worker.share, words)
        if self.worker.is_done:
            self.state = IMPORTING
            self._show(COMPUTED, "adding to the scene")

    def _import(self) -> None:
        images, told = self.worker.take()
        self._prepared.check_unmoved()
        boxes = assemble(self._prepared.boxes, images, self.bundle.card, time.monotonic() - self._began)
        maker = _Maker(told["computed_on"])
        warnings = [*self._prepared.notes, *told["warnings"]]
        results = []
        for synthesis, node in zip(boxes, self.box_nodes, strict=True):
            source = self._prepared.source
            record = provenance.record(synthesis, source, maker, self.bundle, self.options, warnings)
            results.append(Result(synthesis, record, node))
        self.results = add_results(self._scene, self.ct_node, results)
        where = str(maker.computed_on["device"])
        self.timing = Timing(self.worker.start_seconds, float(told["seconds"]), len(images), where)
        self.state = DONE
        self._show(100.0, "finished")
        self._let_go()

    def _show(self, percent: float, words: str) -> None:
        self.percent = max(self.percent, min(percent, 100.0))
        self.words = words or self.words

    def _fail(self, failure: Failure) -> None:
        self.failure, self.state = failure, FAILED
        self._let_go()

    def _let_go(self) -> None:
        """No process, no folder, no hold on voxels."""
        self._steps.close()
        self.worker.end()
        self._prepared = None


@dataclass(frozen=True)
class _Maker:
    """What made the slices, as far as a record asks."""

    computed_on: dict
