"""The spinal canal is found in planes through the lumbar spine, wherever the view looks."""

import numpy as np
import pytest
from conftest import ROOT
from scipy.spatial.transform import Rotation

from CT2MRSynthLib.canal import find_canal
from CT2MRSynthLib.crop import Landmarks, crop_box
from CT2MRSynthLib.imageio import read_ct
from CT2MRSynthLib.markups import read_points
from CT2MRSynthLib.volume import Volume

DATA = ROOT / "Testing" / "Data"


def boxes(name):
    return {
        level: crop_box(Landmarks.from_points(points), level)
        for level, points in read_points(DATA / f"{name}_landmarks.mrk.json").items()
    }


def miss(volume, box, turn=(0, 0, 0), shift=0.0) -> float:
    """Distance in the plane, mm, from the sac's center to what is found, from the middle of the CT on; inf: nothing."""
    axes = box.axes @ Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    place = box.center + shift * axes[2]
    middle = (volume.ijk_to_ras @ [*((np.array(volume.size) - 1) / 2), 1.0])[:3]
    found = find_canal(volume, middle - ((middle - place) @ axes[2]) * axes[2], axes)
    return np.inf if found is None else float(np.linalg.norm(found - place))


@pytest.mark.parametrize(
    ("name", "file"),
    [("abdomen_thin", "abdomen_thin_dicom.zip"), ("abdomen_pelvis_3mm", "abdomen_pelvis_3mm.nii.gz")],
)
def test_it_is_found_at_every_disc_of_real_cts_also_in_a_tilted_plane(shared_data, name, file):
    volume = read_ct(shared_data / "ct" / file)
    for level, box in boxes(name).items():
        for turn, shift in (((0, 0, 0), 0.0), ((6, 0, 0), 4.0), ((-5, 5, 3), -4.0)):
            assert miss(volume, box, turn, shift) < 6, f"{level}, turned by {turn} degrees"


def test_with_slices_of_5_mm_it_is_found_or_not_but_seldom_elsewhere(shared_data):
    volume = read_ct(shared_data / "ct" / "abdomen_pelvis_5mm_dicom.zip")
    misses = np.array([miss(volume, box) for box in boxes("abdomen_pelvis_5mm").values()])
    assert (misses[np.isfinite(misses)] < 6).all()
    assert np.isfinite(misses).sum() >= 4


def test_it_is_found_where_the_ct_shows_one_side_of_the_body_only(shared_data):
    volume = read_ct(shared_data / "ct" / "abdomen_thin_dicom.zip")
    places = boxes("abdomen_thin")
    first, last = (
        np.linalg.inv(volume.ijk_to_ras) @ [*(places["L4-L5"].center + [side, 0, 0]), 1] for side in (60, -140)
    )
    low, high = sorted((int(first[0]), int(last[0])))
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, 0] * low
    part = Volume(volume.array[:, :, low:high], matrix)
    for level, box in places.items():
        assert miss(part, box) < 6, level


def test_a_body_without_bone_has_none():
    array = np.full((30, 60, 60), 40, dtype=np.int16)
    array[:, :5] = -1000
    matrix = np.diag([-4.0, -4.0, 4.0, 1.0])
    assert find_canal(Volume(array, matrix), np.array([-120.0, -120.0, 60.0]), np.eye(3)) is None


def test_air_alone_has_none():
    array = np.full((10, 20, 20), -1000, dtype=np.int16)
    assert find_canal(Volume(array, np.diag([-9.0, -9.0, 9.0, 1.0])), np.zeros(3), np.eye(3)) is None
