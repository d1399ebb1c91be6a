"""What counts as a CT, told by its values."""

import numpy as np
import pytest
from dicom_samples import body_ct

from CT2MRSynthLib.ctcheck import check_is_ct
from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.imageio import read_ct
from CT2MRSynthLib.volume import Volume

LIMBS = ("002", "006", "019", "025", "031")


def volume(array, modality="") -> Volume:
    return Volume(np.asarray(array), np.eye(4), name="scan", modality=modality)


def refusal(array, modality="") -> str:
    with pytest.raises(InputError) as caught:
        check_is_ct(volume(array, modality))
    assert "\n" not in str(caught.value) and "'scan'" in str(caught.value)
    return str(caught.value)


def noisy(array, deviation):
    return array + np.random.default_rng(0).normal(0, deviation, array.shape)


def head_ct(size=96):
    """Brain and skull with a thin scalp: hardly any fat."""
    k, j, i = np.mgrid[0:24, 0:size, 0:size]
    radius = np.hypot((i - size / 2) / 0.85, j - size / 2)
    hu = np.select([radius < 36, radius < 41, radius < 42, radius < 43], [35.0, 1100.0, -80.0, 40.0], -1000.0)
    return np.rint(noisy(hu, 8)).astype(np.int16)


@pytest.mark.parametrize(
    "name",
    ["abdomen_pelvis_3mm.nii.gz", "abdomen_pelvis_5mm_dicom.zip", "abdomen_thin_dicom.zip"],
)
def test_real_trunk_is_a_ct(shared_data, name):
    assert check_is_ct(read_ct(shared_data / "ct" / name)) == []


@pytest.mark.parametrize("number", LIMBS)
def test_real_limb_is_a_ct_and_its_mr_is_not(shared_data, number):
    folder = shared_data / "pairs_ct_t1"
    check_is_ct(read_ct(folder / f"STS_{number}_CT.nii.gz"))
    with pytest.raises(InputError, match="as in an MR"):
        check_is_ct(read_ct(folder / f"STS_{number}_MR_T1.nii.gz"))


@pytest.mark.parametrize("number", LIMBS)
@pytest.mark.parametrize("offset, words", [(1024, "intercept is missing"), (-1024, "applied twice")])
def test_real_ct_with_wrong_offset_is_told_why(shared_data, number, offset, words):
    ct = read_ct(shared_data / "pairs_ct_t1" / f"STS_{number}_CT.nii.gz")
    with pytest.raises(InputError, match=words):
        check_is_ct(volume(ct.array + np.int16(offset)))


def test_simple_body_is_a_ct():
    assert check_is_ct(volume(body_ct(), "CT")) == []


@pytest.mark.parametrize("modality", ["", "CT", "ct ", "OT"])
def test_unknown_modality_leaves_it_to_the_values(modality):
    check_is_ct(volume(body_ct(), modality))


@pytest.mark.parametrize("modality", ["MR", "PT", "US", "CR"])
def test_other_modality_is_refused_whatever_the_values(modality):
    assert modality in refusal(body_ct(), modality)


@pytest.mark.parametrize("deviation", [30, 80, 150])
def test_low_dose_noise_is_still_a_ct(deviation):
    check_is_ct(volume(noisy(body_ct(), deviation)))


def test_head_is_a_ct():
    check_is_ct(volume(head_ct()))


def test_metal_is_a_ct_with_a_warning():
    ct = body_ct()
    ct[:, 20:30, 20:40] = 3071
    assert any("metal" in warning for warning in check_is_ct(volume(ct)))


def test_padding_is_no_tissue():
    ct = np.full((12, 160, 160), -3024, dtype=np.int16)
    ct[:, 48:112, 48:112] = body_ct()
    check_is_ct(volume(ct))


def test_tight_reconstruction_without_air_is_a_ct_with_a_warning():
    ct = body_ct(size=96)[:, 28:72, 22:72]
    assert ct.min() > -300
    assert any("no air" in warning for warning in check_is_ct(volume(ct)))


def test_missing_intercept_is_named():
    sentence = refusal(body_ct().astype(np.int32) + 1024, "CT")
    assert "1024" in sentence and "rescale intercept is missing" in sentence


def test_constant_image_is_refused():
    assert "all its voxels are -1000" in refusal(np.full((8, 32, 32), -1000))


def test_photograph_is_refused():
    photo = np.random.default_rng(0).integers(0, 256, (16, 32, 32), dtype=np.uint8)
    assert "picture" in refusal(photo)


def test_label_map_is_refused():
    assert "label map" in refusal(np.random.default_rng(0).integers(0, 25, (16, 32, 32), dtype=np.uint8))


def test_pet_is_refused():
    assert "PET" in refusal(np.random.default_rng(0).gamma(1.5, 1.2, (16, 32, 32)).astype(np.float32))


def test_phase_image_is_refused():
    """Values spread evenly over the range of a CT hold every tissue, but none of them as a peak."""
    refusal(np.random.default_rng(0).integers(-1024, 3072, (16, 64, 64), dtype=np.int16))


def test_normalized_mr_is_refused():
    refusal(np.random.default_rng(0).normal(0, 1, (16, 32, 32)).astype(np.float32))


def test_air_alone_is_refused():
    refusal(np.rint(noisy(np.full((8, 64, 64), -1000.0), 10)))


def test_nan_is_refused_with_its_count():
    ct = body_ct().astype(np.float32)
    ct[0, 0, :5] = np.nan
    assert "5 of 49152 voxels" in refusal(ct)
