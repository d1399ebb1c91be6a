import numpy as np
import pytest
from curated import HU, T2, ct_of, frame_at, landmarks, mr_of, scan, write_landmarks

from CT2MRSynthLib.curation import checks
from CT2MRSynthLib.curation.boxes import read_levels, with_half_width
from CT2MRSynthLib.curation.greymap import correct_shading, find_mapping
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.markups import write_box
from CT2MRSynthLib.phantom.pair import render_pair


def slices(volume) -> list[np.ndarray]:
    return list(volume.array[8:18:3])


def test_boxes_follow_the_crop_rule_or_are_squared_as_drawn(tmp_path):
    points = write_landmarks(tmp_path / "p.mrk.json", L4_L5=landmarks(s=4.0, distance=40.0))
    drawn = write_box(tmp_path / "L3-L4.mrk.json", frame_at(30, level="L3-L4"))
    other = write_box(tmp_path / "L4-L5.mrk.json", frame_at(9, level="L4-L5"))
    upper, lower = read_levels([drawn, other, points])
    assert (upper.name, upper.origin, upper.half_width) == ("L3-L4", "box", None)
    assert (lower.name, lower.origin) == ("L4-L5", "landmarks")  # the rule goes before a box of the same level
    np.testing.assert_allclose(lower.frame.extent, [80, 80, 4])
    assert lower.half_width == pytest.approx(25)
    assert 4 < upper.disc_height < 14 and upper.height_origin == "default"


def test_the_common_half_width_widens_a_box_and_keeps_it_square(tmp_path):
    (level,) = read_levels([write_landmarks(tmp_path / "p.mrk.json", L4_L5=landmarks(distance=24.0))])
    wide, same = with_half_width(level, 31.0), with_half_width(level, 20.0)
    np.testing.assert_allclose(wide.frame.extent, [62, 62, 4])
    np.testing.assert_allclose(wide.frame.center, level.frame.center)
    assert same.frame is level.frame


def test_landmarks_of_the_endplates_give_the_height_of_the_disc(tmp_path):
    ends = [("upper endplate", np.array([0.0, 15.0, 4.5])), ("lower endplate", np.array([0.0, 15.0, -2.5]))]
    (level,) = read_levels([write_landmarks(tmp_path / "p.mrk.json", L4_L5=landmarks() + ends)])
    assert (level.disc_height, level.height_origin) == (pytest.approx(7.0), "landmarks")


def test_a_level_without_a_landmark_is_a_problem_of_that_level_alone(tmp_path):
    path = write_landmarks(
        tmp_path / "p.mrk.json", L3_L4=landmarks(30)[:3], L4_L5=landmarks(), L5_S1=landmarks(0, 70.0)
    )
    missing, whole, misplaced = read_levels([path])
    assert "ventral" in missing.problem and missing.frame is None
    assert not whole.problem
    assert "73 mm" in misplaced.problem or "70 mm" in misplaced.problem


def test_a_level_that_is_given_twice_is_refused(tmp_path):
    paths = [write_landmarks(tmp_path / f"{n}.mrk.json", L4_L5=landmarks(), L3_L4=landmarks(30)) for n in range(2)]
    with pytest.raises(InputError, match="Two point lists"):
        read_levels(paths)


def test_grey_levels_do_not_depend_on_the_unit_of_the_scanner():
    cts = slices(ct_of())
    one, other = (slices(mr_of(gain=gain)) for gain in (1.0, 9.5))
    first, second = find_mapping(cts, one), find_mapping(cts, other)
    assert first.method == second.method == "fat and muscle"
    difference = first.apply(one[1]).astype(int) - second.apply(other[1])
    assert np.abs(difference).mean() < 1.5
    muscle = first.apply(one[1])[scan(np.arange(5)).array[11] == 2]
    assert 20 < np.median(muscle) < 36


def test_outliers_and_air_do_not_move_the_grey_levels():
    cts, mrs = slices(ct_of()), slices(mr_of())
    for sequence in ("T2", "T1"):
        plain = find_mapping(cts, mrs, sequence)
        bright = [mr.copy() for mr in mrs]
        for mr in bright:
            mr[40:43, 40:43] = 30000
            mr[:4] = 20000  # wrapped in from outside the body
        spoilt = find_mapping(cts, bright, sequence)
        assert spoilt.high == pytest.approx(plain.high, rel=0.03)


