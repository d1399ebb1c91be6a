"""Severities as a whole: each acts on what it names, all extremes make a subject, and the person stays the same."""

from dataclasses import fields

import numpy as np
import pytest

from CT2MRSynthLib.errors import UsageError
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.ct.hounsfield import hounsfield
from CT2MRSynthLib.phantom.ct.settings import CTSettings
from CT2MRSynthLib.phantom.mr.settings import MRSettings
from CT2MRSynthLib.phantom.mr.slice import signals
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.pair import render_pair
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.severities import Severities
from CT2MRSynthLib.phantom.tissues import Label

SAC = (Label.CSF, Label.ROOT)
DISC = (Label.ANNULUS, Label.OUTER_ANNULUS, Label.NUCLEUS, Label.VACUUM)
STEPS = (0.0, 0.5, 1.0)
NAMES = [item.name for item in fields(Severities)]
#: Range of those that do not run from 0 to 1.
RANGES = {"age": (20, 90), "size": (0.8, 1.2), "male": (False, True)}
LEAST, MOST = ({name: RANGES.get(name, (0.0, 1.0))[end] for name in NAMES} for end in (0, 1))
#: Everything at its ends, in persons of both ends of size.
EXTREMES = {
    "healthy, small": LEAST,
    "healthy, large": {**LEAST, "size": 1.2, "male": True},
    "worn, small": {**MOST, "size": 0.8, "male": False},
    "worn, large": MOST,
}


def frames(subject: Subject) -> np.ndarray:
    """Axes of all discs as the painted tissue gives them, shape (levels, 3, 3)."""
    return np.array([subject.landmarks(level).axes for level in LEVELS])


def spread(seed: int, severity: dict, axis: int, over: int) -> float:
    """How far an axis leans over to another one in one disc against another, degrees."""
    lean = frames(Subject(seed, severity))[:, axis, over]
    return float(np.degrees(np.arcsin(lean)).max() - np.degrees(np.arcsin(lean)).min())


def disc_lattice(subject: Subject, level: str, step: float = 2.0) -> Lattice:
    """Points in the plane of a disc, 96 mm wide, ``step`` mm apart."""
    pose, count = subject.geometry.discs[LEVELS.index(level) + 1], int(96 / step)
    return Lattice(pose.world(-48, -60, 0), np.stack([pose.axes[2], *(step * pose.axes[[1, 0]])]), (1, count, count))


@pytest.mark.parametrize(("name", "axis", "over"), [("scoliosis", 2, 0), ("rotation", 1, 0)])
def test_bends_and_turns_grow_with_their_severity(name, axis, over):
    other = {"scoliosis": "rotation", "rotation": "scoliosis"}[name]
    angles = [[spread(seed, {name: step, other: 0.0}, axis, over) for step in STEPS] for seed in (5, 12)]
    none, half, full = np.mean(angles, axis=0)
    assert none < 10 < full < 35
    assert none + 1.5 < half and half + 1.5 < full


@pytest.mark.parametrize("seed", [5, 12])
def test_size_is_a_factor_on_the_spine(seed):
    length, width = [], []
    for size in (0.8, 1.0, 1.2):
        marks = [Subject(seed, {"size": size}).landmarks(level) for level in ("L1-L2", "L5-S1")]
        length.append(np.linalg.norm(marks[0].disc_center - marks[1].disc_center) / size)
        width.append(np.linalg.norm(np.subtract(*marks[0].lateral_points)) / size)
    assert max(length) < 1.05 * min(length)
    assert max(width) < 1.12 * min(width)


