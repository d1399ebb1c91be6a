"""What one run has to do: which CTs, which crop boxes, where the results go, and how."""

from __future__ import annotations

import glob
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from CT2MRSynthLib.errors import UsageError

#: Version of the job file that this code reads.
JOB_SCHEMA = 1

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")

#: More slices than a stack of a whole lumbar spine at 0.5 mm are a slip of the pen.
MAXIMUM_SLICES = 1024


@dataclass(frozen=True)
class Options:
    """How every box of a run is synthesized.

    Args:
        slices: Number of parallel slices through the box.
        thickness: Slice thickness over which the CT is averaged, mm.
        device: One of ``DEVICES``.
        precision: One of ``PRECISIONS``.
        bundle: Folder of the model bundle. None: the one that comes with the software.
        force: Make again what is already complete.

    Raises:
        UsageError: A value is out of range.
    """

    slices: int = 1
    thickness: float = 4.0
    device: str = "auto"
    precision: str = "auto"
    bundle: Path | None = None
    force: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.slices, int) or isinstance(self.slices, bool) or not 1 <= self.slices <= MAXIMUM_SLICES:
            raise UsageError(f"slices is {self.slices!r}; give a whole number from 1 to {MAXIMUM_SLICES}.")
        number = isinstance(self.thickness, (int, float)) and not isinstance(self.thickness, bool)
        if not number or not math.isfinite(self.thickness) or not 0 < self.thickness <= 50:
            raise UsageError(f"thickness is {self.thickness!r}; give millimeters above 0 and up to 50.")
        for name, known in (("device", DEVICES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(known)}.")


@dataclass(frozen=True)
class Task:
    """One CT and its boxes.

    Args:
        ct: File or DICOM folder.
        boxes: Markups files; each may hold several boxes.
        out: Folder of the results.
        series: Which DICOM series, where the folder holds several.
        name: What the CT is called in file names; empty until ``name_tasks`` has seen all tasks.
    """

    ct: Path
    boxes: tuple[Path, ...]
    out: Path
    series: str | None = None
    name: str = ""


@dataclass(frozen=True)
class Job:
    """All tasks of one run.

    Args:
        tasks: What to do, each with a name that no other CT of the same output folder has.
        out: Folder of the report.
        options: How.
        warnings: What the user must be told about the job itself.
    """

    tasks: tuple[Task, ...]
    out: Path
    options: Options = field(default_factory=Options)
    warnings: tuple[str, ...] = ()


def job_from_paths(
    cts: Sequence[str], boxes: Sequence[str], out: Path, options: Options | None = None, series: str | None = None
) -> Job:
    """The job that the command line names.

    Args:
        cts: Files, DICOM folders or glob patterns.
        boxes: Markups files. ``{ct}`` stands for the CT's name without its ending, ``{folder}`` for the folder it lies
            in.
        out: Folder of the results.
        options: How.
        series: Which DICOM series.

    Raises:
        UsageError: A pattern fits nothing, or no CT or box is named.
    """
    if "" in (*cts, *boxes):
        raise UsageError("A CT or crop box with an empty name is given; check the variables of your script.")
    found = list(dict.fromkeys(path for pattern in cts for path in _matches(pattern)))
    if not found:
        raise UsageError("No CT is named; give --ct PATH, or a job file with --job.")
    if not boxes:
        raise UsageError("No crop box is named; give --roi BOX.mrk.json, or a job file with --job.")
    tasks = tuple(Task(ct, tuple(_fill_in(box, ct) for box in boxes), Path(out), series) for ct in found)
    warnings: tuple[str, ...] = ()
    if len(found) > 1 and not all("{ct}" in box or "{folder}" in box for box in boxes):
        same = f"The same box file serves all {len(found)} CTs"
        warnings = (f"{same}; for boxes of their own write {{ct}} in --roi or use a job file.",)
    return Job(name_tasks(tasks), Path(out), options or Options(), warnings)


def job_from_file(path: Path, out: Path | None = None, **chosen) -> Job:
    """Read a job file.

    ``{"schema": 1, "out": DIR, "tasks": [{"ct": PATH, "roi": [BOX, ...], "series": ..., "out": DIR}, ...], "options":
    {"slices": 1, "thickness": 4.0, "device": "auto", "precision": "auto", "bundle": DIR}}``. Only ``schema``,
    ``tasks``, ``ct`` and ``roi`` are required. Relative paths are relative to the job file.

    Args:
        path: The file.
        out: Folder of the results, before that of the file; relative to the working folder.
        chosen: Options that go before those of the file; None leaves the file's.

    Raises:
        UsageError: The file cannot be read, holds an unknown key or lacks one, or a value is of the wrong kind.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"The job file {path.name!r} cannot be read: {error.strerror}.") from None
    except RecursionError:
        raise UsageError(f"The job file {path.name!r} is nested too deeply to be one; write it anew.") from None
    except ValueError as error:
        raise UsageError(f"The job file {path.name!r} is not JSON: {error}.") from None
    where = f"The job file {path.name!r}"
    _check(where, content, required={"schema": int, "tasks": list}, optional={"out": str, "options": dict})
    if content["schema"] != JOB_SCHEMA:
        raise UsageError(f"{where} has schema {content['schema']!r}; this version reads schema {JOB_SCHEMA}.")
    base = path.resolve().parent
    if out is None:
        if "out" not in content:
            raise UsageError(f'{where} names no output folder; add "out" to it or give --out DIR.')
        out = base / content["out"]
    if not content["tasks"]:
        raise UsageError(f"{where} holds no tasks; list at least one CT with its boxes.")
    tasks = tuple(_task(f"{where}, task {n},", task, base, Path(out)) for n, task in enumerate(content["tasks"], 1))
    return Job(name_tasks(tasks), Path(out), _options(where, content.get("options", {}), base, chosen))


def name_tasks(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Give each CT of one output folder its own name: its stem, with its folder's name in front where stems meet."""
    places = {(task.ct.absolute(), task.out.absolute()) for task in tasks}
    depths = dict.fromkeys(places, 0)
    while True:
        names = {place: _name(place[0], depth) for place, depth in depths.items()}
        meeting = [p for p in places if any(_meet(p, q, names) for q in places)]
        deeper = [p for p in meeting if depths[p] < len(p[0].parents) - 1]
        if not deeper:
            break
        for place in deeper:
            depths[place] += 1
    counted: dict = {}
    for place in sorted(meeting):  # same words even with all folders before it, such as "a b" and "a_b"
        twins = counted.setdefault((place[1], names[place].casefold()), [])
        twins.append(place)
        names[place] += f"-{len(twins)}" if len(twins) > 1 else ""
    return tuple(replace(task, name=names[task.ct.absolute(), task.out.absolute()]) for task in tasks)


def ct_stem(path: Path) -> str:
    """The name of a CT file without its ending; of a folder, its name."""
    from CT2MRSynthLib.imageio.image_file import stem

    return stem(Path(path) if Path(path).name not in ("", "..") else Path(path).resolve())


def file_part(text: str, limit: int = 80) -> str:
    """``text`` as part of a file name on any system: letters, digits and ``. _ + -``, at most ``limit`` bytes."""
    text = re.sub(r"[/\\:]+", "-", text.strip())
    text = re.sub(r"[^\w.+-]+", "_", text).strip("._ ")
    return text.encode()[:limit].decode(errors="ignore") or "unnamed"


def _meet(one, other, names) -> bool:
    return one != other and one[1] == other[1] and names[one].casefold() == names[other].casefold()


def _name(ct: Path, depth: int) -> str:
    folders = [folder.name for folder in list(ct.parents)[:depth]][::-1]
    return file_part("-".join([*folders, ct_stem(ct)]))


def _matches(pattern: str) -> list[Path]:
    """The paths a pattern stands for; a plain path stands for itself, there or not."""
    if Path(pattern).exists() or not glob.has_magic(pattern):
        return [Path(pattern)]
    found = sorted(Path(path) for path in glob.glob(pattern, recursive=True))
    if not found:
        raise UsageError(f"No file or folder fits the pattern {pattern!r}; check it, and put it in quotes.")
    return found


def _fill_in(box: str, ct: Path) -> Path:
    return Path(box.replace("{ct}", ct_stem(ct)).replace("{folder}", str(ct.parent)))


def _task(where: str, task, base: Path, out: Path) -> Task:
    _check(where, task, required={"ct": str, "roi": (list, str)}, optional={"series": str, "out": str})
    boxes = [task["roi"]] if isinstance(task["roi"], str) else task["roi"]
    if not boxes or not all(isinstance(box, str) and box for box in boxes):
        raise UsageError(f'{where} has the boxes {boxes!r} under "roi"; list one or more Markups files.')
    if "out" in task:
        out = base / task["out"]
    return Task(base / task["ct"], tuple(base / box for box in boxes), out, task.get("series"))


def _options(where: str, given: dict, base: Path, chosen: dict) -> Options:
    kinds = {"slices": int, "thickness": (int, float), "device": str, "precision": str, "bundle": str}
    _check(f'{where}, "options",', given, required={}, optional=kinds)
    values = dict(given)
    if "bundle" in values:
        values["bundle"] = base / values["bundle"]
    known = {option.name for option in fields(Options)}
    values.update({name: value for name, value in chosen.items() if name in known and value is not None})
    return Options(**values)


def _check(where: str, content, required: dict, optional: dict) -> None:
    """Every required key is there, every key is known, every value of its kind."""
    if not isinstance(content, dict):
        raise UsageError(f"{where} is {type(content).__name__}, not an object of keys and values.")
    for key in required:
        if key not in content:
            raise UsageError(f'{where} lacks the key "{key}".')
    for key, value in content.items():
        kind = required.get(key) or optional.get(key)
        if kind is None:
            raise UsageError(f'{where} has the unknown key "{key}"; known are {", ".join([*required, *optional])}.')
        if not isinstance(value, kind) or isinstance(value, bool) or value == "":
            raise UsageError(f'{where} has {value!r} under "{key}", which is of the wrong kind.')
