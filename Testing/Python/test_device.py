"""Devices are tried before they are used, and what happened is said."""

import pytest

from CT2MRSynthLib.device import choose_device, cpu_has_bfloat16, is_out_of_memory, probe
from CT2MRSynthLib.errors import UsageError

torch = pytest.importorskip("torch", reason="no torch")

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


def test_the_description_names_device_precision_and_threads():
    device = choose_device("cpu", "float32")
    count = torch.get_num_threads()
    assert device.description == f"CPU, float32, {count} thread{'s' if count > 1 else ''}"


def test_automatic_precision_on_the_cpu_follows_the_hardware():
    assert choose_device("cpu").precision == ("bfloat16" if cpu_has_bfloat16() else "float32")


@pytest.mark.parametrize("arguments, name", [(("tpu",), "tpu"), (("cpu", "float64"), "float64")])
def test_unknown_names_are_refused(arguments, name):
    with pytest.raises(UsageError, match=name):
        choose_device(*arguments)


@without_cuda
def test_a_named_device_is_used_or_refused_never_replaced():
    with pytest.raises(UsageError, match="cuda cannot be used"):
        choose_device("cuda")


@without_cuda
def test_a_card_that_cannot_run_this_torch_is_found_out_and_reported(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # as for a card without kernels in this build
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some Card")
    device = choose_device("auto")
    assert device.kind == "cpu"
    assert "Some Card cannot be used: one tiny operation failed" in device.notes[0]
    assert "CPU is used instead" in device.notes[0]


def test_the_cpu_needs_no_probe():
    assert probe("cpu") is None


@pytest.mark.parametrize(
    "error, expected",
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error, expected):
    assert is_out_of_memory(error) is expected
