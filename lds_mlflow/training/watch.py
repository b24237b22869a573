"""Figures of a model while it is trained, by examples that it is not fitted on."""

from collections.abc import Callable

import torch
from torch import Tensor

from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.metrics.frechet import frechet_distance
from lds_mlflow.models import Codec, Trainable
from lds_mlflow.samplers import Generator, latent_density
from lds_mlflow.training.ending import HELD_OUT
from lds_mlflow.training.task import FitTask
from lds_mlflow.values import evenly_spread

__all__ = ["Watch"]

_MOST = 500
_AT_ONCE = 128


class Watch:
    """Measures a model on held-out examples at some steps of its training.

    Args:
        task: What is fitted.
        held_out_N: The held-out examples as they are stored, [N, ...]; at most 500 of them are used.
    """

    def __init__(self, task: FitTask, held_out_N: Tensor) -> None:
        self.task = task
        self.examples_N = _some(task.examples_N[: len(task.examples_N) - task.form.n_decoded])
        self.held_out_N = _some(held_out_N)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self._features = task.model.random_features()
        real = self._of(self.held_out_N)
        self._scale = real.std(0).mean().clamp_min(torch.finfo(real.dtype).tiny)
        self._real = real / self._scale

    def figures(self, model: Trainable) -> dict[str, float]:
        """Measures a model.

        Returns:
            `held_out_loss`: the loss in nats an example, with the optimal variance of all of the held-out examples.
            `held_out_distance`: the Frechet distance of samples of the latent density, of the draft's bandwidth, to
            the held-out examples, in features of a network with random weights. Such features tell samples apart that
            are far from photographs (Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, 2020,
            section 4.2), and need no network that others have trained.
        """
        return dict(zip(HELD_OUT, (self._loss(model), self._distance(model)), strict=True))

    @torch.inference_mode()
    def _loss(self, model: Trainable) -> float:
        plan, scale = self.task.plan, self.task.scale
        generator = torch.Generator().manual_seed(0)
        x, y, kl = [], [], []
        for some in self.held_out_N.split(_AT_ONCE):
            x.append(scale.to_model(some.to(model.device)))
            noise = torch.randn(len(some), *model.latent_shape, generator=generator)
            reconstructed, z, posterior = model(x[-1], noise.to(model.device))
            y.append(reconstructed)
            beyond = torch.full((len(some),), len(self.task.examples_N), device=model.device)
            kl.append(model.divergence(z, posterior, beyond))
        counted = plan.counted(torch.cat(kl).mean(), z.shape[1])
        loss = model.reconstruction(torch.cat(x), torch.cat(y)).nll + plan.kl_weight * counted
        if self.task.perceptual is not None:
            perceptual: Callable[[Tensor, Tensor], Tensor] = self.task.perceptual.to(model.device)
            apart = sum(len(a) * perceptual(a, b) for a, b in zip(x, y, strict=True)) / len(self.held_out_N)
            loss = loss + plan.perceptual_weight * x[0][0].numel() * apart
        return loss.item()

    def _distance(self, model: Trainable) -> float:
        codec = Codec(model, self.task.scale)
        density = latent_density(codec.encode(self.examples_N).mean, sigma=DRAFTS_BANDWIDTH)
        samples = Generator(codec, density).samples(range(len(self.held_out_N)))
        return frechet_distance(self._real, self._of(samples) / self._scale)

    @torch.inference_mode()
    def _of(self, examples_N: Tensor) -> Tensor:
        return torch.cat([self._features(self.task.scale.to_model(some)) for some in examples_N.split(_AT_ONCE)])


def _some(examples_N: Tensor) -> Tensor:
    return examples_N[evenly_spread(len(examples_N), min(_MOST, len(examples_N)))]
