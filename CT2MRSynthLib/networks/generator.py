"""The generator: from a CT slice to an MR slice."""

from __future__ import annotations

import torch
from torch import nn

from CT2MRSynthLib.networks.convolution import Convolution
from CT2MRSynthLib.networks.layers import InstanceNorm, LastConvolution, initialize


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions whose result is added to the input.

    As in Johnson et al. there is no ReLU after the addition, so that the identity path stays linear.

    Args:
        channels: Channels in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *_normalized(_convolution(channels, channels, 3)),
            _convolution(channels, channels, 3),
            InstanceNorm(channels),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, h, w) to the same shape."""
        return image + self.convolutions(image)


class Generator(nn.Module):
    """Fully convolutional generator after Johnson et al. (2016), 256 x 256 in and out.

    One 7 x 7 convolution, two 3 x 3 convolutions of stride 2, nine residual blocks, two fractionally strided 3 x 3
    convolutions, one last 7 x 7 convolution. Instance norm and ReLU follow all but the last. The output is the scaled
    tanh of Johnson et al.: it keeps the image inside the grey scale, here -1 to 1, without a hard clip that would
    stop gradients. Convolutions pad by reflection, because zeros would draw a dark frame that instance norm
    spreads over the picture. Convolutions in front of a norm have no offset: the norm would remove it. No dropout, so
    one input has one output. 11.4 million parameters and 49 GMAC a slice at width 64.

    Args:
        width: Channels after the first convolution; doubled twice on the way down.
        blocks: Number of residual blocks.
    """

    architecture = "johnson-resnet"

    def __init__(self, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        self.width = width
        self.blocks = blocks
        self.encoder = nn.Sequential(
            *_normalized(_convolution(1, width, 7)),
            *_normalized(_convolution(width, 2 * width, 3, stride=2)),
            *_normalized(_convolution(2 * width, 4 * width, 3, stride=2)),
        )
        self.residual = nn.Sequential(*(ResidualBlock(4 * width) for _ in range(blocks)))
        self.decoder = nn.Sequential(
            *_normalized(_fractional(4 * width, 2 * width)),
            *_normalized(_fractional(2 * width, width)),
        )
        self.last = LastConvolution(width, 7)
        initialize(self)

    def forward(self, ct: torch.Tensor) -> torch.Tensor:
        """Synthesize.

        Args:
            ct: Shape (n, 1, h, w), h and w divisible by four, grey levels scaled to -1 .. 1.

        Returns:
            Synthetic MR, same shape, float32, -1 .. 1.
        """
        image = self.last(self.decoder(self.residual(self.encoder(ct))))
        return torch.tanh(image.float())


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return Convolution(inputs, outputs, size, stride=stride, padding=size // 2, padding_mode="reflect", bias=False)


def _fractional(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=False)


def _normalized(convolution: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, nn.Module, nn.Module]:
    return convolution, InstanceNorm(convolution.out_channels), nn.ReLU(inplace=True)
