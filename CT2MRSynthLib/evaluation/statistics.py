"""From one difference a patient to a verdict: mean difference, confidence interval, paired test, sentence.

B is called better only if the 95 % confidence interval of the mean difference lies above zero and the paired test gives
p < 0.05. Both are asked for because each is weak where the other is not: with few patients the bootstrap interval is
too narrow, and the test alone says nothing of the size. The exact test cannot give p < 0.05 with fewer than six
patients, so five can never pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from CT2MRSynthLib.errors import InputError

RESAMPLES = 10_000
SEED = 1
CONFIDENCE = 0.95
SIGNIFICANT = 0.05

#: Below so many patients neither interval nor test means anything.
FEWEST = 3

#: From so many patients on the exact two-sided test can give p < 0.05: 2 / 2**6 = 0.03.
ENOUGH = 6

#: Differences in grey levels that agree to so many digits are ties: what is left is rounding.
TIE_DIGITS = 9

_WORDS = {3: "three", 4: "four", 5: "five", 6: "six"}

BETTER, WORSE, NO_EVIDENCE, TOO_FEW = "better", "worse", "no evidence", "too few"


@dataclass(frozen=True)
class Judgement:
    """What the differences of the patients say.

    Args:
        patients: How many.
        difference: Mean of MAE of A less MAE of B, grey levels; positive: B has the lower error.
        ci_low: Of its 95 % confidence interval; None with fewer than three patients.
        ci_high: Likewise.
        p_value: Wilcoxon signed-rank test, exact, two-sided; None with fewer than three patients.
        better_on: Patients on whom B has the lower error.
        worse_on: Patients on whom B has the higher error.
        outcome: "better", "worse", "no evidence" or, with fewer than six patients, "too few".
    """

    patients: int
    difference: float
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    better_on: int
    worse_on: int
    outcome: str

    @property
    def better(self) -> bool:
        """Whether B is shown to be better."""
        return self.outcome == BETTER

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return _sentence(self)


def judge(differences: Sequence[float], seed: int = SEED) -> Judgement:
    """Judge whether B is better than A.

    Args:
        differences: MAE of A less MAE of B, one value a patient, grey levels.
        seed: Of the bootstrap: same differences, same verdict.

    Raises:
        InputError: There are none, or one is not finite.
    """
    values = np.asarray(differences, dtype=float)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise InputError(f"A verdict needs one finite difference a patient, not {values.tolist()}.")
    values = np.round(values, TIE_DIGITS) + 0.0
    low = high = p_value = None
    outcome = TOO_FEW
    if len(values) >= FEWEST:
        low, high = bootstrap_interval(values, seed)
        p_value = wilcoxon_exact(values)
    if len(values) >= ENOUGH:
        shown = p_value < SIGNIFICANT
        outcome = BETTER if shown and low > 0 else WORSE if shown and high < 0 else NO_EVIDENCE
    return Judgement(
        len(values),
        float(values.mean()),
        low,
        high,
        p_value,
        int((values > 0).sum()),
        int((values < 0).sum()),
        outcome,
    )


def bootstrap_interval(values: np.ndarray, seed: int = SEED, resamples: int = RESAMPLES) -> tuple[float, float]:
    """95 % percentile interval of the mean by bootstrap over patients (Efron and Tibshirani 1993, chapter 13).

    Args:
        values: One a patient.
        seed: Of the draws.
        resamples: How many.
    """
    draw = np.random.default_rng(seed)
    means = np.array([values[draw.integers(0, len(values), len(values))].mean() for _ in range(resamples)])
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return float(low), float(high)


def wilcoxon_exact(values: np.ndarray) -> float:
    """Two-sided p of the Wilcoxon signed-rank test, exact also with ties (Hollander, Wolfe and Chicken 2014, 3.1).

    Zeros are left out, ties share the mean of their ranks, and the distribution is that of all ways to give the ranks
    signs. scipy's exact way knows no ties, and its other ways are approximate for few patients.

    Args:
        values: Differences, one a patient.

    Returns:
        1.0 where all are zero.
    """
    from scipy.stats import rankdata

    values = values[values != 0]
    if not values.size:
        return 1.0
    doubled = np.rint(2 * rankdata(np.abs(values))).astype(int)  # mean ranks of ties end in .5
    total = int(doubled.sum())
    chance = np.zeros(total + 1)
    chance[0] = 1.0
    for rank in doubled:
        moved = np.zeros_like(chance)
        moved[rank:] = chance[: total + 1 - rank]
        chance = (chance + moved) / 2
    positive = int(doubled[values > 0].sum())
    tail = chance[: min(positive, total - positive) + 1].sum()
    return float(min(1.0, 2 * tail))


def p_words(p_value: float | None) -> str:
    """Such as "p = 0.03"."""
    if p_value is None:
        return "no test"
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def _sentence(found: Judgement) -> str:
    size = _size(found)
    if found.p_value is None:
        return (
            f"Too few patients for a verdict: {found.patients} (at least {ENOUGH} are needed to show a difference); "
            f"{size}."
        )
    p = p_words(found.p_value)
    if found.outcome == TOO_FEW:
        return (
            f"B is {_counts(found)}; {size}, {p}; {_WORDS[found.patients]} patients are too few to show a difference, "
            f"{_WORDS[ENOUGH]} are needed."
        )
    if found.outcome == BETTER:
        return f"B is better on {found.better_on} of {found.patients} patients; {size}, {p}."
    if found.outcome == WORSE:
        return f"B is worse on {found.worse_on} of {found.patients} patients; {size}, {p}."
    return f"No evidence that B is better: {_counts(found)}; {size}, {p}."


def _counts(found: Judgement) -> str:
    """On how many patients B is better and worse; one of the two where it says all."""
    for words, count in (("better", found.better_on), ("worse", found.worse_on)):
        if count == found.patients:
            return f"{words} on {count} of {found.patients} patients"
    return f"better on {found.better_on} of {found.patients} patients, worse on {found.worse_on}"


def _size(found: Judgement) -> str:
    """The mean difference and its interval, both counted in the direction that is named."""
    sign = -1.0 if found.difference < 0 else 1.0
    words = "MAE higher by" if sign < 0 else "MAE lower by"
    text = f"{words} {_number(sign * found.difference)} grey levels"
    if found.ci_low is None:
        return text
    ends = sorted((sign * found.ci_low, sign * found.ci_high))
    return f"{text} (95 % CI {_number(ends[0])} to {_number(ends[1])})"


def _number(value: float) -> str:
    """Two digits after the point where one would say zero."""
    return f"{value:.2f}" if abs(value) < 1 and value != 0 else f"{value:.1f}"
