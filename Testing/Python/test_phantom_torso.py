"""Outer shape, wall, ribs and pelvis of the simulated torso."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from CT2MRSynthLib.phantom.canvas import Canvas
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.spine.vertebrae import VertebraPainter
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.phantom.trunk.pelvis import PelvisPainter
from CT2MRSynthLib.phantom.trunk.ribs import RibPainter
from CT2MRSynthLib.phantom.trunk.torso import TorsoPainter

BONE = (Label.MARROW, Label.ARCH_MARROW, Label.CORTEX)
SPACING = 4.0


def height(subject: Subject, phase: float) -> float:
    outline = subject.torso.outline
    return float(np.interp(-phase, -outline.phase, outline.z))


def slices(subject: Subject, *phases: float, width: float = 460.0, spacing: float = SPACING) -> Lattice:
    """Axial slices in the middle of vertebrae (0 is T12), k, j, i."""
    heights = [height(subject, phase) for phase in phases]
    step = (heights[-1] - heights[0]) / max(len(heights) - 1, 1) or 1.0
    x, y = subject.torso.middle()
    count = int(width / spacing)
    matrix = np.diag([-spacing, -spacing, step, 1.0])
    matrix[:3, 3] = [x + (count - 1) / 2 * spacing, y + (count - 1) / 2 * spacing, heights[0]]
    return Lattice.from_matrix(matrix, (len(heights), count, count))


def painted(subject: Subject, lattice: Lattice, *painters) -> np.ndarray:
    """Labels after some painters only, which is quicker than the whole subject."""
    points = Points.on(lattice, subject.geometry, subject.noise)
    canvas = Canvas(points.size)
    for painter in painters:
        subject._painters[painter].paint(canvas, points)
    return canvas.label.reshape(lattice.shape)


def torso(subject: Subject, *phases: float) -> np.ndarray:
    return painted(subject, slices(subject, *phases), TorsoPainter)


@pytest.mark.parametrize("seed", [3, 11, 22, 31, 59])
def test_no_bone_comes_near_the_skin(seed):
    subject = Subject(seed)
    low, high = height(subject, 7.3), height(subject, -0.3)
    x, y = subject.torso.middle()
    matrix = np.diag([-3.0, -2.0, 5.0, 1.0])
    matrix[:3, 3] = [x + 210, y - 10, low]
    lattice = Lattice.from_matrix(matrix, (int((high - low) / 5), 75, 140))
    label = painted(subject, lattice, TorsoPainter, RibPainter, VertebraPainter, PelvisPainter)
    distance = ndimage.distance_transform_edt(label != Label.AIR, sampling=(5, 2, 3))
    assert distance[np.isin(label, BONE)].min() > 3.0


@pytest.mark.parametrize("seed", [1, 20, 31])
def test_what_is_skipped_as_air_is_air(seed):
    subject = Subject(seed)
    lattice = slices(subject, 0.0, 3.0, 4.5, 6.0)
    label = painted(subject, lattice, TorsoPainter)
    assert np.all(label[~subject.inside(lattice)] == Label.AIR)


def test_depth_is_that_of_the_painted_skin():
    subject = Subject(4)
    lattice = slices(subject, 1.0, 3.0, 5.0)
    body = painted(subject, lattice, TorsoPainter) != Label.AIR
    x, y, z = lattice.points()
    depth = subject.torso.depth(x.ravel(), y.ravel(), z.ravel()).reshape(body.shape)
    # the skin is displaced by the slow deformation, a few mm
    assert np.all(body[depth > 6.0])
    assert not np.any(body[depth < -6.0])


def test_fatness_thickens_subcutaneous_fat_and_fills_the_belly():
    counts = []
    for fatness in (0.0, 0.35, 0.7, 1.0):
        label = torso(Subject(5, {"fatness": fatness}), 2.0, 3.0, 4.0)
        counts.append(((label == Label.SUBCUTANEOUS_FAT).sum(), (label == Label.FAT).sum()))
    for smaller, larger in zip(counts, counts[1:], strict=False):
        assert larger[0] > 1.2 * smaller[0]
        assert larger[1] > 1.05 * smaller[1]


def test_a_larger_person_has_a_larger_trunk():
    areas = [(torso(Subject(5, {"size": size}), 2.0, 3.0) != Label.AIR).sum() for size in (0.85, 1.0, 1.15)]
    assert areas[0] < areas[1] < areas[2]


def test_women_have_wider_hips_for_their_waist():
    def hips_by_waist(male: bool) -> float:
        label = torso(Subject(5, {"male": male}), 2.5, 6.5)
        waist, hips = ((row != Label.AIR).any(axis=0).sum() for row in label)
        return hips / waist

    assert hips_by_waist(False) > 1.05 * hips_by_waist(True)


def test_the_body_is_not_its_own_mirror_image():
    subject = Subject(6)
    body = torso(subject, 1.0, 3.0, 5.0) != Label.AIR
    for row in body:
        columns = np.flatnonzero(row.any(axis=0))
        cropped = row[:, columns[0] : columns[-1] + 1]
        assert (cropped != cropped[:, ::-1]).sum() > 0.01 * cropped.sum()


def test_skin_closes_the_body_and_covers_fat():
    label = torso(Subject(8), 3.0)[0]
    air = ndimage.binary_dilation(label == Label.AIR)
    beside = air & (label != Label.AIR)
    assert np.isin(label[beside], (Label.SKIN, Label.SUBCUTANEOUS_FAT)).all()


def test_muscle_of_the_wall_lies_in_three_layers():
    subject = Subject(9, {"fatness": 0.4, "infiltration": 0.2})
    z = height(subject, 3.0)
    x = subject.torso.middle()[0]
    y = float(subject.torso.outline._center_y[np.argmin(np.abs(subject.torso.outline.z - z))])
    layers = []
    for dy in np.arange(-20, 30, 5.0):
        line = np.stack([x + np.arange(60, 230, 0.25), np.full(680, y + dy), np.full(680, z)], axis=1)
        points = Points.at(line, subject.geometry, subject.noise)
        canvas = Canvas(points.size)
        subject.torso.paint(canvas, points)
        muscle = (canvas.label == Label.MUSCLE) & (canvas.mix < 0.45)
        layers.append(ndimage.label(muscle)[1])
    assert np.median(layers) == 3


def test_ribs_descend_from_the_spine():
    subject = Subject(12)
    for rib in subject._painters[RibPainter].ribs:
        angle = np.linspace(0.6, rib.end, 20)
        assert np.all(np.diff(rib.height(angle)) <= 0)
        assert rib.height(rib.end) < rib.height(0.6) - 25


def test_ribs_are_bone_within_the_wall_at_the_first_lumbar_vertebra():
    subject = Subject(12)
    lattice = slices(subject, 0.7, spacing=2.0)
    label = painted(subject, lattice, TorsoPainter, RibPainter)[0]
    pieces, count = ndimage.label(np.isin(label, BONE))
    sizes = ndimage.sum(pieces > 0, pieces, range(1, count + 1))
    # slices graze the necks of ribs: splinters do not count
    assert 6 <= (sizes > 8).sum() <= 14


@pytest.mark.parametrize("seed", [2, 7])
def test_the_iliac_crest_ends_about_the_lowest_discs(seed):
    subject = Subject(seed)
    label = painted(subject, slices(subject, 2.5, 5.5), TorsoPainter, PelvisPainter)
    bone = np.isin(label, BONE)
    assert not bone[0].any()
    assert bone[1].any()


@pytest.mark.parametrize("seed", [9, 30])
def test_a_joint_space_parts_ilium_and_sacrum(seed):
    subject = Subject(seed)
    lattice = slices(subject, 6.2, spacing=1.0, width=200.0)
    label = painted(subject, lattice, TorsoPainter, VertebraPainter, PelvisPainter)[0]
    joints, count = ndimage.label(label == Label.JOINT)
    sizes = ndimage.sum(label == Label.JOINT, joints, range(1, count + 1))
    assert np.sort(sizes)[-2:].min() > 8
