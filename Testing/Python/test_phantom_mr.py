"""Simulated T2: relative signals, what scanner and patient do to the picture, and where the stacks lie."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from CT2MRSynthLib.phantom.likeness.mr_bands import MR_BANDS, measure_subjects
from CT2MRSynthLib.phantom.mr import artifacts as mr_artifacts
from CT2MRSynthLib.phantom.mr import kspace as mr_kspace
from CT2MRSynthLib.phantom.mr import slice as mr
from CT2MRSynthLib.phantom.mr.settings import COIL_SPAN, Coil, Motion, MRSettings, Readout
from CT2MRSynthLib.phantom.mr.stack import MOTION, MOVE, SAMPLED, TURN, MRPose, MRProtocol, phantom_mr_stacks
from CT2MRSynthLib.phantom.mr.tissue import TissueSignals
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.pair import render_pair
from CT2MRSynthLib.phantom.points import Points
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.severities import Severities
from CT2MRSynthLib.phantom.tissues import Label

PIXEL = 0.5
READOUT = Readout(phase_axis=1, frequency=0.6, phase=0.7, filter=0.4, fat_shift=1.5, noise=0.0, acceleration=0.0)
ONE = MRProtocol(slices=1, gap=0.0, field_of_view=160.0, matrix=320, scale=100.0)
STILL = Motion(0.0, 0.0, 25.0, 0.0, 0.0, 8.0, 10.0, 0.0, 3.0)
AT = (np.arange(128) - 63.5) * PIXEL


@pytest.fixture(scope="module")
def relative() -> dict[str, np.ndarray]:
    return {name: np.array(values) for name, values in measure_subjects(range(1, 21)).items()}


def _blob(row: float = 0.0, column: float = 0.0, width: float = 3.0, size: int = 128, pixel: float = PIXEL):
    """A soft spot; its middle in mm from the picture's middle."""
    at = (np.arange(size) - (size - 1) / 2) * pixel
    return np.exp(-(((at[:, None] - row) / width) ** 2) - ((at[None, :] - column) / width) ** 2)


def _middle(picture: np.ndarray, pixel: float = PIXEL) -> np.ndarray:
    """Center of mass in mm from the picture's middle."""
    return (np.array(ndimage.center_of_mass(picture)) - (np.array(picture.shape) - 1) / 2) * pixel


def _encode(water=None, fat=None, readout=READOUT, **options) -> np.ndarray:
    empty = np.zeros((128, 128))
    parts = mr_kspace.Parts(empty if water is None else water, empty if fat is None else fat)
    return mr_kspace.encode(parts, readout, PIXEL, np.random.default_rng(0), **options)


@pytest.mark.parametrize("name", MR_BANDS)
def test_mean_relative_signals_lie_in_their_bands(relative, name):
    known = relative[name][np.isfinite(relative[name])]
    low, high = MR_BANDS[name]
    assert known.size >= 6
    assert low <= known.mean() <= high


def test_contrast_order(relative):
    mean = {name: np.nanmean(values) for name, values in relative.items()}
    assert mean["sac_fluid"] > mean["retroperitoneal_fat"] > mean["body_marrow"] > mean["back_muscle"]
    assert mean["dorsal_subcutaneous_fat"] > mean["retroperitoneal_fat"]
    assert mean["back_muscle"] > 1.0 > mean["ventral_annulus"]


def test_flow_leaves_arteries_dark(relative):
    assert np.nanpercentile(relative["aorta"], 90) < 1.2


def test_same_tissue_has_a_similar_grey_level_in_every_subject():
    levels = []
    for seed in range(5):
        pair = render_pair(seed, "L3-L4", jitter=0.0)
        fat = ndimage.binary_erosion(np.isin(pair.labels, (Label.FAT, Label.EPIDURAL_FAT)), iterations=2)
        levels.append(np.median(pair.mr[fat]))
    assert np.std(levels) / np.mean(levels) < 0.2


@pytest.mark.parametrize("phase_axis", [0, 1])
def test_fat_is_shifted_along_the_frequency_axis_by_the_stated_pixels(phase_axis):
    readout = dataclasses.replace(READOUT, phase_axis=phase_axis, fat_shift=-1.5)
    water, fat = _middle(_encode(water=_blob(), readout=readout)), _middle(_encode(fat=_blob(), readout=readout))
    expected = [0.0, 0.0]
    expected[1 - phase_axis] = -1.5 * readout.frequency
    assert fat - water == pytest.approx(expected, abs=0.02)


