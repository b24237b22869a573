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
