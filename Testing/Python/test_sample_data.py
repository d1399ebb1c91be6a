"""The samples of Slicer's Sample Data module: made in a process of their own, loaded where they lie."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from CT2MRSynthLib.errors import Cancelled, CT2MRSynthError
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.pairset import read_manifest, read_pair
from CT2MRSynthLib.scene import sample_data
from CT2MRSynthLib.scene.sample_data import PAIRS, PHANTOM, SAMPLES

ICONS = Path(__file__).resolve().parents[2] / "Resources" / "Icons"

#: The same samples, but quick to make.
COARSE = replace(PHANTOM, words=(*PHANTOM.words, "--matrix", "64", "--spacing", "5", "--thickness", "8"))
FEW = replace(PAIRS, words=("--pairs", "2", "--subjects", "1", "--seed", "40"))


def made(sample, folder):
    told = []
    sample_data.make(sample, folder, lambda *words: told.append(words) is None)
    return told


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """A folder with the coarse sample, and what was told meanwhile."""
    folder = sample_data.folder_of(COARSE, tmp_path_factory.mktemp("cache"))
    assert not sample_data.is_made(COARSE, folder)
    return folder, made(COARSE, folder)


def test_progress_is_told_all_along(phantom):
    folder, told = phantom
    assert sample_data.is_made(COARSE, folder)
    percent = [one for one, _ in told]
    assert percent == sorted(percent) and percent[-1] == 100
    assert len(told) > 20, "the application is kept alive between two events as well"
    assert {words.split(",")[0] for _, words in told} >= {"CT", "finished"}


def test_the_ct_is_loaded_with_its_boxes_and_landmarks(phantom, mrml_scene):
    from CT2MRSynthLib.ctcheck import check_is_ct
    from CT2MRSynthLib.resample import resample
    from CT2MRSynthLib.scene.boxes import frame_from_node
    from CT2MRSynthLib.scene.volumes import volume_from_node

    nodes = sample_data.load(mrml_scene, COARSE, phantom[0])
    assert [node.GetScene() for node in nodes] == [mrml_scene] * 11
    ct, boxes, landmarks = nodes[0], nodes[1:6], nodes[6:]
    assert ct.GetAttribute("CT2MRSynth.Label") == "SIMULATED, SYNTHETIC - not for diagnosis"
    assert ct.GetDisplayNode().GetWindow() == 400
    volume = volume_from_node(ct)
    check_is_ct(volume)
    for level, box, points in zip(LEVELS, boxes, landmarks, strict=True):
        frame = frame_from_node(box)
        assert frame.level == box.GetName() == level
        assert resample(volume, frame.grid(pixels=16), 4.0).outside_fraction == 0
        labels = [points.GetNthControlPointLabel(n) for n in range(points.GetNumberOfControlPoints())]
        assert {"ventral", "sac", "disc front", "lateral left"} <= set(labels)
        sac = np.array(points.GetNthControlPointPositionWorld(labels.index("sac")))
        assert np.linalg.norm(sac - frame.center) < 0.01, "the box's middle is the sac's"


def test_of_the_pairs_the_first_is_shown_in_place(tmp_path, mrml_scene):
    from CT2MRSynthLib.scene.volumes import volume_from_node

    made(FEW, tmp_path)
    assert sample_data.is_made(FEW, tmp_path)
    entry = read_manifest(tmp_path).pairs[0]
    ct, mr = (volume_from_node(node) for node in sample_data.load(mrml_scene, FEW, tmp_path))
    for volume, image in zip((ct, mr), read_pair(tmp_path, entry), strict=True):
        np.testing.assert_array_equal(volume.array[0], image)
        np.testing.assert_allclose(volume.ijk_to_ras, entry.geometry.ijk_to_ras, atol=1e-6)
    (tmp_path / entry.files["mr"].path).unlink()
    assert not sample_data.is_made(FEW, tmp_path)


def test_cancelling_ends_the_process_and_leaves_no_sample(tmp_path, monkeypatch):
    processes = []

    class Remembered(sample_data.ChildProcess):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            processes.append(self)

    monkeypatch.setattr(sample_data, "ChildProcess", Remembered)
    calls = iter(range(1000))
    with pytest.raises(Cancelled):
        sample_data.make(COARSE, tmp_path / "phantom", lambda *_: next(calls) < 20)
    assert processes[0].status is not None
    assert not sample_data.is_made(COARSE, tmp_path / "phantom")


def test_a_failure_is_told_in_its_own_words(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CT2MRSynthError, match="cannot be written to"):
        made(COARSE, tmp_path / "file")
    with pytest.raises(CT2MRSynthError, match="unrecognized arguments: --colour"):
        made(replace(COARSE, words=("--colour",)), tmp_path / "other")


def test_every_sample_is_found_by_its_title_and_has_a_picture():
    assert len({sample.title for sample in SAMPLES}) == len({sample.folder for sample in SAMPLES}) == len(SAMPLES)
    for sample in SAMPLES:
        assert sample_data.find(sample.title) is sample
        assert (ICONS / sample.icon).read_bytes().startswith(b"\x89PNG")
