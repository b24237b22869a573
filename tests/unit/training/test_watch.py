from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lds_mlflow.models import PIXELS
from lds_mlflow.models.stylegan import VAE, gaussian_nll
from lds_mlflow.training import FitTask
from lds_mlflow.training.watch import Watch
from tests.tiny import PLAN, SPEC, random_images

IMAGES = random_images(40)


class Reversed(nn.Module):
    """A distance that is always 2."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 + 0 * (x - y).mean()


class Copying(VAE):
    """Decodes some images whatever the latent."""

    decoded: Tensor

    def decode(self, z: Tensor) -> Tensor:
        return PIXELS.to_model(self.decoded[torch.arange(len(z)) % len(self.decoded)])


def _model(decoded: Tensor) -> Copying:
    model = Copying.initialised(SPEC, 0).eval()
    model.decoded = decoded
    return model


def _watch(model: VAE, held_out_N: Tensor, perceptual: nn.Module | None = None) -> Watch:
    return Watch(FitTask(model, IMAGES, PLAN, perceptual=perceptual), held_out_N)


def test_the_loss_is_the_bound_of_the_held_out_examples_with_the_optimal_variance_of_all_of_them() -> None:
    held_out = random_images(200)
    model = _model(held_out[:1])
    watch = _watch(model, held_out)
    x = PIXELS.to_model(held_out)
    posterior = model.encode(x)
    kl = model.divergence(posterior.mean, posterior, torch.full((200,), 40)).mean()
    wanted = gaussian_nll(x, PIXELS.to_model(held_out[:1]).expand_as(x)) + kl
    torch.testing.assert_close(watch.figures(model)["held_out_loss"], wanted.item(), rtol=1e-5, atol=0)


def test_nats_that_training_does_not_count_are_not_counted() -> None:
    model = _model(IMAGES[:1])
    watch = _watch(model, IMAGES)
    task = replace(watch.task, plan=replace(PLAN, free_bits=100.0))
    free = Watch(task, IMAGES).figures(model)["held_out_loss"]
    posterior = model.encode(PIXELS.to_model(IMAGES))
    kl = model.divergence(posterior.mean, posterior, torch.full((40,), 40)).mean().item()
    assert kl < 100 * SPEC.latent_dim
    assert free - watch.figures(model)["held_out_loss"] == pytest.approx(100 * SPEC.latent_dim - kl, rel=1e-4)


def test_a_perceptual_distance_counts_as_in_training() -> None:
    model = _model(IMAGES)
    plain = _watch(model, IMAGES).figures(model)["held_out_loss"]
    more = _watch(model, IMAGES, Reversed()).figures(model)["held_out_loss"]
    assert abs(more - plain - 64 * 2) < 1e-2


def test_samples_that_are_the_held_out_examples_have_no_distance_and_others_have() -> None:
    # A codec decodes four latents at a time.
    noise, grey = _model(IMAGES[:4]), _model(torch.full_like(IMAGES[:4], 128))
    watch = _watch(noise, IMAGES[:4].repeat(10, 1, 1, 1))
    assert abs(watch.figures(noise)["held_out_distance"]) < 1e-3
    assert watch.figures(grey)["held_out_distance"] > 1


def test_a_model_has_the_same_figures_each_time_and_the_global_random_state_is_left_alone() -> None:
    torch.manual_seed(0)
    model = VAE.initialised(SPEC, 0).eval()
    first = _watch(model, IMAGES).figures(model)
    before = torch.get_rng_state()
    assert _watch(model, IMAGES).figures(model) == first
    assert torch.equal(torch.get_rng_state(), before)
