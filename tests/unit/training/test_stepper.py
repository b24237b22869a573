from copy import deepcopy
from dataclasses import replace
from math import isfinite

import pytest
import torch

from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.models import PIXELS
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training.plan import FitPlan
from lds_mlflow.training.stepper import Stepper
from tests.tiny import FORM, PLAN, SPEC, random_images


def _stepper(plan: FitPlan = PLAN, n_decoded: int = 0) -> Stepper:
    form = FORM._replace(n_decoded=n_decoded)
    return Stepper(VAE.initialised(SPEC, 0), plan, form, ranks=ALONE, scale=PIXELS, perceptual=None)


def _digest(stepper: Stepper) -> str:
    return stepper.model.to_weights().digest


def test_a_step_changes_the_weights_and_says_how_it_went() -> None:
    stepper = _stepper()
    before = _digest(stepper)
    stepper.advance(0, random_images())
    figures = stepper.figures()
    assert stepper.skipped == 0
    assert _digest(stepper) != before
    assert figures.keys() == {"loss", "reconstruction_mse", "kl", "gradient_norm"}
    assert all(isfinite(figure) for figure in figures.values())


def test_the_same_step_of_the_same_model_is_the_same() -> None:
    one, other = _stepper(), _stepper()
    for stepper in (one, other):
        stepper.advance(0, random_images())
    assert _digest(one) == _digest(other)
    one.advance(1, random_images())
    other.advance(2, random_images())
    assert _digest(one) != _digest(other)


def test_a_step_whose_loss_is_not_finite_changes_nothing() -> None:
    stepper = _stepper(replace(PLAN, kl_weight=float("inf")))
    before = _digest(stepper)
    stepper.advance(0, random_images())
    assert stepper.skipped == 1
    assert not isfinite(stepper.figures()["loss"])
    assert _digest(stepper) == before


@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, adversarial_weight=0.1)], ids=["alone", "with an adversary"])
def test_a_restored_state_goes_on_as_the_first_would_have(plan: FitPlan) -> None:
    first, second = _stepper(plan), _stepper(plan)
    first.advance(0, random_images())
    second.model.load_state_dict(first.model.state_dict())
    second.restore(deepcopy(first.state()))
    for stepper in (first, second):
        stepper.advance(1, random_images())
    assert _digest(first) == _digest(second)


def test_the_adversary_tells_its_loss() -> None:
    stepper = _stepper(replace(PLAN, adversarial_weight=0.1))
    stepper.advance(0, random_images())
    assert {"adversarial", "discriminator_loss", "discriminator_gradient_norm"} <= stepper.figures().keys()


@pytest.mark.parametrize(
    ("after", "rates", "joins"),
    [
        (None, (1.0, 1.0, 0.9), (False, False, True)),
        (2, (1.0, 1.0, 1.0), (False, False, True)),
        (9, (1.0, 0.9, 0.8), (False, True, True)),
        (0, (1.0, 1.0, 1.0), (True, True, True)),
    ],
)
def test_an_adversary_joins_after_some_steps_or_when_the_learning_rate_begins_to_fall(
    after: int | None, rates: tuple[float, ...], joins: tuple[bool, ...]
) -> None:
    stepper = _stepper(replace(PLAN, adversarial_weight=0.1, adversary_after=after))
    assert stepper.adversary is not None
    for step, (rate, is_there) in enumerate(zip(rates, joins, strict=True)):
        before = stepper.adversary.parameters.values.clone()
        stepper.advance(step, random_images(), rate=rate)
        assert ("adversarial" in stepper.figures()) is is_there
        assert torch.equal(stepper.adversary.parameters.values, before) is not is_there


def test_an_adversary_that_waits_for_a_rate_that_never_falls_is_there_at_once() -> None:
    plan = replace(PLAN, adversarial_weight=0.1, adversary_after=None, rate_fall=0)
    assert plan.has_adversary_at(0, 1.0)
    assert not replace(plan, rate_fall=0.1).has_adversary_at(0, 1.0)


def test_latents_to_find_are_part_of_the_loss() -> None:
    stepper = _stepper(n_decoded=8)
    stepper.advance(0, random_images(), torch.zeros(8, 4))
    assert stepper.skipped == 0
    assert isfinite(stepper.figures()["latent_nll"])


def test_what_is_frozen_is_not_trained() -> None:
    model = VAE.initialised(SPEC, 0)
    model.freeze_encoder()
    stepper = Stepper(model, PLAN, FORM, ranks=ALONE, scale=PIXELS, perceptual=None)
    before = [parameter.clone() for parameter in model.encoder.parameters()]
    stepper.advance(0, random_images())
    assert all(torch.equal(a, b) for a, b in zip(before, model.encoder.parameters(), strict=True))


@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, adversarial_weight=0.1)], ids=["alone", "with an adversary"])
@pytest.mark.parametrize("poison", ["loss", "gradient"])
@pytest.mark.parametrize("place", [0, 2])
def test_a_skipped_step_is_as_if_it_had_not_been(place: int, poison: str, plan: FitPlan) -> None:
    disturbed, wanted = _stepper(plan), _stepper(plan)
    constant = disturbed.model.get_parameter("decoder.constant")
    for step in range(4):
        if step == place:
            hook = constant.register_hook(lambda gradient: gradient * (torch.nan if poison == "gradient" else 1))
            disturbed.plan = replace(plan, kl_weight=torch.inf if poison == "loss" else plan.kl_weight)
            disturbed.advance(9, random_images())
            assert isfinite(disturbed.figures()["loss"]) == (poison == "gradient")
            disturbed.plan = plan
            hook.remove()
        for stepper in (disturbed, wanted):
            stepper.advance(step, random_images())
    states = [stepper.state() | {"model": stepper.model.state_dict()} for stepper in (disturbed, wanted)]
    assert [state.pop("skipped") for state in states] == [1, 0]
    torch.testing.assert_close(*states, rtol=0, atol=0)


def test_a_long_gradient_is_shortened() -> None:
    stepper = _stepper(replace(PLAN, kl_weight=1e9))
    stepper.advance(0, random_images())
    assert stepper.figures()["gradient_norm"] > 1e6
    first_moments = [state["exp_avg"] for state in stepper.optimizer.state.values()]
    factors = [group["lr"] / PLAN.learning_rate for group in stepper.optimizer.param_groups]
    squares = [(f * m).square().sum().item() for f, m in zip(factors, first_moments, strict=True)]
    # The first moment is a tenth of the first gradient.
    assert sum(squares) ** 0.5 == pytest.approx(0.1 * 1e4, rel=1e-3)
