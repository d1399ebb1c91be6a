"""The objective: conditional log loss of the GAN plus lambda times the mean absolute error."""

from __future__ import annotations

import torch
from torch.nn import functional


def discriminator_loss(real: torch.Tensor, synthetic: torch.Tensor, kind: str = "log") -> torch.Tensor:
    """What the discriminator minimizes, from its logits on real and synthetic slices.

    Args:
        real: Any shape.
        synthetic: Any shape.
        kind: "log": -E[log D(ct, mr)] - E[log(1 - D(ct, G(ct)))]; "least-squares" (Mao et al. 2017):
            E[(D(ct, mr) - 1)^2] / 2 + E[D(ct, G(ct))^2] / 2.
    """
    if kind == "least-squares":
        return 0.5 * ((real - 1.0).square().mean() + synthetic.square().mean())
    return functional.softplus(-real).mean() + functional.softplus(synthetic).mean()


def adversarial_loss(synthetic: torch.Tensor, kind: str = "log") -> torch.Tensor:
    """What the generator minimizes beside the absolute error, from the discriminator's logits on synthetic slices.

    -E[log D(ct, G(ct))], or with "least-squares" E[(D(ct, G(ct)) - 1)^2] / 2. With the log loss the generator maximizes
    log D instead of minimizing log(1 - D), as Goodfellow et al. (2014) and Isola et al. (2017) do: same
    fixed point, but a gradient also while the discriminator is sure.
    """
    if kind == "least-squares":
        return 0.5 * (synthetic - 1.0).square().mean()
    return functional.softplus(-synthetic).mean()


def absolute_error(synthetic: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of two images of the scale -1 .. 1."""
    return (synthetic - real).abs().mean()
