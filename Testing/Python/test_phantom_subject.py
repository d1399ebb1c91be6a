"""The simulated subject: discs in order, landmarks on what they name, left and right as in the pair."""

import numpy as np
import pytest

from CT2MRSynthLib.cli import main
from CT2MRSynthLib.crop import Landmarks, crop_box
from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.markups import read_boxes, read_points
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.pair import render_pair
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.subject import phantom_ct
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.resample import resample

SEEDS = range(20, 32)


@pytest.fixture(scope="module")
def coarse_ct():
    """A CT coarse enough to be quick; anatomy and boxes are those of the fine one."""
    return phantom_ct(2, matrix=128, spacing=2.8, thickness=4.0)


def _labels_at(subject: Subject, points: np.ndarray) -> np.ndarray:
    return np.array([subject.paint(Lattice(point, np.eye(3), (1, 1, 1))).label[0] for point in points])


@pytest.mark.parametrize("seed", SEEDS)
def test_landmarks_lie_on_what_they_name(seed):
    subject = Subject(seed)
    for level in LEVELS:
        points = subject.landmarks(level)
        sac, disc = _labels_at(subject, np.array([points.sac_center, points.disc_center]))
        assert sac in (Label.CSF, Label.ROOT), level
        assert disc in (Label.ANNULUS, Label.NUCLEUS, Label.VACUUM), level


def test_discs_run_from_superior_to_inferior():
    for seed in SEEDS:
        heights = [Subject(seed).frame(level).center[2] for level in LEVELS]
        assert np.all(np.diff(heights) < -15)


def test_discs_tilt_with_the_lordosis():
    lean = np.mean([[Subject(seed).frame(level).axes[2, 1] for level in LEVELS] for seed in SEEDS], axis=0)
    assert np.all(np.diff(lean) > 0), "each disc leans more to the front than the one above it"


def test_a_box_beside_the_spine_is_painted_too():
    subject = Subject(9)
    frame = subject.frame("L3-L4")
    for offset in ([120, 0, 0], [0, 70, 0], [0, -60, 0]):
        away = DiscFrame(frame.center + np.array(offset), frame.axes, [40, 40, 4])
        labels = subject.paint(Lattice.from_matrix(away.grid(pixels=16).ijk_to_ras, (1, 16, 16))).label
        assert not np.isin(labels, (Label.CSF, Label.NUCLEUS)).any()


def test_severe_stenosis_narrows_the_sac():
    subject = Subject(5)
    phase = np.array([4.5])
    subject.anatomy.stenosis[:] = 0.0
    wide = np.prod([part[0] for part in subject.spine.sac(phase)[:2]])
    subject.anatomy.stenosis[:] = 0.8
    narrow = np.prod([part[0] for part in subject.spine.sac(phase)[:2]])
    assert narrow < 0.75 * wide


def test_volume_holds_all_discs(coarse_ct):
    volume, frames, _ = coarse_ct
    assert [frame.level for frame in frames] == list(LEVELS)
    for frame in frames:
        assert resample(volume, frame.grid(pixels=32), 4.0).outside_fraction == 0


def test_volume_and_direct_pair_agree(coarse_ct):
    """The same disc, once cut from the volume and once painted directly: the mirrored one must fit worse."""
    volume, frames, _ = coarse_ct
    for frame in (frames[1], frames[3]):
        cut = resample(volume, frame.grid(), 4.0).array[0]
        direct = render_pair(2, frame.level, jitter=0.0).ct
        alike = np.corrcoef(np.clip(cut, -200, 600).ravel(), np.clip(direct, -200, 600).ravel())[0, 1]
        mirrored = np.corrcoef(np.clip(cut[:, ::-1], -200, 600).ravel(), np.clip(direct, -200, 600).ravel())[0, 1]
        assert alike > 0.85
        assert alike > mirrored + 0.01


def test_aorta_lies_on_the_patients_left():
    pair = render_pair(2, "L2-L3", jitter=0.0)
    subject = Subject(2)
    frame = pair.frame
    wide = type(frame)(frame.center + 25 * frame.axes[1], frame.axes, [100, 100, 4], frame.level)
    grid = wide.grid(pixels=100)
    labels = subject.paint(Lattice.from_matrix(grid.ijk_to_ras, (1, 100, 100))).label.reshape(100, 100)
    artery, vein = (np.nonzero(labels == label)[1].mean() for label in (Label.ARTERY, Label.VEIN))
    assert artery > vein, "columns run to the patient's left"


def test_command_writes_what_slicer_opens(tmp_path, monkeypatch, coarse_ct):
    monkeypatch.setattr("CT2MRSynthLib.phantom.subject.phantom_ct", lambda seed: coarse_ct)
    assert main(["phantom", "--seed", "2", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "phantom_2_CT.nrrd").exists()
    points = read_points(tmp_path / "phantom_2_landmarks.mrk.json")
    for frame in coarse_ct[1]:
        (box,) = read_boxes(tmp_path / f"phantom_2_{frame.level}.mrk.json")
        assert np.allclose(box.corners(), frame.corners(), atol=1e-3)
        by_rule = crop_box(Landmarks.from_points(points[frame.level]), frame.level)
        assert np.linalg.norm(by_rule.center - frame.center) < 4.0
