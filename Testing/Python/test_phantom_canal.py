"""The simulated canal and discs: every severity does what it says, the sac stays open and clear of bone."""

import numpy as np
import pytest

from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.mr.tissue import TissueSignals, signals
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.tissues import Label

DISC = (Label.ANNULUS, Label.OUTER_ANNULUS, Label.NUCLEUS, Label.VACUUM, Label.CALCIFICATION)
SAC = (Label.CSF, Label.ROOT)
SEEDS = (70, 73)
STEP = 0.7
#: What is set in all subjects so that one severity changes alone.
PLAIN = {"vacuum": 0, "protrusion": 0, "bulge": 0.2, "stenosis": 0, "flavum_thickening": 0.2}


class Slab:
    """The tissue near one disc: planes of the disc, rows to ventral, columns to the right, mm from the canal."""

    def __init__(self, subject: Subject, level: str, half: float, middle: float, heights=(0.0,)):
        pose = subject.geometry.discs[LEVELS.index(level) + 1]
        count = int(2 * half / STEP)
        spread = heights[1] - heights[0] if len(heights) > 1 else 1.0
        steps = np.stack([pose.axes[2] * spread, pose.axes[1] * STEP, pose.axes[0] * STEP])
        origin = pose.world(-half, middle - half, heights[0])
        lattice = Lattice(origin, steps, (len(heights), count, count))
        self.points = subject.points(lattice)
        self.canvas = subject.paint_points(self.points)
        self.label = self.canvas.label.reshape(lattice.shape)
        self.v = middle - half + STEP * np.arange(count)

    def area(self, *labels: Label) -> float:
        """mm2 of some tissues, added over the planes."""
        return float(np.isin(self.label, labels).sum()) * STEP**2


def _slabs(name: str, values, **options):
    """One slab for each value of a severity, of two subjects at three levels."""
    for seed in SEEDS:
        subjects = [Subject(seed, {**PLAIN, name: value}) for value in values]
        for level in ("L1-L2", "L3-L4", "L5-S1"):
            yield [Slab(subject, level, **options) for subject in subjects]


CANAL = {"half": 17.0, "middle": -10.0}
WHOLE = {"half": 32.0, "middle": 14.0}


def test_stenosis_narrows_the_sac_step_by_step():
    ratios = []
    for slabs in _slabs("stenosis", (0, 0.4, 0.8), **CANAL):
        open_, narrower, narrow = (slab.area(*SAC) for slab in slabs)
        assert open_ > narrower > narrow > 20
        ratios.append(narrow / open_)
    assert np.mean(ratios) < 0.75


def test_bulging_discs_reach_farther():
    for slabs in _slabs("bulge", (0, 0.5, 1), **WHOLE):
        flat, some, wide = (slab.area(*DISC) for slab in slabs)
        assert 1.04 * flat < some and 1.04 * some < wide


def test_protrusions_reach_into_the_canal_and_dent_the_sac():
    for slabs in _slabs("protrusion", (0, 0.5, 1), **CANAL):
        sac = [slab.area(*SAC) for slab in slabs]
        disc = [slab.area(*DISC) for slab in slabs]
        assert sac[0] >= sac[1] >= sac[2] > 20 and sac[0] > sac[2]
        assert disc[0] < disc[1] < disc[2]


def test_thickened_flavum_is_thicker():
    for slabs in _slabs("flavum_thickening", (0, 0.5, 1), **CANAL):
        dorsal = slabs[0].v < -9
        thin, some, thick = (int((slab.label[:, dorsal] == Label.LIGAMENT).sum()) for slab in slabs)
        assert thin < some < thick


def test_vacuum_grows_with_its_severity():
    for slabs in _slabs("vacuum", (0, 0.3, 0.6, 1), heights=np.arange(-2.0, 2.1, 0.8), half=24.0, middle=15.0):
        gas = [slab.area(Label.VACUUM) for slab in slabs]
        assert gas[0] == 0 < gas[1] < gas[2] < gas[3]
        assert gas[3] < 0.4 * slabs[0].area(*DISC), "clefts, not a hollow disc"


def test_nucleus_loses_its_t2_signal():
    tissue = TissueSignals.draw(np.random.default_rng(0), Subject(70).severity, 0, 3600.0, 100.0)
    for slabs in _slabs("signal_loss", (0, 0.3, 0.6, 1), half=7.0, middle=16.0):
        bright = []
        for slab in slabs:
            in_disc = np.isin(slab.canvas.label, DISC)
            assert in_disc.mean() > 0.5
            bright.append(signals(slab.canvas, tissue)[0][in_disc].mean())
        assert np.all(np.diff(bright) < 0)
        assert bright[-1] < 0.5 * bright[0]


def test_lost_height_brings_the_endplates_nearer():
    for seed in SEEDS:
        tall, flat = (Subject(seed, {"height_loss": value}) for value in (0, 0.8))
        for disc in range(1, 6):
            gaps = [
                np.linalg.norm(s.geometry.vertebrae[disc].origin - s.geometry.vertebrae[disc + 1].origin)
                for s in (tall, flat)
            ]
            assert gaps[1] < gaps[0] - 1.0


