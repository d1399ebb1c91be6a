"""Vertebrae of the simulated spine: what severities do to bone, and what always holds."""

import numpy as np
import pytest
from scipy import ndimage

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.ct.hounsfield import hounsfield
from CT2MRSynthLib.phantom.ct.settings import CTSettings
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.sampling import sample
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.severities import DISC_NAMES
from CT2MRSynthLib.phantom.spine.arches import Arches, arches_of
from CT2MRSynthLib.phantom.spine.facets import SIDES
from CT2MRSynthLib.phantom.spine.outline import SACRUM
from CT2MRSynthLib.phantom.spine.vertebrae import VertebraPainter
from CT2MRSynthLib.phantom.tissues import Label

BONE = (Label.MARROW, Label.ARCH_MARROW, Label.CORTEX)
STEPS = (0.0, 0.5, 1.0)


def lattice(pose, u, v, w):
    """World positions of all combinations of local coordinates."""
    local = np.stack(np.meshgrid(u, v, w, indexing="ij"), axis=-1).reshape(-1, 3)
    return pose.origin + local @ pose.axes


def facet_area(subject, disc):
    """Points of articular processes in a plane through a disc."""
    positions = lattice(subject.geometry.discs[disc], np.arange(-34, 34, 0.6), np.arange(-30, -3, 0.6), [0.0])
    return int((subject.labels_at(positions) == Label.ARCH_MARROW).sum())


@pytest.mark.parametrize("seed", [3, 11])
@pytest.mark.parametrize("disc", [1, 4, 5])
def test_facet_hypertrophy_adds_bone_and_narrows_the_joint(seed, disc):
    subjects = [Subject(seed, {"facet_hypertrophy": value}) for value in STEPS]
    areas = [facet_area(subject, disc) for subject in subjects]
    assert areas[0] * 1.04 < areas[1] and areas[1] * 1.04 < areas[2]
    gaps = [arches_of(subject.geometry).facets[disc][0].half_gap(np.zeros(1))[0] for subject in subjects]
    assert gaps[0] > gaps[1] > gaps[2] > 0


def test_facet_hypertrophy_of_one_level_leaves_others_alone():
    mild, severe = (Subject(5, {"L5-S1:facet_hypertrophy": value}) for value in (0.0, 1.0))
    for disc, same in ((DISC_NAMES.index("L2-L3"), True), (DISC_NAMES.index("L5-S1"), False)):
        assert (facet_area(mild, disc) == facet_area(severe, disc)) is same


@pytest.mark.parametrize("seed", [2, 9])
def test_osteophytes_add_bone_outside_the_rim(seed):
    subjects = [Subject(seed, {"osteophytes": value}) for value in STEPS]
    pose, a = subjects[0].geometry.vertebrae[3], subjects[0].anatomy
    height, width, depth = a.body_height[3] / 2, a.body_width[3] / 2, a.body_depth[3]
    positions = lattice(
        pose, np.arange(-width - 9, width + 9, 1.5), np.arange(0, depth + 10, 1.5), [height - 1.0, -height + 1.0]
    )
    bone = [np.isin(subject.labels_at(positions), BONE) for subject in subjects]
    grown = [int((b & ~bone[0]).sum()) for b in bone]
    assert grown[1] > 20 and grown[2] > 1.3 * grown[1]
    assert (bone[0] & ~bone[2]).sum() < 0.02 * bone[0].sum()


@pytest.mark.parametrize("seed", [4, 8])
def test_osteoporosis_lowers_the_density_of_bodies(seed):
    means = []
    for value in STEPS:
        subject = Subject(seed, {"osteoporosis": value})
        settings = CTSettings.draw(np.random.default_rng(seed), subject.severity)
        pose = subject.geometry.vertebrae[3]
        positions = lattice(pose, np.arange(-12, 12, 1.5), np.arange(5, 24, 1.5), np.arange(-10, 11, 2.0))
        canvas = subject.paint_points(Points.at(positions, subject.geometry, subject.noise))
        means.append(float(hounsfield(canvas, settings).mean()))
    assert means[0] - 15 > means[1] and means[1] - 15 > means[2]


@pytest.mark.parametrize("seed", range(6))
def test_a_joint_space_parts_the_processes_of_each_facet(seed):
    subject = Subject(seed)
    arches = arches_of(subject.geometry)
    for disc in range(1, SACRUM):
        pose = subject.geometry.discs[disc]
        for facet in arches.facets[disc]:
            across = np.arange(-5, 5, 0.1)
            du, dv = across * facet.cos, across * facet.sin
            local = np.stack([facet.sign * (facet.apart + du), dv - 15.3 + facet.offset, 0 * du], axis=-1)
            bone = arches.distance(*(pose.origin + local @ pose.axes).T.astype(np.float32)) < 0
            changes = np.flatnonzero(np.diff(bone.astype(int)))
            assert bone[(across < -1.5) & (across > -3.0)].all() and bone[(across > 1.5) & (across < 3.0)].all()
            inner = changes[np.abs(across[changes]) < 1.6]
            assert len(inner) == 2 and 0.3 <= across[inner[1]] - across[inner[0]] <= 3.0


@pytest.mark.parametrize("seed", range(6))
def test_the_canal_is_free_of_bone(seed):
    subject = Subject(seed, {"facet_hypertrophy": 1.0})
    phase = np.arange(0.5, 6.5, 0.1)
    v = -np.array([3.0, 6.0, 9.0, 12.0])
    x, y, z = np.stack([np.stack([c.ravel() for c in subject.geometry.from_canal(0 * v, v, p)]) for p in phase], 1)
    assert (arches_of(subject.geometry).distance(x.ravel(), y.ravel(), z.ravel()) > 0).all()


