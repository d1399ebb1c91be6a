"""The paper's crop rule: from landmarks of one disc to the box of its slice.

Rule (spine CT-to-MR study, 2020): in the slice plane, parallel to the endplates through mid-disc, the ventral
cut passes through the most ventral point of the vertebral body; the distance d from it to the thecal sac center is
laid off again dorsally; the lateral half-width must show both lateral sides of the vertebral body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.markups import Point

#: Distance from the ventral cut to the sac center that a human lumbar spine can have, in mm.
PLAUSIBLE_DISTANCE = (20.0, 90.0)

RIGHT, ANTERIOR, SUPERIOR = np.eye(3)


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of one disc, world RAS mm.

    Args:
        disc: Points on the mid-disc plane, shape (n, 3): three or more anywhere on it, or just front and back.
        ventral: Most ventral point of the vertebral body, shape (3,).
        sac: Center of the thecal sac, shape (3,).
        front: Anterior edge of the disc in the mid-sagittal plane, shape (3,), or None.
        back: Posterior edge of the disc in the mid-sagittal plane, shape (3,), or None.
    """

    disc: np.ndarray
    ventral: np.ndarray
    sac: np.ndarray
    front: np.ndarray | None = None
    back: np.ndarray | None = None

    @classmethod
    def from_points(cls, points: list[Point]) -> Landmarks:
        """Sort labelled points.

        Labels, in any case: "disc front" and "disc back" (mid-sagittal), further ones beginning with "disc"; one
        beginning with "ventral"; one beginning with "sac" or "thecal".

        Raises:
            InputError: A landmark is missing or given twice.
        """
        front = _only(points, ("disc front",), required=False)
        back = _only(points, ("disc back",), required=False)
        disc = [place for label, place in points if label.lower().strip().startswith("disc")]
        if len(disc) < 2 or (len(disc) == 2 and (front is None or back is None)):
            raise InputError(
                f"The disc plane needs 'disc front' and 'disc back', or three or more points named 'disc ...'; "
                f"{len(disc)} found among {_labels(points)}."
            )
        return cls(np.array(disc), _only(points, ("ventral",)), _only(points, ("sac", "thecal")), front, back)


def crop_box(
    landmarks: Landmarks,
    level: str = "free",
    thickness: float = 4.0,
    lateral_half_width: float | None = None,
    square: bool = True,
) -> DiscFrame:
    """The box of one disc by the paper's rule.

    The sac center, projected to the disc plane, is the center of the box; the ventral cut runs through the ventral
    point; the dorsal cut lies as far behind the sac center as the ventral cut before it.

    Args:
        landmarks: Where the disc, the vertebral body and the sac are.
        level: Name of the box.
        thickness: Depth of the box along the plane's normal, in mm.
        lateral_half_width: Half-width in mm that shows both lateral sides of the vertebral body. None: the distance d.
        square: Make the box 2 d x 2 d (pixels stay square at 256 x 256). False: 2 x lateral half-width wide.

    Raises:
        InputError: The points do not span a plane, the ventral point is not in front of the sac by 20 to 90 mm, or a
            square box would cut off what the lateral half-width must show.
    """
    axes = disc_axes(landmarks)
    distance = float((landmarks.ventral - landmarks.sac) @ axes[1])
    if not PLAUSIBLE_DISTANCE[0] <= distance <= PLAUSIBLE_DISTANCE[1]:
        raise InputError(
            f"The ventral point lies {distance:.1f} mm in front of the sac center, 20 to 90 mm are plausible; "
            f"check that 'ventral' and 'sac' are not exchanged or misplaced."
        )
    half_width = distance if lateral_half_width is None else float(lateral_half_width)
    if square and half_width > distance + 1e-6:
        raise InputError(
            f"A lateral half-width of {half_width:g} mm does not fit a square crop of half-width {distance:.1f} mm "
            f"(ventral cut to sac center); allow a rectangular crop or use a smaller half-width."
        )
    width = distance if square else half_width
    middle = landmarks.disc.mean(axis=0)
    center = landmarks.sac + ((middle - landmarks.sac) @ axes[2]) * axes[2]
    return DiscFrame(center, axes, [2 * width, 2 * distance, thickness], level)


def disc_axes(landmarks: Landmarks) -> np.ndarray:
    """Right, anterior and superior axis of the disc plane as rows."""
    forward = ANTERIOR
    if landmarks.front is not None and landmarks.back is not None:
        forward = landmarks.front - landmarks.back
    if len(landmarks.disc) == 2:
        normal = np.cross(RIGHT, forward)
    else:
        # the plane of least squares: the direction in which the points spread least is its normal
        _, spread, directions = np.linalg.svd(landmarks.disc - landmarks.disc.mean(axis=0))
        if spread[1] < 1.0:
            raise InputError("The disc points lie on one line and give no plane; place one to the side of the others.")
        normal = directions[2]
    length = np.linalg.norm(normal)
    if length < 1.0e-6:
        raise InputError("'disc front' and 'disc back' give no plane: they coincide or lie beside each other.")
    superior = normal / length * (1 if normal @ SUPERIOR >= 0 else -1)
    anterior = forward - (forward @ superior) * superior
    if anterior @ ANTERIOR <= 0 or np.linalg.norm(anterior) < 1.0e-6:
        raise InputError("'disc front' does not lie in front of 'disc back'; exchange them.")
    anterior = anterior / np.linalg.norm(anterior)
    return np.stack([np.cross(anterior, superior), anterior, superior])


def _only(points: list[Point], beginnings: tuple[str, ...], required: bool = True) -> np.ndarray | None:
    found = [place for label, place in points if label.lower().strip().startswith(beginnings)]
    if len(found) == 1 or (not found and not required):
        return found[0] if found else None
    problem = "is missing" if not found else f"is given {len(found)} times"
    raise InputError(
        f"The landmark {beginnings[0]!r} {problem} among {_labels(points)}; one point of that name is needed."
    )


def _labels(points: list[Point]) -> str:
    return ", ".join(repr(label) for label, _ in points) or "no points"
