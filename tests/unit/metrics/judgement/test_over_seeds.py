from collections.abc import Sequence
from math import nan

import pytest
import torch
from scipy.stats import ttest_rel

from lds_mlflow.errors import DataError
from lds_mlflow.metrics import (
    BETTER,
    NO_DIFFERENCE,
    TOO_FEW,
    WORSE,
    compare_over_seeds,
    mean_of_values,
    mean_over_seeds,
)
from lds_mlflow.values import Evaluation
from tests.conftest import an_evaluation

NO_NOISE = torch.zeros(4, dtype=torch.float64)
FIVE = (5.0, 5.1, 4.9, 5.05, 4.95)


def _seeds(values: Sequence[float], *, noise: torch.Tensor = NO_NOISE, **changes: object) -> list[Evaluation]:
    """One evaluation a seed, with KID of these values and the influence of the real examples `noise`."""
    return [
        an_evaluation(
            metrics={"kid": value}, intervals={}, by_real={"kid": noise}, by_sample={"kid": NO_NOISE}, **changes
        )
        for value in values
    ]


def _compare(ours: list[Evaluation], theirs: list[Evaluation]) -> str:
    (row,) = compare_over_seeds({"control": theirs, "arm": ours}, "control")
    return row.verdict


def test_without_noise_of_the_examples_it_is_the_paired_t_test() -> None:
    ours, theirs = (4.0, 4.4, 3.9, 4.2, 4.1), FIVE
    (row,) = compare_over_seeds({"control": _seeds(theirs), "arm": _seeds(ours)}, "control")
    reference = ttest_rel(ours, theirs)
    interval = reference.confidence_interval(0.95)
    assert row.difference == pytest.approx(-0.88)
    assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
    assert row.p == pytest.approx(reference.pvalue)


def test_the_draw_of_the_real_examples_widens_the_interval() -> None:
    noise = torch.tensor([0.5, -0.5, 0.5, -0.5], dtype=torch.float64)
    sure = compare_over_seeds({"control": _seeds(FIVE), "arm": _seeds((4.0, 4.4, 3.9, 4.2, 4.1))}, "control")[0]
    unsure = compare_over_seeds(
        {"control": _seeds(FIVE), "arm": _seeds((4.0, 4.4, 3.9, 4.2, 4.1), noise=noise)}, "control"
    )[0]
    assert unsure.high - unsure.low > sure.high - sure.low
    assert unsure.p > sure.p


def test_noise_that_two_arms_share_does_not_count() -> None:
    noise = torch.tensor([5.0, -5.0, 5.0, -5.0], dtype=torch.float64)
    arms = {"control": _seeds(FIVE, noise=noise), "arm": _seeds([value - 1 for value in FIVE], noise=noise)}
    (row,) = compare_over_seeds(arms, "control")
    assert row.high - row.low < 1e-6


def test_a_clear_difference_is_better_or_worse_and_one_in_the_noise_is_neither() -> None:
    assert _compare(_seeds([value - 1 for value in FIVE]), _seeds(FIVE[::-1])) == BETTER
    assert _compare(_seeds([value + 1 for value in FIVE]), _seeds(FIVE[::-1])) == WORSE
    assert _compare(_seeds(FIVE), _seeds(FIVE[::-1])) == NO_DIFFERENCE
    assert _compare(_seeds((1.0, 9.0, 3.0, 7.0, 2.0)), _seeds(FIVE)) == TOO_FEW


def test_p_values_are_corrected_for_the_number_of_arms() -> None:
    arms = {"control": _seeds(FIVE[::-1])} | {f"arm {i}": _seeds([value - 0.2 for value in FIVE]) for i in range(10)}
    for row in compare_over_seeds(arms, "control"):
        assert row.p_corrected == pytest.approx(min(1, 10 * row.p))


def test_fid_that_few_examples_may_bias_has_a_verdict_only_if_it_holds_without() -> None:
    def seeds(fid: float, infinite: float) -> list[Evaluation]:
        return [
            an_evaluation(
                metrics={"fid": fid + 0.01 * i, "fid_infinity": infinite},
                intervals={},
                by_real={"fid": NO_NOISE},
                by_sample={"fid": NO_NOISE},
            )
            for i in (2, 1, 3)
        ]

    control = seeds(5, 4)
    control[0], control[1] = control[1], control[0]
    verdicts = [
        compare_over_seeds({"control": control, "arm": seeds(2, infinite)}, "control")[0].verdict
        for infinite in (1.0, 4.5, nan)
    ]
    assert verdicts == [BETTER, TOO_FEW, TOO_FEW]


def test_a_mean_over_seeds_takes_the_interval_of_a_share_to_be_common_to_all() -> None:
    found = [an_evaluation(metrics={"share": 0.5}, intervals={"share": (0.4, 0.6)}) for _ in range(3)]
    mean = mean_over_seeds(found, "share")
    assert mean.value == 0.5
    assert mean.high - mean.low >= 0.2


def test_the_interval_of_a_mean_stays_where_the_figure_can_be() -> None:
    found = [
        an_evaluation(metrics={"coverage": value}, by_real={"coverage": NO_NOISE}, by_sample={"coverage": NO_NOISE})
        for value in (0.5, 0.99)
    ]
    mean = mean_over_seeds(found, "coverage")
    assert (mean.low, mean.high) == (0, 1)


def test_the_mean_of_values_is_students() -> None:
    mean = mean_of_values([1.0, 2.0, 3.0])
    assert (mean.value, mean.low, mean.high) == pytest.approx((2, 2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), rel=1e-3)


@pytest.mark.parametrize(("ours", "theirs"), [((1.0,), (1.0,)), ((1.0, 2.0), (1.0, 2.0, 3.0))])
def test_seeds_that_are_too_few_or_not_paired_are_refused(ours: tuple[float, ...], theirs: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="two or more seeds, the same of every arm"):
        compare_over_seeds({"control": _seeds(theirs), "arm": _seeds(ours)}, "control")


def test_seeds_that_were_judged_by_other_examples_are_refused() -> None:
    with pytest.raises(DataError, match="held-out"):
        compare_over_seeds({"control": _seeds(FIVE), "arm": _seeds(FIVE, held_out_digest="other")}, "control")
    mixed = _seeds(FIVE[:2]) + _seeds(FIVE[2:], held_out_digest="other")
    with pytest.raises(DataError, match="different held-out examples"):
        compare_over_seeds({"control": mixed, "arm": mixed}, "control")