def test_right_and_left_differ():
    subject = Subject(6)
    arches = arches_of(subject.geometry)
    for disc in range(1, SACRUM):
        right, left = arches.facets[disc]
        assert (right.sign, left.sign) == SIDES
        assert abs(right.curve - left.curve) > 1e-4 and right.thick != left.thick
    pose = subject.geometry.vertebrae[3]
    u, v, w = np.meshgrid(np.arange(2, 40, 2.0), np.arange(-40, 0, 2.0), np.arange(-20, 20, 4.0))
    sides = [
        arches.distance(*(pose.origin + np.stack([s * u, v, w], -1).reshape(-1, 3) @ pose.axes).T.astype(np.float32))
        for s in (1, -1)
    ]
    assert 5 < ((sides[0] < 0) != (sides[1] < 0)).sum() < 0.5 * (sides[0] < 0).sum() + 200


def test_shapes_do_not_depend_on_severities():
    first, second = (Arches(Subject(7, {"osteoporosis": v, "osteophytes": v}).geometry) for v in (0.0, 1.0))
    positions = np.random.default_rng(0).uniform((-40, -75, -60), (40, -15, 60), (4000, 3)).astype(np.float32)
    np.testing.assert_array_equal(first.distance(*positions.T), second.distance(*positions.T))


def test_endplates_are_hollow():
    for seed in range(4):
        subject = Subject(seed)
        for n, body in enumerate(subject._painters[VertebraPainter].bodies[1:SACRUM], 1):
            w = np.arange(-20, 20, 0.1, dtype=np.float32)
            depth = float(subject.anatomy.body_depth[n])
            heights = []
            for v in (0.5 * depth, 0.06 * depth, 0.94 * depth):
                distance, _, ends, _ = body.distance(0 * w, np.full_like(w, v), w)
                heights.append(0.1 * (ends < 0).sum())
            assert heights[0] + 0.8 < (heights[1] + heights[2]) / 2


def test_three_planes_with_their_outside_come_near_to_many():
    subject, planes = Subject(1), 21
    settings = CTSettings.draw(np.random.default_rng(1), subject.severity)
    box = subject.frame("L1-L2").with_depth(4.8)

    def mean(count, outside):
        matrix = box.grid(slices=count, pixels=96).ijk_to_ras
        lattice = Lattice.from_matrix(matrix, (count, 96, 96))
        (hu,), _ = sample(subject, lattice, lambda canvas: [hounsfield(canvas, settings)], outside=outside)
        return hu[:, :45].mean(axis=0)

    fine = mean(planes, False)
    without, within = (
        np.abs(ndimage.gaussian_filter(mean(3, outside) - fine, 0.8)).mean() for outside in (False, True)
    )
    assert within < 0.7 * without


def test_no_bone_takes_the_place_of_skin_or_sac():
    subject = Subject(1)
    pose = subject.geometry.vertebrae[4]
    positions = lattice(pose, np.arange(-30, 30, 2.0), np.arange(-60, 30, 2.0), [-17.0, -5.0, 5.0])
    points = Points.at(positions, subject.geometry, subject.noise)
    for label in (Label.SKIN, Label.CSF, Label.AIR):
        canvas = Canvas(points.size)
        canvas.label[:] = label
        subject._painters[VertebraPainter].paint(canvas, points)
        assert (canvas.label == label).all()
    canvas.label[:] = Label.FAT
    subject._painters[VertebraPainter].paint(canvas, points)
    assert np.isin(canvas.label, BONE).mean() > 0.1


def test_bone_at_a_point_does_not_depend_on_the_others():
    subject = Subject(12)
    pose = subject.geometry.discs[3]
    positions = lattice(pose, np.arange(-36, 36, 3.0), np.arange(-50, 40, 3.0), [-6.0, 0.0, 7.0])
    painter = subject._painters[VertebraPainter]

    def painted(where):
        canvas = Canvas(len(where))
        canvas.label[:] = Label.FAT
        painter.paint(canvas, Points.at(positions[where], subject.geometry, subject.noise))
        return canvas

    some = np.random.default_rng(0).permutation(len(positions))[:300]
    whole, part = painted(np.arange(len(positions))), painted(some)
    np.testing.assert_array_equal(whole.label[some], part.label)
    np.testing.assert_allclose(whole.mix[some], part.mix, atol=1e-4)


def test_sacral_foramina_lead_from_the_front_into_the_canal():
    for seed in range(3):
        subject = Subject(seed)
        pose, k = subject.geometry.discs[SACRUM], subject.anatomy.scale
        for side in (1.0, -1.0):
            path = np.linspace((side * 22.0 * k, 12.0, 0.0), (side * 16.5 * k, -4.0, 0.0), 12)
            canvas = Canvas(len(path))
            canvas.label[:] = Label.FAT
            points = Points.at(subject.deformed(pose.origin + path @ pose.axes), subject.geometry, subject.noise)
            subject._painters[VertebraPainter].paint(canvas, points)
            assert not np.isin(canvas.label, BONE).any()
            beside = Points.at(
                subject.deformed(pose.origin + (path + (side * 14.0 * k, -8.0, 0.0)) @ pose.axes),
                subject.geometry,
                subject.noise,
            )
            canvas.label[:] = Label.FAT
            subject._painters[VertebraPainter].paint(canvas, beside)
            assert np.isin(canvas.label, BONE).mean() > 0.5