def test_shifts_drawn_are_one_to_two_pixels_either_way():
    shifts = np.array([Readout.draw(np.random.default_rng(seed)).fat_shift for seed in range(60)])
    assert np.abs(shifts).min() >= 1 and np.abs(shifts).max() <= 2
    assert 15 < (shifts > 0).sum() < 45


@pytest.mark.parametrize("size", [160, 192, 256])
def test_interpolation_by_zero_filling_leaves_everything_in_its_place(size):
    picture = _encode(water=_blob(5.2, -7.4), size=size)
    assert picture.shape == (size, size)
    assert _middle(picture, PIXEL * 128 / size) == pytest.approx([5.2, -7.4], abs=0.03)
    assert picture.max() == pytest.approx(1.0, abs=0.05)


def test_cut_k_space_rings_at_edges_and_a_filter_calms_it():
    edge = np.where(np.abs(AT)[:, None] < 15, 1.0, 0.2) * np.ones(128)
    sharp, mild = (
        _encode(water=edge, readout=dataclasses.replace(READOUT, phase_axis=0, phase=1.2, filter=f))[:, 64].max()
        for f in (0.02, 0.8)
    )
    assert 1.04 < sharp < 1.12
    assert mild < 1.0 + (sharp - 1.0) / 2


def test_noise_is_rician_and_shared_by_neighboring_pixels():
    picture = _encode(readout=dataclasses.replace(READOUT, noise=0.2, frequency=1.0, phase=1.0))
    assert picture.mean() == pytest.approx(0.2 * np.sqrt(np.pi / 2), rel=0.05)
    flat = _encode(water=np.ones((128, 128)), readout=dataclasses.replace(READOUT, noise=0.1, frequency=1.0, phase=1.0))
    assert flat.std() == pytest.approx(0.1, rel=0.1)
    assert np.corrcoef(flat[:, :-1].ravel(), flat[:, 1:].ravel())[0, 1] > 0.4


def test_parallel_imaging_raises_noise_in_the_middle():
    picture = _encode(readout=dataclasses.replace(READOUT, noise=0.2, acceleration=0.6))
    assert picture[48:80, 48:80].mean() > 1.3 * picture[:16, :16].mean()


@pytest.mark.parametrize("phase_axis", [0, 1])
def test_ghosts_lie_along_the_phase_axis_at_their_distance(phase_axis):
    empty = np.zeros((128, 128))
    parts = mr_kspace.Parts(empty, empty, _blob(width=2.0))
    readout = dataclasses.replace(READOUT, phase_axis=phase_axis)
    picture = mr_kspace.encode(parts, readout, PIXEL, np.random.default_rng(3), ghost_distance=15.0)
    along, across = picture.max(axis=1 - phase_axis), picture.max(axis=phase_axis)
    assert abs(abs(AT[np.argmax(along)]) - 15.0) < 0.6
    assert abs(AT[np.argmax(across)]) < 0.6
    assert along[60:68].max() < 0.1 * along.max()


def test_coil_is_stronger_dorsally_by_its_ratio_and_correction_leaves_less():
    coil = Coil(falloff=3.0, remaining=1.5, bend=0.3, lateral=(0.0, 0.0, 0.0), ripple_phase=0.0)
    ends = np.array([-COIL_SPAN / 2, 0.0, COIL_SPAN / 2])
    gain = mr_artifacts.sensitivity(coil, ends, np.zeros(1), coil.falloff)[:, 0]
    assert gain[0] / gain[2] == pytest.approx(3.0)
    assert gain[0] > gain[1] > gain[2]
    settings = dataclasses.replace(_settings(), coil=coil, motion=STILL, readout=READOUT)
    signal, labels = np.ones((128, 128)), np.full((128, 128), Label.LIVER)
    for remaining in (3.0, 1.5):
        scan = settings.changed(coil={"remaining": remaining})
        picture = mr.acquire(signal, 0 * signal, labels, scan, COIL_SPAN / 128, np.random.default_rng(0), front=1e3)
        assert picture[-4].mean() / picture[3].mean() == pytest.approx(remaining, rel=0.08)


def test_falloff_over_the_field_of_view_is_two_to_four_or_corrected():
    coils = [Coil.draw(np.random.default_rng(seed)) for seed in range(80)]
    assert all(2 <= coil.falloff <= 4 for coil in coils)
    corrected = [coil.remaining for coil in coils if coil.remaining != coil.falloff]
    assert 10 < len(corrected) < 60
    assert all(1.2 <= remaining <= 1.8 for remaining in corrected)


