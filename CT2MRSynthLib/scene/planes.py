"""Slice views and boxes: the plane a view shows as a box, and the plane of a box in a view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import MAXIMUM_NORMAL_TILT, DiscFrame
from CT2MRSynthLib.scene.matrices import to_array, to_matrix

#: A box is shown with this much around it where it would not fit into the view.
MARGIN = 1.1


def slice_to_ras(frame: DiscFrame) -> np.ndarray:
    """The matrix, shape (4, 4), that shows a box as a radiologist looks at an axial slice.

    Columns are what points right, up and out of the screen: the patient's left, anterior and superior, as in
    Slicer's own axial orientation.
    """
    matrix = np.eye(4)
    matrix[:3, :3] = (frame.axes * np.array([[-1.0], [1.0], [1.0]])).T
    matrix[:3, 3] = frame.center
    return matrix


def view_center(slice_node) -> np.ndarray:
    """The world point, RAS mm, in the middle of a slice view."""
    x, y, _ = slice_node.GetXYZOrigin()  # how far the view was dragged along its plane
    return (to_array(slice_node.GetSliceToRAS()) @ [x, y, 0.0, 1.0])[:3]


def canal_in_view(slice_node, ct_node) -> np.ndarray | None:
    """The middle of the spinal canal in the plane that a slice view shows, world RAS mm; None where none is found.

    Args:
        slice_node: ``vtkMRMLSliceNode``.
        ct_node: Volume node of the CT.
    """
    from CT2MRSynthLib.canal import find_canal
    from CT2MRSynthLib.scene.volumes import volume_from_node

    plane = frame_of_view(slice_node, 1.0, 1.0, "free")
    volume = volume_from_node(ct_node)
    middle = (volume.ijk_to_ras @ [*((np.array(volume.size) - 1) / 2), 1.0])[:3]
    return find_canal(volume, middle - ((middle - plane.center) @ plane.axes[2]) * plane.axes[2], plane.axes)


def frame_of_view(slice_node, width: float, depth: float, level: str, around: np.ndarray | None = None) -> DiscFrame:
    """The square box in the plane that a slice view shows, oblique as it stands.

    Args:
        slice_node: ``vtkMRMLSliceNode``.
        width: Edge length in mm.
        depth: Depth in mm.
        level: Name of the box.
        around: World point, RAS mm, that is projected onto the plane and becomes the center. None: the center of
            the view.

    Raises:
        InputError: The view is turned to sagittal, coronal or nearly so.
    """
    matrix = to_array(slice_node.GetSliceToRAS())[:3, :3]
    matrix = matrix / np.linalg.norm(matrix, axis=0)
    up, out = matrix[:, 1], matrix[:, 2]
    tilt = float(np.degrees(np.arccos(min(1.0, abs(out[2])))))
    if tilt > MAXIMUM_NORMAL_TILT:
        raise InputError(
            f"The view {slice_node.GetName()!r} is tilted by {tilt:.0f} degrees from axial; set its orientation to"
            " Axial, then tilt it to the disc."
        )
    center = view_center(slice_node)
    if around is not None:
        center = around - ((around - center) @ out) * out
    # screen axes are left-handed in axial views; the box is not
    return DiscFrame.from_box(center, np.stack([np.cross(up, out), up, out]), [width, width, depth], level)


def show_frame(slice_node, frame: DiscFrame) -> None:
    """Let a slice view show the plane of a box; where it looks and how near stay, if the whole box is seen so."""
    center = view_center(slice_node)
    center = center - ((center - frame.center) @ frame.axes[2]) * frame.axes[2]
    fov = np.array(slice_node.GetFieldOfView())
    offset = np.abs(frame.axes[:2] @ (frame.center - center))
    if (offset + frame.extent[:2] / 2 > fov[:2] / 2).any():
        center = frame.center
        fov[:2] *= max(1.0, *(MARGIN * frame.extent[:2] / fov[:2]))
    before = slice_node.StartModify()
    slice_node.SetFieldOfView(*fov.tolist())
    slice_node.SetSliceOrigin(0.0, 0.0, 0.0)
    slice_node.GetSliceToRAS().DeepCopy(to_matrix(slice_to_ras(replace(frame, center=center))))
    slice_node.UpdateMatrices()
    slice_node.EndModify(before)


def shows_plane(slice_node, frame: DiscFrame) -> bool:
    """Whether a slice view shows the plane of a box, within a tenth of a millimeter and of a degree."""
    matrix = to_array(slice_node.GetSliceToRAS())
    parallel = abs(matrix[:3, 2] @ frame.axes[2]) / np.linalg.norm(matrix[:3, 2])
    distance = abs((matrix[:3, 3] - frame.center) @ frame.axes[2])
    return bool(parallel > np.cos(np.radians(0.1)) and distance < 0.1)


def show_point(slice_node, point: np.ndarray) -> None:
    """Let a slice view, turned as it is, pass through a world point, RAS mm."""
    slice_node.JumpSliceByOffsetting(*(float(value) for value in point))
