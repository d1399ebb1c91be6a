"""MAE, both PSNR and SSIM are what their definitions say, and refuse what cannot be compared."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.evaluation.metrics import (
    for_json,
    mean_absolute_error,
    mean_scores,
    psnr,
    psnr_paper,
    score,
    ssim,
    summarize,
)
from CT2MRSynthLib.volume import Volume

TABLE = Path(__file__).resolve().parents[1] / "Data" / "table1_mae_psnr.csv"


def two_images(seed=0, shape=(64, 80)):
    rng = np.random.default_rng(seed)
    real = np.clip(rng.normal(120, 40, shape), 0, 255)
    return real.astype(np.uint8), np.clip(real + rng.normal(5, 20, shape), 0, 255).astype(np.uint8)


def test_the_papers_means_and_deviations_come_out():
    rows = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
    mae = summarize(float(row["mae"]) for row in rows)
    decibel = summarize(float(row["psnr_db_paper"]) for row in rows)
    assert mae.count == decibel.count == 15
    assert (mae.mean, mae.sd) == (pytest.approx(21.19317, abs=1e-5), pytest.approx(5.814048, abs=1e-6))
    assert (decibel.mean, decibel.sd) == (pytest.approx(64.92248, abs=1e-5), pytest.approx(1.857414, abs=2e-6))


def test_the_papers_psnr_only_fits_its_mae_without_the_offset():
    """No image has an RMSE below its MAE; with the usual formula the study's PSNR would mean an RMSE below 1."""
    offset = psnr_paper(*two_images()) - psnr(*two_images())
    assert offset == pytest.approx(20 * math.log10(255))
    for row in csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()):
        root_mean_square = 255 / 10 ** ((float(row["psnr_db_paper"]) - offset) / 20)
        assert float(row["mae"]) < root_mean_square < 3 * float(row["mae"])


def test_a_constant_error_gives_the_values_done_by_hand():
    real = np.full((16, 16), 100, np.uint8)
    assert mean_absolute_error(real, real + 10) == 10
    assert psnr(real, real + 10) == pytest.approx(10 * math.log10(255**2 / 100))
    assert psnr_paper(real, real + 10) == pytest.approx(20 * math.log10(255 * 255) - 10 * math.log10(100))
    c1 = (0.01 * 255) ** 2
    assert ssim(real, real + 10) == pytest.approx((2 * 100 * 110 + c1) / (100**2 + 110**2 + c1))


def test_unsigned_images_do_not_wrap_around():
    dark, bright = np.zeros((16, 16), np.uint8), np.full((16, 16), 255, np.uint8)
    assert mean_absolute_error(dark, bright) == mean_absolute_error(bright, dark) == 255
    assert psnr(dark, bright) == pytest.approx(0.0)


def test_ssim_is_that_of_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    for seed, shape in ((0, (64, 80)), (1, (11, 30))):
        real, synthetic = two_images(seed, shape)
        # its own crop leaves the windows that reach over the edge out of the mean
        wanted = metrics.structural_similarity(real.astype(float), synthetic.astype(float), **options)
        assert ssim(real, synthetic) == pytest.approx(wanted, abs=1e-9)
    assert psnr(real, synthetic) == pytest.approx(metrics.peak_signal_noise_ratio(real, synthetic, data_range=255))


def test_a_masked_ssim_is_the_mean_of_the_map_in_the_mask():
    metrics = pytest.importorskip("skimage.metrics")
    real, synthetic = two_images()
    mask = np.zeros(real.shape, bool)
    mask[20:40, 30:60] = True
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255, "full": True}
    _, values = metrics.structural_similarity(real.astype(float), synthetic.astype(float), **options)
    assert ssim(real, synthetic, mask) == pytest.approx(values[mask].mean(), abs=1e-9)


def test_only_what_the_mask_holds_counts():
    real, synthetic = two_images()
    mask = np.zeros(real.shape, np.uint8)
    mask[:, :40] = 1
    whole = score(real[:, :40], synthetic[:, :40])
    spoiled = synthetic.copy()
    spoiled[:, 45:] = 0
    masked = score(real, spoiled, mask)
    assert (masked.mae, masked.psnr) == (pytest.approx(whole.mae), pytest.approx(whole.psnr))
    assert masked.mae < mean_absolute_error(real, spoiled)


def test_a_stack_is_scored_like_its_slices():
    real, synthetic = two_images(shape=(3, 40, 50))
    slices = mean_scores(score(a, b) for a, b in zip(real, synthetic, strict=True))
    assert mean_absolute_error(real, synthetic) == pytest.approx(slices.mae)
    assert ssim(real, synthetic) == pytest.approx(slices.ssim)


def test_identical_images_have_no_error_and_a_psnr_that_json_can_say():
    real, _ = two_images()
    perfect = score(real, real)
    assert (perfect.mae, perfect.psnr, perfect.psnr_paper) == (0, math.inf, math.inf)
    assert perfect.ssim == pytest.approx(1)
    assert json.dumps(for_json(perfect.psnr), allow_nan=False) == "null"
    assert math.isnan(summarize([perfect.psnr, perfect.psnr]).sd)


@pytest.mark.parametrize("measure", [mean_absolute_error, psnr, psnr_paper, ssim, score])
def test_what_cannot_be_compared_is_refused(measure):
    real, synthetic = two_images()
    with pytest.raises(InputError, match=r"shape \(64, 80\).*\(64, 79\)"):
        measure(real, synthetic[:, :-1])
    with pytest.raises(InputError, match="mask"):
        measure(real, synthetic, np.ones((3, 3)))
    with pytest.raises(InputError, match="mask is empty"):
        measure(real, synthetic, np.zeros(real.shape))
    broken = synthetic.astype(float)
    broken[3, 4] = np.nan
    with pytest.raises(InputError, match="1 of 5120 values of the synthetic image"):
        measure(real, broken)
    with pytest.raises(InputError, match="-1 to"):
        measure(real / 127.5 - 1, real / 127.5 - 1)


def test_volumes_are_compared_only_on_one_grid():
    real, synthetic = two_images(shape=(2, 20, 20))
    matrix = np.diag([1.0, 1.0, 4.0, 1.0])
    shifted = matrix.copy()
    shifted[2, 3] = 4.0
    first = Volume(real, matrix)
    assert score(first, Volume(synthetic, matrix)) == score(real, synthetic)
    with pytest.raises(InputError, match="4 mm apart"):
        mean_absolute_error(first, Volume(synthetic, shifted))
    with pytest.raises(InputError, match="both be volumes"):
        mean_absolute_error(first, synthetic)
    with pytest.raises(InputError, match="shape"):
        mean_absolute_error(first, Volume(synthetic[:1], matrix))


def test_too_small_an_image_has_no_ssim():
    with pytest.raises(InputError, match="11 x 11"):
        ssim(np.zeros((10, 40)), np.zeros((10, 40)))
    mask = np.zeros((20, 20))
    mask[0, 0] = 1
    with pytest.raises(InputError, match="center in the mask"):
        ssim(np.zeros((20, 20)), np.zeros((20, 20)), mask)


def test_no_values_have_no_mean():
    with pytest.raises(InputError):
        summarize([])
    with pytest.raises(InputError):
        summarize([1.0, math.nan])
