"""A generator that keeps what the CT measures: no normalization, and shortcuts past the bottleneck."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from CT2MRSynthLib.networks.convolution import Convolution
from CT2MRSynthLib.networks.layers import LastConvolution

#: The sum of a block is multiplied by this before it is added (Lim et al. 2017), so that many blocks stay stable.
RESIDUAL_SCALE = 0.2

#: Grey levels -1 .. 1 at which a pixel's share in a channel peaks: under the usual window -200, -140, ... 600 HU,
#: denser where soft tissues lie.
KNOTS = (-1.0, -0.85, -0.75, -0.65, -0.55, -0.45, -0.37, -0.30, -0.22, -0.1, 0.1, 0.4, 0.7, 1.0)


class GreyShares(nn.Module):
    """Grey level to hat functions: in how far a pixel is as dense as each knot; together they sum to one.

    A linear layer on these is any piecewise linear curve of the grey level. So the mapping from HU alone, which a plain
    first convolution has to approach through many layers, is there from the start.
    """

    def __init__(self) -> None:
        super().__init__()
        knots = torch.tensor(KNOTS)
        self.register_buffer("knots", knots[1:].view(1, -1, 1, 1), persistent=False)
        self.register_buffer("gaps", (knots[1:] - knots[:-1]).view(1, -1, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (n, 1, h, w), -1 .. 1, to (n, knots, h, w)."""
        risen = ((image.float() - self.knots + self.gaps) / self.gaps).clamp(0.0, 1.0)  # one step per gap
        shares = functional.pad(risen, (0, 0, 0, 0, 1, 0), value=1.0) - functional.pad(risen, (0, 0, 0, 0, 0, 1))
        return shares.to(image.dtype)


class PlainBlock(nn.Module):
    """Two 3 x 3 convolutions without norm (EDSR, Lim et al. 2017), the first one dilated where far context is wanted.

    Args:
        channels: Channels in and out.
        dilation: Distance of the first kernel's taps.
    """

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            Convolution(channels, channels, 3, padding=dilation, dilation=dilation),
            nn.ReLU(inplace=True),
            Convolution(channels, channels, 3, padding=1),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, h, w) to the same shape."""
        return image + RESIDUAL_SCALE * self.convolutions(image)


class ResidualUNet(nn.Module):
    """Residual U-Net, 256 x 256 in and out, with the depth and the widths of the paper's generator.

    Instance norm takes the mean of every channel out, and with it how dense tissue is as a whole. A CT is calibrated,
    so here nothing is normalized. Strided convolutions lead to a quarter of the size, residual blocks (every third one
    dilated) follow there, and resize-convolutions, which draw no checkerboard (Odena et al. 2016), lead back, each with
    the encoder's picture of the same size beside it (Ronneberger et al. 2015).

    Args:
        width: Channels at full size; doubled twice on the way down.
        blocks: Number of residual blocks.
    """

    architecture = "residual-unet"

    def __init__(self, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        self.width, self.blocks = width, blocks
        self.shares = GreyShares()
        self.stage_full = _step(len(KNOTS), width, 5)
        self.stage_half = nn.Sequential(_step(width, 2 * width, 3, stride=2), PlainBlock(2 * width))
        self.stage_quarter = _step(2 * width, 4 * width, 3, stride=2)
        self.residual = nn.Sequential(*(PlainBlock(4 * width, 4 if n % 3 == 1 else 1) for n in range(blocks)))
        self.up_half = nn.Sequential(_step(6 * width, 2 * width, 3), PlainBlock(2 * width))
        self.up_full = _step(3 * width, width, 3)
        self.last = LastConvolution(width, 5)
        self.resize = nn.Upsample(scale_factor=2, mode="nearest")
        initialize_for_relu(self)

    def forward(self, ct: torch.Tensor) -> torch.Tensor:
        """Synthesize.

        Args:
            ct: Shape (n, 1, h, w), h and w divisible by four, grey levels scaled to -1 .. 1.

        Returns:
            Synthetic MR, same shape, float32, -1 .. 1.
        """
        full = self.stage_full(self.shares(ct))
        half = self.stage_half(full)
        image = self.residual(self.stage_quarter(half))
        image = self.up_half(torch.cat([self.resize(image), half], dim=1))
        image = self.up_full(torch.cat([self.resize(image), full], dim=1))
        return torch.tanh(self.last(image).float())


def _step(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(Convolution(inputs, outputs, size, stride=stride, padding=size // 2), nn.ReLU(inplace=True))


def initialize_for_relu(network: nn.Module) -> None:
    """Weights that keep the variance through ReLUs (He et al. 2015); the last ones small."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        if isinstance(layer, LastConvolution):
            nn.init.normal_(layer.weight, 0.0, 0.02)
