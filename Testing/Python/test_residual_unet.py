"""The generator of preset best: what it keeps of the CT, and that bundles of it load."""

from __future__ import annotations

import pytest
import torch

from CT2MRSynthLib.bundle import load_bundle, save_bundle
from CT2MRSynthLib.errors import BundleError
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.networks.layers import use_fast_layers
from CT2MRSynthLib.networks.registry import GENERATORS, make_generator
from CT2MRSynthLib.networks.residual_unet import KNOTS, GreyShares, ResidualUNet


def card(name: str) -> ModelCard:
    return ModelCard(
        name="test",
        version="0.0.1",
        architecture={"name": name, "width": 2, "blocks": 1},
        ct_window=(-200.0, 600.0),
        training_data={"description": "none"},
    )


def test_shares_sum_to_one_and_give_the_grey_level_back():
    image = torch.linspace(-1, 1, 256).reshape(1, 1, 16, 16)
    shares = GreyShares()(image)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(1, 16, 16))
    assert shares.min() >= 0 and (shares > 0).sum(dim=1).max() <= 2
    torch.testing.assert_close((shares * torch.tensor(KNOTS).view(1, -1, 1, 1)).sum(dim=1), image[:, 0])


def test_what_surrounds_a_place_far_away_does_not_change_its_signal():
    """Instance norm would: a limb in much air would look different from the same limb in little."""
    torch.manual_seed(0)
    network = ResidualUNet(4, 2).eval()
    image = torch.rand(1, 1, 256, 256) * 2 - 1
    other = image.clone()
    other[..., 128:] = -1
    with torch.inference_mode():
        one, two = network(image), network(other)
    assert (one - two)[..., 200:].abs().max() > 1e-3
    torch.testing.assert_close(one[..., :64], two[..., :64])


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_every_generator_keeps_the_size_and_the_scale_and_is_the_same_with_fast_layers(name):
    torch.manual_seed(1)
    network = make_generator({"name": name, "width": 4, "blocks": 2}).eval()
    image = torch.rand(2, 1, 64, 96) * 2 - 1
    with torch.inference_mode():
        plain = network(image)
        fast = use_fast_layers(network)(image.to(memory_format=torch.channels_last))
    assert plain.shape == image.shape and plain.abs().max() <= 1
    torch.testing.assert_close(plain, fast, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_a_bundle_gives_back_the_generator_that_its_card_names(name, tmp_path):
    network = make_generator({"name": name, "width": 2, "blocks": 1})
    save_bundle(tmp_path / "bundle", network.state_dict(), card(name))
    loaded = load_bundle(tmp_path / "bundle").generator()
    assert type(loaded) is GENERATORS[name]


def test_an_unknown_architecture_is_refused_with_those_known(tmp_path):
    save_bundle(
        tmp_path / "bundle", make_generator(card("johnson-resnet").architecture).state_dict(), card("diffusion")
    )
    with pytest.raises(BundleError, match="'diffusion'.*'johnson-resnet' and 'residual-unet'"):
        load_bundle(tmp_path / "bundle")
