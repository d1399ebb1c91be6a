"""A convolution that trains faster on a CPU in bfloat16: the same sums from large matrix products."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from CT2MRSynthLib.networks import winograd

#: Fewer channels or more pixels are not faster this way.
LEAST_CHANNELS = 64
MOST_PIXELS = 32 * 32


class Convolution(nn.Conv2d):
    """A convolution; with ``fast`` set, 3 x 3 and 4 x 4 ones of many channels are trained in faster ways.

    Both ways are for bfloat16 on a CPU and for gradients; otherwise it is the convolution of torch. Measured with 256
    channels of 64 x 64 and 512 channels of 16 x 16 on one core.
    """

    def __init__(self, *arguments, **more) -> None:
        super().__init__(*arguments, **more)
        self.fast = False

    def _conv_forward(self, image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Called by torch with the weights in use."""
        if self.fast and _is_worth_it(image, weight):
            if self._is_square_of(3):
                mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
                padded = functional.pad(image, self._reversed_padding_repeated_twice, mode=mode)
                return _ThreeByThree.apply(padded, weight, bias)
            if self._is_square_of(4, stride=2) and bias is None and image[0, 0].numel() <= MOST_PIXELS:
                return _FourByFour.apply(image, weight)
        return super()._conv_forward(image, weight, bias)

    def _is_square_of(self, size: int, stride: int = 1) -> bool:
        alike = self.kernel_size == (size, size) and self.stride == (stride, stride) and self.padding == (1, 1)
        return alike and self.dilation == (1, 1) and self.groups == 1


def _is_worth_it(image: torch.Tensor, weight: torch.Tensor) -> bool:
    small = image.dtype == weight.dtype == torch.bfloat16 and image.device.type == "cpu"
    even = image.shape[2] % 2 == 0 and image.shape[3] % 2 == 0
    return small and even and min(weight.shape[:2]) >= LEAST_CHANNELS and torch.is_grad_enabled()


class _ThreeByThree(torch.autograd.Function):
    """A 3 x 3 convolution of a padded image whose gradients are computed by ``winograd``."""

    @staticmethod
    def forward(ctx, padded: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(padded, weight)
        return functional.conv2d(padded, weight, bias)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        padded, weight = ctx.saved_tensors
        image, kernels, offset = ctx.needs_input_grad
        return (
            winograd.gradient_of_image(gradient, weight) if image else None,
            winograd.gradient_of_weights(padded, gradient) if kernels else None,
            gradient.sum(dim=(0, 2, 3)) if offset else None,
        )


class _FourByFour(torch.autograd.Function):
    """A 4 x 4 convolution of stride 2, padded by 1, of a small image: one matrix product, with weights as they lie."""

    @staticmethod
    def forward(ctx, image: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        patches, kernels = _patches(image), weight.permute(0, 2, 3, 1).flatten(1)
        ctx.save_for_backward(patches, kernels)
        ctx.shape = image.shape
        result = patches @ kernels.T
        return result.view(len(image), image.shape[2] // 2, image.shape[3] // 2, -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        patches, kernels = ctx.saved_tensors
        flat = gradient.permute(0, 2, 3, 1).flatten(0, 2)
        image = _image(flat @ kernels, ctx.shape) if ctx.needs_input_grad[0] else None
        weight = flat.T @ patches if ctx.needs_input_grad[1] else None
        if weight is not None:
            weight = weight.unflatten(1, (4, 4, ctx.shape[1])).permute(0, 3, 1, 2)
        return image, weight


def _patches(image: torch.Tensor) -> torch.Tensor:
    """What each 4 x 4 kernel sees: (n, c, h, w) to (n h / 2 w / 2, 16 c)."""
    padded = functional.pad(image.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    return padded.unfold(1, 4, 2).unfold(2, 4, 2).permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)


def _image(patches: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The sum of all patches at their places, (n, c, h, w)."""
    count, channels, height, width = shape
    patches = patches.view(count, height // 2, width // 2, 4, 4, channels)
    padded = patches.new_zeros(count, height + 2, width + 2, channels)
    for row in range(4):
        for column in range(4):
            padded[:, row : row + height : 2, column : column + width : 2] += patches[:, :, :, row, column]
    return padded[:, 1:-1, 1:-1].permute(0, 3, 1, 2)
