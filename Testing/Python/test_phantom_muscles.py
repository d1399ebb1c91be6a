"""The simulated muscles: what severities do to them, how they change along the spine, and what they leave alone."""

import numpy as np
import pytest

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.level_table import LevelTable
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.pair import render_pair
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.phantom.trunk.muscle_section import Section
from CT2MRSynthLib.phantom.trunk.muscles import MusclePainter

SEEDS = (1, 19, 53)
STEP = 1.5


def _plane(subject: Subject, phase: float) -> Points:
    """Points of an axial plane around the spine, 90 rows of 121."""
    height = np.linspace(-220, 140, 721)
    z = float(np.interp(phase, subject.geometry.spine_at_height(height)[2][::-1], height[::-1]))
    x, y, _ = (float(c) for c in subject.geometry.spine_at_height(z))
    steps = np.array([[0, 0, 1.0], [0, -STEP, 0], [-STEP, 0, 0]])
    return subject.points(Lattice(np.array([x + 90, y + 60, z]), steps, (1, 90, 121)))


def _section(subject: Subject, phase: float):
    """Torso and muscles in an axial plane, no organs or bones: labels, fat shares, u and v of each point, mm."""
    points = _plane(subject, phase)
    canvas = Canvas(points.size)
    subject.torso.paint(canvas, points)
    rng = np.random.default_rng(subject.seed)
    MusclePainter(subject.anatomy, subject.geometry, subject.noise, rng).paint(canvas, points)
    u, v, _ = points.spine
    return canvas.label, canvas.mix, u, v


def _area(subject: Subject, phase: float, where) -> float:
    """Area of lean muscle in mm²; ``where`` chooses points by u and v."""
    label, mix, u, v = _section(subject, phase)
    return float(np.sum((1 - mix)[(label == Label.MUSCLE) & where(np.abs(u), v)]) * STEP**2)


def _multifidus(u, v):
    return (u < 24) & (v < -24) & (v > -46)


def _psoas(u, v):
    return (u > 24) & (u < 62) & (v > 0) & (v < 32)


def _beside_the_spine(u, v):
    return (u < 70) & (v > -75) & (v < 40)


def _fat_share(subject: Subject, phase: float, where) -> float:
    label, mix, u, v = _section(subject, phase)
    return float(mix[(label == Label.MUSCLE) & where(np.abs(u), v)].mean())


@pytest.mark.parametrize("seed", SEEDS)
def test_infiltration_raises_the_fat_share_most_in_multifidus(seed):
    subjects = [Subject(seed, {"infiltration": value}) for value in (0.0, 0.3, 0.6, 1.0)]
    multifidus, psoas = (np.array([_fat_share(s, 4.5, part) for s in subjects]) for part in (_multifidus, _psoas))
    assert np.all(np.diff(multifidus) > 0.03) and np.all(np.diff(psoas) > 0)
    assert multifidus[0] < 0.25 and multifidus[-1] > 0.5
    assert multifidus[-1] - multifidus[0] > 1.5 * (psoas[-1] - psoas[0])


def test_infiltration_is_worse_at_lower_levels():
    subjects = [Subject(seed, {"infiltration": 0.6}) for seed in range(4)]
    upper, lower = (np.mean([_fat_share(s, phase, _multifidus) for s in subjects]) for phase in (1.5, 4.5))
    assert lower > upper + 0.05


def test_infiltration_darkens_ct_and_brightens_t2():
    lean, fatty = (render_pair(1, "L4-L5", jitter=0, severity={"infiltration": value}) for value in (0.05, 0.95))
    both = (lean.labels == Label.MUSCLE) & (fatty.labels == Label.MUSCLE)
    rows, columns = np.indices(both.shape)
    pixel = lean.frame.extent[0] / 256
    row, column = lean.truth["sac_row_column"]
    behind = both & (rows - row > 25 / pixel) & (np.abs(columns - column) < 22 / pixel)
    psoas = both & (rows < row) & (np.abs(columns - column) > 30 / pixel)
    assert fatty.ct[behind].mean() < lean.ct[behind].mean() - 30
    assert fatty.mr[behind].mean() / fatty.mr[psoas].mean() > 1.5 * lean.mr[behind].mean() / lean.mr[psoas].mean()


@pytest.mark.parametrize("seed", SEEDS)
def test_age_shrinks_muscle(seed):
    young, old = (_area(Subject(seed, {"age": age}), 3.5, _beside_the_spine) for age in (25, 85))
    assert old < 0.97 * young


@pytest.mark.parametrize("seed", SEEDS)
def test_psoas_grows_downward(seed):
    subject = Subject(seed)
    assert _area(subject, 1.5, _psoas) < 0.8 * _area(subject, 3.8, _psoas)


