"""On what a network runs, and in which precision: chosen by trying, and said in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from CT2MRSynthLib.errors import UsageError

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")

#: Slices in one pass. On the CPU one: more is not faster, and the result then cannot depend on how slices are grouped.
BATCH = {"cpu": 1, "cuda": 8, "mps": 4}


@dataclass(frozen=True)
class Device:
    """A device and the precision to compute in.

    Args:
        kind: "cpu", "cuda" or "mps".
        precision: "float32", "bfloat16" or "float16".
        name: What a user calls it: "CPU", "Apple GPU (MPS)" or the card's name.
        threads: CPU threads; 0 for other devices.
        notes: Sentences the user must be told, such as why the graphics card is not used.
    """

    kind: str
    precision: str
    name: str = "CPU"
    threads: int = 0
    notes: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """Such as "CPU, bfloat16, 2 threads"."""
        threads = f", {self.threads} thread{'s' if self.threads != 1 else ''}" if self.kind == "cpu" else ""
        return f"{self.name}, {self.precision}{threads}"


def choose_device(device: str = "auto", precision: str = "auto") -> Device:
    """Choose by trying: CUDA, then Apple MPS, then the CPU.

    Args:
        device: One of ``DEVICES``. A named one is used or refused, never replaced in silence.
        precision: One of ``PRECISIONS``.

    Raises:
        UsageError: The name is unknown, the device is not there or cannot run this build of torch.
    """
    _check_known("device", device, DEVICES)
    _check_known("precision", precision, PRECISIONS)
    notes: list[str] = []
    for kind in ("cuda", "mps") if device == "auto" else (device,) if device != "cpu" else ():
        problem = probe(kind)
        if problem is None:
            return Device(kind, _precision(kind, precision), _name(kind))
        if device != "auto":
            raise UsageError(f"The device {kind} cannot be used: {problem}; choose --device auto or cpu.")
        if _is_present(kind):
            notes.append(f"{_name(kind)} cannot be used: {problem}. The CPU is used instead, which is slower.")
    return cpu_device(precision, tuple(notes))


def cpu_device(precision: str = "auto", notes: tuple[str, ...] = ()) -> Device:
    """The CPU with all threads torch uses."""
    import torch

    return Device("cpu", _precision("cpu", precision), "CPU", torch.get_num_threads(), notes)


def probe(kind: str) -> str | None:
    """Run one tiny operation on a device; None if that worked, otherwise why not, in words.

    A build of torch without kernels for a new card reports the card as available and fails at the first operation.
    """
    import torch

    if kind == "cpu":
        return None
    if not _is_present(kind):
        build = torch.version.cuda or getattr(torch.version, "hip", None)
        if kind == "cuda" and not build:
            return f"this build of torch ({torch.__version__}) is without CUDA"
        return "no such device, or its driver does not answer"
    try:
        image = torch.ones(1, 4, 8, 8, device=kind)
        result = torch.nn.functional.conv2d(image, torch.ones(4, 4, 3, 3, device=kind)).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"one tiny operation failed with torch {torch.__version__} ({reason})"
    return None if result == 4 * 36 * 36 else f"one tiny operation gave {result:g} instead of {4 * 36 * 36}"


@lru_cache(maxsize=1)
def cpu_has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware (AVX-512 BF16 or AMX); elsewhere float32 is faster."""
    import torch

    if hasattr(torch.cpu, "get_capabilities"):  # newer torch
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    checks = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return any(check() for check in checks if check is not None)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory ran out; each device says it in its own way."""
    import torch

    words = str(error).lower()
    own = getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError)  # the former since torch 2.5
    return isinstance(error, (own, MemoryError)) or (
        isinstance(error, RuntimeError)
        and any(sign in words for sign in ("out of memory", "can't allocate memory", "alloc_failed"))
    )


def _precision(kind: str, wanted: str) -> str:
    if wanted != "auto":
        return wanted
    if kind == "cpu":
        return "bfloat16" if cpu_has_bfloat16() else "float32"
    if kind == "cuda":
        import torch

        major = torch.cuda.get_device_capability()[0]
        return "bfloat16" if major >= 8 else "float16" if major >= 7 else "float32"
    return "float32"  # MPS: half precision there is not measured yet


def _is_present(kind: str) -> bool:
    import torch

    return torch.cuda.is_available() if kind == "cuda" else torch.backends.mps.is_available()


def _name(kind: str) -> str:
    import torch

    return torch.cuda.get_device_name() if kind == "cuda" else "Apple GPU (MPS)"


def _check_known(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"The {what} {value!r} is unknown; choose one of {', '.join(known)}.")
