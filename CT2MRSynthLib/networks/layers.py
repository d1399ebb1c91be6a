"""Pieces both networks share."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class InstanceNorm(nn.Module):
    """Instance normalization (Ulyanov et al. 2016) without learned scale and offset.

    ``torch.instance_norm`` copies a channels-last image to contiguous and back. Two other torch functions are the same
    formula and have channels-last kernels. Group normalization with one group per channel is the fastest forward (0.1 ms
    against 0.3 ms on 128 x 64 x 64 bfloat16, two CPU cores), but its backward takes 8 ms there. Batch normalization of a single
    image, with statistics of that image, trains almost twice as fast (0.34 s against 0.61 s a step at width 32).
    """

    def __init__(self, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Bring every channel of every image, shape (n, c, h, w), to mean 0 and variance 1."""
        if image.requires_grad and len(image) == 1:
            return functional.batch_norm(image, None, None, training=True, eps=self.epsilon)
        return functional.group_norm(image, image.shape[1], eps=self.epsilon)


def initialize(network: nn.Module, deviation: float = 0.02) -> None:
    """Draw all convolution weights from a normal distribution, as Isola et al. (2017) do; offsets become zero."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def count_parameters(network: nn.Module) -> int:
    """Number of learned values of a network."""
    return sum(parameter.numel() for parameter in network.parameters())
