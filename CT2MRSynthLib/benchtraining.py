"""Measurement of a training step's speed, against the same step run plainly."""

from __future__ import annotations

from CT2MRSynthLib.bench import take_turns

REPETITIONS = 5


def measure_training(width: int = 64, device: str = "auto", repetitions: int = REPETITIONS) -> dict:
    """Seconds of one update of both networks, against the same update run plainly.

    Plainly means as a reader would write it down: float32, contiguous memory, eager, the layers as the papers name
    them; same device and threads, one pair at a time. Both take turns, so that other load on the machine hits both, and
    the fastest of several counts.

    Args:
        width: Channels of both networks after their first convolution; 64 is the paper's.
        device: As for ``choose_device``.
        repetitions: How often each is run.

    Returns:
        ``training_ratio``, ``training_ms``, ``training_reference_ms``, ``device``, ``width``, and ``notes`` where there
        are any.
    """
    from dataclasses import replace

    import torch

    from CT2MRSynthLib.device import choose_device
    from CT2MRSynthLib.training.settings import PAPER
    from CT2MRSynthLib.training.step import TrainingStep

    kind = choose_device(device).kind
    settings = replace(PAPER, width=width, discriminator_width=width)
    fast, plain = TrainingStep(settings, kind), TrainingStep(settings, kind, plain=True)
    images = torch.rand(2, 1, 1, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def timed(step: TrainingStep):
        ct, mr = (image.to(kind, memory_format=step.layout) for image in images)
        ready = getattr(torch, kind).synchronize if kind in ("cuda", "mps") else lambda: None
        updates = {"cuda": 20, "mps": 3}.get(kind, 1)

        def run() -> None:
            for _ in range(updates):
                step.update(ct, mr, settings.learning_rate)
            ready()

        run()  # first runs choose algorithms and take memory
        return run, updates

    (run_fast, updates), (run_plain, _) = timed(fast), timed(plain)
    seconds = [total / updates for total in take_turns([run_fast, run_plain], repetitions)]
    result = {
        "training_ratio": round(seconds[0] / seconds[1], 4),
        "training_ms": round(1e3 * seconds[0], 2),
        "training_reference_ms": round(1e3 * seconds[1], 2),
        "device": fast.description,
        "width": width,
    }
    return {**result, "notes": fast.notes} if fast.notes else result