def test_simulated_t2_keeps_its_grey_levels():
    pair = render_pair(3, "L4-L5")
    mapping = find_mapping([pair.ct], [pair.mr * 7.0], "T2")
    assert mapping.method == "fat and muscle"
    assert mapping.high == pytest.approx(255 * 7.0, rel=0.2)


def test_other_sequences_have_fat_and_muscle_at_fixed_levels_whatever_their_contrast():
    cts = slices(ct_of())
    for fat, muscle in ((900, 300), (700, 400)):
        mrs = slices(scan(np.array([0, fat, muscle, 500, 150]), noise=10.0))
        mapping = find_mapping(cts, mrs, "T1")
        assert mapping.method == "fat and muscle levels"
        levels = mapping.apply(mrs[0])
        for tissue, level in ((1, 212), (2, 72)):
            assert np.median(levels[scan(np.arange(5)).array[8] == tissue]) == pytest.approx(level, abs=4)


def test_without_bright_fat_a_percentile_of_tissue_decides():
    cts = slices(ct_of())
    mrs = slices(scan(np.array([0, 120, 900, 500, 150]), noise=10.0))
    mapping = find_mapping(cts, mrs, "STIR")
    assert mapping.method == "percentile"
    assert 215 < np.median(mapping.apply(mrs[0])[scan(np.arange(5)).array[8] == 2]) < 240


def test_an_mr_without_signal_is_refused():
    with pytest.raises(InputError, match="no signal"):
        find_mapping(slices(ct_of()), [np.zeros_like(mr) for mr in slices(mr_of())], "T1")


def test_n4_takes_out_shading():
    mr = mr_of(size=(64, 60, 12), spacing=(2.8, 2.8, 5.0))
    shade = np.linspace(0.55, 1.6, 60)[None, :, None]
    shaded = type(mr)(mr.array * shade, mr.ijk_to_ras)
    muscle = scan(np.arange(5), size=(64, 60, 12), spacing=(2.8, 2.8, 5.0)).array == 2

    def variation(volume) -> float:
        return float(volume.array[muscle].std() / volume.array[muscle].mean())

    corrected = correct_shading(shaded)
    assert variation(corrected) < 0.6 * variation(shaded)
    assert corrected.array[muscle].mean() == pytest.approx(shaded.array[muscle].mean(), rel=0.3)


def test_each_rule_has_its_number_and_says_what_breaks_it():
    kept, broken = checks.check_angle(2.9, 3.0), checks.check_angle(4.2, 3.0)
    assert kept.passed and not broken.passed
    assert broken.to_json() == {"name": "angle", "value": 4.2, "limit": 3.0, "unit": "deg", "passed": False}
    assert "4.20 degrees" in checks.reason([kept, broken]) and checks.reason([kept]) == ""
    assert checks.check_offset(-4.9, 10.0).passed and not checks.check_offset(-5.1, 10.0).passed
    assert checks.check_days(3, 3).passed and "12 days" in checks.check_days(12, 3).reason
    ct, mr = checks.check_view(0.0, 0.2)
    assert ct.passed and not mr.passed and "20 % of the box lies outside the MR" in mr.reason


def test_pictures_need_a_body_and_signal_in_it():
    ct = np.kron(HU[scan(np.arange(5)).array[12]], np.ones((3, 3)))[:256, :256]
    mr = np.kron(T2[scan(np.arange(5)).array[12]], np.ones((3, 3)))[:256, :256].astype(np.uint8)
    assert all(check.passed for check in checks.check_content(ct, mr))
    half = mr.copy()
    half[128:] = 0
    failed = {
        name: {check.name for check in checks.check_content(*pictures) if not check.passed}
        for name, pictures in {
            "air": (np.full_like(ct, -1000), mr),
            "half": (ct, half),
            "flat": (ct, np.full_like(mr, 40)),
        }.items()
    }
    assert {"ct_body", "ct_contrast"} <= failed["air"]
    assert failed["half"] == {"mr_signal"} and failed["flat"] == {"mr_contrast"}
