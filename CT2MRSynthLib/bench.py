"""Measurements of speed and memory, each against something a reader can repeat.

Times are the fastest of several repetitions: other programs on the machine can only make a repetition slower.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from CT2MRSynthLib.errors import CT2MRSynthError

REPETITIONS = 7


def measure_inference(bundle, device: str = "auto", precision: str = "auto", repetitions: int = REPETITIONS) -> dict:
    """Milliseconds a slice of the synthesizer, against the same network run plainly.

    Plainly means as a reader would write it down: float32, contiguous memory, eager, same device and threads. Both take
    turns, so that other load on the machine hits both.

    Args:
        bundle: A bundle or its folder.
        device: As for ``Synthesizer``.
        precision: As for ``Synthesizer``.
        repetitions: How often each is run.

    Returns:
        ``inference_ratio``, ``inference_ms``, ``reference_ms``, ``difference`` (mean absolute, grey levels), ``device``
        and ``width``.
    """
    import numpy as np
    import torch

    from CT2MRSynthLib.networks.scale import grey_to_tensor, tensor_to_grey
    from CT2MRSynthLib.synthesis import Synthesizer

    synthesizer = Synthesizer(bundle, device, precision)
    kind = synthesizer.device.kind
    network = synthesizer.bundle.generator().to(kind)
    grey = _test_slice()

    def plain():
        with torch.inference_mode():
            return tensor_to_grey(network(grey_to_tensor(grey).contiguous().to(kind)))

    def fast():
        return synthesizer.run(grey)

    difference = float(np.abs(plain().astype(float) - fast()).mean())
    seconds = take_turns([fast, plain], repetitions)
    return {
        "inference_ratio": round(seconds[0] / seconds[1], 4),
        "inference_ms": round(1e3 * seconds[0], 2),
        "reference_ms": round(1e3 * seconds[1], 2),
        "difference": round(difference, 3),
        "device": synthesizer.description,
        "width": synthesizer.card.architecture["width"],
    }


def measure_width(width: int, folder: Path, device: str = "auto", precision: str = "auto") -> dict:
    """``measure_inference`` of an untrained generator of some width; its speed is that of a trained one.

    Args:
        width: Channels after the first convolution; 64 is the paper's.
        folder: Where its bundle may be written.
        device: As for ``Synthesizer``.
        precision: As for ``Synthesizer``.
    """
    import torch

    from CT2MRSynthLib.bundle import save_bundle
    from CT2MRSynthLib.greylevels import DEFAULT_CT_WINDOW
    from CT2MRSynthLib.modelcard import ModelCard
    from CT2MRSynthLib.networks.generator import Generator

    torch.manual_seed(0)
    card = ModelCard(
        name="untrained",
        version="0",
        architecture={"name": Generator.architecture, "width": width, "blocks": 9},
        ct_window=(DEFAULT_CT_WINDOW.low, DEFAULT_CT_WINDOW.high),
        training_data={"description": "none"},
    )
    bundle = save_bundle(folder, Generator(width).state_dict(), card)
    return measure_inference(bundle, device, precision)


def measure_start(repetitions: int = 5) -> dict:
    """Seconds of ``import CT2MRSynthLib`` and of ``ct2mrsynth --help``, in interpreters of their own; medians."""
    timed = "import time; start = time.perf_counter(); import CT2MRSynthLib; print(time.perf_counter() - start)"
    imports, helps = [], []
    for _ in range(repetitions):
        imports.append(float(_child("-c", timed)[0]))
        helps.append(_child("-m", "CT2MRSynthLib", "--help")[1])
    return {"import_s": round(statistics.median(imports), 4), "help_s": round(statistics.median(helps), 4)}


def measure_end_to_end(ct: Path, boxes: list[Path], bundle: Path | None = None, device: str = "auto") -> dict:
    """Time and peak memory of ``ct2mrsynth synthesize`` in a process of its own, from files to files.

    Call this before this process itself has loaded much: a child's peak counts from its parent's size.

    Args:
        ct: The CT, any format.
        boxes: Files of crop boxes.
        bundle: Folder of the bundle; None: the one in use.
        device: As for ``Synthesizer``.

    Returns:
        ``end_to_end_s``, ``peak_rss_mb`` (MiB; None where the system does not tell), ``boxes``.

    Raises:
        CT2MRSynthError: The command failed.
    """
    with tempfile.TemporaryDirectory(prefix="ct2mrsynth-bench-") as out:
        words = ["-m", "CT2MRSynthLib", "synthesize", "--ct", str(ct), "--out", out, "--device", device, "--quiet"]
        words += [word for box in boxes for word in ("--roi", str(box))]
        words += ["--bundle", str(bundle)] if bundle else []
        _, seconds, peak = _child(*words)
        volumes = len(list(Path(out).rglob("*_sMRT2.nrrd")))
    return {"end_to_end_s": round(seconds, 3), "peak_rss_mb": peak, "boxes": volumes}


def make_sample(folder: Path, seed: int = 7) -> tuple[Path, list[Path]]:
    """A simulated CT as a DICOM folder of clinical size, and its crop boxes; returns both.

    It is made in processes of their own: what this one had in memory would count as a child's peak later.
    """
    words = ["phantom", "--seed", str(seed), "--out", str(folder), "--no-mr", "--no-labels", "--quiet"]
    _child("-m", "CT2MRSynthLib", *words)
    cts = sorted(folder.rglob("*_CT.nrrd"))
    boxes = sorted(path for path in folder.rglob("*.mrk.json") if _is_box(path))
    if not cts or not boxes:
        raise CT2MRSynthError(
            f"The simulated sample in {folder} is incomplete; give a CT and boxes with --ct and --roi."
        )
    dicom = folder / "dicom"
    code = "import sys, pathlib; from CT2MRSynthLib.benchsample import write_dicom_folder as write;"
    _child("-c", code + "write(*map(pathlib.Path, sys.argv[1:]))", str(cts[0]), str(dicom))
    return dicom, boxes


def _is_box(path: Path) -> bool:
    import json

    markups = json.loads(path.read_text(encoding="utf-8")).get("markups", [])
    return any(markup.get("type") in ("ROI", "Plane") for markup in markups)


def _test_slice():
    """Smooth structures and noise, uint8, shape (1, 256, 256): what it shows does not matter for speed."""
    import numpy as np

    rng = np.random.default_rng(0)
    row, column = np.mgrid[0:256, 0:256] / 256.0
    waves = 90 + 60 * np.sin(9 * row) * np.cos(7 * column) + 40 * (np.hypot(row - 0.4, column - 0.5) < 0.2)
    return np.clip(waves + rng.normal(0, 8, waves.shape), 0, 255).astype(np.uint8)[None]


def take_turns(functions: list, repetitions: int) -> list[float]:
    """Seconds of the fastest of several calls of each function, one function after the other each time."""
    fastest = [float("inf")] * len(functions)
    for _ in range(repetitions):
        for place, function in enumerate(functions):
            started = time.perf_counter()
            function()
            fastest[place] = min(fastest[place], time.perf_counter() - started)
    return fastest


def _child(*words: str) -> tuple[str, float, float | None]:
    """Run a fresh interpreter; returns its output, seconds and peak memory in MiB."""
    package_parent = str(Path(__file__).resolve().parent.parent)
    paths = [package_parent, os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
    ):
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, *words], stdout=output, stderr=errors, env=environment)
        status, peak = _wait(process)
        seconds = time.perf_counter() - started
        output.seek(0)
        errors.seek(0)
        if status != 0:
            lines = errors.read().strip().splitlines() or ["no message"]
            raise CT2MRSynthError(f"The measured command ended with status {status}: {lines[-1]}")
        return output.read(), seconds, peak


def _wait(process: subprocess.Popen) -> tuple[int, float | None]:
    if not hasattr(os, "wait4"):  # Windows
        return process.wait(), None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return process.returncode, round(usage.ru_maxrss / unit, 1)
