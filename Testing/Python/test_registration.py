"""Registration of MR to CT: near the truth from near and far, the same every time, refused where nothing fits."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from CT2MRSynthLib.curation.registration import refine, register
from CT2MRSynthLib.curation.registration_images import Lattice, mr_picture, reduce, sample
from CT2MRSynthLib.curation.registration_search import to_matrix, to_transform
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.phantom.ct.protocol import CTProtocol
from CT2MRSynthLib.phantom.subject import phantom_subject, take_mr
from CT2MRSynthLib.volume import Volume

LEVELS = ("L3-L4", "L4-L5", "L5-S1")
COARSE = CTProtocol(matrix=144, spacing=1.8, thickness=3.0, increment=3.0)


@pytest.fixture(scope="module")
def patient():
    """A patient with a coarse CT and three stacks."""
    subject = phantom_subject(203, None, COARSE, mr=False)
    stacks, _ = take_mr(subject.body, LEVELS)
    volumes = [stack.volume for stack in stacks.values()]
    return SimpleNamespace(ct=subject.ct, frames=subject.frames, stacks=stacks, mr=volumes)


@pytest.fixture(scope="module")
def registered(patient):
    """From patient coordinates."""
    return register(patient.ct, patient.mr)


def moved(*by):
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return matrix


def target_error(patient, level, mr_to_ct):
    """Greatest distance, mm, at the disc's center and 20 mm around it."""
    frame = patient.frames[level]
    steps = np.array([[x, y, 0.0] for x in (-20, 0, 20) for y in (-20, 0, 20)])
    points = frame.center + steps @ frame.axes
    both = mr_to_ct @ patient.stacks[level].ct_to_mr
    return np.linalg.norm(points @ both[:3, :3].T + both[:3, 3] - points, axis=1).max()


def test_every_disc_is_found_within_two_millimeters(patient, registered):
    assert registered.succeeded and registered.reason == ""
    assert not registered.numbers["kept_start"]
    for level, stack in patient.stacks.items():
        refined = refine(patient.ct, stack.volume, patient.frames[level], registered.mr_to_ct)
        assert refined.succeeded, refined.reason
        assert target_error(patient, level, refined.mr_to_ct) < 2.0 < target_error(patient, level, np.eye(4))


def test_same_input_gives_the_same_bits(patient, registered):
    again = register(patient.ct, patient.mr)
    assert np.array_equal(again.mr_to_ct, registered.mr_to_ct)
    assert again.numbers == registered.numbers


def test_numbers_are_plain_json(registered):
    assert json.loads(json.dumps(registered.numbers)) == registered.numbers


def test_an_mr_with_another_origin_is_found(patient):
    found = register(patient.ct, patient.mr, moved(40, 250, -70))
    assert found.succeeded and found.numbers["searched"]
    assert max(target_error(patient, level, found.mr_to_ct) for level in LEVELS) < 3.0


def test_an_aligned_start_is_returned_as_it_is(patient):
    level = "L4-L5"
    start = np.linalg.inv(patient.stacks[level].ct_to_mr)
    stack = patient.stacks[level].volume
    whole = register(patient.ct, stack, start)
    assert whole.succeeded and whole.numbers["kept_start"]
    assert np.array_equal(whole.mr_to_ct, start)
    refined = refine(patient.ct, stack, patient.frames[level], start, aligned=True)
    assert refined.succeeded and np.array_equal(refined.mr_to_ct, start)


def test_the_mr_of_another_patient_is_refused(patient):
    other = phantom_subject(204, None, CTProtocol(matrix=32, spacing=8.0, thickness=8.0, increment=8.0), mr=False)
    stacks, _ = take_mr(other.body, LEVELS[:2])
    start = moved(*(patient.frames["L4-L5"].center - other.frames["L4-L5"].center))
    refused = register(patient.ct, [stack.volume for stack in stacks.values()], start)
    assert not refused.succeeded
    assert "check both files" in refused.reason and refused.reason.count(". ") == 0
    assert np.array_equal(refused.mr_to_ct, start)


