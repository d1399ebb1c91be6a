"""Grey levels: what the network sees of Hounsfield units."""

import numpy as np
import pytest

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.greylevels import DEFAULT_CT_WINDOW, CTWindow, to_grey_levels


def test_limits_of_the_window_become_0_and_255():
    grey = to_grey_levels(np.array([-200.0, 600.0, 201.0]), CTWindow(-200, 600))
    assert grey.dtype == np.uint8
    assert grey.tolist() == [0, 255, 128]


def test_levels_are_rounded_not_cut():
    step = DEFAULT_CT_WINDOW.width / 255
    hu = DEFAULT_CT_WINDOW.low + step * np.array([0.4, 0.6, 99.4, 99.6])
    assert to_grey_levels(hu).tolist() == [0, 1, 99, 100]


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_padding_and_metal_clip_in_every_type(dtype):
    assert to_grey_levels(np.array([-3024, -1024, 3071, 30000], dtype=dtype)).tolist() == [0, 0, 255, 255]


def test_infinite_values_clip():
    assert to_grey_levels(np.array([-np.inf, np.inf])).tolist() == [0, 255]


def test_input_is_left_as_it_was():
    hu = np.array([[-3024.0, 50.0]])
    to_grey_levels(hu)
    assert hu.tolist() == [[-3024.0, 50.0]]


def test_tissues_of_the_disc_level_stay_apart():
    fat, csf, disc, marrow, vessel = to_grey_levels(np.array([-100, 10, 90, 200, 400])).astype(int)
    assert 20 < fat < csf - 20 < disc - 40
    assert disc < marrow < vessel < 255


def test_nan_is_refused_with_its_count():
    with pytest.raises(InputError, match="2 of 4 .*NaN"):
        to_grey_levels(np.array([0.0, np.nan, 1.0, np.nan]))


@pytest.mark.parametrize("low, high", [(600, -200), (5, 5), (float("nan"), 5), (0, float("inf"))])
def test_window_without_width_is_refused(low, high):
    with pytest.raises(InputError, match="window"):
        CTWindow(low, high)


def test_window_that_is_no_number_is_refused():
    with pytest.raises(InputError, match="'wide'"):
        CTWindow("wide", 600)
