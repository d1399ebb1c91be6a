"""Organs and vessels of the abdomen: on their side, apart from the spine, gas on top, plaques by severity."""

from dataclasses import dataclass

import numpy as np
import pytest

from CT2MRSynthLib.phantom.abdomen.tubes import Tube
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.tissues import Label

SEEDS = (3, 7)
STEP = 6.0
BOWEL = (Label.BOWEL_WALL, Label.BOWEL_CONTENT, Label.GAS)


@dataclass
class Scan:
    """Labels of one subject on a coarse lattice, and where they lie."""

    subject: Subject
    positions: np.ndarray
    labels: np.ndarray

    def at(self, *labels: Label) -> np.ndarray:
        return self.positions[np.isin(self.labels, labels)]


def _scan(seed: int, severity=None) -> Scan:
    subject = Subject(seed, severity)
    y = subject.torso.middle()[1]
    lattice = Lattice(np.array([-150, y - 100, -130]), np.diag([STEP, STEP, 2 * STEP]), (51, 39, 18))
    positions = np.stack([c.ravel() for c in lattice.points()], axis=-1)
    return Scan(subject, positions, subject.paint(lattice).label)


@pytest.fixture(scope="module")
def scans() -> list[Scan]:
    return [_scan(seed) for seed in SEEDS]


def _slice(subject: Subject, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and labels before the spine at one height."""
    y = float(subject.geometry.spine_at_height(height)[1])
    lattice = Lattice(np.array([-60, y + 15, height]), np.diag([1.25, 1.25, 1.0]), (96, 60, 1))
    return np.stack([c.ravel() for c in lattice.points()], axis=-1), subject.paint(lattice).label


def test_liver_lies_right_spleen_left_and_kidneys_on_both_sides(scans):
    for scan in scans:
        assert scan.at(Label.LIVER)[:, 0].mean() > 30
        assert scan.at(Label.SPLEEN)[:, 0].mean() < -60
        kidney = scan.at(Label.KIDNEY)
        for side in (-1, 1):
            one = kidney[kidney[:, 0] * side > 0]
            volume = len(one) * 2 * STEP**3 / 1000
            assert 60 < volume < 330, "milliliters"
            assert 35 < abs(one[:, 0].mean()) < 90


def test_liver_and_spleen_end_above_the_pelvis(scans):
    for scan in scans:
        disc = scan.subject.geometry.discs[4].origin[2]
        assert scan.at(Label.LIVER, Label.SPLEEN)[:, 2].min() > disc


def test_aorta_lies_left_of_the_vena_cava_above_the_bifurcation():
    for seed in SEEDS:
        subject = Subject(seed, {"scoliosis": 0.0})
        points, labels = _slice(subject, 0.0)
        large = [points[labels == label] for label in (Label.ARTERY, Label.VEIN)]
        assert np.median(large[0][:, 0]) < np.median(large[1][:, 0]) - 10


def test_arteries_are_one_above_the_bifurcation_and_two_below():
    for seed in SEEDS:
        subject = Subject(seed, {"scoliosis": 0.0})
        spread = {}
        for disc in (2, 5):
            points, labels = _slice(subject, float(subject.geometry.discs[disc].origin[2]))
            spread[disc] = np.subtract(*np.percentile(points[labels == Label.ARTERY, 0], [75, 25]))
        assert spread[5] > 2 * spread[2]


def test_plaques_grow_with_calcification_and_nothing_else_changes():
    count, vessel = [], []
    for calcification in (0.0, 0.3, 0.6, 1.0):
        subject = Subject(7, {"calcification": calcification})
        labels = np.concatenate([_slice(subject, height)[1] for height in np.arange(-90, 21, 12.0)])
        plaque = labels == Label.CALCIFICATION
        count.append(int(plaque.sum()))
        vessel.append(np.isin(labels, (Label.ARTERY, Label.FASCIA, Label.CALCIFICATION)))
        if len(vessel) > 1:
            assert np.array_equal(vessel[0], vessel[-1])
    assert count[0] == 0
    assert count[1] > 0 and count[2] > 1.5 * count[1] and count[3] > 1.5 * count[2]


def test_gas_gathers_in_front(scans):
    for scan in scans:
        gas, filled = scan.at(Label.GAS), scan.at(Label.BOWEL_WALL, Label.BOWEL_CONTENT)
        assert len(gas) > 20
        assert gas[:, 1].mean() > filled[:, 1].mean() + 3


def test_bowel_spares_the_spine_and_stays_under_the_abdominal_wall(scans):
    for scan in scans:
        subject, bowel = scan.subject, scan.at(*BOWEL)
        depth = subject.torso.depth(*bowel.T.astype(np.float32))
        assert np.percentile(depth, 1) > 8
        for level in ("L1-L2", "L4-L5"):
            frame = subject.frame(level)
            near = (bowel - frame.center) @ frame.axes.T
            inside = np.all(np.abs(near) < frame.extent / 2 + [0, 2, 6], axis=1)
            assert not inside.any()


def test_fat_separates_the_organs_of_the_obese():
    share = []
    for fatness in (0.05, 0.95):
        scan = _scan(12, {"fatness": fatness})
        x, y, z = scan.positions.T
        middle = scan.subject.geometry.vertebrae[3].origin
        front = (np.abs(x) < 80) & (y > middle[1] + 65) & (np.abs(z) < 60)
        fat, organs = (np.isin(scan.labels, kinds) & front for kinds in ((Label.FAT,), (*BOWEL, Label.LIVER)))
        share.append(fat.sum() / (fat.sum() + organs.sum()))
    assert share[0] + 0.1 < share[1]


def test_tissue_does_not_depend_on_what_else_is_asked():
    scan = _scan(7)
    some = np.random.default_rng(0).permutation(len(scan.positions))[:1200]
    subject = Subject(7)
    first = subject.labels_at(scan.positions[some])
    assert np.array_equal(first[::-1][:500], Subject(7).labels_at(scan.positions[some[::-1][:500]]))


def test_oblique_tube_has_the_distance_of_its_line():
    start, end = np.array([0.0, 0.0, 60.0]), np.array([40.0, -20.0, 0.0])
    tube = Tube(np.linspace(start, end, 5), 6.0)
    points = np.random.default_rng(1).uniform([-5, -25, 15], [45, 5, 45], (4000, 3)).astype(np.float32)
    where, relative, distance, _ = tube.radius_at(*points.T, margin=3.0)
    axis = (end - start) / np.linalg.norm(end - start)
    offset = points - start
    apart = np.linalg.norm(offset - np.outer(offset @ axis, axis), axis=1)
    assert np.allclose(distance, apart[where] - 6.0, atol=0.35)
    assert set(np.flatnonzero(apart < 5.7)) <= set(where[relative < 1])


def test_a_worn_canal_leaves_the_organs_alone(scans):
    worn = _scan(7, {"stenosis": 1.0, "osteophytes": 1.0, "calcification": 1.0})
    for kinds in (BOWEL, (Label.LIVER,), (Label.KIDNEY,)):
        before, after = (np.isin(scan.labels, kinds) for scan in (scans[1], worn))
        assert np.array_equal(before, after)


def test_organs_keep_their_shape_when_the_belly_grows_a_little(scans):
    fatness = scans[1].subject.severity.fatness
    fatter = _scan(7, {"fatness": fatness + 0.04})
    for kinds, least in ((BOWEL, 0.45), ((Label.LIVER,), 0.8), ((Label.KIDNEY,), 0.8)):
        before, after = (np.isin(scan.labels, kinds) for scan in (scans[1], fatter))
        assert (before & after).sum() > least * (before | after).sum()