def test_saturation_band_darkens_only_what_lies_before_the_body():
    motion = dataclasses.replace(STILL, saturation=0.8)
    left = mr_artifacts.saturation(motion, np.array([-30.0, 0.0, 20.0, 50.0]), np.zeros(1), front=20.0)[:, 0]
    assert left[:3] == pytest.approx([1, 1, 1]) and left[3] == pytest.approx(0.2)


def test_bowel_is_smeared_along_the_phase_axis():
    labels = np.where(np.hypot(AT[:, None], AT[None, :]) < 4, Label.BOWEL_CONTENT, Label.FAT)[None].astype(np.uint8)
    picture = np.where(labels[0] == Label.BOWEL_CONTENT, 8.0, 1.0)
    blurred = mr_artifacts.blur_bowel((picture,), labels, STILL, 0, PIXEL)[0]
    beside = blurred - picture
    assert beside[52, 64] > 3 * beside[64, 52] > -0.01
    assert beside[52, 64] > 0.3


def test_metal_leaves_a_void_and_a_rim_along_the_frequency_axis():
    labels = np.where(np.hypot(AT[:, None], AT[None, :]) < 3, Label.METAL, Label.FAT)[None].astype(np.uint8)
    flat = np.ones((128, 128))
    picture = mr_artifacts.distort_by_metal((flat,), labels, 1, 0, PIXEL)[0]
    void = picture < 0.3
    assert void.sum() > 1.3 * (labels == Label.METAL).sum() and np.hypot(*_middle(void)) < 5
    rows, columns = np.nonzero(picture > 1.3)
    assert rows.size and rows.min() > 64 and np.abs(columns - 63.5).max() < 24
    assert picture[:, :20] == pytest.approx(1.0, abs=0.05)
    assert mr_artifacts.distort_by_metal((flat,), np.full_like(labels, Label.FAT), 1, 0, PIXEL)[0] is flat


def test_marrow_turns_to_fat_with_age():
    severity = Severities.draw(np.random.default_rng(1))
    young, old = (
        TissueSignals.draw(np.random.default_rng(2), severity.changed({"age": age}), 0, 3500, 100) for age in (25, 80)
    )
    for label in (Label.MARROW, Label.ARCH_MARROW):
        assert old.yellow[label] > young.yellow[label] + 0.15
    assert old.water[Label.MUSCLE] == young.water[Label.MUSCLE]


def test_fluid_in_motion_loses_more_signal_at_upper_levels():
    settings, lost = _settings(), {"L1-L2": [], "L5-S1": []}
    for subject in (Subject(seed) for seed in range(5, 10)):
        for level, shares in lost.items():
            around = subject.frame(level).center + np.random.default_rng(0).normal(0, 4, (3000, 3))
            canvas = subject.paint_points(Points.at(around, subject.geometry, subject.noise))
            sac = canvas.label == Label.CSF
            still, moving = (mr.signals(canvas, settings.changed(motion={"fluid_flow": f}))[0][sac] for f in (0.0, 0.7))
            shares.append(1 - moving.sum() / still.sum())
    assert np.mean(lost["L1-L2"]) > 2 * np.mean(lost["L5-S1"]) > 0


def test_poses_stay_within_their_limits_and_vary():
    poses = [MRPose.draw(np.random.default_rng(seed)) for seed in range(100)]
    assert max(np.abs(pose.rotation).max() for pose in poses) <= TURN
    assert max(np.abs(pose.translation).max() for pose in poses) <= MOVE
    assert max(np.linalg.norm(step) for pose in poses for step in pose.motion.values()) <= MOTION + 1e-9
    assert np.std([pose.rotation for pose in poses]) > 0.8 and np.std([pose.translation for pose in poses]) > 1.5
    rigid = poses[0].matrix("L2-L3")[:3, :3]
    assert rigid @ rigid.T == pytest.approx(np.eye(3)) and np.linalg.det(rigid) == pytest.approx(1)


def test_stacks_are_as_scanners_store_them():
    subject = Subject(7)
    stacks = phantom_mr_stacks(subject, levels=["L3-L4", "L5-S1"])
    assert list(stacks) == ["L3-L4", "L5-S1"]
    for level, stack in stacks.items():
        volume = stack.volume
        assert volume.array.dtype == np.uint16 and volume.array.shape[0] == 5
        assert 500 < np.percentile(volume.array, 99.5) < 2500
        assert 0.3 <= volume.spacing[0] <= 0.65 and 3.0 <= volume.spacing[2] <= 4.4
        assert stack.labels.shape == volume.array.shape
        normal = np.linalg.inv(stack.ct_to_mr)[:3, :3] @ stack.frame.axes[2]
        assert np.degrees(np.arccos(normal @ subject.frame(level).axes[2])) < 7


