"""The part of a synthesis that needs torch, in a process of its own: grey slices in, MR slices out.

``python -m CT2MRSynthLib.worker FOLDER``. Caller and worker meet in the folder:

===============  ===================================================================================================
model.json       from the caller, before it starts the worker: bundle, sha256 (of its weights), device, precision,
                 slices (how many will come), caller (its process number), expected (seconds for "start" and "slice")
slices.npy       from the caller, whole, when it has sampled them: uint8, shape (n, 256, 256). Meanwhile the worker
                 imports torch and loads the model.
mr.npy           from the worker: the synthetic slices, same shape
result.json      from the worker, last: computed_on (device, precision, versions, threads), warnings, seconds
===============  ===================================================================================================

On standard output it writes the events of ``progress`` and two more: ``ready`` (device: words) when the model is
loaded, and ``slices`` (done, total). An ``error`` has a ``kind``: "torch" (PyTorch is missing or does not start),
"bundle", "device" or "". When the folder is removed, or the caller has gone before it gave the slices, the worker ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from CT2MRSynthLib.atomic import replacing, write_text
from CT2MRSynthLib.errors import BundleError, Cancelled, CT2MRSynthError, UsageError
from CT2MRSynthLib.progress import Events, Progress

MODEL, SLICES, IMAGES, RESULT = "model.json", "slices.npy", "mr.npy", "result.json"

#: Exit status.
DONE, FAILED, USAGE, ABANDONED = 0, 1, 2, 4

#: Seconds between two looks for slices, and between two looks whether the folder is still there.
POLL, WATCH = 0.02, 0.5

#: Seconds to wait for slices where it cannot be asked whether the caller lives.
PATIENCE = 1800.0

#: The least version of torch.
TORCH = (2, 2)


class TorchError(CT2MRSynthError):
    """PyTorch is missing, too old or does not start."""


def main(words: list[str] | None = None) -> int:
    """Run one request and return the exit status.

    Args:
        words: The folder. None: those of this process.
    """
    words = sys.argv[1:] if words is None else words
    if len(words) != 1:
        print("usage: python -m CT2MRSynthLib.worker FOLDER", file=sys.stderr)
        return USAGE
    folder = Path(words[0])
    threading.Thread(target=_end_without, args=(folder,), daemon=True, name="watch").start()
    sink = Events(sys.stdout)
    with Progress([sink]) as progress:
        try:
            _serve(folder, progress, sink)
        except Cancelled:
            return ABANDONED
        except CT2MRSynthError as error:
            sink.send({"event": "error", "kind": kind_of(error), "message": str(error)})
            progress.end(FAILED, None)
            return FAILED
        except Exception as error:  # the caller gets a sentence, the details are on standard error
            traceback.print_exc()
            message = f"The synthesis failed ({type(error).__name__}: {_first_line(error)})."
            sink.send({"event": "error", "kind": "", "message": message})
            progress.end(FAILED, None)
            return FAILED
        progress.end(DONE, None)
    return DONE


def kind_of(error: CT2MRSynthError) -> str:
    """What an error is about: "torch", "bundle", "device" or ""."""
    kinds = {TorchError: "torch", BundleError: "bundle", UsageError: "device"}
    return next((kind for cls, kind in kinds.items() if isinstance(error, cls)), "")


def _serve(folder: Path, progress: Progress, sink: Events) -> None:
    try:
        request = json.loads((folder / MODEL).read_text(encoding="utf-8"))
    except FileNotFoundError:  # the caller has changed its mind already
        raise Cancelled from None
    expected = request["expected"]
    starting = progress.expect("start", expected["start"])
    running = progress.expect("slices", expected["slice"] * request["slices"])
    with progress.stage(starting, "starting PyTorch"):
        bundle = _checked(request)  # at once, without torch
        import_torch()
        from CT2MRSynthLib.synthesizer import Synthesizer

        synthesizer = Synthesizer(bundle, device=request["device"], precision=request["precision"])
    sink.send({"event": "ready", "device": synthesizer.description})
    slices = _wait_for_slices(folder, request["caller"])

    def tell(done: int, total: int) -> None:
        sink.send({"event": "slices", "done": done, "total": total})
        advance(done / total)

    began = time.perf_counter()
    with progress.stage(running, "synthesizing") as advance:
        images = synthesizer.run(slices, tell, lambda: not (folder / MODEL).exists())
    _write(folder, images, synthesizer, time.perf_counter() - began)


def import_torch():
    """Import torch and return it.

    Raises:
        TorchError: It is missing, does not start, or is too old.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise TorchError("PyTorch is not installed.") from None
        raise TorchError(f"PyTorch is installed but does not start: {_first_line(error)}") from error
    except Exception as error:  # ImportError of a missing library, OSError on Windows, whatever a broken one raises
        traceback.print_exc()
        raise TorchError(f"PyTorch is installed but does not start: {_first_line(error)}") from error
    version = getattr(torch, "__version__", None)
    if version is None:  # a folder of that name without a package in it
        raise TorchError("PyTorch is installed but does not start: the package is empty.")
    if tuple(int(part) for part in version.split("+")[0].split(".")[:2]) < TORCH:
        raise TorchError(f"PyTorch {version} is too old; {TORCH[0]}.{TORCH[1]} or later is needed.")
    return torch


def _checked(request: dict):
    from CT2MRSynthLib.bundle import check_bundle

    bundle = check_bundle(request["bundle"])
    if bundle.sha256 != request["sha256"]:
        raise BundleError(f"The model in {bundle.path} was changed since it was chosen; choose it again.")
    return bundle


def _wait_for_slices(folder: Path, caller: int):
    import numpy as np

    until = time.monotonic() + PATIENCE
    while not (folder / SLICES).exists():
        if time.monotonic() > until or not lives(caller):
            raise Cancelled
        time.sleep(POLL)
    return np.load(folder / SLICES, allow_pickle=False)


def _write(folder: Path, images, synthesizer, seconds: float) -> None:
    import numpy as np

    with replacing(folder / IMAGES) as temporary, temporary.open("wb") as stream:
        np.save(stream, images, allow_pickle=False)
    content = {
        "computed_on": synthesizer.computed_on,
        "warnings": list(synthesizer.warnings),
        "seconds": round(seconds, 4),
    }
    write_text(folder / RESULT, json.dumps(content))


def _end_without(folder: Path) -> None:
    """End this process, whatever it is doing, when nobody waits for its result any more."""
    while True:
        time.sleep(WATCH)
        if not (folder / MODEL).exists():
            os._exit(ABANDONED)


def lives(number: int) -> bool:
    """Whether a process is there; on Windows asking would end it, so there: yes."""
    if os.name != "posix":
        return True
    with contextlib.suppress(PermissionError):  # another user's
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return False
    return True


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    exit_status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_status)  # all is written; the shutdown of torch's libraries has been seen to abort
