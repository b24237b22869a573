from dataclasses import replace
from math import isfinite
from pathlib import Path

import pytest
import torch
from torch.nn.functional import softplus

from lds_mlflow.errors import ArtifactError, TrainingError
from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.models import PIXELS
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training import CheckpointFile, FitHooks, FitPlan, FitTask, fit
from lds_mlflow.training.adversary import Adversary, Judged, balanced
from lds_mlflow.training.discriminator_augmentation import N_CHANCES
from lds_mlflow.training.plan import Precision
from lds_mlflow.training.stepper import Stepper
from tests import tiny
from tests.tiny import FORM, SPEC, random_images

PLAN = replace(tiny.PLAN, steps=20, batch_size=8, learning_rate=0.005, adversarial_weight=0.2, checkpoint_every=6)


ADAPTIVE = replace(PLAN, feature_weight=0.1, discriminator_augmentation="ada")


def _adversary(plan: FitPlan = PLAN) -> Adversary:
    return Adversary(VAE.initialised(SPEC, 0), plan, ALONE)


def _judged(n: int = 8) -> Judged:
    generator = torch.Generator().manual_seed(1)
    x, made = torch.rand(n, 1, 8, 8, generator=generator), -torch.rand(n, 1, 8, 8, generator=generator)
    return Judged(x, made, torch.rand(n, N_CHANCES, generator=generator), x)


def test_it_learns_to_tell_and_what_it_tells_costs() -> None:
    adversary, judged = _adversary(replace(PLAN, r1_gamma=0.0)), _judged()
    costs = [adversary.terms(judged, judged.made)["adversarial"].item()]
    found = []
    for _ in range(40):
        found.append({name: value.item() for name, value in adversary.learn(judged, is_regularised=False).items()})
        adversary.take_step(torch.zeros(()), torch.tensor(found[-1]["discriminator_sign"]))
    costs.append(adversary.terms(judged, judged.made)["adversarial"].item())
    assert found[-1]["discriminator_loss"] < 0.5 * found[0]["discriminator_loss"]
    assert found[-1]["discriminator_sign"] == 1
    assert costs[1] > costs[0]


def test_it_tells_from_what_is_real_and_not_from_all_that_is_trained_on() -> None:
    judged = _judged()
    other = torch.zeros_like(judged.x)
    learned = [
        _adversary().learn(one, is_regularised=True)["discriminator_loss"]
        for one in (judged, judged._replace(x=other), judged._replace(real=other))
    ]
    assert torch.equal(learned[0], learned[1])
    assert not torch.equal(learned[0], learned[2])


def test_what_a_model_has_made_is_trained_on_and_never_taken_for_real(monkeypatch: pytest.MonkeyPatch) -> None:
    white = torch.full_like(random_images(8), 255)
    examples_N, seen = torch.cat([random_images(24)[:16], white]), list[Judged]()
    learn = Adversary.learn

    def record(adversary: Adversary, judged: Judged, *, is_regularised: bool) -> dict[str, torch.Tensor]:
        seen.append(judged)
        return learn(adversary, judged, is_regularised=is_regularised)

    monkeypatch.setattr(Adversary, "learn", record)
    fit(FitTask(VAE.initialised(SPEC, 0), examples_N, replace(PLAN, steps=6), n_made=8))
    trained_on, real = (torch.cat([getattr(judged, name) for judged in seen]) for name in ("x", "real"))
    assert (trained_on == 1).flatten(1).all(1).any()
    assert not (real == 1).flatten(1).all(1).any()


def test_its_terms_have_a_gradient_for_the_images_and_none_for_it() -> None:
    adversary, judged = _adversary(replace(PLAN, feature_weight=1.0)), _judged()
    made, reconstructed = (judged.made.clone().requires_grad_() for _ in range(2))
    terms = adversary.terms(judged._replace(made=made), reconstructed)
    for name, of in (("adversarial", made), ("feature_distance", reconstructed)):
        of_made, of_reconstructed = torch.autograd.grad(
            terms[name], (made, reconstructed), retain_graph=True, allow_unused=True
        )
        assert (of_made is None, of_reconstructed is None) == (of is reconstructed, of is made)
        assert (of_made if of_reconstructed is None else of_reconstructed).flatten(1).any(1).all()
    assert not adversary.parameters.gradients.any()


@pytest.mark.parametrize("weight", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e6])
def test_the_gradient_of_what_is_judged_has_a_norm_in_proportion_to_that_of_the_rest(
    weight: float, factor: float
) -> None:
    reconstructed, made = (images.requires_grad_() for images in _judged()[:2])
    one, other = balanced(reconstructed, made, weight)
    assert torch.equal(one, reconstructed)
    assert torch.equal(other, made)
    share = 0.25
    (share * (one.square().sum() + factor * other.sin().sum())).backward()
    assert reconstructed.grad is not None
    assert made.grad is not None
    torch.testing.assert_close(reconstructed.grad, share * 2 * reconstructed.detach())
    direction = made.detach().cos()
    wanted = weight * reconstructed.grad.norm() * direction / direction.norm()
    torch.testing.assert_close(made.grad, wanted)


