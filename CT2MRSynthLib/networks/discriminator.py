"""The discriminator: is this MR slice the real one of this CT slice?"""

from __future__ import annotations

import torch
from torch import nn

from CT2MRSynthLib.networks.convolution import Convolution
from CT2MRSynthLib.networks.layers import InstanceNorm, initialize, joined

#: Channels after each strided convolution, in multiples of the width.
MULTIPLES = (2, 4, 8, 8, 8)


class PatchDiscriminator(nn.Module):
    """Conditional PatchGAN (Isola et al. 2017) on the CT slice and the MR slice together.

    The method says: "two convolutions and five strided convolutions; instance norm and leaky ReLU follow all but the
    first and the last". Read literally, as seven convolutions: a 3 x 3 convolution of stride 1 first, which only mixes
    the two images and has nothing after it; five 4 x 4 convolutions of stride 2, each followed by instance norm and
    leaky ReLU (slope 0.2); and a 3 x 3 convolution of stride 1 last, to one channel. So five norms; the "two" are the
    first and the last, the only reading in which both the count and the "all but" hold. An input of 256 x 256 gives
    8 x 8 verdicts, each on a patch of 160 x 160 pixels.

    There is no sigmoid: with binary cross entropy on logits this is the conditional log loss of the method, stably
    computed.

    Args:
        width: Channels after the first convolution.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.width = width
        self.fast = False
        layers: list[nn.Module] = [nn.Conv2d(2, width, 3, padding=1)]
        channels = width
        for multiple in MULTIPLES:
            layers += [
                Convolution(channels, multiple * width, 4, stride=2, padding=1, bias=False),
                InstanceNorm(multiple * width),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            channels = multiple * width
        layers.append(nn.Conv2d(channels, 1, 3, padding=1))
        self.layers = nn.Sequential(*layers)
        initialize(self)

    def forward(self, ct: torch.Tensor, mr: torch.Tensor) -> torch.Tensor:
        """Judge.

        Args:
            ct: Shape (n, 1, 256, 256), -1 .. 1.
            mr: Real or synthetic MR, same shape and scale.

        Returns:
            Logits, shape (n, 1, 8, 8), float32; positive means real.
        """
        image = torch.cat([ct, mr], dim=1)
        if not self.fast:
            return self.layers(image).float()
        return self.layers[2:](joined(self.layers[0], self.layers[1], image)).float()
