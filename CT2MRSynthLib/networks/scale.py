"""Between what images are stored in and what the networks see."""

from __future__ import annotations

import numpy as np
import torch

from CT2MRSynthLib.greylevels import CTWindow, to_grey_levels


def grey_to_tensor(grey: np.ndarray) -> torch.Tensor:
    """Grey levels 0 to 255, shape (n, h, w), to a channels-last tensor (n, 1, h, w) of -1 .. 1, float32."""
    tensor = torch.from_numpy(np.ascontiguousarray(grey, dtype=np.float32)).unsqueeze(1)
    return (tensor / 127.5 - 1.0).to(memory_format=torch.channels_last)


def ct_to_tensor(hu: np.ndarray, window: CTWindow) -> torch.Tensor:
    """Hounsfield units, shape (n, h, w), through the 256 grey levels to a tensor as above."""
    return grey_to_tensor(to_grey_levels(hu, window))


def tensor_to_grey(image: torch.Tensor) -> np.ndarray:
    """Network output (n, 1, h, w), -1 .. 1, to uint8 grey levels (n, h, w)."""
    levels = (image.float() * 127.5 + 127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).squeeze(1).cpu().numpy()
