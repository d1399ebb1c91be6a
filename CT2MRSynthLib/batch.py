"""One run over many CTs and boxes; what fails stops nothing else, what is complete is not made again.

The bundle is checked and the synthesizer made before any CT is read; each CT is read once for all its boxes and let go
before the next.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from CT2MRSynthLib import __version__, picture, provenance, report
from CT2MRSynthLib.bundle import in_use
from CT2MRSynthLib.errors import Cancelled, CT2MRSynthError, OutputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.job import Job, Task, file_part
from CT2MRSynthLib.progress import Progress, Stage
from CT2MRSynthLib.results import ResultFiles, find_complete, prepare_folder, write_result
from CT2MRSynthLib.steps import Steps
from CT2MRSynthLib.volume import Volume

# Seconds expected of each stage before anything was measured: two cores, a DICOM zip. Only their proportions show, in
# the percentage; the time left follows what is measured.
MODEL_SECONDS = 4.0
HASH_BYTES_PER_SECOND = 500e6
READ_BYTES_PER_SECOND = 40e6
CHECK_SECONDS = 0.5
SLICE_SECONDS = 0.5
WRITE_SECONDS = 0.3


def run_job(
    job: Job, progress: Progress | None = None, steps: Steps | None = None, cancelled: Callable[[], bool] | None = None
) -> dict:
    """Do all tasks of a job and write the report.

    Args:
        job: What and how.
        progress: Hears how far the run is. None: nobody does.
        steps: What to do at each step. None: plain files.
        cancelled: Asked now and then; True ends the run.

    Returns:
        The report; ``exit_status`` is 0 when all was done, 1 when some inputs failed.

    Raises:
        BundleError: The bundle is refused; nothing was read or written.
        OutputError: The folder of the report cannot be written.
        Cancelled: ``cancelled`` said so; what was complete is kept.
    """
    return _Run(job, progress or Progress(), steps or Steps(), cancelled or (lambda: False)).execute()


@dataclass
class _Box:
    """One box of one CT."""

    entry: dict
    files: ResultFiles | None = None
    frame: DiscFrame | None = None
    error: str | None = None
    request: dict = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()


@dataclass
class _CT:
    """One CT and all its boxes, whichever tasks name them."""

    task: Task
    entry: dict
    boxes: list[_Box] = field(default_factory=list)
    stages: dict[str, Stage] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.task.name


class _Run:
    def __init__(self, job: Job, progress: Progress, steps: Steps, cancelled: Callable[[], bool]) -> None:
        self.job, self.progress, self.steps, self.cancelled = job, progress, steps, cancelled
        self.told = 0

    def execute(self) -> dict:
        loading = self.progress.expect("model", MODEL_SECONDS)
        cts = self._plan()
        self.progress.start(len(cts), sum(len(ct.boxes) for ct in cts))
        with self.progress.stage(loading, "loading the model"):
            self.bundle = self.steps.load_bundle(self.job.options)
            self.synthesizer = self.steps.make_synthesizer(self.bundle, self.job.options)
        prepare_folder(self.job.out)
        self.report = report.new_report(self.job, provenance.model(self.bundle), self.synthesizer.description)
        self.report["cts"] = [ct.entry for ct in cts]
        for warning in self.job.warnings:
            self.progress.warn(warning)
        self._tell_what_is_in_use()
        self._tell_device_warnings()
        try:
            for ct in cts:
                self._do_ct(ct)
        except BaseException:
            self.report["state"] = "stopped"
            self._save()
            raise
        failed = report.count(self.report)["cts_failed"]
        self.report.update(state="finished", exit_status=1 if failed else 0)
        path = self._write_report()
        self.progress.end(self.report["exit_status"], str(path))
        return self.report

    def _plan(self) -> list[_CT]:
        """Every CT once, every box with file names of its own."""
        cts: dict[tuple, _CT] = {}
        for task in self.job.tasks:
            key = (task.ct.absolute(), task.series)
            ct = cts.setdefault(key, _CT(task, report.new_ct(task.name, task.series)))
            for path in task.boxes:
                ct.boxes += self._boxes_of(task, path)
        taken: dict[tuple, int] = {}
        for ct in cts.values():
            ct.entry["boxes"] = [box.entry for box in ct.boxes]
            self._expect(ct)
            for box in ct.boxes:
                if box.files:
                    box.files = _unique(box.files, taken)
        return list(cts.values())

    def _boxes_of(self, task: Task, path: Path) -> list[_Box]:
        try:
            frames = self.steps.read_boxes(path)
        except Exception as error:  # one box file, however odd, must not stop the others
            return [_Box(report.new_box(None, path.name), error=self._sentence(error, path))]
        return [
            _Box(
                report.new_box(frame.level, path.name),
                ResultFiles(task.out, f"{task.name}_{file_part(frame.level, 40)}"),
                frame,
            )
            for frame in frames
        ]

    def _expect(self, ct: _CT) -> None:
        size = _bytes_of(ct.task.ct)
        ct.stages = {
            "hash": self.progress.expect("hash", size / HASH_BYTES_PER_SECOND),
            "read": self.progress.expect("read", 0.2 + size / READ_BYTES_PER_SECOND),
            "check": self.progress.expect("check", CHECK_SECONDS),
        }
        slices = self.job.options.slices
        for box in ct.boxes:
            box.stages = (
                self.progress.expect("synthesize", 0.2 + SLICE_SECONDS * slices),
                self.progress.expect("write", WRITE_SECONDS + 0.005 * slices),
            )

    def _do_ct(self, ct: _CT) -> None:
        for box in ct.boxes:
            if box.error:
                self._fail_box(ct, box, box.error)
        boxes = [box for box in ct.boxes if not box.error]
        try:
            if boxes:
                boxes = self._still_to_do(ct, boxes)
            if boxes:
                self._make(ct, boxes)
        except Exception as error:  # a CT that fails in whatever way must not stop the others
            _raise_if_stopped(error)
            self._fail_ct(ct, self._sentence(error, ct.task.ct), self._sentence(error, ct.task.ct, kept=True))
        self._overview(ct)
        self.progress.drop(*ct.stages.values(), *(stage for box in ct.boxes for stage in box.stages))
        self._save()

    def _overview(self, ct: _CT) -> None:
        """One picture of all discs of a CT beside each other, where there are several."""
        done = [box for box in ct.boxes if box.entry["status"] in ("written", report.SKIPPED)]
        if len(done) < 2:
            return
        path = done[0].files.folder / f"{ct.name}_overview.png"
        try:
            if not path.is_file() or any(box.entry["status"] == "written" for box in done):
                picture.contact_sheet([box.files.picture for box in done], path)
        except (CT2MRSynthError, OSError) as error:  # the results themselves are whole
            self.progress.warn(self._sentence(error, path), ct=ct.name)
        else:
            ct.entry.update(report.relative_names({"overview": path.name}, path.parent, self.job.out))

    def _still_to_do(self, ct: _CT, boxes: list[_Box]) -> list[_Box]:
        """Tell apart what is complete; takes the hash of the input, but does not read it."""
        with self._stage(ct, "hash", "looking for what is done"):
            ct.entry["sha256"] = self.steps.hash_input(ct.task.ct)
        for folder in {box.files.folder for box in boxes}:
            try:
                prepare_folder(folder)
            except OutputError as error:
                for box in [box for box in boxes if box.files.folder == folder]:
                    box.error = self._fail_box(ct, box, self._sentence(error, folder))
        remaining = []
        for box in [box for box in boxes if not box.error]:
            box.request = self._request(ct, box)
            found, box.entry["reason"] = find_complete(box.files, box.request)
            if found is None or self.job.options.force:
                remaining.append(box)
                continue
            box.entry.update(
                status=report.SKIPPED,
                files=report.relative_names(box.files.names(), box.files.folder, self.job.out),
                outside_fraction=found.get("outside_fraction"),
                warnings=found.get("warnings", []),
            )
            self.progress.drop(*box.stages)
            self.progress.result("skipped", box.files.paths(), ct=ct.name, level=box.frame.level)
        return remaining

    def _make(self, ct: _CT, boxes: list[_Box]) -> None:
        with self._stage(ct, "read", "reading the CT") as advance:
            volume = self.steps.read_ct(ct.task.ct, ct.task.series, advance)
        try:
            source = provenance.Source(
                ct.name, ct.entry["sha256"], volume.size, tuple(volume.spacing), volume.modality, tuple(volume.notes)
            )
            ct.entry.update(
                size=[int(n) for n in volume.size],
                spacing_mm=provenance.rounded(volume.spacing),
                modality=volume.modality or None,
                notes=[self._clean(note, ct.task.ct) for note in volume.notes],
            )
            with self._stage(ct, "check", "checking the CT"):
                ct.entry["warnings"] = [self._clean(warning, ct.task.ct) for warning in self.steps.check(volume)]
            for message in [*ct.entry["notes"], *ct.entry["warnings"]]:
                self.progress.warn(message, ct=ct.name)
            for box in boxes:
                self._do_box(ct, box, volume, source)
        finally:
            self.steps.release(volume)

    def _do_box(self, ct: _CT, box: _Box, volume: Volume, source: provenance.Source) -> None:
        if self.cancelled():
            raise Cancelled
        where = {"ct": ct.name, "level": box.frame.level}
        options = self.job.options
        try:
            began = time.perf_counter()
            with self.progress.stage(box.stages[0], "synthesizing", **where) as advance:
                synthesis = self.steps.synthesize(volume, box.frame, self.synthesizer, options, advance, self.cancelled)
            self._tell_device_warnings()
            made = time.perf_counter()
            warnings = [*ct.entry["warnings"], *self.synthesizer.warnings]
            record = provenance.record(synthesis, source, self.synthesizer, self.bundle, options, warnings)
            with self.progress.stage(box.stages[1], "writing", **where):
                self._write(ct, box, synthesis, record)
            box.entry.update(
                status="written",
                files=report.relative_names(box.files.names(), box.files.folder, self.job.out),
                outside_fraction=record["outside_fraction"],
                warnings=record["warnings"],
                seconds={"synthesize": round(made - began, 3), "write": round(time.perf_counter() - made, 3)},
            )
            for message in self._of_the_box(synthesis):
                self.progress.warn(message, **where)
            self.progress.result("written", box.files.paths(), **where)
        except Exception as error:  # the other boxes must not suffer
            _raise_if_stopped(error)
            self.progress.drop(*box.stages)
            self._fail_box(ct, box, self._sentence(error, ct.task.ct, box.files.folder / "x"))
        self._save()

    def _write(self, ct: _CT, box: _Box, synthesis, record: dict) -> None:
        card = self.bundle.card
        image = picture.draw(
            synthesis.ct_grey,
            synthesis.mr,
            synthesis.frame.extent,
            name=ct.name,
            level=box.frame.level,
            window=card.ct_window,
            model=f"{card.name} {card.version}" + (" (preliminary)" if card.preliminary else ""),
            warnings=[*ct.entry["warnings"], *self._of_the_box(synthesis)],
        )
        write_result(
            box.files,
            record,
            box.request,
            lambda path: self.steps.write_volume(path, synthesis, record),
            lambda path: picture.save(image, path),
        )

    def _of_the_box(self, synthesis) -> list[str]:
        """Warnings of a synthesis without those of the device, which are told once for the run."""
        return [warning for warning in synthesis.warnings if warning not in self.synthesizer.warnings]

    def _request(self, ct: _CT, box: _Box) -> dict:
        """All that the result depends on; a result that answers the same request need not be made again."""
        options = self.job.options
        return {
            "input": ct.entry["sha256"],
            "series": provenance.text_sha256(ct.task.series),
            "box": provenance.box(box.frame),
            "model": self.bundle.sha256,
            "model_card": provenance.text_sha256(provenance.canonical(self.bundle.card.to_json())),
            "slices": options.slices,
            "thickness": options.thickness,
            "device": options.device,
            "precision": options.precision,
            "software_version": __version__,
        }

    @contextlib.contextmanager
    def _stage(self, ct: _CT, kind: str, words: str):
        began = time.perf_counter()
        with self.progress.stage(ct.stages[kind], words, ct=ct.name) as advance:
            yield advance
        ct.entry["seconds"][kind] = round(time.perf_counter() - began, 3)

    def _fail_box(self, ct: _CT, box: _Box, message: str) -> str:
        box.entry.update(status="failed", error=message)
        level = {"level": box.frame.level} if box.frame else {}
        self.progress.fail(message, ct=ct.name, **level)
        return message

    def _fail_ct(self, ct: _CT, message: str, kept: str) -> None:
        """Tell the message, keep what may stand in the report."""
        ct.entry["error"] = kept
        left = [box for box in ct.boxes if box.entry["status"] == "failed" and not box.entry["error"]]
        for box in left:
            box.entry["error"] = kept
        self.progress.fail(message, boxes=len(left), ct=ct.name)

    def _tell_what_is_in_use(self) -> None:
        """Another model than the one that was let in is used only with a warning."""
        note = "" if self.job.options.bundle else in_use()[1]
        if note:
            self.report["warnings"].append(self._clean(note))
            self.progress.warn(note)

    def _tell_device_warnings(self) -> None:
        """What the synthesizer had to say since the last time, such as that it fell back to the CPU."""
        warnings = list(self.synthesizer.warnings)
        for warning in warnings[self.told :]:
            self.report["warnings"].append(warning)
            self.progress.warn(warning)
        self.told = len(warnings)
        self.report["device"] = self.synthesizer.description

    def _sentence(self, error: Exception, *paths: Path, kept: bool = False) -> str:
        if isinstance(error, CT2MRSynthError):
            return self._clean(error.for_records if kept else str(error), *paths)
        if isinstance(error, MemoryError):
            return "There is not enough memory; close other programs or ask for fewer slices."
        if isinstance(error, OSError):
            name = Path(error.filename).name if error.filename else "a file"
            return f"{error.strerror or type(error).__name__}: {name}."
        return self._clean(f"Unexpected {type(error).__name__}: {error}; please report it.", *paths)

    def _clean(self, text: str, *paths: Path) -> str:
        return report.without_folders(text, *paths, self.job.out / "x", *(task.ct for task in self.job.tasks))

    def _save(self) -> None:
        """Renew the report; a disk that is full for the moment must not end the run: the last report decides."""
        with contextlib.suppress(OutputError):
            self._write_report()

    def _write_report(self) -> Path:
        report.count(self.report)
        self.report["seconds"] = round(self.progress.elapsed, 3)
        return report.write_report(self.job.out, self.report)


def _raise_if_stopped(error: Exception) -> None:
    """What is no failure of an input: the user stopped the run, or whoever listens to its events has left."""
    if isinstance(error, (Cancelled, BrokenPipeError)):
        raise error


def _unique(files: ResultFiles, taken: dict[tuple, int]) -> ResultFiles:
    """The same files, numbered from the second with one name on; file systems may not tell capitals apart."""
    stem, number = files.stem, 1
    folder = files.folder.absolute()
    while (folder, stem.casefold()) in taken:
        number += 1
        stem = f"{files.stem}-{number}"
    taken[folder, stem.casefold()] = number
    return ResultFiles(files.folder, stem)


def _bytes_of(path: Path) -> int:
    """Size of a file, or of all files below a folder; 0 where there is nothing."""
    try:
        if path.is_dir():
            return sum(os.path.getsize(Path(root, name)) for root, _, names in os.walk(path) for name in names)
        return path.stat().st_size
    except (OSError, ValueError):  # ValueError: no system takes such a name
        return 0