def test_same_seed_same_stack():
    first, second = (phantom_mr_stacks(Subject(9), protocol=ONE, levels=["L2-L3"])["L2-L3"] for _ in range(2))
    assert first.volume.array.tobytes() == second.volume.array.tobytes()
    assert np.array_equal(first.volume.ijk_to_ras, second.volume.ijk_to_ras)
    assert np.array_equal(first.ct_to_mr, second.ct_to_mr)


@pytest.mark.parametrize("seed", range(20, 26))
def test_sac_of_stack_and_ct_agree_under_the_recorded_transform(seed):
    subject, level = Subject(seed), ("L1-L2", "L3-L4", "L4-L5")[seed % 3]
    stack = phantom_mr_stacks(subject, _only_the_sac_shines(), ONE, levels=[level])[level]
    sac = stack.ct_to_mr[:3, :3] @ subject.landmarks(level).sac_center + stack.ct_to_mr[:3, 3]
    grid = np.stack(np.meshgrid(np.arange(320), np.arange(320), [0], indexing="ij"), axis=-1).reshape(-1, 3)
    position = grid @ stack.volume.ijk_to_ras[:3, :3].T + stack.volume.ijk_to_ras[:3, 3]
    near = np.linalg.norm(position - sac, axis=1) < 18
    grid, position = grid[near], position[near]
    signal = stack.volume.array[0, grid[:, 1], grid[:, 0]].astype(float)
    seen = np.average(position, axis=0, weights=np.where(signal > 30, signal, 0))
    back = np.linalg.inv(stack.ct_to_mr)
    in_ct = position @ back[:3, :3].T + back[:3, 3]
    true = in_ct[np.isin(subject.labels_at(in_ct), (Label.CSF, Label.ROOT))].mean(axis=0)
    assert np.linalg.norm(back[:3, :3] @ seen + back[:3, 3] - true) < 0.4
    assert np.linalg.norm(seen - true) > 0.7


def test_labels_of_the_stack_are_the_anatomy_under_the_transform():
    subject = Subject(31)
    stack = phantom_mr_stacks(subject, protocol=ONE, levels=["L4-L5"])["L4-L5"]
    k, j, i = (np.random.default_rng(0).integers(0, n, 3000) for n in stack.labels.shape)
    position = np.stack([i, j, k], axis=1) @ stack.volume.ijk_to_ras[:3, :3].T + stack.volume.ijk_to_ras[:3, 3]
    back = np.linalg.inv(stack.ct_to_mr)
    expected = subject.labels_at(position @ back[:3, :3].T + back[:3, 3])
    # labels are known as finely as the scan resolves: at borders they may differ
    assert np.mean(stack.labels[k, j, i] == expected) > 0.9
    assert np.mean(stack.labels[k, j, i] == subject.labels_at(position)) < 0.9


def test_pose_of_none_leaves_the_subject_where_it_is():
    subject = Subject(4)
    stack = phantom_mr_stacks(subject, protocol=ONE, pose=MRPose.none(), levels=["L3-L4"])["L3-L4"]
    assert stack.ct_to_mr == pytest.approx(np.eye(4))
    assert np.linalg.norm(stack.frame.center - subject.frame("L3-L4").center) < 20


def test_signals_without_positions_are_those_of_the_tables():
    subject, settings = Subject(2), _settings()
    canvas = subject.paint(Lattice(subject.frame("L3-L4").center - 20, np.eye(3)[::-1] * 8, (5, 5, 5)))
    canvas.points = None
    water, fat = mr.signals(canvas, settings)
    assert np.isfinite(water).all() and np.isfinite(fat).all() and water.min() >= 0 and fat.min() >= 0


def _settings(seed: int = 1) -> MRSettings:
    rng = np.random.default_rng(seed)
    return MRSettings.draw(rng, Severities.draw(np.random.default_rng(seed)))


def _only_the_sac_shines() -> MRSettings:
    """A scan of fluid and roots alone, without noise, motion and coil."""
    water = np.zeros(len(Label), dtype=np.float32)
    water[[Label.CSF, Label.ROOT]] = 1.0
    coil = Coil(1.0, 1.0, 0.0, (0.0, 0.0, 0.0), 0.0)
    settings = dataclasses.replace(_settings(), coil=coil, motion=STILL, readout=READOUT)
    return settings.changed(tissue={"water": water, "fat": np.zeros_like(water)})


def test_stored_size_is_at_least_what_is_sampled():
    assert all(MRProtocol.draw(np.random.default_rng(seed)).matrix >= SAMPLED for seed in range(40))
