"""The report on simulated crops: its measures measure, simulated CT lies in its bands, its sheets and key agree."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from CT2MRSynthLib.cli import main
from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.phantom.likeness import bands
from CT2MRSynthLib.phantom.likeness.crop_measures import measure_crop, noise_in, tissue_masks
from CT2MRSynthLib.phantom.likeness.mr_bands import MR_BANDS
from CT2MRSynthLib.phantom.likeness.report import RealCrop, lines, make_report
from CT2MRSynthLib.phantom.pair import render_pair

PIXEL = 0.35


@pytest.fixture(scope="module")
def pair():
    return render_pair(5, "L3-L4", jitter=0.0, misalignment=0.0)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report on enough crops for the bands of means; one further simulated crop plays the real one."""
    folder = tmp_path_factory.mktemp("report")
    other = render_pair(900, "L4-L5", jitter=0.0)
    real = [RealCrop("scan", "L4-L5", other.ct, float(other.frame.extent[0]) / 256)]
    return make_report(folder, range(1, 16), real), folder


def _noise(sd: float, grain: float, seed: int = 0) -> np.ndarray:
    white = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((256, 256)), grain)
    return 55 + sd * white / white.std()


def test_noise_is_measured_as_it_was_made():
    everywhere = np.ones((256, 256), dtype=bool)
    for sd in (5.0, 15.0):
        assert noise_in(_noise(sd, 0.8), everywhere, PIXEL)[0] == pytest.approx(sd, rel=0.1)


def test_finer_noise_has_a_higher_frequency():
    fine, coarse = (measure_crop(_noise(10, grain), PIXEL).numbers["noise_frequency"] for grain in (0.7, 2.0))
    assert fine > 1.3 * coarse


def test_blur_takes_power_from_high_frequencies(pair):
    pixel = float(pair.frame.extent[0]) / 256
    sharp = measure_crop(pair.ct, pixel)
    blurred = measure_crop(ndimage.gaussian_filter(pair.ct, 3.0), pixel)
    assert blurred.numbers["edge_slope"] < sharp.numbers["edge_slope"] - 0.5


def test_masks_find_the_tissue_they_name(pair):
    from CT2MRSynthLib.phantom.tissues import Label

    named = {
        "sac": (Label.CSF, Label.ROOT),
        "disc": (Label.ANNULUS, Label.NUCLEUS, Label.VACUUM, Label.MARROW),
        "muscle": (Label.MUSCLE, Label.LIGAMENT, Label.FASCIA),
        "fat": (Label.FAT, Label.SUBCUTANEOUS_FAT, Label.EPIDURAL_FAT, Label.MUSCLE),
    }
    for name, mask in tissue_masks(pair.ct, float(pair.frame.extent[0]) / 256).items():
        assert mask.sum() > 100
        assert np.isin(pair.labels[mask], named[name]).mean() > 0.9, name


def test_an_empty_crop_gives_no_numbers_instead_of_wrong_ones():
    numbers = measure_crop(np.full((256, 256), -1000.0), PIXEL).numbers
    assert np.isnan(numbers["muscle_hu"]) and np.isnan(numbers["noise_hu"]) and np.isnan(numbers["arch_peak_hu"])
    assert numbers["bone_share"] == 0


def test_simulated_ct_lies_in_its_bands(report):
    rows = report[0]["ct"]
    assert set(rows) == set(bands.CT_BANDS)
    assert not [(name, row["mean"], row["band"]) for name, row in rows.items() if not row["inside"]]


def test_simulated_t2_lies_in_its_bands(report):
    rows = report[0]["t2"]
    assert set(rows) == set(MR_BANDS)
    assert not [(name, row["mean"], row["band"]) for name, row in rows.items() if not row["inside"]]


def test_every_picture_of_the_mixed_sheet_is_in_its_key(report):
    key = json.loads((report[1] / "crops_mixed_key.json").read_text())
    assert list(key) == [str(n) for n in range(1, 17)]
    assert sorted(key.values())[0] == "real, scan, L4-L5"
    assert sum("simulated" in text for text in key.values()) == 15
    assert list(key.values()) != sorted(key.values())


@pytest.mark.parametrize("name", ["crops_mixed.png", "pairs.png", "curves.png"])
def test_sheets_show_something(report, name):
    with Image.open(report[1] / name) as picture:
        assert np.asarray(picture.convert("L")).std() > 20


def test_report_on_disk_is_what_was_returned(report):
    assert json.loads((report[1] / "report.json").read_text()) == json.loads(json.dumps(report[0]))


def test_distance_to_itself_is_none_and_to_another_some(pair):
    a = measure_crop(pair.ct, PIXEL)
    b = measure_crop(pair.ct + 40, PIXEL)
    for distance in bands.DISTANCES.values():
        assert distance(a, a) == 0
    # the histogram moved by 40 HU; what is cut off at its ends moved less
    assert 25 < bands.histogram_distance(a, b) < 45


def test_the_table_tells_what_is_outside_its_band(report):
    changed = json.loads(json.dumps(report[0]))
    assert not any("OUTSIDE" in line for line in lines(changed) if "sac_hu" in line)
    changed["ct"]["sac_hu"] |= {"mean": 90.0, "inside": False}
    (line,) = [line for line in lines(changed, before=report[0]) if "sac_hu" in line]
    assert "OUTSIDE" in line and "90" in line and f"{report[0]['ct']['sac_hu']['mean']:.3g}" in line


def test_command_prints_the_report(tmp_path, capsys):
    assert main(["phantom-report", "--out", str(tmp_path / "r"), "--count", "2", "--seed", "3", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["seeds"] == [3, 4] and printed["real_crops"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--count", "0"], "0 simulated crops"),
        (["--ct", "x.nrrd"], "belong together"),
        (["--before", "{file}"], "no report"),
    ],
)
def test_what_cannot_be_reported_is_refused(tmp_path, capsys, words, said):
    other = tmp_path / "other.json"
    other.write_text('{"schema": 9}')
    words = [word.format(file=other) for word in words]
    assert main(["phantom-report", "--out", str(tmp_path / "r"), *words]) != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_no_seed_is_refused(tmp_path):
    with pytest.raises(UsageError, match="seed"):
        make_report(tmp_path, [])
