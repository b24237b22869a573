from collections.abc import Callable
from math import exp, inf

import pytest
import torch

from lds_mlflow.choices.combinations import COMBINATIONS
from lds_mlflow.errors import ConfigError
from lds_mlflow.latent import SelectionLimits, select
from lds_mlflow.latent.selecting.rules import Paper, PowerLaw, RandomFraction, Rule, TopFraction
from lds_mlflow.latent.selecting.threshold_rules import (
    ConformalThreshold,
    HighestDensity,
    Knee,
    Otsu,
    Threshold,
    TypicalSet,
)
from tests.unit.latent.conftest import REAL, gaussian

EVERY_RULE: list[Rule] = [
    *(Paper(0.01, 0.3, combine) for combine in COMBINATIONS),
    TopFraction(0.3),
    Threshold(1e-5),
    RandomFraction(0.3),
    PowerLaw(0.5, 0.3),
    PowerLaw(-1, 0.3),
    ConformalThreshold(0.9, REAL),
    HighestDensity(0.9, REAL),
    TypicalSet(0.9, REAL),
    Otsu(),
    Knee(),
]


@pytest.mark.parametrize(
    ("combine", "kept"), [("both", 3), ("of-passing", 2), ("either", 5), ("fallback", 5), ("nothing", 0)]
)
def test_tau_and_the_top_fraction_combine_in_four_ways(combine: str, kept: int) -> None:
    # Five of ten are above tau, three in the top fraction of all; 0.4 of five is two.
    scores = -torch.arange(10).double()
    if combine == "nothing":
        with pytest.raises(ConfigError, match="both, of-passing, either, fallback"):
            Paper(exp(-4.5), 0.3, combine)
        return
    fraction = 0.4 if combine == "of-passing" else 0.3
    found = select(scores, Paper(exp(-4.5), fraction, combine), generator=torch.Generator())
    assert found.index_A.tolist() == list(range(kept))
    assert found.funnel["above tau"] == 5


def test_the_fallback_is_the_top_fraction_where_nothing_is_above_tau() -> None:
    scores = -10 - torch.arange(10).double()
    assert select(scores, Paper(0.28, 0.3, "fallback"), generator=torch.Generator()).index_A.tolist() == [0, 1, 2]


def test_a_threshold_keeps_what_is_above_it_and_prefers_none() -> None:
    scores = -torch.arange(1_000).double()
    threshold = Threshold(exp(-499.5))
    assert select(scores, threshold, generator=torch.Generator()).index_A.tolist() == list(range(500))
    some = select(
        scores, threshold, generator=torch.Generator().manual_seed(0), limits=SelectionLimits(at_most=200)
    ).index_A
    # The mean of 200 of 500 ranks has a standard deviation of 8.
    assert some.double().mean().item() == pytest.approx(249.5, abs=40)
    assert (some.diff() > 0).all()


@pytest.mark.parametrize("gamma", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_a_power_law_draws_in_proportion(gamma: float) -> None:
    # The first draw of many: candidate i comes first in proportion to i^gamma.
    log_lds = torch.arange(1, 6).double().log()
    first = [
        int(PowerLaw(gamma, 1.0).choose(log_lds, torch.Generator().manual_seed(seed)).order_O[0])
        for seed in range(2_000)
    ]
    expected = torch.arange(1, 6).double() ** gamma
    shares = torch.bincount(torch.tensor(first), minlength=5) / 2_000
    assert (shares - expected / expected.sum()).abs().max() < 0.05


def test_what_has_no_density_is_drawn_last_whatever_gamma() -> None:
    scores = torch.tensor([-inf, -1.0, -inf, -2.0], dtype=torch.float64)
    for gamma in (-1.0, 0.0, 1.0):
        kept = select(scores, PowerLaw(gamma, 0.5), generator=torch.Generator().manual_seed(3)).index_A
        assert kept.tolist() == [1, 3]


def test_conformal_keeps_what_is_as_dense_as_the_stated_share() -> None:
    held_out = -torch.arange(1, 100).double()
    kept = select(-torch.arange(200).double(), ConformalThreshold(0.9, held_out), generator=torch.Generator())
    # The tenth lowest of 99 is -90.
    assert kept.index_A.tolist() == list(range(91))
    assert kept.figures["log_tau"] == pytest.approx(-90)


def test_the_typical_band_cuts_both_tails() -> None:
    found = select(
        -torch.arange(100).double(), TypicalSet(0.5, -torch.arange(101).double()), generator=torch.Generator()
    )
    assert found.index_A.tolist() == list(range(25, 76))
    assert found.figures == pytest.approx({"log_tau": -75, "log_ceiling": -25})


@pytest.mark.parametrize("rule", [Otsu(), Knee()], ids=["otsu", "knee"])
def test_a_threshold_by_shape_says_whether_there_are_two_modes(rule: Rule) -> None:
    one = gaussian(1, 2_000, dtype=torch.float64)[0] - 20
    two = torch.cat([one, one + 12])
    single, double = (select(scores, rule, generator=torch.Generator()) for scores in (one, two))
    assert (single.figures["modes"], double.figures["modes"]) == (1, 2)
    assert "one mode" in single.warnings[0]
    assert double.warnings == ()


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: type(rule).__name__)
def test_every_rule_keeps_each_once_in_falling_order_within_its_limit(rule: Rule) -> None:
    scores = gaussian(1, 500, dtype=torch.float64)[0] - 10
    if isinstance(rule, Paper):
        scores = scores + 7
    found = select(scores, rule, generator=torch.Generator().manual_seed(0), limits=SelectionLimits(at_most=60))
    assert 0 < len(found.index_A) <= 60
    assert len(found.index_A.unique()) == len(found.index_A)
    assert (scores[found.index_A].diff() <= 0).all()
    assert found.funnel["kept as A"] == len(found.index_A)
    assert next(iter(found.funnel)) == "candidates"
    assert found.rule == rule.words


@pytest.mark.parametrize(
    "make",
    [
        lambda: TopFraction(0),
        lambda: TopFraction(1.01),
        lambda: RandomFraction(-1),
        lambda: Paper(0, 0.2),
        lambda: Threshold(inf),
        lambda: Threshold(-0.1),
        lambda: PowerLaw(1.5),
        lambda: PowerLaw(0.5, 0),
    ],
)
def test_parameters_out_of_range_are_refused_at_once(make: Callable[[], Rule]) -> None:
    with pytest.raises(ConfigError):
        make()
