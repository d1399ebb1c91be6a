"""The verdict says what the differences of the patients say, and no more."""

import itertools

import numpy as np
import pytest
from scipy import stats

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.evaluation.statistics import bootstrap_interval, judge, wilcoxon_exact


def by_hand(values):
    """The p-value from all signs that the ranks could have."""
    values = np.array([value for value in values if value])
    ranks = stats.rankdata(np.abs(values))
    sums = [ranks[np.array(signs)].sum() for signs in itertools.product((True, False), repeat=len(values))]
    observed = ranks[values > 0].sum()
    low, high = np.mean(np.array(sums) <= observed), np.mean(np.array(sums) >= observed)
    return min(1.0, 2 * min(low, high))


def test_the_test_is_scipys_where_there_are_no_ties():
    draw = np.random.default_rng(3)
    for count in (3, 5, 8, 15, 40):
        values = draw.normal(0.5, 1, count)
        assert wilcoxon_exact(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


@pytest.mark.parametrize(
    "values", [(1, 1, 1, 1, 1, 1), (1, -1, 2, 2, 3, 0), (0.5, 0.5, -0.5, 2, 2, -3, 4), (0, 0, 1), (2, -2)]
)
def test_ties_and_zeros_are_counted_exactly(values):
    assert wilcoxon_exact(np.array(values, float)) == pytest.approx(by_hand(values))


def test_the_interval_is_scipys():
    values = np.random.default_rng(1).normal(2, 3, 15)
    wanted = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=10_000).confidence_interval
    assert bootstrap_interval(values) == pytest.approx(tuple(wanted), abs=0.1)


def test_the_same_differences_give_the_same_verdict():
    values = np.random.default_rng(1).normal(2, 3, 15)
    assert judge(values) == judge(list(values))
    assert judge(values, seed=2).ci_low != judge(values).ci_low


def test_a_clear_gain_is_called_better():
    found = judge([2.0, 3.1, 1.2, 2.5, 1.9, 2.2, -0.1, 2.0])
    assert found.better and found.outcome == "better"
    assert found.sentence.startswith("B is better on 7 of 8 patients; MAE lower by 1.9 grey levels (95 % CI ")
    assert found.sentence.endswith("p = 0.016.")


def test_a_clear_loss_is_called_worse_and_counted_as_such():
    gain = judge([2.0, 3.1, 1.2, 2.5, 1.9, 2.2, -0.1, 2.0])
    loss = judge([-2.0, -3.1, -1.2, -2.5, -1.9, -2.2, 0.1, -2.0])
    assert not loss.better and loss.outcome == "worse"
    assert loss.sentence.startswith("B is worse on 7 of 8 patients; MAE higher by 1.9 grey levels (95 % CI ")
    assert loss.p_value == pytest.approx(gain.p_value)


def test_noise_is_no_evidence():
    found = judge([1.0, -1.1, 0.4, -0.5, 0.2, -0.3, 0.6, -0.2])
    assert found.outcome == "no evidence" and not found.better
    assert found.sentence.startswith("No evidence that B is better: better on 4 of 8 patients, worse on 4;")


def test_a_gain_that_rests_on_one_patient_is_no_evidence():
    found = judge([50.0, -0.1, -0.1, -0.2, 0.1, -0.3, -0.1])
    assert found.difference > 5 and not found.better


def test_five_patients_cannot_show_that_b_is_better():
    found = judge([2.0, 3.0, 2.5, 4.0, 1.0])
    assert found.ci_low > 0 and found.p_value == pytest.approx(0.0625)
    assert not found.better and found.outcome == "too few"
    assert found.sentence.startswith("B is better on 5 of 5 patients; MAE lower by 2.5 grey levels (95 % CI ")
    assert found.sentence.endswith("p = 0.062; five patients are too few to show a difference, six are needed.")
    mixed = judge([2.0, -3.0, 2.5, 0.0]).sentence
    assert mixed.startswith("B is better on 2 of 4 patients, worse on 1;") and "four patients are too few" in mixed


def test_six_patients_who_agree_can():
    assert judge([2.0, 3.0, 2.5, 4.0, 1.0, 1.5]).better


@pytest.mark.parametrize("values", [[5.0], [5.0, 4.0]])
def test_one_or_two_patients_are_too_few(values):
    found = judge(values)
    assert (found.ci_low, found.ci_high, found.p_value, found.better) == (None, None, None, False)
    assert found.sentence.startswith(f"Too few patients for a verdict: {len(values)} ")


def test_equal_generators_are_no_evidence():
    found = judge([0.0] * 10)
    assert (found.difference, found.ci_low, found.ci_high, found.p_value) == (0, 0, 0, 1)
    assert found.outcome == "no evidence"
    assert found.better_on == found.worse_on == 0


def test_what_only_rounding_tells_apart_is_a_tie():
    assert judge([1e-13, 1e-13, -1e-13, 1e-13, 1e-13, 1e-13, 1e-13]).better_on == 0


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf]])
def test_what_is_no_number_is_refused(values):
    with pytest.raises(InputError, match="finite difference"):
        judge(values)
