import json

import numpy as np
import pytest
from bodies import oblique_frame, tilted_axes

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.markups import read_boxes, read_points, write_box, write_points


def written(tmp_path, markup, name="box.mrk.json"):
    path = tmp_path / name
    path.write_text(json.dumps({"@schema": "markups-schema-v1.0.3.json#", "markups": [markup]}))
    return path


def roi(system="LPS", **changes):
    axes = tilted_axes(5, 20, 3)
    signs = np.array([-1, -1, 1]) if system == "LPS" else np.ones(3)
    markup = {
        "type": "ROI",
        "coordinateSystem": system,
        "coordinateUnits": "mm",
        "center": list(np.array([5.0, -20, 30]) * signs),
        "orientation": list((axes * signs).T.ravel()),
        "size": [90, 80, 4],
    }
    return {**markup, **changes}


def test_box_survives_writing_and_reading(tmp_path):
    frame = oblique_frame()
    (again,) = read_boxes(write_box(tmp_path / "box.mrk.json", frame))
    np.testing.assert_allclose(again.corners(), frame.corners(), atol=1e-9)
    assert again.level == frame.level


def test_lps_and_ras_files_of_one_box_agree(tmp_path):
    boxes = [read_boxes(written(tmp_path, roi(system)))[0] for system in ("LPS", "RAS")]
    np.testing.assert_allclose(boxes[0].corners(), boxes[1].corners(), atol=1e-9)
    np.testing.assert_allclose(boxes[0].center, [5, -20, 30])


def test_micrometers_are_converted(tmp_path):
    small = roi(center=[0, 0, 1000.0], size=[90000, 80000, 4000], coordinateUnits=["um", "UCUM", "micrometer"])
    (box,) = read_boxes(written(tmp_path, small))
    np.testing.assert_allclose(box.extent, [90, 80, 4])
    np.testing.assert_allclose(box.center, [0, 0, 1])


def test_plane_is_a_box_of_the_depth_asked_for(tmp_path):
    plane = roi(type="Plane", size=[70, 60, 0], planeBounds=[-35, 35, -30, 30])
    (box,) = read_boxes(written(tmp_path, plane), plane_depth=6.0)
    np.testing.assert_allclose(box.extent, [70, 60, 6])


def test_plane_bounds_beside_the_origin_move_the_box(tmp_path):
    plane = roi(
        "RAS", type="Plane", center=[0, 0, 0], orientation=[1, 0, 0, 0, 1, 0, 0, 0, 1], planeBounds=[0, 40, -10, 20]
    )
    (box,) = read_boxes(written(tmp_path, plane))
    np.testing.assert_allclose(box.center, [20, 5, 0])
    np.testing.assert_allclose(box.extent, [40, 30, 4])


@pytest.mark.parametrize(
    ("markup", "file"),
    [
        ({"name": "disc l4/5 crop"}, "a.mrk.json"),
        ({"name": "L4-L5"}, "L3-L4.mrk.json"),
        ({}, "case_L4_L5.mrk.json"),
        ({"name": "R"}, "case_L4_L5.mrk.json"),
    ],
)
def test_box_is_named_after_its_level(tmp_path, markup, file):
    assert read_boxes(written(tmp_path, roi(**markup), file))[0].level == "L4-L5"


def test_points_keep_labels_and_places_and_unplaced_ones_are_left_out(tmp_path):
    points = [("disc front", np.array([1.0, 2, 3])), ("sac", np.array([-4.0, 5, 6]))]
    path = write_points(tmp_path / "points.mrk.json", {"L4-L5": points})
    document = json.loads(path.read_text())
    document["markups"][0]["controlPoints"].append(
        {"label": "ventral", "positionStatus": "undefined", "position": [0, 0, 0]}
    )
    path.write_text(json.dumps(document))
    again = read_points(path)["L4-L5"]
    assert [label for label, _ in again] == ["disc front", "sac"]
    np.testing.assert_allclose([place for _, place in again], [place for _, place in points])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"orientation": [1, 0, 0, 0, 1, 0, 0, 0, -1]}, "left-handed"),
        ({"size": [90, 80, 0]}, "90 x 80 x 0 mm"),
        ({"size": "large"}, "3 numbers"),
        ({"size": [1e300, 80, 4]}, "longer than any CT"),
        ({"coordinateUnits": "in"}, "'in'"),
        ({"coordinateUnits": [[]]}, "units of"),
        ({"coordinateSystem": "XYZ"}, "'XYZ'"),
        ({"type": "Line"}, "holds no box: Line found"),
        ({"center": None}, "3 numbers"),
    ],
)
def test_unusable_boxes_are_refused_in_words(tmp_path, change, words):
    with pytest.raises(InputError, match=words):
        read_boxes(written(tmp_path, roi(**change)))


@pytest.mark.parametrize("text", ["", "no json", "[1, 2]", '{"markups": 3}', "\x00\xff", "[" * 100_000])
def test_files_that_are_no_markups_are_refused_in_words(tmp_path, text):
    path = tmp_path / "box.mrk.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"box\.mrk\.json"):
        read_boxes(path)


@pytest.mark.parametrize("points", [[], [{"label": "P-1", "positionStatus": "undefined", "position": [0, 0, 0]}]])
def test_a_plane_not_yet_placed_is_refused(tmp_path, points):
    plane = roi(type="Plane", size=[70, 60, 0], planeBounds=[-35, 35, -30, 30], controlPoints=points)
    with pytest.raises(InputError, match="not placed yet"):
        read_boxes(written(tmp_path, plane))


def test_a_file_with_byte_order_mark_is_read(tmp_path):
    path = written(tmp_path, roi())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_boxes(path)) == 1


def test_a_folder_is_no_markups_file(tmp_path):
    with pytest.raises(InputError, match="is no file"):
        read_boxes(tmp_path)


@pytest.mark.parametrize("points", [None, [3], {}])
def test_point_lists_without_points_are_refused_in_words(tmp_path, points):
    with pytest.raises(InputError, match="control points"):
        read_points(written(tmp_path, {"type": "Fiducial", "name": "L4-L5", "controlPoints": points}))


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match="nowhere.mrk.json does not exist"):
        read_boxes("nowhere.mrk.json")
