"""Gradients of 3 x 3 convolutions by F(2 x 2, 3 x 3) of Lavin and Gray (2016): 16 products where the sum needs 36.

Each rounding of bfloat16 costs three times what it does in the sum as written, which is nothing to what gradients lose
by the rounding of the activations. The activations themselves are computed as written.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def gradient_of_image(gradient: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Gradient of what was convolved without padding.

    Args:
        gradient: Of the result, shape (n, o, h, w), h and w even.
        weight: Shape (o, c, 3, 3).

    Returns:
        Shape (n, c, h + 2, w + 2).
    """
    tiles = _spread_image(functional.pad(gradient.permute(0, 2, 3, 1), (0, 0, 2, 2, 2, 2)))
    turned = weight.permute(2, 3, 0, 1).flatten(0, 1).flip(0)
    kernels = _transform(weight).to(weight.dtype) @ turned.flatten(1)
    products = torch.bmm(_as_matrices(tiles), kernels.view(16, *weight.shape[:2]))
    return _gather_result(products.view(*tiles.shape[:-1], -1)).permute(0, 3, 1, 2)


def gradient_of_weights(padded: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Gradient of the kernels, shape (o, c, 3, 3).

    Args:
        padded: What was convolved, shape (n, c, h + 2, w + 2), h and w even.
        gradient: Of the result, shape (n, o, h, w).
    """
    image = _as_matrices(_spread_image(padded.permute(0, 2, 3, 1)))
    result = _as_matrices(_spread_result(gradient.permute(0, 2, 3, 1)))
    products = torch.bmm(result.mT, image)
    kernels = _transform(gradient, torch.promote_types(gradient.dtype, torch.float32)).T
    kernels = (kernels @ products.flatten(1).to(kernels.dtype)).to(padded.dtype)
    return kernels.view(3, 3, *products.shape[1:]).permute(2, 3, 0, 1)


def _transform(like: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
    """From the 9 places of a kernel to its 16 factors, shape (16, 9)."""
    one = [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
    one = torch.tensor(one, dtype=dtype or like.dtype, device=like.device)
    return torch.kron(one, one)


def _as_matrices(tiles: torch.Tensor) -> torch.Tensor:
    """(4, 4, n, h, w, c) to (16, n h w, c)."""
    return tiles.flatten(2, 4).flatten(0, 1)


def _spread_image(image: torch.Tensor) -> torch.Tensor:
    """Every 4 x 4 pixels, two apart, as their 16 combinations: (n, h + 2, w + 2, c) to (4, 4, n, h / 2, w / 2, c)."""
    count, height, width, channels = image.shape
    rows = image.new_empty(4, count, height // 2 - 1, width, channels)
    even, odd = image[:, 0::2], image[:, 1::2]
    _combine(rows.unbind(0), even[:, :-1], odd[:, :-1], even[:, 1:], odd[:, 1:])
    both = image.new_empty(4, 4, count, height // 2 - 1, width // 2 - 1, channels)
    even, odd = rows[:, :, :, 0::2], rows[:, :, :, 1::2]
    _combine(both.unbind(1), even[..., :-1, :], odd[..., :-1, :], even[..., 1:, :], odd[..., 1:, :])
    return both


def _combine(out, one: torch.Tensor, two: torch.Tensor, three: torch.Tensor, four: torch.Tensor) -> None:
    torch.sub(one, three, out=out[0])
    torch.add(two, three, out=out[1])
    torch.sub(three, two, out=out[2])
    torch.sub(two, four, out=out[3])


def _spread_result(gradient: torch.Tensor) -> torch.Tensor:
    """Every 2 x 2 pixels as their 16 combinations: (n, h, w, o) to (4, 4, n, h / 2, w / 2, o)."""
    count, height, width, channels = gradient.shape
    rows = gradient.new_empty(4, count, height // 2, width, channels)
    _expand(rows.unbind(0), gradient[:, 0::2], gradient[:, 1::2])
    both = gradient.new_empty(4, 4, count, height // 2, width // 2, channels)
    _expand(both.unbind(1), rows[:, :, :, 0::2], rows[:, :, :, 1::2])
    return both


def _expand(out, one: torch.Tensor, two: torch.Tensor) -> None:
    out[0].copy_(one)
    torch.add(one, two, out=out[1])
    torch.sub(one, two, out=out[2])
    torch.neg(two, out=out[3])


def _gather_result(products: torch.Tensor) -> torch.Tensor:
    """The 16 sums of products of each tile as its 2 x 2 pixels: (4, 4, n, h / 2, w / 2, c) to (n, h, w, c)."""
    _, _, count, height, width, channels = products.shape
    rows = products.new_empty(2, *products.shape[1:])
    _contract(rows.unbind(0), products.unbind(0))
    both = products.new_empty(count, height, 2, width, 2, channels)
    places = both.permute(2, 4, 0, 1, 3, 5)
    _contract(places.unbind(1), rows.unbind(1))
    return both.view(count, 2 * height, 2 * width, channels)


def _contract(out, parts) -> None:
    one, two, three, four = parts
    torch.add(torch.add(two, three), one, out=out[0])
    torch.sub(torch.sub(two, three), four, out=out[1])