@pytest.mark.parametrize("first", range(0, 50, 10))
def test_sac_is_open_and_clear_of_bone(first):
    """Its middle and the surroundings are sac, even in the narrowest canal, and no bone lies where it would be."""
    for seed in range(first, first + 10):
        subject = Subject(seed, {"stenosis": 1, "flavum_thickening": 1} if seed % 3 == 0 else None)
        phases = np.arange(1, 6) + 0.5
        middle = subject.canal.sac(phases).center
        near = np.array([[0, 0], [0.8, 0], [-0.8, 0], [0, 0.8], [0, -0.8]])
        places = [subject.geometry.discs[n + 1].world(u, float(middle[n]) + v, 0.0) for n in range(5) for u, v in near]
        points = subject.deformed(np.array(places))
        label = subject.labels_at(points).reshape(5, len(near))
        assert np.isin(label[:, 0], SAC).all(), seed
        assert np.isin(label, SAC).mean() > 0.9, seed


def test_arches_leave_the_sac_its_room():
    for seed in range(50, 58):
        subject = Subject(seed)
        for level in LEVELS:
            slab = Slab(subject, level, **CANAL)
            alone = Canvas(slab.points.size)
            subject.canal.paint(alone, slab.points)
            own, left = np.isin(alone.label, SAC), np.isin(slab.canvas.label, SAC)
            assert own.sum() * STEP**2 > 20
            assert left.sum() > 0.93 * own.sum(), (seed, level)


def test_sac_is_rounded_and_keeps_its_area():
    """An ellipse fills 0.79 of the box around it, a triangle half of it, a box all."""
    shares, areas = [], []
    for seed in range(20, 28):
        for level in ("L1-L2", "L3-L4"):
            slab = Slab(Subject(seed, PLAIN), level, **CANAL)
            v, u = np.nonzero(np.isin(slab.label[0], SAC))
            shares.append(v.size / ((np.ptp(v) + 1) * (np.ptp(u) + 1)))
            areas.append(v.size * STEP**2)
    assert 0.68 < np.median(shares) < 0.82 and np.max(shares) < 0.88
    assert 140 < np.median(areas) < 240, "mm2"


def test_foramina_hold_more_fat_in_the_fat():
    amount = np.zeros(2)
    for seed in SEEDS:
        for n, fatness in enumerate((0.05, 0.95)):
            slab = Slab(Subject(seed, {**PLAIN, "fatness": fatness}), "L3-L4", **WHOLE)
            u = np.abs(-32.0 + STEP * np.arange(slab.label.shape[2]))
            foramen = (np.abs(slab.v + 3) < 9)[:, None] & (u > 9) & (u < 26)
            amount[n] += (np.isin(slab.label[0], (Label.FAT, Label.EPIDURAL_FAT)) & foramen).sum()
    assert amount[1] > 1.25 * amount[0]


def test_roots_are_fewer_below():
    """At L2-L3 the cauda equina fills much of the sac, at L5-S1 little is left of it."""
    share = np.zeros(2)
    for seed in range(30, 36):
        subject = Subject(seed)
        for n, level in enumerate(("L2-L3", "L5-S1")):
            slab = Slab(subject, level, **CANAL)
            inside = slab.canvas.label == Label.CSF
            share[n] += slab.canvas.mix[inside].sum() * STEP**2
    assert share[0] > 2 * share[1]


def test_roots_have_sunk_to_the_back_of_the_sac():
    for seed in (31, 34, 37):
        slab = Slab(Subject(seed, PLAIN), "L3-L4", **CANAL)
        inside = slab.canvas.label == Label.CSF
        v = np.broadcast_to(slab.v[None, :, None], slab.label.shape).ravel()[inside]
        assert np.average(v, weights=slab.canvas.mix[inside] + 1e-6) < v.mean() - 0.8


def test_ganglia_lie_in_both_foramina_and_differ():
    sizes = []
    for seed in range(40, 46):
        subject = Subject(seed)
        pose = subject.geometry.vertebrae[4]
        origin = pose.world(-24.0, -14.0, -7.5 * subject.anatomy.scale)
        lattice = Lattice(origin, np.stack([pose.axes[2], pose.axes[1] * 0.5, pose.axes[0] * 0.5]), (1, 36, 96))
        nerve = subject.paint(lattice).label.reshape(36, 96) == Label.NERVE
        sizes.append((nerve[:, :40].sum() / 4, nerve[:, 56:].sum() / 4))
    sizes = np.array(sizes)
    assert np.median(sizes) > 8, "mm2"
    assert np.abs(sizes[:, 0] - sizes[:, 1]).max() > 2


def test_severities_leave_the_other_discs_alone():
    plain, worn = Subject(70, PLAIN), Subject(70, {**PLAIN, "L4-L5:bulge": 1, "L4-L5:stenosis": 1})
    before, after = (Slab(s, "L2-L3", **CANAL).label for s in (plain, worn))
    assert np.mean(before != after) < 0.01
