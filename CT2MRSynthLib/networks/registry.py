"""The generators by the name that a model card gives them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from CT2MRSynthLib.networks.generator import Generator
from CT2MRSynthLib.networks.residual_unet import ResidualUNet

GENERATORS = {network.architecture: network for network in (Generator, ResidualUNet)}


def make_generator(architecture: Mapping) -> nn.Module:
    """A generator with random weights.

    Args:
        architecture: ``name``, ``width`` and ``blocks``, as in a model card.

    Raises:
        KeyError: No generator has this name.
    """
    return GENERATORS[architecture["name"]](architecture["width"], architecture["blocks"])
