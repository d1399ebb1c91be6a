"""Estimates are guesses until a run has been measured, and follow the computer from then on."""

import pytest

from CT2MRSynthLib.estimate import MOST, RunTimes


def measured(start=2.0, seconds=1.0, slices=2, where="CPU, float32, 2 threads", times=None) -> RunTimes:
    times = times or RunTimes()
    times.learn("a" * 64, "auto", "auto", start, seconds, slices, where)
    return times


def test_a_guess_says_that_it_is_one_and_grows_with_model_and_slices():
    small, large = (RunTimes().estimate("a", parameters, "cpu", "auto") for parameters in (1_600_000, 11_400_000))
    assert not small.is_measured
    assert small.seconds(1) < large.seconds(1) < large.seconds(20)


def test_what_was_measured_is_what_is_expected():
    estimate = measured().estimate("a" * 64, 1, "auto", "auto")
    assert (estimate.seconds(4), estimate.device) == (pytest.approx(4.0), "CPU, float32, 2 threads")


@pytest.mark.parametrize(
    "other", [("b" * 64, "auto", "auto"), ("a" * 64, "cpu", "auto"), ("a" * 64, "auto", "float32")]
)
def test_another_model_device_or_precision_is_not_measured_by_it(other):
    sha256, device, precision = other
    assert not measured().estimate(sha256, 1, device, precision).is_measured


def test_one_slow_run_does_not_rule():
    times = measured(seconds=20.0, times=measured(seconds=1.0))
    assert 1.0 < times.estimate("a" * 64, 1, "auto", "auto").slice * 2 < 20.0


def test_after_another_device_nothing_of_the_old_one_is_left():
    times = measured(seconds=0.01, where="Card", times=measured(seconds=20.0))
    assert times.estimate("a" * 64, 1, "auto", "auto").slice == pytest.approx(0.005)


def test_it_is_kept_as_text():
    times = measured()
    assert RunTimes.from_text(times.to_text()) == times


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"a": {}}', '{"a": {"start": "x", "slice": 1, "device": ""}}', "null"]
)
def test_text_that_cannot_be_read_is_forgotten(text):
    assert RunTimes.from_text(text) == RunTimes()


def test_old_ones_go():
    times = RunTimes()
    for number in range(MOST + 5):
        times.learn(f"{number:064d}"[::-1], "auto", "auto", 1, 1, 1, "CPU")
    assert len(times.runs) == MOST
