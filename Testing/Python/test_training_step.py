"""One update: fast and plain are the same mathematics, and a state says everything."""

import io
from copy import deepcopy
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="no torch")

from CT2MRSynthLib.device import cpu_has_bfloat16  # noqa: E402
from CT2MRSynthLib.training.settings import BEST, PAPER  # noqa: E402
from CT2MRSynthLib.training.step import TrainingStep  # noqa: E402

TINY = replace(BEST, width=4, blocks=1, discriminator_width=4, gradient_norm=1.0)
TINY_PAPER = replace(PAPER, width=4, blocks=1, discriminator_width=4)


def images(seed=0, count=1) -> torch.Tensor:
    """CT and MR of smooth noise, -1 .. 1."""
    source = torch.Generator().manual_seed(seed)
    coarse = torch.randn(2 * count, 1, 16, 16, generator=source)
    return torch.tanh(torch.nn.functional.interpolate(coarse, size=64, mode="bilinear")).split(count)


def updated(step: TrainingStep, seeds=range(2), rate=1e-3, count=1) -> TrainingStep:
    for seed in seeds:
        step.update(*images(seed, count), rate)
    return step


def losses_and_gradients(settings, count=1, double=False, half=None, **more) -> tuple[dict, dict]:
    """Of the first update; a rate of zero leaves the weights alone, so all gradients belong to the same ones."""
    step = TrainingStep(settings, **more)
    step.half = step.half if half is None else half
    networks = {"generator": step.generator, "discriminator": step.discriminator}
    if double:
        for network in networks.values():
            network.double()
    step.update(*(image.to(torch.float64 if double else torch.float32) for image in images(0, count)), 0.0)
    found = {f"{n} {name}": p.grad for n, network in networks.items() for name, p in network.named_parameters()}
    return step.losses(), found


@pytest.mark.parametrize("settings", [TINY_PAPER, replace(TINY_PAPER, architecture="residual-unet")])
@pytest.mark.parametrize("count", [1, 2])
def test_the_fast_step_is_the_same_mathematics_as_the_plain_one(settings, count):
    """In double precision: in single, a ReLU here and there falls on its other side."""
    fast_losses, fast = losses_and_gradients(settings, count, double=True, half=False)
    losses, plain = losses_and_gradients(settings, count, double=True, plain=True)
    assert fast_losses == pytest.approx(losses, rel=1e-6)
    for name, gradient in plain.items():
        assert _distance(fast[name], gradient) < 1e-5, name


def test_in_float32_the_fast_step_has_the_losses_of_the_plain_one():
    fast, plain = (losses_and_gradients(TINY_PAPER, half=False, plain=plain)[0] for plain in (False, True))
    assert fast == pytest.approx(plain, rel=1e-4)


@pytest.mark.skipif(not cpu_has_bfloat16(), reason="this processor computes in float32")
def test_in_bfloat16_the_fast_step_is_as_near_to_float32_as_plain_layers_are():
    settings = replace(TINY_PAPER, width=16, discriminator_width=16)  # enough channels for all faster ways
    losses, exact = losses_and_gradients(settings, plain=True)
    _, rounded = losses_and_gradients(settings, plain=True, half=True)
    fast_losses, fast = losses_and_gradients(settings)
    assert fast_losses == pytest.approx(losses, rel=0.01)
    for network in ("generator", "discriminator"):
        names = [name for name in exact if name.startswith(network)]
        errors = [
            _distance(*(torch.cat([g[n].flatten() for n in names]) for g in (one, exact))) for one in (fast, rounded)
        ]
        assert 0 < errors[0] < 1.25 * errors[1]


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm().clamp_min(1e-12))


@pytest.mark.parametrize("settings", [TINY, replace(TINY, adversarial_weight=0.0, ema_decay=0.0)])
def test_a_state_that_was_saved_goes_on_bit_for_bit(settings):
    whole = updated(TrainingStep(settings), range(4))
    file = io.BytesIO()
    torch.save(updated(TrainingStep(settings), range(2)).state_dict(), file)
    file.seek(0)
    rest = updated(TrainingStep(replace(settings, seed=9)), [7])  # anything: nothing of it may be left
    rest.load_state_dict(torch.load(file, weights_only=True))
    updated(rest, [2, 3])
    for one, other in zip(_tensors(whole.state_dict()), _tensors(rest.state_dict()), strict=True):
        assert torch.equal(one, other)
    assert whole.steps == rest.steps == 4


def _tensors(state) -> list:
    if isinstance(state, torch.Tensor):
        return [state]
    values = state.values() if isinstance(state, dict) else state if isinstance(state, list) else []
    return [tensor for value in values for tensor in _tensors(value)]


def test_a_state_holds_no_half_precision():
    state = updated(TrainingStep(TINY), [0]).state_dict()
    assert {tensor.dtype for tensor in _tensors(state)} == {torch.float32}


def test_without_adversarial_weight_there_is_no_discriminator():
    step = updated(TrainingStep(replace(TINY, adversarial_weight=0.0)))
    assert step.discriminator is None and len(step.optimizers) == 1
    losses = step.losses()
    assert losses["gan"] == losses["discriminator"] == 0 < losses["l1"]


def test_losses_are_means_since_they_were_last_asked_for():
    step = TrainingStep(TINY)
    both = updated(step, [0, 1], rate=0.0).losses()
    one, other = (updated(step, [seed], rate=0.0).losses() for seed in (0, 1))
    for name, value in both.items():
        assert value == pytest.approx((one[name] + other[name]) / 2, rel=1e-5), name


def test_a_loss_that_is_not_finite_is_found_until_a_state_is_loaded():
    step = updated(TrainingStep(TINY), [0])
    state = deepcopy(step.state_dict())
    assert step.finite()
    ct, mr = images()
    step.update(ct, mr * float("nan"), 0.0)
    assert not step.finite()
    step = TrainingStep(TINY)
    step.load_state_dict(state)
    assert step.finite()
    step.generator.last.bias.data.fill_(float("inf"))  # a step can be too long though its losses were finite
    assert not step.finite()


def test_long_gradients_are_shortened():
    _, long = losses_and_gradients(replace(TINY, gradient_norm=0.0))
    _, short = losses_and_gradients(replace(TINY, gradient_norm=0.01))
    norm = torch.stack([g.norm() for name, g in short.items() if name.startswith("generator")]).norm()
    assert float(norm) == pytest.approx(0.01, rel=1e-3)
    assert _distance(short["discriminator layers.1.weight"], long["discriminator layers.1.weight"]) == 0


def test_the_mean_weights_lag_behind():
    step = TrainingStep(TINY)
    first = {name: tensor.clone() for name, tensor in step.generator.state_dict().items()}
    updated(step, [0])
    mean, last = step.result_weights(), step.generator.state_dict()
    for name, start in first.items():  # after one update the mean's memory is a tenth
        torch.testing.assert_close(mean[name], 0.1 * start + 0.9 * last[name])
    assert TrainingStep(replace(TINY, ema_decay=0.0)).result_weights().keys() == last.keys()


def test_a_run_can_start_from_given_weights():
    given = updated(TrainingStep(TINY), [0]).generator.state_dict()
    step = TrainingStep(replace(TINY, seed=1), initial=given)
    for weights in (step.generator.state_dict(), step.mean_weights):
        assert all(torch.equal(weights[name], tensor) for name, tensor in given.items())
