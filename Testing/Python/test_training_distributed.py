"""More processes are one process with a larger batch."""

import subprocess
import sys
from dataclasses import replace

import pytest
import runs

torch = pytest.importorskip("torch", reason="no torch")

from CT2MRSynthLib.training.distributed import Context, end_process, join  # noqa: E402
from CT2MRSynthLib.training.settings import BEST  # noqa: E402
from CT2MRSynthLib.training.step import TrainingStep  # noqa: E402

SETTINGS = replace(BEST, width=4, blocks=1, discriminator_width=4, gradient_norm=1.0)
STEPS = 3


def batch(numbers) -> tuple[torch.Tensor, torch.Tensor]:
    """The images of some draws."""
    drawn = [torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(n)) * 2 - 1 for n in numbers]
    return tuple(torch.stack([images[place] for images in drawn]) for place in (0, 1))


def train(context: Context, settings) -> TrainingStep:
    """In double precision: in single, a ReLU falls on its other side, and Adam makes a step of what rounding left."""
    torch.set_default_dtype(torch.float64)
    try:
        step = TrainingStep(settings, context.device, context=context)
        step.half = False
        for number in range(STEPS):
            step.update(*batch(context.draws(number, settings.batch)), 1e-3)
    finally:
        torch.set_default_dtype(torch.float32)
    return step


def process(folder: str) -> None:
    """What each process of the test below does."""
    context = join("cpu")
    step = train(context, SETTINGS)
    told = {
        "rank": context.rank,
        "any": [context.any(False), context.any(context.rank == 1)],
        "first": context.from_first(f"of {context.rank}"),
    }
    torch.save({**told, "state": step.state_dict()}, f"{folder}/{context.rank}.pt")
    context.barrier()
    context.close()
    end_process(0)


def test_two_processes_give_the_weights_of_one_with_the_doubled_batch(tmp_path):
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*words, __file__, str(tmp_path)], env=runs.ENVIRONMENT, cwd=runs.ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    told = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    alone = train(Context(), replace(SETTINGS, batch=2)).state_dict()
    for name in ("generator", "discriminator", "mean_weights"):
        for key, tensor in alone[name].items():
            assert torch.equal(told[0]["state"][name][key], told[1]["state"][name][key]), key
            torch.testing.assert_close(told[0]["state"][name][key], tensor, atol=1e-5, rtol=1e-3, msg=key)
    assert [one["rank"] for one in told] == [0, 1]
    assert [one["any"] for one in told] == [[False, True]] * 2
    assert [one["first"] for one in told] == ["of 0"] * 2


def test_processes_share_the_draws_of_a_step():
    shown = [number for rank in range(3) for number in Context(rank, 3).draws(5, 2)]
    assert shown == list(range(30, 36))
    assert list(Context().draws(5, 2)) == [10, 11]


def test_without_torchrun_a_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    context = join("cpu")
    assert (context.rank, context.world, context.is_first) == (0, 1, True)
    assert context.any(True) and context.from_first(3) == 3


if __name__ == "__main__":
    process(sys.argv[1])
