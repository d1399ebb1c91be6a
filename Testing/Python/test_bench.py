"""The measurements measure what they say; how fast this machine is, is not tested."""

import json

import numpy as np
import pytest
import runs

from CT2MRSynthLib.bench import measure_end_to_end, measure_start
from CT2MRSynthLib.benchphantom import measure_phantom
from CT2MRSynthLib.benchsample import write_dicom_folder
from CT2MRSynthLib.cli import main
from CT2MRSynthLib.errors import CT2MRSynthError
from CT2MRSynthLib.imageio import read_ct

pytest.importorskip("torch", reason="no torch")


def test_the_ratio_is_that_of_the_two_times(capsys):
    assert main(["bench", "--json", "--no-run", "--width", "4", "--device", "cpu"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["inference_ratio"] == pytest.approx(values["inference_ms"] / values["reference_ms"], rel=0.01)
    assert values["width"] == 4 and values["device"].startswith("CPU")
    assert 0 < values["difference"] < 2 or values["difference"] == 0
    assert {"import_s", "help_s"} <= set(values)


def test_a_whole_run_is_timed_with_its_memory(tmp_path):
    runs.write_bundle(tmp_path / "bundle")
    ct = runs.write_ct(tmp_path / "a.nrrd")
    boxes = runs.write_boxes(tmp_path / "a.mrk.json", "L3-L4", "L4-L5")
    values = measure_end_to_end(ct, [boxes], tmp_path / "bundle", "cpu")
    assert values["boxes"] == 2
    assert values["end_to_end_s"] > 0
    assert values["peak_rss_mb"] is None or 50 < values["peak_rss_mb"] < 20_000


def test_a_run_that_fails_is_not_a_measurement(tmp_path):
    with pytest.raises(CT2MRSynthError, match="measured command ended with status"):
        measure_end_to_end(tmp_path / "nothing.nrrd", [tmp_path / "nothing.mrk.json"], tmp_path, "cpu")


def test_the_sample_is_the_same_ct_as_a_dicom_folder(tmp_path):
    ct = runs.write_ct(tmp_path / "a.nrrd")
    write_dicom_folder(ct, tmp_path / "dicom", size=(160, 160, 160))
    small, large = read_ct(ct), read_ct(tmp_path / "dicom")
    assert large.array.shape == (160, 160, 160)
    np.testing.assert_allclose(np.sort(large.corners(), axis=0), np.sort(small.corners(), axis=0), atol=1e-3)
    world = (small.ijk_to_ras @ [20.0, 30.0, 40.0, 1.0])[None, :3]
    i, j, k = np.rint(large.world_to_ijk(world)[0] - 0.25).astype(int)
    assert large.array[k, j, i] == small.array[40, 30, 20]


def test_starting_is_measured_in_fresh_interpreters():
    values = measure_start(repetitions=1)
    assert 0 < values["import_s"] < values["help_s"]


def test_simulated_pairs_are_timed_against_the_fixed_computation():
    values = measure_phantom(pairs=2, subject=False)
    assert values["pair_ratio"] == pytest.approx(values["pair_ms"] / values["computation_ms"], rel=0.02)
    assert values["pairs_per_s"] == pytest.approx(1000 / values["pair_ms"], rel=0.02)


def test_a_training_step_is_timed_against_the_plain_one(capsys):
    assert main(["bench", "--training", "--json", "--width", "2", "--device", "cpu"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["training_ratio"] == pytest.approx(values["training_ms"] / values["training_reference_ms"], rel=0.01)
    assert values["width"] == 2 and values["device"].startswith("CPU")


def test_one_thing_is_measured_at_a_time(capsys):
    assert main(["bench", "--training", "--phantom"]) == 2
    assert "Only one of" in capsys.readouterr().err
