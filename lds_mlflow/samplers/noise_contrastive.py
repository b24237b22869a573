"""A noise contrastive prior: proposals of the model's prior, resampled by how much they look like training latents.

A classifier D learns to tell draws of the training posteriors from draws of the prior, so r = D / (1 - D) estimates
the ratio of their densities. A latent is drawn by sampling-importance-resampling: one of many proposals of the prior,
each as likely as its r. Source: Aneja et al., A Contrastive Learning Approach for Training Variational Autoencoder
Priors, NeurIPS 2021, with one group of latents.

Its distribution has the tensors of the prior (`lds_mlflow.samplers.mixtures`), `mean` [D] and `scale` [D] of the
training latents, and the weights of a perceptron from D coordinates to log r; the setting is `proposals`.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from lds_mlflow.models import Codec, Posterior
from lds_mlflow.samplers.checks import require_latents_of_a_network
from lds_mlflow.samplers.generator import prior_of
from lds_mlflow.samplers.mixtures import at_noise
from lds_mlflow.samplers.networks import drawn_rows, fit_perceptron, moments, perceptron, weights_of
from lds_mlflow.samplers.weights import picked
from lds_mlflow.values import LatentDistribution

__all__ = ["draw_noise_contrastive", "noise_contrastive"]

_STEPS = 200
"""Few: of more steps the classifier knows the training latents by heart, and the samples are copies."""
_BATCH = 256
_PROPOSALS = 1000


def noise_contrastive(
    codec: Codec, z_ND: Tensor, log_variance_ND: Tensor | None, *, steps: int = _STEPS
) -> LatentDistribution:
    """Fits the classifier to draws of the training posteriors and as many of the model's prior.

    Args:
        codec: The model.
        z_ND: Posterior means.
        log_variance_ND: Posterior log variances, or None where the encoder has no variance.
        steps: Training steps.

    Raises:
        DataError: There are too few latents, or one is not finite.
    """
    require_latents_of_a_network(z_ND)
    posterior, prior = Posterior(z_ND, log_variance_ND), prior_of(codec)
    mean, scale = moments(posterior)

    def loss(weights: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        z_BD = torch.cat([drawn_rows(posterior, _BATCH, generator), _propose(prior, _BATCH, generator)])
        log_ratio_B = perceptron(weights, (z_BD - mean) / scale)[:, 0]
        is_posterior_B = torch.tensor([1.0, 0.0]).repeat_interleave(_BATCH)
        return functional.binary_cross_entropy_with_logits(log_ratio_B, is_posterior_B)

    weights = fit_perceptron(z_ND.shape[1], 1, loss, steps=steps)
    return LatentDistribution(
        sampler="ncp",
        name=f"a noise contrastive prior, one of {_PROPOSALS:,} proposals",
        tensors={**prior.tensors, "mean": mean, "scale": scale, **weights},
        settings={"proposals": _PROPOSALS},
    )


@torch.inference_mode()
def draw_noise_contrastive(
    distribution: LatentDistribution, generators: list[torch.Generator]
) -> tuple[Tensor, Tensor]:
    """Draws a latent by every generator, each from proposals of its own.

    Returns:
        The latents, float32 [S, D], and the mean of the training posteriors, float32 [D].
    """
    n = int(distribution.settings["proposals"])
    z_SD = torch.stack([_resample(distribution, n, generator) for generator in generators])
    return z_SD, distribution.tensors["mean"]


def _resample(distribution: LatentDistribution, n: int, generator: torch.Generator) -> Tensor:
    z_BD = _propose(distribution, n, generator)
    standardised = (z_BD - distribution.tensors["mean"]) / distribution.tensors["scale"]
    log_ratio_B = perceptron(weights_of(distribution), standardised)[:, 0]
    drawn = torch.rand((1,), generator=generator, dtype=torch.float64)
    return z_BD[picked(log_ratio_B.double().softmax(0).cumsum(0), drawn)[0]]


def _propose(prior: LatentDistribution, n: int, generator: torch.Generator) -> Tensor:
    noise = torch.randn(n, prior.tensors["means"].shape[1], generator=generator)
    return at_noise(prior, noise, torch.rand(n, generator=generator, dtype=torch.float64))
