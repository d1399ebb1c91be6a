"""The networks are the paper's, and their fast ways give what the plain ways give."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="no torch")

from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from CT2MRSynthLib.networks.discriminator import PatchDiscriminator  # noqa: E402
from CT2MRSynthLib.networks.generator import Generator  # noqa: E402
from CT2MRSynthLib.networks.layers import InstanceNorm, LastConvolution, count_parameters, use_fast_layers  # noqa: E402
from CT2MRSynthLib.networks.scale import grey_to_tensor, tensor_to_grey  # noqa: E402


def convolutions(network):
    """All convolutions in order, as (kind, kernel, stride)."""
    found = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    kinds = ["convolution" if isinstance(layer, nn.Conv2d) else "fractional" for layer in found]
    return [(kind, layer.kernel_size[0], layer.stride[0]) for kind, layer in zip(kinds, found, strict=True)]


def test_generator_has_the_papers_size():
    assert count_parameters(Generator()) == pytest.approx(11.4e6, rel=0.005)
    with torch.device("meta"):
        generator = Generator()
        counter = FlopCounterMode(display=False)
        with counter:
            generator(torch.empty(1, 1, 256, 256))
    assert counter.get_total_flops() / 2 == pytest.approx(49e9, rel=0.02)


def test_generator_has_the_papers_layers():
    first = [("convolution", 7, 1), ("convolution", 3, 2), ("convolution", 3, 2)]
    blocks = [("convolution", 3, 1)] * 18
    last = [("fractional", 3, 2), ("fractional", 3, 2), ("convolution", 7, 1)]
    assert convolutions(Generator(4)) == first + blocks + last


def test_norm_follows_all_but_the_last_convolution_of_the_generator():
    layers = [
        layer for layer in Generator(4).modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, InstanceNorm))
    ]
    assert [isinstance(layer, InstanceNorm) for layer in layers] == [False, True] * 23 + [False]


def test_output_has_the_inputs_shape_and_scale():
    output = Generator(4, blocks=1)(torch.randn(2, 1, 64, 96))
    assert output.shape == (2, 1, 64, 96)
    assert output.abs().max() <= 1.0
    assert output.dtype == torch.float32


def test_same_input_same_output_even_in_training_mode():
    generator, image = Generator(4, blocks=1).train(), torch.randn(1, 1, 64, 64)
    assert torch.equal(generator(image), generator(image))


@pytest.mark.parametrize("size", [8, 20, 64])
def test_fast_last_convolution_is_the_same_sum(size):
    torch.manual_seed(1)
    layer, image = LastConvolution(5, 7).double(), torch.randn(2, 5, size, size, dtype=torch.float64)
    nn.init.normal_(layer.bias)
    plain = layer(image)
    layer.fast = True
    torch.testing.assert_close(layer(image), plain)


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_fast_instance_norm_is_the_same_formula(gradient, count):
    torch.manual_seed(1)
    image = (torch.randn(count, 6, 12, 10) * 3 + 5).to(memory_format=torch.channels_last).requires_grad_(gradient)
    norm = InstanceNorm(6)
    plain = norm(image)
    norm.fast = True
    torch.testing.assert_close(norm(image), plain, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(plain.mean(dim=(2, 3)), torch.zeros(count, 6), atol=1e-5, rtol=0)
    torch.testing.assert_close(plain.var(dim=(2, 3), correction=0), torch.ones(count, 6), atol=1e-4, rtol=0)


def test_fast_layers_train_to_the_same_weights():
    torch.manual_seed(1)
    plain = Generator(4, blocks=1)
    fast = Generator(4, blocks=1)
    fast.load_state_dict(plain.state_dict())
    use_fast_layers(fast)
    image = torch.randn(1, 1, 32, 32)
    for network in (plain, fast):
        network(image).square().mean().backward()
    for (name, one), other in zip(plain.named_parameters(), fast.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-3, msg=name)


def test_discriminator_is_read_as_seven_convolutions_and_five_norms():
    discriminator = PatchDiscriminator(2)
    strides = [stride for _, _, stride in convolutions(discriminator)]
    assert strides == [1, 2, 2, 2, 2, 2, 1]
    kinds = [nn.Conv2d if isinstance(layer, nn.Conv2d) else type(layer) for layer in discriminator.layers]
    assert kinds == [nn.Conv2d, *[nn.Conv2d, InstanceNorm, nn.LeakyReLU] * 5, nn.Conv2d]


def test_discriminator_judges_patches_of_160_pixels():
    discriminator = PatchDiscriminator(2)
    discriminator.layers = nn.Sequential(
        *(layer for layer in discriminator.layers if not isinstance(layer, InstanceNorm))  # a norm sees the whole image
    )
    ct = torch.randn(1, 1, 256, 256, requires_grad=True)
    discriminator(ct, torch.randn(1, 1, 256, 256))[0, 0, 4, 4].backward()
    rows = torch.nonzero(ct.grad[0, 0].abs().sum(dim=1)).flatten()
    assert rows[-1] - rows[0] + 1 == 160


def test_discriminator_looks_at_both_images():
    torch.manual_seed(1)
    discriminator = PatchDiscriminator(2)
    one, other = torch.randn(2, 1, 1, 256, 256)
    verdict = discriminator(one, other)
    assert verdict.shape == (1, 1, 8, 8)
    assert not torch.allclose(verdict, discriminator(one, one))
    assert not torch.allclose(verdict, discriminator(other, other))


def test_all_grey_levels_survive_the_networks_scale():
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    tensor = grey_to_tensor(grey)
    assert (float(tensor.min()), float(tensor.max())) == (-1.0, 1.0)
    np.testing.assert_array_equal(tensor_to_grey(tensor), grey)
