import json
import subprocess
import sys

import numpy as np
import pytest
import runs
from bodies import tilted_axes

from CT2MRSynthLib.crop import Landmarks, crop_box
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.markups import read_boxes, write_points

AXES = tilted_axes(0, 25, 0)
CENTER = np.array([4.0, -30.0, -120.0])


def at(right, anterior, superior=0.0):
    return CENTER + np.array([right, anterior, superior]) @ AXES


def points():
    return [
        ("disc front", at(0, 60)),
        ("disc back", at(0, 20)),
        ("ventral", at(3, 58, 9.0)),
        ("sac", at(1, 10, -2.0)),
    ]


def test_ventral_cut_passes_the_ventral_point_and_sac_is_half_way():
    box = crop_box(Landmarks.from_points(points()), "L4-L5")
    in_box = (np.array([place for _, place in points()]) - box.center) @ box.axes.T
    assert in_box[2, 1] == pytest.approx(box.extent[1] / 2)  # ventral point on the ventral face
    assert in_box[3, :2] == pytest.approx([0, 0])  # sac center in the middle of the plane
    assert box.extent == pytest.approx([96, 96, 4])
    assert box.level == "L4-L5"


def test_the_box_lies_in_the_disc_plane():
    box = crop_box(Landmarks.from_points(points()), "L4-L5")
    for name in (0, 1):
        assert (points()[name][1] - box.center) @ box.axes[2] == pytest.approx(0)


def test_three_points_give_the_plane_with_its_lateral_tilt():
    axes = tilted_axes(11, 20, 0)
    disc = [("disc 1", [20, 40, 0]), ("disc 2", [-20, 40, 0]), ("disc 3", [0, 10, 0]), ("disc 4", [15, 15, 0])]
    rest = [("Ventral edge", [0, 45, 3]), ("Sac center", [0, 0, 1])]
    box = crop_box(Landmarks.from_points([(name, np.array(place) @ axes) for name, place in disc + rest]))
    np.testing.assert_allclose(box.axes[2], axes[2], atol=1e-9)


def test_a_rectangular_crop_is_as_wide_as_asked():
    landmarks = Landmarks.from_points(points())
    box = crop_box(landmarks, lateral_half_width=55, square=False)
    assert box.extent[:2] == pytest.approx([110, 96])
    with pytest.raises(InputError, match="55 mm does not fit a square crop of half-width 48"):
        crop_box(landmarks, "L4-L5", lateral_half_width=55)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sac": None}, "'sac' is missing"),
        ({"disc back": None}, "'disc front' and 'disc back'"),
        ({"ventral": at(0, -40)}, "-50.0 mm in front of the sac"),
        ({"disc front": at(0, -60)}, "exchange them"),
        ({"disc front": at(0, 20)}, "coincide"),
    ],
)
def test_landmarks_that_cannot_be_are_refused_in_words(change, words):
    given = [(name, change.get(name, place)) for name, place in points()]
    with pytest.raises(InputError, match=words):
        crop_box(Landmarks.from_points([point for point in given if point[1] is not None]))


def test_a_landmark_given_twice_is_refused():
    with pytest.raises(InputError, match="'sac' is given 2 times"):
        Landmarks.from_points([*points(), ("Sac", at(0, 0))])


def test_crop_command_writes_one_box_per_level(tmp_path):
    lists = {"L4-L5": points(), "L3-L4": [(name, place + [0, 0, 35]) for name, place in points()]}
    write_points(tmp_path / "landmarks.mrk.json", lists)
    command = [sys.executable, "-m", "CT2MRSynthLib", "crop", "--landmarks", "landmarks.mrk.json", "--out", "boxes"]
    subprocess.run(command, cwd=tmp_path, env=runs.ENVIRONMENT, check=True)
    boxes = {path.name: read_boxes(path)[0] for path in (tmp_path / "boxes").iterdir()}
    assert sorted(boxes) == ["L3-L4.mrk.json", "L4-L5.mrk.json"]
    expected = crop_box(Landmarks.from_points(points()), "L4-L5")
    np.testing.assert_allclose(boxes["L4-L5.mrk.json"].corners(), expected.corners(), atol=1e-9)
    assert json.loads((tmp_path / "boxes" / "L4-L5.mrk.json").read_text())["markups"][0]["type"] == "ROI"