def test_what_is_judged_without_a_gradient_gets_none() -> None:
    reconstructed, made = (images.requires_grad_() for images in _judged()[:2])
    one, other = balanced(reconstructed, made, 1.0)
    (one.sum() + 0 * other.sum()).backward()
    assert made.grad is not None
    assert not made.grad.any()


def test_the_distance_by_features_is_0_of_images_from_themselves_and_is_left_out_without_weight() -> None:
    judged = _judged()
    assert _adversary(ADAPTIVE).terms(judged, judged.x.clone())["feature_distance"] == 0
    assert _adversary(ADAPTIVE).terms(judged, judged.made)["feature_distance"] > 0
    assert _adversary().terms(judged, judged.made).keys() == {"adversarial"}


def test_no_image_is_judged_by_images_of_the_other_kind() -> None:
    adversary, judged = _adversary(replace(PLAN, r1_gamma=0.0)), _judged()
    loss = adversary.learn(judged, is_regularised=False)["discriminator_loss"]
    real, told = adversary.discriminator(judged.x), adversary.discriminator(judged.made)
    torch.testing.assert_close(loss, (softplus(-real) + softplus(told)).mean())


def test_the_penalty_is_taken_every_sixteen_steps_and_counts_for_all_of_them() -> None:
    judged, gamma = _judged(), 3.0
    plain, penalised = _adversary(replace(PLAN, r1_gamma=0.0)), _adversary(replace(PLAN, r1_gamma=gamma))
    real = judged.x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(plain.discriminator(real).sum(), real)
    wanted = 0.5 * gamma * 16 * gradient.square().sum((1, 2, 3)).mean()
    for step, penalty in ((0, wanted), (1, torch.zeros(())), (16, wanted)):
        is_regularised = plain.is_regularised(step)
        one, other = (
            adversary.learn(judged, is_regularised=is_regularised)["discriminator_loss"]
            for adversary in (penalised, plain)
        )
        torch.testing.assert_close(one - other, penalty, rtol=1e-3, atol=1e-4)


def test_a_step_that_is_not_taken_leaves_the_augmentation_as_it_is() -> None:
    adversary = _adversary(ADAPTIVE)
    adversary.learn(_judged(), is_regularised=False)
    adversary.take_step(torch.ones(()), torch.tensor(torch.nan))
    assert [value.item() for value in adversary.augmentation.state_dict().values()] == [0, 0]


@pytest.mark.parametrize(
    "plan",
    [ADAPTIVE, replace(PLAN, discriminator_augmentation="diffaugment")],
    ids=["features, adaptive", "diffaugment"],
)
def test_a_fit_with_an_adversary_that_was_stopped_resumes_to_the_same_weights(plan: FitPlan, tmp_path: Path) -> None:
    told: list[dict[str, float]] = []
    whole = fit(
        FitTask(VAE.initialised(SPEC, 0), random_images(), plan),
        hooks=FitHooks(on_metrics=lambda _, figures: told.append(figures)),
    ).model
    checkpoints, asked = CheckpointFile(tmp_path / "fit.pt", "owner"), iter(range(1, 100))
    fit(
        FitTask(VAE.initialised(SPEC, 0), random_images(), plan),
        checkpoints=checkpoints,
        hooks=FitHooks(stop=lambda: next(asked) >= 7),
    )
    resumed = fit(FitTask(VAE.initialised(SPEC, 0), random_images(), plan), checkpoints=checkpoints).model
    assert resumed.to_weights().digest == whole.to_weights().digest
    assert {"adversarial", "discriminator_loss", "discriminator_sign"} <= told[-1].keys()
    assert ("augmentation_probability" in told[-1]) == (plan is ADAPTIVE)
    without = fit(FitTask(VAE.initialised(SPEC, 0), random_images(), replace(PLAN, adversarial_weight=0.0))).model
    assert without.to_weights().digest != whole.to_weights().digest


def test_a_later_fit_begins_with_the_discriminator_that_a_fit_ended_with() -> None:
    plan = replace(PLAN, steps=2)
    first = fit(FitTask(VAE.initialised(SPEC, 0), random_images(), plan))
    assert first.discriminator is not None
    still = replace(plan, learning_rate=1e-30)
    second = fit(FitTask(VAE.initialised(SPEC, 1), random_images(), still, discriminator=first.discriminator))
    assert second.discriminator is not None
    torch.testing.assert_close(second.discriminator, first.discriminator)
    new = fit(FitTask(VAE.initialised(SPEC, 1), random_images(), still)).discriminator
    assert new is not None
    assert not torch.equal(new["verdict.weight"], first.discriminator["verdict.weight"])


def test_without_an_adversary_there_is_no_discriminator_to_begin_with() -> None:
    plan = replace(PLAN, steps=1, adversarial_weight=0.0)
    task = FitTask(VAE.initialised(SPEC, 0), random_images(), plan, discriminator={"of": torch.zeros(1)})
    assert fit(task).discriminator is None


def test_a_discriminator_of_other_images_is_refused() -> None:
    task = FitTask(VAE.initialised(SPEC, 0), random_images(), PLAN, discriminator={"of": torch.zeros(1)})
    with pytest.raises(ArtifactError, match="the discriminator to begin with"):
        fit(task)


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