def test_metal_bridges_the_fused_disc_alone():
    counts = {}
    for value in (0.0, 0.5, 0.6, 1.0):
        subject = Subject(5, {"fusion": 0.0, "L4-L5:fusion": value})
        for level in ("L2-L3", "L4-L5"):
            label = subject.paint(disc_lattice(subject, level, 1.0)).label
            counts[value, level] = int((label == Label.METAL).sum())
    assert counts[0.6, "L4-L5"] == counts[1.0, "L4-L5"] > 20
    assert {count for (value, level), count in counts.items() if value <= 0.5 or level == "L2-L3"} == {0}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_person_whatever_the_severity(name, monkeypatch):
    """All streams of random numbers end in the same place, so that what follows one severity moves none of the rest."""
    begin = np.random.default_rng

    def ends(severity) -> list:
        begun = []

        def noted(seed):
            begun.append((list(seed), begin(seed)))
            return begun[-1][1]

        with monkeypatch.context() as patched:
            patched.setattr(np.random, "default_rng", noted)
            subject = Subject(31, severity)
            subject.paint(Lattice.from_matrix(np.diag([8.0, 8.0, 30.0, 1.0]), (3, 6, 6)))
            CTSettings.draw(np.random.default_rng([31, 10]), subject.severity)
            MRSettings.draw(np.random.default_rng([31, 11]), subject.severity)
        return [(seed, rng.bit_generator.state) for seed, rng in begun]

    least, most = (ends({name: value}) for value in RANGES.get(name, (0.0, 1.0)))
    assert len(least) > 10
    assert least == most


@pytest.mark.parametrize("extreme", EXTREMES)
def test_extremes_still_have_discs_and_a_sac_at_every_level(extreme):
    subject = Subject(17, EXTREMES[extreme])
    for level in LEVELS:
        marks = subject.landmarks(level)
        label = subject.labels_at(np.array([marks.sac_center, marks.disc_center, *marks.disc_points]))
        assert label[0] in SAC and np.isin(label[1:], DISC).all(), (level, [Label(one).name for one in label])
        area = np.isin(subject.paint(disc_lattice(subject, level, 1.0)).label, SAC).sum()
        assert 15 < area < 500, level


@pytest.mark.parametrize("extreme", EXTREMES)
def test_extremes_make_pairs(extreme):
    pair = render_pair(17, "L4-L5", severity=EXTREMES[extreme])
    assert np.isfinite(pair.ct).all() and pair.ct.min() >= -1024 and pair.ct.max() <= 3071
    assert pair.mr.std() > 15 and (pair.mr == 255).mean() < 0.2


def test_every_point_of_fifty_subjects_has_finite_values():
    for seed in range(200, 250):
        subject = Subject(seed)
        canvas = subject.paint(disc_lattice(subject, LEVELS[seed % 5]))
        hu = hounsfield(canvas, CTSettings.draw(np.random.default_rng([seed, 10]), subject.severity))
        water, fat = signals(canvas, MRSettings.draw(np.random.default_rng([seed, 11]), subject.severity))
        assert np.isfinite(hu).all() and hu[canvas.label != Label.METAL].max() < 2200 and hu.min() > -1100, seed
        assert all(np.isfinite(part).all() and part.min() >= 0 and part.max() < 40 for part in (water, fat)), seed
        # below 0: marrow with less mineral than the subject's mean
        least = np.where(np.isin(canvas.label, (Label.MARROW, Label.ARCH_MARROW)), -0.25, 0.0)
        assert ((canvas.mix >= least) & (canvas.mix <= 1.05)).all(), seed


def test_drawn_severities_lie_in_the_range_that_can_be_set():
    for seed in range(300):
        drawn = Severities.draw(np.random.default_rng(seed))
        for name in NAMES:
            low, high = RANGES.get(name, (0.0, 1.0))
            assert np.all((np.asarray(getattr(drawn, name)) >= low) & (np.asarray(getattr(drawn, name)) <= high)), name
        kept = drawn.changed({name: getattr(drawn, name) for name in NAMES})
        assert kept.record() == drawn.record()


@pytest.mark.parametrize(("name", "value"), [("male", 0.5), ("male", float("nan")), ("age", 10), ("size", 2)])
def test_what_no_person_has_is_refused(name, value):
    with pytest.raises(UsageError, match=f"The severity {name} is {value}; give"):
        Subject(1, {name: value})
