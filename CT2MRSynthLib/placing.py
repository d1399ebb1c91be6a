"""What may become of a box while it is placed by hand: square, in its plane, deep enough, inside the CT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.volume import Volume

#: Least and greatest edge length (mm) that can be set by hand.
WIDTHS = (30.0, 250.0)

#: Points along right, anterior and superior that are asked whether they lie in the CT.
PROBES = (24, 24, 3)


def on_plane(frame: DiscFrame, plane: DiscFrame) -> DiscFrame:
    """The box brought back onto the plane of another: its turn and its place within that plane stay.

    Args:
        frame: Any box.
        plane: Gives the plane through its center along its right and anterior axis.
    """
    normal = plane.axes[2]
    anterior = frame.axes[1] - (frame.axes[1] @ normal) * normal
    length = np.linalg.norm(anterior)
    anterior = anterior / length if length > 1e-6 else plane.axes[1]
    center = frame.center - ((frame.center - plane.center) @ normal) * normal
    return replace(frame, center=center, axes=np.stack([np.cross(anterior, normal), anterior, normal]))


def squared(frame: DiscFrame, before: DiscFrame) -> DiscFrame:
    """The box made square: the edge that was changed decides.

    Args:
        frame: The box now.
        before: The box before an edge was dragged.
    """
    changed = int(np.argmax(np.abs(frame.extent[:2] - before.extent[:2])))
    return with_width(frame, frame.extent[changed])


def with_width(frame: DiscFrame, width: float) -> DiscFrame:
    """The box with both edges of the slice ``width`` mm long, within ``WIDTHS``."""
    width = float(np.clip(width, *WIDTHS))
    return replace(frame, extent=[width, width, frame.extent[2]])


def deep_enough(frame: DiscFrame, slices: int, thickness: float) -> DiscFrame:
    """The box, at least as deep as ``slices`` slices of ``thickness`` mm."""
    return frame.with_depth(max(float(frame.extent[2]), slices * thickness))


def is_same(frame: DiscFrame, other: DiscFrame | None) -> bool:
    """Whether two boxes have the same corners within a few micrometers, and the same name."""
    return (
        other is not None
        and frame.level == other.level
        and np.allclose(frame.center, other.center, rtol=0, atol=2e-3)
        and np.allclose(frame.extent, other.extent, rtol=0, atol=2e-3)
        and np.allclose(frame.axes, other.axes, rtol=0, atol=2e-5)
    )


def outside_share(frame: DiscFrame, volume: Volume) -> float:
    """Share of the box, 0 to 1, that lies outside the volume, from some points spread over it."""
    ticks = [(np.arange(count) + 0.5) / count - 0.5 for count in PROBES]
    mesh = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, 3)
    ijk = volume.world_to_ijk(frame.center + (mesh * frame.extent) @ frame.axes)
    inside = ((ijk >= -0.5) & (ijk <= np.asarray(volume.size) - 0.5)).all(axis=1)
    return 1.0 - float(inside.mean())
