import numpy as np
import pytest
from bodies import all_orientations, asymmetric_hounsfield, body, oblique_frame, tilted_axes

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.greylevels import DEFAULT_CT_WINDOW, to_grey_levels
from CT2MRSynthLib.resample import AIR, resample
from CT2MRSynthLib.volume import Volume

GREY_LEVEL = (DEFAULT_CT_WINDOW.high - DEFAULT_CT_WINDOW.low) / 255


def grid_points(grid):
    nk, nj, ni = grid.size[::-1]
    k, j, i = np.mgrid[0:nk, 0:nj, 0:ni]
    ijk = np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1)
    return ijk @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]


def truth(grid):
    return asymmetric_hounsfield(grid_points(grid)).reshape(grid.size[::-1])


def test_all_48_axis_orders_and_flips_give_the_same_picture():
    frame = oblique_frame()
    reference = to_grey_levels(resample(body(), frame.grid(1, 64), 4.0).array, DEFAULT_CT_WINDOW).astype(int)
    seen = 0
    for order, flips, volume in all_orientations(body()):
        grey = to_grey_levels(resample(volume, frame.grid(1, 64), 4.0).array, DEFAULT_CT_WINDOW).astype(int)
        assert np.abs(grey - reference).max() <= 1, (order, flips)
        seen += 1
    assert seen == 48


@pytest.mark.parametrize("axes", [None, tilted_axes(12, -20, 31)], ids=["aligned", "oblique"])
@pytest.mark.parametrize("spacing", [(1.4, 1.3, 1.5), (0.7, 0.9, 3.0)], ids=["nearly isotropic", "anisotropic"])
def test_sampled_values_lie_where_the_content_is(axes, spacing):
    size = tuple(int(100 / edge) for edge in spacing)
    grid = oblique_frame().grid(1, 64)
    result = resample(body(size, spacing, axes), grid, thickness=0.1)
    error = np.abs(result.array - truth(grid))
    assert result.outside_fraction == 0
    assert error.mean() < GREY_LEVEL * spacing[2] / 1.5  # what linear interpolation of these voxels allows
    mirrored = np.abs(result.array[:, :, ::-1] - truth(grid))
    assert mirrored.mean() > 10 * error.mean()


def test_tilted_gantry_is_sampled_where_the_slices_really_lie():
    straight = body()
    shear = np.tan(np.radians(15)) * straight.ijk_to_ras[2, 2]
    matrix = straight.ijk_to_ras.copy()
    matrix[1, 2] = shear
    matrix[1, 3] -= shear * (straight.size[2] - 1) / 2
    k, j, i = np.mgrid[0 : straight.size[2], 0 : straight.size[1], 0 : straight.size[0]]
    ijk = np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1)
    values = asymmetric_hounsfield(ijk @ matrix[:3, :3].T + matrix[:3, 3]).reshape(k.shape)
    grid = oblique_frame().grid(1, 64)
    result = resample(Volume(values, matrix), grid, thickness=0.1)
    assert np.abs(result.array - truth(grid)).mean() < GREY_LEVEL


def test_volume_under_a_non_linear_map_is_sampled_through_it():
    def bend(points):
        return points + np.stack(
            [3 * np.sin(points[:, 2] / 15), 0 * points[:, 1], 2 * np.cos(points[:, 0] / 20)], axis=1
        )

    plain = body()
    bent = Volume(plain.array, plain.ijk_to_ras, world_to_volume=bend)
    grid = oblique_frame((40.0, 40.0, 4.0)).grid(1, 64)
    result = resample(bent, grid, thickness=0.1)
    expected = asymmetric_hounsfield(bend(grid_points(grid))).reshape(result.array.shape)
    assert np.abs(result.array - expected).mean() < GREY_LEVEL


