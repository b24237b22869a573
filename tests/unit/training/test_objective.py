from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lds_mlflow.choices.adversaries import BALANCED
from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.models.stylegan import VAE, gaussian_nll
from lds_mlflow.training import FitHooks, FitPlan, FitTask, fit
from lds_mlflow.training.adversary import Adversary
from lds_mlflow.training.compilation import Compilation
from lds_mlflow.training.objective import DecodedPairs, Objective, StepDraws
from lds_mlflow.training.plan import Precision, draw_batch
from tests import tiny
from tests.tiny import FORM, SPEC, random_images

PLAN = replace(tiny.PLAN, steps=4, log_every=1)
COMPILATIONS: tuple[Compilation, ...] = ("true", "false")


class Distance(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (x - y).abs().mean()


def _loss(
    plan: FitPlan, *, kl_weight: float = 1.0, perceptual: nn.Module | None = None, decoded: DecodedPairs | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    objective = Objective(VAE.initialised(SPEC, 0), plan, perceptual=perceptual)
    batch = draw_batch(plan, 0, FORM, latent_dim=4, size=1)
    draws = StepDraws(batch.noise)
    loss, figures, _ = objective(random_images()[batch.rows], draws, batch.rows, torch.tensor(kl_weight), decoded)
    return loss, figures


def test_the_loss_is_the_likelihood_and_the_weighted_kl_term() -> None:
    (without, figures), (weighted, _) = _loss(PLAN, kl_weight=0.0), _loss(PLAN, kl_weight=0.25)
    torch.testing.assert_close(weighted - without, 0.25 * figures["kl"])


def test_below_the_free_bits_the_kl_term_costs_what_they_do_and_has_no_gradient() -> None:
    (without, figures), (floored, _) = _loss(PLAN, kl_weight=0.0), _loss(replace(PLAN, free_bits=9.0))
    assert figures["kl"] < 9 * 4
    torch.testing.assert_close(floored - without, torch.tensor(9.0 * 4))
    free, whole = (torch.autograd.grad(loss, _parameter_of(loss))[0] for loss in (floored, without))
    torch.testing.assert_close(free, whole)


def _parameter_of(loss: Tensor) -> Tensor:
    """A parameter that the loss depends on: a leaf of its graph."""
    waiting = [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and hasattr(node, "variable"):
            leaf: Tensor = node.variable
            return leaf
        waiting += [parent for parent, _ in node.next_functions] if node is not None else []
    raise AssertionError("no leaf")


def test_above_the_free_bits_nothing_changes() -> None:
    assert torch.equal(_loss(replace(PLAN, free_bits=1e-6))[0], _loss(PLAN)[0])


def test_a_perceptual_distance_is_added_in_nats_a_pixel() -> None:
    loss, figures = _loss(replace(PLAN, perceptual_weight=0.5), perceptual=Distance())
    torch.testing.assert_close(loss - _loss(PLAN)[0], 0.5 * 64 * figures["perceptual_distance"])


def test_decoded_images_count_as_their_share_of_the_batch() -> None:
    decoded = DecodedPairs(random_images()[:2], torch.zeros(2, 4))
    loss, figures = _loss(PLAN, decoded=decoded)
    torch.testing.assert_close(loss, 0.75 * _loss(PLAN)[0] + 0.25 * figures["latent_nll"])


def _judged_loss(weight: float) -> tuple[VAE, Tensor, dict[str, Tensor]]:
    model = VAE.initialised(SPEC, 0)
    plan = replace(PLAN, adversary=BALANCED, adversarial_weight=weight, batch_size=6, feature_weight=1e-9)
    objective = Objective(model, plan, adversarial=Adversary(model, plan, ALONE).terms)
    batch = draw_batch(plan, 0, FORM, latent_dim=4, size=1)
    draws = StepDraws(batch.noise, batch.kernel, batch.chances)
    loss, figures, judged = objective(random_images()[batch.rows], draws, batch.rows, torch.tensor(1.0), None)
    assert judged is not None
    assert not judged.made.requires_grad
    return model, loss, figures


def _gradients(weight: float) -> tuple[Tensor, Tensor]:
    model, loss, _ = _judged_loss(weight)
    loss.backward()
    encoder, decoder = (
        torch.cat([p.grad.flatten() for p in part.parameters() if p.grad is not None])
        for part in (model.encoder, model.decoder)
    )
    return encoder, decoder


def test_a_balanced_adversary_teaches_the_decoder_alone() -> None:
    (encoder, decoder), (judged_encoder, judged_decoder) = _gradients(0.0), _gradients(1.0)
    torch.testing.assert_close(judged_encoder, encoder)
    assert (judged_decoder - decoder).norm() > 0.1 * decoder.norm()


def test_a_balanced_adversary_counts_by_its_gradient_and_not_in_the_loss() -> None:
    (_, without, _), (_, loss, figures) = _judged_loss(0.0), _judged_loss(1.0)
    torch.testing.assert_close(loss, without)
    assert figures["adversarial"] > 0


def test_bfloat16_leaves_posterior_and_loss_in_float32() -> None:
    model = VAE.initialised(SPEC, 0)
    x = torch.rand(3, 1, 8, 8) * 2 - 1
    with torch.autocast("cpu", torch.bfloat16):
        y, z, posterior = model(x, torch.zeros(3, 4))
    assert {tensor.dtype for tensor in (y, z, *posterior)} == {torch.float32}
    wanted, _, exact = model(x, torch.zeros(3, 4))
    assert not torch.equal(y, wanted)
    torch.testing.assert_close(posterior.mean, exact.mean, rtol=0.05, atol=0.02)
    torch.testing.assert_close(y, wanted, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_fit_in_either_precision_ends_in_float32_weights(precision: Precision) -> None:
    plan = replace(PLAN, precision=precision)
    result = fit(FitTask(VAE.initialised(SPEC, 0), random_images(), plan))
    assert {tensor.dtype for tensor in result.model.to_weights().state.values()} == {torch.float32}
    assert result.skipped == 0


def test_a_compiled_step_is_the_step() -> None:
    compiled, eager = (_curves(replace(PLAN, compiled=compiled)) for compiled in COMPILATIONS)
    assert len(compiled) == len(eager) == 4
    for one, other in zip(compiled, eager, strict=True):
        assert one == pytest.approx(other, rel=1e-3)


def _curves(plan: FitPlan) -> list[dict[str, float]]:
    told: list[dict[str, float]] = []
    fit(
        FitTask(VAE.initialised(SPEC, 0), random_images(), plan),
        hooks=FitHooks(on_metrics=lambda _, figures: told.append(figures)),
    )
    return told


@pytest.mark.parametrize(("step", "weight"), [(0, 0.2), (3, 0.8), (9, 2.0), (10, 2.0), (99, 2.0)])
def test_the_factor_on_the_kl_term_rises_linearly(step: int, weight: float) -> None:
    assert replace(PLAN, kl_weight=2.0, kl_warmup=10).kl_weight_at(step) == pytest.approx(weight)
    assert replace(PLAN, kl_weight=2.0).kl_weight_at(step) == 2.0


@pytest.mark.parametrize("size", [1, 2, 3])
def test_shares_of_a_batch_are_even_and_make_up_the_batch(size: int) -> None:
    batch = draw_batch(PLAN, 5, FORM._replace(n_decoded=12), latent_dim=4, size=size)
    shares = [batch.share(rank, size) for rank in range(size)]
    for part, parts in zip(batch, zip(*shares, strict=True), strict=True):
        assert torch.equal(torch.cat(parts), part)
        assert len({len(one) for one in parts}) == 1
    assert len(batch.rows) + len(batch.decoded) == PLAN.batch_size
    assert (len(batch.decoded), int(batch.rows.max()) < 12) == (3 // size * size if size > 1 else 3, True)


def test_the_likelihood_of_shares_has_the_gradient_of_the_whole() -> None:
    x, y = torch.randn(6, 1, 4, 4), torch.randn(6, 1, 4, 4, requires_grad=True)
    gaussian_nll(x, y).backward()
    whole, y.grad = y.grad, None
    mse = (x - y.detach()).square().mean()
    for part in range(3):
        rows = slice(2 * part, 2 * part + 2)
        (gaussian_nll(x[rows], y[rows], over_all=lambda _: mse) / 3).backward()
    torch.testing.assert_close(y.grad, whole)
