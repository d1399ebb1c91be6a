"""The objective: conditional log loss of the GAN plus lambda times the mean absolute error."""

from __future__ import annotations

import torch
from torch.nn import functional


def discriminator_loss(real: torch.Tensor, synthetic: torch.Tensor) -> torch.Tensor:
    """-E[log D(ct, mr)] - E[log(1 - D(ct, G(ct)))] from logits."""
    return functional.softplus(-real).mean() + functional.softplus(synthetic).mean()


def adversarial_loss(synthetic: torch.Tensor) -> torch.Tensor:
    """-E[log D(ct, G(ct))] from logits.

    The generator maximizes log D instead of minimizing log(1 - D), as Goodfellow et al. (2014) and Isola et al. (2017)
    do: same fixed point, but a gradient also while the discriminator is sure.
    """
    return functional.softplus(-synthetic).mean()


def absolute_error(synthetic: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of two images of the scale -1 .. 1."""
    return (synthetic - real).abs().mean()
