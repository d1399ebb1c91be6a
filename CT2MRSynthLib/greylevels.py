"""The 256 grey levels a network sees of a CT, and the Hounsfield window behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.errors import InputError


@dataclass(frozen=True)
class CTWindow:
    """A range of Hounsfield units that is spread over the grey levels 0 to 255.

    Args:
        low: Hounsfield units that become grey level 0; all below does too.
        high: Hounsfield units that become grey level 255; all above does too.

    Raises:
        InputError: The limits are not finite numbers or not in rising order.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            try:
                object.__setattr__(self, name, float(getattr(self, name)))
            except (TypeError, ValueError):
                raise InputError(
                    f"The CT window's {name} limit is {getattr(self, name)!r}; give a number of Hounsfield units."
                ) from None
        if not np.isfinite([self.low, self.high]).all() or self.low >= self.high:
            raise InputError(
                f"The CT window runs from {self.low:g} to {self.high:g} HU; give two numbers, the lower one first."
            )

    @property
    def width(self) -> float:
        """Hounsfield units between the limits."""
        return self.high - self.low


# Soft tissue and bone together. Fat (-100 HU) keeps its noise above the floor. One grey level is 3.14 HU, fine enough
# to tell cerebrospinal fluid (5 to 15 HU) from the disc (70 to 110) and the ligaments. Cancellous bone (80 to 280) and
# contrast-filled vessels (up to 400) stay below the ceiling. Only cortical bone and metal saturate, which on MR are a
# signal void however dense they are; air and DICOM padding go to the floor.
DEFAULT_CT_WINDOW = CTWindow(-200.0, 600.0)


def to_grey_levels(hu: np.ndarray, window: CTWindow = DEFAULT_CT_WINDOW) -> np.ndarray:
    """Grey levels of a CT under a window: ``round(255 * (clip(hu) - low) / (high - low))``.

    DICOM padding (-2000, -3024 ...) and metal (3071 and more) lie beyond any sensible window and clip to 0 and 255.

    Args:
        hu: Hounsfield units, any shape, any real dtype.
        window: Limits in Hounsfield units.

    Returns:
        uint8 array of the same shape.

    Raises:
        InputError: There are values that are not a number.
    """
    values = np.asarray(hu)
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise InputError(
            f"{int(np.isnan(values).sum())} of {values.size} CT values are not a number (NaN); "
            "repair or export the CT again."
        )
    scaled = np.clip(values, window.low, window.high).astype(np.float64)
    scaled -= window.low
    scaled *= 255.0 / window.width
    return np.rint(scaled).astype(np.uint8)
