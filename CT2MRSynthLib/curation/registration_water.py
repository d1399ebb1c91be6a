"""The last step at a level: from where the MR's fat fits best to where its water does."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from CT2MRSynthLib.curation.registration_images import Picture
from CT2MRSynthLib.curation.registration_search import Stage, descend

#: HU below which the CT shows fat, mm around it that its edges reach, and mm by which it may be shifted.
FAT, RIM, SHIFT = 0.0, 2.0, 2.0

_STAGES = (Stage(0.0, 0.3, 0.02, 20),)


def step_onto_water(mr: Picture, ct: Picture, matrix: np.ndarray) -> np.ndarray:
    """How far to move within the slices' plane to where tissue without fat fits best.

    The edges of fat, the strongest, are chemically shifted along the frequency axis, which lies in that plane. Along
    the normal and for the angles they are not, and without them little is left to go by.

    Args:
        mr, ct: At one level, their third axes along the slices' normal.
        matrix: 4x4, from MR-world to CT-world RAS mm, where all tissue fits best.

    Returns:
        mm along right, anterior and superior of the CT's world; zero where the search went astray.
    """
    lean = ct.values >= FAT
    lean &= ndimage.distance_transform_edt(lean, sampling=ct.lattice.spacing[::-1]) > RIM
    found = descend(mr, ct.within(lean), matrix, _STAGES)
    center = mr.points().mean(axis=0)
    step = (found - matrix)[:3, :3] @ center + (found - matrix)[:3, 3]
    if mr.lattice.spacing[2] > 1.5 * mr.lattice.spacing[0]:
        step -= (step @ ct.lattice.axes[2]) * ct.lattice.axes[2]
    # more than fat may be shifted by is a search gone astray
    return step if np.linalg.norm(step) <= SHIFT else np.zeros(3)
