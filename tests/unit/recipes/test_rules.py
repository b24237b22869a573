import pytest
import torch

from lds_mlflow.choices.selections import SELECTIONS
from lds_mlflow.latent import SelectionLimits, leave_one_out_log_density, log_density, select
from lds_mlflow.latent.selecting.threshold_rules import ConformalThreshold, TypicalSet
from lds_mlflow.recipes import rule_as_configured, wanted_of
from tests.unit.latent.conftest import gaussian
from tests.unit.recipes.conftest import scored


def _no_held_out() -> torch.Tensor:
    raise AssertionError("held-out latents were asked for")


@pytest.mark.parametrize(
    ("selection", "candidates"),
    [*((rule, "sampled") for rule in SELECTIONS), ("top", "exhaustive"), ("power", "exhaustive")],
)
def test_every_rule_makes_a_set_of_the_wanted_size_at_most(selection: str, candidates: str) -> None:
    config, found = scored(
        selection=selection, candidates=candidates, tau=1e-3, mass=0.6, leave_endpoints_out=True, sigma_multiplier=2
    )
    kept = select(
        found.scores.log_lds_M,
        rule_as_configured(config, found, lambda: gaussian(40, 6, seed=1)),
        generator=torch.Generator().manual_seed(0),
        candidates=found.candidates,
        limits=SelectionLimits(at_most=wanted_of(config, 80)),
    )
    assert 0 < len(kept.index_A) <= 40
    assert len(found.candidates.alpha_M) == 200


@pytest.mark.parametrize("selection", sorted(set(SELECTIONS) - {"conformal"}))
def test_held_out_latents_are_asked_for_by_the_rule_that_needs_them_alone(selection: str) -> None:
    config, found = scored(selection=selection)
    assert rule_as_configured(config, found, _no_held_out).words


def test_a_conformal_rule_has_the_scores_of_held_out_latents_in_the_space_of_density() -> None:
    config, found = scored(selection="conformal", mass=0.7, latent_space="whitened")
    held_out = gaussian(40, 6, seed=1)
    rule = rule_as_configured(config, found, lambda: held_out)
    assert isinstance(rule, ConformalThreshold)
    assert rule.share == 0.7
    expected = log_density(found.space.map(held_out), found.z_ND, sigma=found.bandwidth.sigma)
    assert torch.equal(rule.held_out_H, expected)


def test_a_typical_rule_has_the_scores_of_the_training_latents() -> None:
    config, found = scored(selection="typical", mass=0.7)
    rule = rule_as_configured(config, found, _no_held_out)
    assert isinstance(rule, TypicalSet)
    assert torch.equal(rule.training_N, leave_one_out_log_density(found.z_ND, sigma=found.bandwidth.sigma))
