"""The faster ways of convolutions are the same sums."""

import pytest

torch = pytest.importorskip("torch", reason="no torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from CT2MRSynthLib.networks import winograd  # noqa: E402
from CT2MRSynthLib.networks.convolution import Convolution, _FourByFour  # noqa: E402
from CT2MRSynthLib.networks.layers import joined  # noqa: E402


def numbers(*shape, seed=0) -> torch.Tensor:
    """Double precision, with gradients."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def test_winograd_gradients_are_those_of_the_convolution():
    padded, weight = numbers(2, 5, 10, 14), numbers(7, 5, 3, 3, seed=1)
    result = functional.conv2d(padded, weight)
    gradient = torch.randn_like(result)
    of_image, of_weight = torch.autograd.grad(result, (padded, weight), gradient)
    with torch.no_grad():
        torch.testing.assert_close(winograd.gradient_of_image(gradient, weight), of_image)
        torch.testing.assert_close(winograd.gradient_of_weights(padded, gradient), of_weight)


def test_a_small_strided_convolution_is_a_matrix_product():
    image, weight = numbers(2, 5, 8, 12), numbers(7, 5, 4, 4, seed=1)
    plain, fast = functional.conv2d(image, weight, stride=2, padding=1), _FourByFour.apply(image, weight)
    torch.testing.assert_close(fast, plain)
    gradient = torch.randn_like(plain)
    wanted = torch.autograd.grad(plain, (image, weight), gradient)
    for one, other in zip(torch.autograd.grad(fast, (image, weight), gradient), wanted, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("size", [(6, 6), (16, 20)])
def test_two_convolutions_with_nothing_between_are_one(size):
    first, second = nn.Conv2d(2, 3, 3, padding=1).double(), nn.Conv2d(3, 5, 4, stride=2, padding=1, bias=False).double()
    image = numbers(2, 2, *size)
    wanted, found = second(first(image)), joined(first, second, image)
    torch.testing.assert_close(found, wanted)
    weights = [image, *first.parameters(), *second.parameters()]
    gradient = torch.randn_like(wanted)
    for one, other in zip(*(torch.autograd.grad(out, weights, gradient) for out in (found, wanted)), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    "more",
    [
        {"kernel_size": 3, "padding": 1, "padding_mode": "reflect", "bias": False},
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 3, "padding": 1, "stride": 2},
        {"kernel_size": 3, "padding": 2, "dilation": 2},
        {"kernel_size": 4, "padding": 1, "stride": 2, "bias": False},
    ],
)
def test_a_fast_convolution_is_within_rounding_of_the_exact_one(more):
    torch.manual_seed(1)
    layer = Convolution(64, 64, **more).to(memory_format=torch.channels_last)
    image = torch.randn(2, 64, 12, 16).to(memory_format=torch.channels_last).requires_grad_()
    exact = layer(image)
    gradient = torch.randn_like(exact)
    inputs = [image, *layer.parameters()]
    wanted = [exact, *torch.autograd.grad(exact, inputs, gradient)]
    layer.to(torch.bfloat16).fast = True
    half = image.detach().bfloat16().requires_grad_()
    found = layer(half)
    found = [found, *torch.autograd.grad(found, [half, *layer.parameters()], gradient.bfloat16())]
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == torch.bfloat16
        assert float((one.detach().float() - other.detach()).norm() / other.detach().norm()) < 0.012
