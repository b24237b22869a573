from math import inf, log

import pytest
import torch

from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.latent.selecting.threshold_rules import (
    ConformalThreshold,
    HighestDensity,
    Knee,
    Otsu,
    ScoreBand,
    Threshold,
    TypicalSet,
    just_below,
)

SCORES = -torch.arange(100, dtype=torch.float64)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_what_lies_between_is_above_one_threshold_and_not_above_the_other() -> None:
    found = ScoreBand("words", above=-6, up_to=-3).choose(SCORES, _generator())
    assert sorted(found.order_O.tolist()) == [3, 4, 5]
    assert found.wanted == 3
    assert found.stages == {"passing": 3}
    assert found.figures == {"log_tau": -6, "log_ceiling": -3}


def test_a_threshold_that_is_infinite_is_no_figure() -> None:
    assert ScoreBand("words").choose(SCORES, _generator()).figures == {}


def test_none_that_passes_is_preferred_to_another() -> None:
    first, again, other = (Threshold(1e-9).choose(SCORES, _generator(seed)).order_O for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert sorted(first.tolist()) == list(range(21))


@pytest.mark.parametrize("tau", [0.0, -1.0, inf])
def test_a_threshold_that_no_density_can_have_is_refused(tau: float) -> None:
    with pytest.raises(ConfigError, match="tau"):
        Threshold(tau)


def test_a_score_at_the_threshold_is_not_above_it_and_is_above_the_next_lower_number() -> None:
    at = torch.tensor([log(0.5)], dtype=torch.float64)
    assert Threshold(0.5).choose(at, _generator()).wanted == 0
    assert ScoreBand("words", above=just_below(log(0.5))).choose(at, _generator()).wanted == 1


def test_a_region_holds_the_candidates_as_dense_as_its_mass_of_training_latents() -> None:
    assert HighestDensity(0.5, SCORES).choose(SCORES, _generator()).wanted == 50
    middle = TypicalSet(0.5, SCORES).choose(SCORES, _generator()).order_O
    assert (int(middle.min()), int(middle.max())) == (25, 74)


def test_too_few_held_out_latents_for_a_share_are_refused() -> None:
    with pytest.raises(DataError, match="held-out"):
        ConformalThreshold(0.99, SCORES[:5]).choose(SCORES, _generator())


@pytest.mark.parametrize("rule", [Otsu(), Knee()], ids=["otsu", "knee"])
def test_a_rule_by_shape_warns_where_scores_have_one_mode(rule: Otsu | Knee) -> None:
    one = torch.randn(500, generator=_generator(), dtype=torch.float64)
    two = torch.cat([one - 20, one])
    single, double = (rule.choose(scores, _generator()) for scores in (one, two))
    assert "one mode" in single.warnings[0]
    assert single.figures["modes"] == 1
    assert double.warnings == ()
    assert double.figures["modes"] == 2
