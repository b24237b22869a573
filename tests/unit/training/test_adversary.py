from dataclasses import replace
from math import isfinite
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lds_mlflow.errors import TrainingError
from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.models import PIXELS
from lds_mlflow.models.stylegan import VAE, Discriminator
from lds_mlflow.training import CheckpointFile, FitHooks, FitPlan, FitTask, fit
from lds_mlflow.training.adversary import Adversary
from lds_mlflow.training.plan import Precision
from lds_mlflow.training.stepper import Stepper
from tests import tiny
from tests.tiny import FORM, SPEC, random_images

PLAN = replace(tiny.PLAN, steps=20, batch_size=8, learning_rate=0.005, adversarial_weight=0.2, checkpoint_every=6)


def _adversary(plan: FitPlan = PLAN) -> Adversary:
    return Adversary(VAE.initialised(SPEC, 0), plan, ALONE)


def _batches() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(8, 1, 8, 8, generator=generator), -torch.rand(8, 1, 8, 8, generator=generator)


def test_a_discriminator_gives_one_number_an_image() -> None:
    logits = Discriminator(3, (8, 8, 4))(torch.randn(6, 3, 16, 16))
    assert (logits.shape, logits.dtype) == ((6,), torch.float32)


def test_a_discriminator_sees_that_all_images_are_alike() -> None:
    discriminator, image = Discriminator(1, (8, 8)), torch.randn(1, 1, 8, 8)
    alike = discriminator(image.expand(4, -1, -1, -1))
    assert not torch.allclose(alike[:1], discriminator(torch.cat([image, torch.randn(3, 1, 8, 8)]))[:1])


def test_it_learns_to_tell_and_what_it_tells_costs() -> None:
    adversary, (x, y) = _adversary(replace(PLAN, r1_gamma=0.0)), _batches()
    costs = [adversary.term(y).item()]
    losses = []
    adversary.optimizer.found_inf = torch.zeros(())
    for _ in range(40):
        losses.append(adversary.learn(x, y, is_regularised=False)["discriminator_loss"].item())
        adversary.optimizer.step()
    costs.append(adversary.term(y).item())
    assert losses[-1] < 0.5 * losses[0]
    assert costs[1] > costs[0]


def test_what_it_costs_has_a_gradient_for_the_images_and_none_for_it() -> None:
    adversary, (_, y) = _adversary(), _batches()
    y = y.requires_grad_()
    adversary.term(y).backward()
    assert y.grad is not None
    assert y.grad.abs().sum() > 0
    assert not adversary.parameters.gradients.any()


def test_the_penalty_is_taken_every_sixteen_steps_and_counts_for_all_of_them() -> None:
    (x, y), gamma = _batches(), 3.0
    plain, penalised = _adversary(replace(PLAN, r1_gamma=0.0)), _adversary(replace(PLAN, r1_gamma=gamma))
    real = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(plain.discriminator(real).sum(), real)
    wanted = 0.5 * gamma * 16 * gradient.square().sum((1, 2, 3)).mean()
    for step, penalty in ((0, wanted), (1, torch.zeros(())), (16, wanted)):
        is_regularised = plain.is_regularised(step)
        one, other = (
            adversary.learn(x, y, is_regularised=is_regularised)["discriminator_loss"]
            for adversary in (penalised, plain)
        )
        torch.testing.assert_close(one - other, penalty, rtol=1e-3, atol=1e-4)


def test_a_fit_with_an_adversary_that_was_stopped_resumes_to_the_same_weights(tmp_path: Path) -> None:
    told: list[dict[str, float]] = []
    whole = fit(
        FitTask(VAE.initialised(SPEC, 0), random_images(), PLAN),
        hooks=FitHooks(on_metrics=lambda _, figures: told.append(figures)),
    ).model
    checkpoints, asked = CheckpointFile(tmp_path / "fit.pt", "owner"), iter(range(1, 100))
    fit(
        FitTask(VAE.initialised(SPEC, 0), random_images(), PLAN),
        checkpoints=checkpoints,
        hooks=FitHooks(stop=lambda: next(asked) >= 7),
    )
    resumed = fit(FitTask(VAE.initialised(SPEC, 0), random_images(), PLAN), checkpoints=checkpoints).model
    assert resumed.to_weights().digest == whole.to_weights().digest
    assert {"adversarial", "discriminator_loss"} <= told[-1].keys()
    without = fit(FitTask(VAE.initialised(SPEC, 0), random_images(), replace(PLAN, adversarial_weight=0.0))).model
    assert without.to_weights().digest != whole.to_weights().digest


def test_an_adversary_that_is_not_finite_is_skipped_as_a_model_is() -> None:
    with pytest.raises(TrainingError, match="not finite"):
        fit(FitTask(VAE.initialised(SPEC, 0), random_images(), replace(PLAN, r1_gamma=float("inf"), max_skipped=0)))


def test_a_step_in_which_only_the_gradient_of_the_adversary_is_not_finite_changes_nothing() -> None:
    model = VAE.initialised(SPEC, 0)
    stepper = Stepper(model, PLAN, FORM, ranks=ALONE, scale=PIXELS, perceptual=None)
    assert stepper.adversary is not None
    weight = next(stepper.adversary.discriminator.requires_grad_(True).parameters())
    weight.register_hook(lambda gradient: gradient * torch.inf)
    before = [tensor.clone() for tensor in (*model.parameters(), *stepper.adversary.discriminator.parameters())]
    stepper.adversary.discriminator.requires_grad_(False)
    stepper.advance(0, random_images())
    assert isfinite(stepper.figures()["discriminator_loss"])
    assert stepper.skipped == 1
    after = [*model.parameters(), *stepper.adversary.discriminator.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_adversary_works_in_either_precision(precision: Precision) -> None:
    plan = replace(PLAN, precision=precision)
    assert fit(FitTask(VAE.initialised(SPEC, 0), random_images(), plan)).skipped == 0