def test_coarsening_averages_instead_of_aliasing():
    stripes = np.zeros((40, 40, 120), dtype=np.int16)
    stripes[:, :, ::2] = 400  # the finest pattern the voxels can hold
    volume = Volume(stripes, np.diag([-0.5, -1.0, 1.0, 1.0]))
    center = volume.corners().mean(axis=0)
    coarse = resample(volume, DiscFrame(center, np.eye(3), [48.0, 30.0, 4.0]).grid(1, 16), 4.0)
    assert np.abs(coarse.array - 200).max() < 5


def test_slice_profile_averages_over_the_thickness_asked_for():
    ramp = np.broadcast_to(np.arange(80, dtype=np.int16)[:, None, None] ** 2, (80, 12, 12))
    volume = Volume(np.ascontiguousarray(ramp), np.diag([-1.0, -1.0, 0.5, 1.0]))
    frame = DiscFrame(volume.corners().mean(axis=0), np.eye(3), [4.0, 4.0, 4.0])
    thin, thick = (resample(volume, frame.grid(1, 4), mm).array.mean() for mm in (0.01, 8.0))
    # the mean of z^2 over a thickness t exceeds z^2 by t^2 / 12, with z in voxels of 0.5 mm
    assert thick - thin == pytest.approx((8 / 0.5) ** 2 / 12, rel=0.05)


@pytest.mark.parametrize("k", [30, 31, 32, 50, 57])
def test_a_thick_slab_misses_no_slice(k):
    array = np.zeros((100, 8, 8), dtype=np.int16)
    array[k] = 3000
    volume = Volume(array, np.diag([-1.0, -1.0, 0.5, 1.0]))
    frame = DiscFrame(volume.corners().mean(axis=0), np.eye(3), [4.0, 4.0, 40.0])
    # one slice of 0.5 mm in 40 mm, wherever it lies
    assert resample(volume, frame.grid(1, 4), 40.0).array == pytest.approx(3000 * 0.5 / 40, rel=0.05)


def test_outside_is_air_and_its_share_is_told():
    volume = body()
    low, high = volume.corners().min(axis=0), volume.corners().max(axis=0)
    half_out = DiscFrame([high[0], (low[1] + high[1]) / 2, (low[2] + high[2]) / 2], np.eye(3), [40.0, 40.0, 4.0])
    result = resample(volume, half_out.grid(1, 32), 4.0)
    assert result.outside_fraction == pytest.approx(0.5)
    assert (result.array[0, :, :16] == AIR).all()  # the patient's right is the left half of the picture
    assert (result.array[0, :, 16:] > -200).all()
    assert result.outside[0, :, :16].all() and not result.outside[0, :, 16:].any()


def test_outermost_voxels_count_to_their_outer_faces():
    volume = Volume(np.full((5, 6, 7), 40, np.int16), np.diag([-2.0, -2.0, 2.0, 1.0]))
    corners = volume.corners()
    whole = DiscFrame(corners.mean(axis=0), np.eye(3), np.ptp(corners, axis=0))
    result = resample(volume, whole.grid(5, 21), None)
    assert result.outside_fraction == 0
    assert (result.array == 40).all()


def test_padding_does_not_bleed_into_its_neighbors():
    array = np.full((8, 8, 8), -1024, np.int16)
    array[:, :, 4:] = -3024
    volume = Volume(array, np.diag([-1.0, -1.0, 1.0, 1.0]))
    frame = DiscFrame(volume.corners().mean(axis=0), np.eye(3), [6.0, 6.0, 4.0])
    assert resample(volume, frame.grid(1, 16), 4.0).array.min() == -1024


def test_a_slab_is_its_slices_one_by_one():
    frame = oblique_frame((50.0, 50.0, 12.0))
    slab = resample(body(), frame.grid(3, 32), 4.0).array
    for k, offset in enumerate((-4.0, 0.0, 4.0)):
        single = DiscFrame(frame.center + offset * frame.axes[2], frame.axes, [50.0, 50.0, 4.0])
        np.testing.assert_allclose(slab[k], resample(body(), single.grid(1, 32), 4.0).array[0], atol=1e-3)