def test_multifidus_fills_the_groove_at_the_lower_levels():
    painters = [MusclePainter(Subject(3).anatomy, None, None, np.random.default_rng(n)) for n in range(5)]
    u, v = (c.ravel().astype(np.float32) for c in np.meshgrid(np.arange(1, 60.0), np.arange(-46, -26.0)))
    flat = np.zeros_like(u)
    share = []
    for phase in (1.5, 3.5, 5.5):
        at = flat + np.float32(phase)
        section = Section(np.arange(u.size), u, v, flat.astype(np.intp), at, LevelTable.rows(at), flat, flat, flat)
        share.append(np.mean([np.mean(painter.back.cleft(section, flat) < 0) for painter in painters]))
    assert share[0] < 0.35 and share[2] > 0.5 and np.all(np.diff(share) > 0.05)


def test_the_plane_before_the_erector_spinae_is_neither_straight_nor_level():
    u, v = (c.ravel().astype(np.float32) for c in np.meshgrid(np.arange(24, 62, 2.0), np.arange(-40, 0, 0.5)))
    flat = np.zeros_like(u)
    at = flat + np.float32(3.5)
    heights = []
    for seed in range(8):
        painter = MusclePainter(Subject(seed).anatomy, None, None, np.random.default_rng(seed))
        for side in range(2):
            sides = np.full(u.shape, side, dtype=np.intp)
            section = Section(np.arange(u.size), u, v, sides, at, LevelTable.rows(at), flat, flat, flat)
            behind = (painter.back.plane(section) < 0).reshape(80, 19)
            heights.append(-40 + 0.5 * behind.sum(axis=0))
    heights = np.array(heights)
    # some millimeters between facets, tips of the transverse processes and lateral edge, between sides and subjects
    assert np.all(np.ptp(heights, axis=1) > 2.5)
    assert np.mean(np.abs(heights[::2] - heights[1::2])) > 0.8 and heights.std(axis=0).min() > 1.0


def test_the_two_sides_differ_but_resemble_each_other():
    for seed in SEEDS:
        label, *_ = _section(Subject(seed, {"rotation": 0, "scoliosis": 0}), 3.5)
        muscle = (label == Label.MUSCLE).reshape(90, 121)
        overlap = np.sum(muscle & muscle[:, ::-1]) / np.sum(muscle | muscle[:, ::-1])
        assert 0.6 < overlap < 0.97, seed


@pytest.mark.parametrize("seed", SEEDS)
def test_muscle_covers_neither_canal_nor_discs_nor_bodies(seed):
    subject = Subject(seed)
    for phase in (1.5, 3.0, 3.5, 4.5):
        points = _plane(subject, phase)
        u, v, _ = points.spine
        canal = (np.abs(u) < 6) & (v < -4) & (v > -10)
        body = (np.abs(u) < 12) & (v > 8) & (v < 22)
        label = subject.paint_points(points.take(np.flatnonzero(canal | body))).label
        assert not np.any(label == Label.MUSCLE), phase


def test_muscle_of_the_lean_stays_under_the_skin():
    for seed in range(4):
        label, *_ = _section(Subject(seed, {"fatness": 0}), 3.5)
        label = label.reshape(90, 121)
        muscle, air = label == Label.MUSCLE, label == Label.AIR
        assert not np.any(muscle[:-1] & air[1:])


def test_the_tissue_at_a_point_does_not_depend_on_the_other_points():
    subject = Subject(12)
    rng = np.random.default_rng(5)
    positions = rng.uniform((-70, -80, -60), (70, 30, 60), (4000, 3))
    order = rng.permutation(len(positions))[:700]
    whole = subject.paint_points(Points.at(positions, subject.geometry, subject.noise))
    part = subject.paint_points(Points.at(positions[order], subject.geometry, subject.noise))
    muscle = whole.label[order] == Label.MUSCLE
    assert muscle.sum() > 100 and np.array_equal(muscle, part.label == Label.MUSCLE)
    np.testing.assert_allclose(whole.mix[order][muscle], part.mix[muscle], atol=1e-4)


def test_level_tables_pass_through_the_given_sizes():
    table = LevelTable((-1.0, 2.0, 5.0), {"rising": (1.0, 4.0, 9.0), "flat": (2.0, 2.0, 2.0)})
    rows = table.rows(np.array([-2.5, -1.0, 2.0, 5.0, 8.5], dtype=np.float32))
    np.testing.assert_allclose(table.at("rising", rows), [1, 1, 4, 9, 9], atol=0.05)
    np.testing.assert_allclose(table.at("flat", rows), 2.0)
