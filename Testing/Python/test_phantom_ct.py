"""The simulated CT: Hounsfield units, kernel, noise, slices, contrast agent, metal, table and pose."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.phantom.ct.artifacts import SIZE, BodyScan
from CT2MRSynthLib.phantom.ct.contrast_agent import PHASES, give_contrast
from CT2MRSynthLib.phantom.ct.hounsfield import finish_slice
from CT2MRSynthLib.phantom.ct.kernel import Kernel
from CT2MRSynthLib.phantom.ct.noise import NoiseField, profile_weights, slab_factor
from CT2MRSynthLib.phantom.ct.protocol import CTProtocol
from CT2MRSynthLib.phantom.ct.radon import radon
from CT2MRSynthLib.phantom.ct.settings import CTSettings
from CT2MRSynthLib.phantom.ct.slab import CTSlab
from CT2MRSynthLib.phantom.ct.table import Table, skin_distance
from CT2MRSynthLib.phantom.ct.table_pose import LyingSubject, TablePose
from CT2MRSynthLib.phantom.ct.volume import phantom_ct
from CT2MRSynthLib.phantom.ct.voxels import AVERAGED, RESAMPLED, through_voxels
from CT2MRSynthLib.phantom.pair import render_pair
from CT2MRSynthLib.phantom.scene import Subject
from CT2MRSynthLib.phantom.severities import Severities
from CT2MRSynthLib.phantom.tissues import Label, column

PIXEL = 0.5
SOFT, SHARP = Kernel(0.75), Kernel(0.3, 0.6)


def _settings(seed: int = 1, **severity) -> CTSettings:
    traits = Severities.draw(np.random.default_rng([seed, 0])).changed(severity)
    return CTSettings.draw(np.random.default_rng([seed, 10]), traits)


@pytest.fixture(scope="module")
def wide_scan() -> BodyScan:
    """Through the pelvis of a heavy subject, whose iliac bones lie in line with the sacrum."""
    lying = LyingSubject.of(3, {"fatness": 0.8})
    low = float(lying.frame("L5-S1").center[2])
    return BodyScan(lying, replace(_settings(3), exposure_control=0.2), (low - 15, low + 65), 3)


@pytest.fixture(scope="module")
def padded_ct():
    protocol = CTProtocol(80, 4.6, 6.0, 6.0, padding=-3024)
    return protocol, phantom_ct(4, protocol=protocol)


@pytest.mark.parametrize(
    ("label", "low", "high"),
    [
        (Label.SUBCUTANEOUS_FAT, -120, -80),
        (Label.FAT, -120, -70),
        (Label.MUSCLE, 40, 82),
        (Label.MARROW, 45, 285),
        (Label.CORTEX, 400, 1500),
        (Label.NUCLEUS, 60, 110),
        (Label.ANNULUS, 80, 130),
        (Label.CSF, 0, 25),
        (Label.ROOT, 28, 50),
    ],
)
def test_tissues_differ_between_subjects_within_their_band(label, low, high):
    values = [_settings(seed).hu[label] for seed in range(40)]
    assert low <= min(values) and max(values) <= high
    assert np.std(values) > 1


def test_osteoporosis_lowers_the_vertebral_body_and_nothing_else():
    hu = np.array([_settings(5, osteoporosis=value).hu for value in (0.0, 0.3, 0.6, 1.0)])
    assert np.all(np.diff(hu[:, Label.MARROW]) < -15)
    other = [label for label in Label if label not in (Label.MARROW, Label.ARCH_MARROW)]
    assert np.all(hu[:, other] == hu[0, other])


def test_contrast_agent_by_phase():
    native = column("hu")
    hu = {phase: give_contrast(native, phase, np.random.default_rng(4)) for phase in PHASES}
    assert hu["none"][Label.ARTERY] == native[Label.ARTERY]
    assert hu["arterial"][Label.ARTERY] > hu["portal venous"][Label.ARTERY] > hu["delayed"][Label.ARTERY] > 80
    assert hu["portal venous"][Label.VEIN] > hu["arterial"][Label.VEIN] + 5
    assert hu["arterial"][Label.KIDNEY] > hu["arterial"][Label.MEDULLA] + 40
    assert hu["portal venous"][Label.LIVER] > native[Label.LIVER] + 30
    assert hu["delayed"][Label.URINE] > 250 > hu["portal venous"][Label.URINE]


def _half_transfer(kernel: Kernel) -> float:
    """Frequency in 1/mm at which the transfer measured on an edge falls to one half."""
    edge = np.zeros((9, 512), dtype=np.float32)
    edge[:, 256:] = 100
    spread = np.diff(kernel.apply(edge, 0.1)[4])
    transfer = np.abs(np.fft.rfft(spread)) / spread.sum()
    frequency = np.fft.rfftfreq(spread.size, 0.1)
    return float(frequency[np.flatnonzero(transfer > 0.5)[-1]])


def test_a_sharper_kernel_passes_finer_detail_and_overshoots():
    assert _half_transfer(SHARP) > 2 * _half_transfer(SOFT)
    edge = np.zeros((9, 200), dtype=np.float32)
    edge[:, 100:] = 100
    assert SHARP.apply(edge, 0.1).max() > 105
    assert SOFT.apply(edge, 0.1).max() == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize("kernel", [SOFT, SHARP, Kernel(0.45, 0.1, 0.8)])
def test_noise_has_the_strength_that_is_set(kernel):
    settings = replace(_settings(), kernel=kernel, noise=17.0)
    noise = NoiseField((200, 220), PIXEL, kernel, (1, 2)).parts(3, np.array([0.1, 0.8, 0.1]))
    flat = finish_slice(np.zeros((200, 220), dtype=np.float32), settings, PIXEL, noise)
    assert flat.std() == pytest.approx(17.0, rel=0.1)
    assert flat.mean() == pytest.approx(settings.offset, abs=1.0)


def _spectrum(picture: np.ndarray, pixel: float) -> tuple[np.ndarray, np.ndarray]:
    power = np.abs(np.fft.fft2(picture)) ** 2
    radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, pixel) for n in picture.shape), indexing="ij"))
    bins = np.arange(0.0, 0.9, 0.05)
    return bins + 0.025, np.array([power[(radius >= low) & (radius < low + 0.05)].mean() for low in bins])


def test_noise_of_a_sharper_kernel_is_finer_and_none_is_slow():
    peaks = []
    for kernel in (SOFT, Kernel(0.45), SHARP):
        frequency, power = _spectrum(NoiseField((256, 256), PIXEL, kernel, (5,)).parts(0).sum(axis=0), PIXEL)
        peaks.append(frequency[power.argmax()])
        assert power[0] < 0.5 * power.max()
    assert peaks[0] < peaks[1] < peaks[2]
    # real abdominal scans at standard kernels: peak at 0.2 to 0.3 per mm
    assert 0.15 < peaks[1] < 0.35


def test_noise_from_sideways_rays_lies_along_the_rows():
    sideways, frontal = NoiseField((256, 256), PIXEL, Kernel(0.45), (6,)).parts(0)
    for part, along, across in ((sideways, 1, 0), (frontal, 0, 1)):
        alike = [np.mean(part * np.roll(part, 2, axis=axis)) / part.var() for axis in (along, across)]
        assert alike[0] > alike[1] + 0.2


def test_noise_is_the_same_in_any_order_and_between_slices_as_the_profile_says():
    weights = profile_weights(np.arange(-2, 3) * 0.5, 1.0, 0.5)
    forward, single = (NoiseField((64, 64), PIXEL, SOFT, (7,)) for _ in range(2))
    slices = [forward.parts(k, weights)[0] for k in range(4)]
    assert slices[3].tobytes() == single.parts(3, weights)[0].tobytes()
    assert np.corrcoef(slices[0].ravel(), slices[1].ravel())[0, 1] > 0.4
    assert abs(np.corrcoef(slices[0].ravel(), NoiseField((64, 64), PIXEL, SOFT, (8,)).parts(0)[0].ravel())[0, 1]) < 0.2


def test_thick_slices_are_less_noisy():
    thin, thick = (_settings(6).with_thickness(mm) for mm in (1.0, 5.0))
    assert thick.noise < 0.6 * thin.noise
    assert slab_factor(4.0, 1.0) < slab_factor(4.0, 2.5) < slab_factor(4.0, 5.0) < 1


def test_slice_profile_has_the_width_that_is_set():
    offsets = np.arange(-6, 7) * 0.8
    weights = profile_weights(offsets, 4.0, 0.8)
    assert weights.sum() == pytest.approx(1)
    assert np.sqrt(np.sum(weights * offsets**2) + 0.8**2 / 12) == pytest.approx(4.0 / 2.3548, rel=0.02)


def test_thick_slices_blur_edges_that_they_cut_askew():
    subject = Subject(8)
    upright = subject.frame("L3-L4")
    turn = np.radians(30)
    axes = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    frame = DiscFrame(upright.center, axes, [90, 90, 4])
    planes = np.zeros((3, 128, 128), dtype=np.float32)
    planes[:, 64:], planes[:, :, 64:] = planes[:, 64:] + 100, planes[:, :, 64:] + 100
    steepest = []
    for thickness in (1.0, 5.0):
        settings = replace(_settings(8), noise=0.0, thickness=thickness, kernel=Kernel(0.5), hardening=0.0, cupping=0.0)
        picture = CTSlab(subject, frame, settings).picture(planes, np.array([-2.0, 0.0, 2.0]), (1,))
        steepest.append([np.abs(np.diff(picture[:, 20])).max(), np.abs(np.diff(picture[20])).max()])
    (thin_rows, thin_columns), (thick_rows, thick_columns) = steepest
    assert thick_rows < 0.6 * thin_rows
    assert thick_columns > 0.8 * thin_columns


@pytest.mark.parametrize("voxel", [0.4, 0.8, 2.5])
def test_voxels_keep_what_is_linear_and_blur_what_is_finer_than_they(voxel):
    y, x = np.mgrid[:120, :140].astype(np.float32)
    inner = np.s_[20:-20, 20:-20]
    slope = through_voxels(2 * x - y, 0.4, voxel, (0.3, 0.7))
    np.testing.assert_allclose(slope[inner], (2 * x - y)[inner], atol=1e-2)
    point = np.zeros((120, 140), dtype=np.float32)
    point[55:65, 70] = 100
    spread = [through_voxels(point, 0.4, voxel, (0.0, phase))[60] for phase in np.arange(0, 1, 0.1)]
    mean = np.mean(spread, axis=0)
    wide = np.sqrt(np.sum(mean * (np.arange(140) - np.sum(mean * np.arange(140)) / mean.sum()) ** 2) / mean.sum()) * 0.4
    # two linear interpolations, the second between voxels
    assert wide == pytest.approx(
        np.sqrt((0.4**2 + voxel**2) / 6 + (voxel > RESAMPLED) * (AVERAGED * voxel) ** 2), rel=0.15
    )


def test_reconstruction_gives_back_what_was_projected():
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    disc = (np.hypot(x - 10, y + 5) < 25).astype(np.float32)
    result = radon(SIZE, 96).reconstruct(radon(SIZE, 96).project(disc))
    assert result[np.hypot(x - 10, y + 5) < 20].mean() == pytest.approx(1.0, abs=0.03)
    assert abs(result[np.hypot(x - 10, y + 5) > 35].mean()) < 0.03


def test_noise_is_strongest_in_the_middle_and_sideways_in_a_wide_body(wide_scan):
    x, y = wide_scan.center
    z = wide_scan.heights[0]
    middle = wide_scan.noise_strength(np.array([x]), np.array([y - 20]), np.array([z]))
    edge = wide_scan.noise_strength(np.array([x]), np.array([y + 110]), np.array([z]))
    assert np.hypot(*middle)[0] > 1.5 * np.hypot(*edge)[0]
    assert middle[0][0] > 1.3 * middle[1][0]


def test_bone_darkens_what_lies_between_bones(wide_scan):
    strong, none = (
        BodyScan(LyingSubject.of(3), replace(_settings(3), hardening=h, cupping=0.0), (z, z), 1)
        for h in (1.0, 0.0)
        for z in (float(LyingSubject.of(3).frame("L5-S1").center[2]),)
    )
    point = [np.array([c]) for c in LyingSubject.of(3).landmarks("L5-S1").sac_center]
    assert strong.error(*point)[0] < none.error(*point)[0] - 2


def test_metal_saturates_and_streaks():
    lying = LyingSubject.of(50, {"L4-L5:fusion": 1.0})
    settings = replace(_settings(50), hardening=0.7)
    z = float(lying.frame("L4-L5").center[2])
    scan = BodyScan(lying, settings, (z - 25, z + 25), 3)
    box = lying.upright.implants.box()
    rng = np.random.default_rng(0)
    points = lying.pose.to_scanner(rng.uniform(box[0], box[1], (4000, 3)))
    points = points[np.abs(points[:, 2] - z) < 25]
    error = scan.metal_error(*points.T)
    assert np.percentile(error, 2) < -60 and np.percentile(error, 98) > 20
    free = BodyScan(LyingSubject.of(50, {"fusion": 0.0}), settings, (z - 25, z + 25), 1)
    assert free.metal_error(*points.T) is None
    picture = render_pair(50, "L4-L5", severity={"L4-L5:fusion": 1.0}).ct
    assert (picture == 3071).sum() > 100
    assert (render_pair(50, "L4-L5", severity={"fusion": 0.0}).ct == 3071).sum() == 0


def test_few_subjects_have_implants():
    shares = [Severities.draw(np.random.default_rng([seed, 0])).fusion.max() for seed in range(800)]
    assert 0.005 < np.mean(shares) < 0.06


def test_the_table_lies_under_the_patient_and_nowhere_inside(wide_scan):
    pixel = 4.3
    axis = ((SIZE - 1) / 2 - np.arange(SIZE)) * pixel
    x, y = np.meshgrid(axis, wide_scan.center[1] + axis)
    body = wide_scan.body.any(axis=0)
    for seed in range(12):
        table = Table.draw(np.random.default_rng(seed))
        hu = table.paint(x, y, table.top(wide_scan), 0.5)
        assert np.all(hu[body] == -1000)
        fine = np.linspace(wide_scan.center[1] - 300, wide_scan.center[1], 1500)
        shell = table.paint(np.zeros_like(fine), fine, table.top(wide_scan), 0.3)
        assert shell.max() > -400, "the shell shows"
        assert fine[shell > -990].max() < y[body].min() + pixel


def test_volume_is_reproducible_and_padded_outside_its_circle(padded_ct):
    protocol, (volume, _, _) = padded_ct
    again = phantom_ct(4, protocol=protocol)[0]
    assert volume.array.dtype == np.int16
    assert volume.array.tobytes() == again.array.tobytes()
    assert np.all(volume.array[:, :2, :2] == -3024)
    inner = volume.array[:, 20:60, 20:60]
    assert inner.min() >= -1024 and inner.max() <= 3071


def test_boxes_and_landmarks_lie_where_the_volume_shows_them(padded_ct):
    _, (volume, frames, landmarks) = padded_ct
    lying = LyingSubject.of(4)
    for frame, points in zip(frames, landmarks, strict=True):
        assert lying.labels_at(points.sac_center[None])[0] in (Label.CSF, Label.ROOT)
        assert np.allclose(points.axes @ points.axes.T, np.eye(3), atol=1e-6)
        assert np.linalg.norm(frame.center - points.sac_center) < 1e-6
    body = lying.upright.geometry.vertebrae[4]
    inside = np.array([[u, v, w] for u in (-6, 0, 6) for v in (10, 16, 22) for w in (-5, 0, 5)], dtype=float)
    world = lying.pose.to_scanner(body.origin + inside @ body.axes)
    i, j, k = np.rint(volume.world_to_ijk(world)).astype(int).T
    muscle = lying.labels_at(world)
    assert np.isin(muscle, (Label.MARROW,)).mean() > 0.8
    assert volume.array[k, j, i].mean() > 70


def test_the_patient_lies_askew_by_degrees_and_comes_back():
    tilts = []
    for seed in range(30):
        pose = TablePose.draw(seed)
        tilts.append(np.degrees(np.arccos(pose.rotation[2, 2])))
        points = np.random.default_rng(seed).normal(0, 90, (5, 3))
        assert np.allclose(pose.to_anatomy(pose.to_scanner(points)), points)
    assert 0.5 < np.mean(tilts) < 6 and max(tilts) < 12


def test_protocols_are_those_of_scanners():
    drawn = [CTProtocol.draw(np.random.default_rng(seed)) for seed in range(60)]
    for protocol in drawn:
        view = protocol.matrix * protocol.spacing
        assert (160 <= view <= 220) if protocol.targeted else (300 <= view <= 500)
        assert 0.5 <= protocol.thickness <= 5 and protocol.increment <= protocol.thickness
    assert {protocol.targeted for protocol in drawn} == {True, False}
    assert None in {protocol.padding for protocol in drawn} and -3024 in {protocol.padding for protocol in drawn}


def test_a_blanket_lies_over_the_patient(wide_scan):
    table = replace(Table.draw(np.random.default_rng(1)), blanket=5.0)
    pixel = 4.3
    axis = ((SIZE - 1) / 2 - np.arange(SIZE)) * pixel
    x, y = np.meshgrid(wide_scan.center[0] + axis, wide_scan.center[1] + axis)
    hu = table.cover(wide_scan, skin_distance(wide_scan), x, y, np.full_like(x, wide_scan.heights[0]), pixel)
    cloth = hu > -980
    assert cloth.sum() > 30 and not (cloth & ndimage.binary_erosion(wide_scan.body[0], iterations=3)).any()
    assert y[cloth].min() > wide_scan.center[1] - 40