def test_noise_and_a_mirrored_mr_are_refused(patient):
    rng = np.random.default_rng(1)
    noise = [Volume(rng.rayleigh(40, mr.array.shape), mr.ijk_to_ras, modality="MR") for mr in patient.mr[:1]]
    assert not register(patient.ct, noise).succeeded
    mirrored = [Volume(mr.array[:, :, ::-1], mr.ijk_to_ras, modality="MR") for mr in patient.mr[1:]]
    assert not register(patient.ct, mirrored).succeeded


def test_an_empty_mr_is_refused(patient):
    empty = [Volume(np.zeros_like(mr.array), mr.ijk_to_ras, modality="MR") for mr in patient.mr[:1]]
    assert "no tissue" in register(patient.ct, empty).reason
    assert "no tissue" in refine(patient.ct, empty[0], patient.frames["L4-L5"], np.eye(4)).reason


def test_a_disc_that_the_mr_does_not_hold_is_refused(patient, registered):
    stack = patient.stacks["L5-S1"].volume
    assert not refine(patient.ct, stack, patient.frames["L1-L2"], registered.mr_to_ct).succeeded


def test_a_start_that_is_not_rigid_is_an_error(patient):
    with pytest.raises(InputError, match="rigid"):
        register(patient.ct, patient.mr, np.diag([2.0, 1.0, 1.0, 1.0]))
    with pytest.raises(InputError, match="No MR"):
        register(patient.ct, [])


def test_a_transform_says_the_same_in_both_conventions():
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [3, -5, 8], degrees=True).as_matrix()
    matrix[:3, 3] = [4, -7, 11]
    transform = to_transform(matrix, np.array([20.0, -30.0, 400.0]))
    point = np.array([12.0, 34.0, 390.0])
    there = np.array(transform.TransformPoint((point * [-1, -1, 1]).tolist())) * [-1, -1, 1]
    assert there == pytest.approx(matrix[:3, :3] @ point + matrix[:3, 3], abs=1e-9)
    assert to_matrix(transform) == pytest.approx(matrix, abs=1e-9)


def test_sampling_and_joined_voxels_keep_positions():
    matrix = np.diag([0.5, 0.7, 2.0, 1.0])
    matrix[:3, :3] = Rotation.from_euler("xyz", [4, 10, -6], degrees=True).as_matrix() @ matrix[:3, :3]
    matrix[:3, 3] = [5, 6, 7]
    k, j, i = np.mgrid[0:9, 0:32, 0:40]
    world = np.stack([i, j, k], axis=-1) @ matrix[:3, :3].T + matrix[:3, 3]
    volume = Volume(world @ np.array([1.0, 2.0, 3.0]), matrix, modality="MR")
    center = world.reshape(-1, 3).mean(axis=0)
    lattice = Lattice.around(center + np.array([[-5.0, -5, -3], [5, 5, 3]]), np.eye(3), 1.5)
    values, inside = sample(volume, lattice, 0.0)
    expected = np.stack([lattice.plane(n) for n in range(lattice.size[2])]) @ np.array([1.0, 2.0, 3.0])
    assert inside.all() and values == pytest.approx(expected, abs=1e-3)
    image = lattice.image(values)
    assert isinstance(image, sitk.Image)
    assert np.array(image.TransformIndexToPhysicalPoint((2, 1, 1))) * [-1, -1, 1] == pytest.approx(
        lattice.plane(1)[1, 2], abs=1e-9
    )
    assert reduce(volume, np.full(3, 1.5)).array.shape == (9, 16, 13)


def test_the_values_of_an_mr_have_no_upper_limit():
    rng = np.random.default_rng(3)
    volume = Volume(rng.integers(0, 1500, (10, 12, 14)).astype(np.float32), np.eye(4))
    lattice = Lattice.around(volume.corners(), np.eye(3), 2.0)
    scaled = Volume(20 * volume.array, volume.ijk_to_ras)
    one, other = (mr_picture([mr], lattice) for mr in (volume, scaled))
    assert np.array_equal(one.mask, other.mask) and other.values == pytest.approx(one.values, rel=1e-5)
