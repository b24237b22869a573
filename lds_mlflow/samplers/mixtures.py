"""Mixtures of Gaussians: the prior, and distributions that are fitted to the posteriors of the training examples.

A mixture has the tensors `means` [K, D], `cumulative` [K] (running sum of the weights), and how wide the components
are: `scales`, which broadcasts to [K, D]; or `factors`, which broadcasts to [K, D, D], roots of their covariances; or
`neighbours` [K, k] and `multiple` [1] (`lds_mlflow.samplers.kernels.of_neighbours`).
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from torch import Tensor

from lds_mlflow.choices import load, look_up
from lds_mlflow.choices.kernels import ISOTROPIC, KERNELS
from lds_mlflow.choices.samplers import PRIOR
from lds_mlflow.latent import bandwidth
from lds_mlflow.models import Mixture, Posterior
from lds_mlflow.samplers.checks import require_components
from lds_mlflow.samplers.kernels import nearest_rows, normals_of, shaped
from lds_mlflow.samplers.weights import mean_by, picked, running_sum
from lds_mlflow.values import LatentDistribution

__all__ = [
    "aggregate_gaussian",
    "aggregate_mixture",
    "at_noise",
    "density_of_rows",
    "draw_mixture",
    "latent_density",
    "mixture_of",
    "prior_distribution",
    "standard_normal",
]

_DRAWS_OF_A_POSTERIOR = 4
_LEAST_VARIANCE = 1e-4
_FEW = 64
"""Numbers of the longest latents of which one thread fits a mixture: several of them take up to three times as long,
since each product of such small matrices makes them wait for each other."""
_MOST_CORRELATED = 512
"""The longest latents of which a component of a fitted mixture has a whole covariance: one of 4,096 numbers would have
eight million parameters, and take hours to fit."""


def mixture_of(
    sampler: str, name: str, means_KD: Tensor, weights_K: Tensor | None = None, **widths: Tensor
) -> LatentDistribution:
    """Returns a mixture as a distribution of latents.

    Args:
        sampler: The name of its sampler.
        name: What it is, in words.
        means_KD: The means of its components.
        weights_K: Their weights, which sum to 1; None for equal ones.
        widths: How wide they are: `scales`, which broadcasts to [K, D], or `factors` [K, D, D].
    """
    weights = torch.full((len(means_KD),), 1 / len(means_KD)) if weights_K is None else weights_K
    tensors = {"means": means_KD.float(), "cumulative": running_sum(weights), **widths}
    return LatentDistribution(sampler, name, {key: tensor.cpu() for key, tensor in tensors.items()}, {})


def standard_normal(latent_dim: int) -> LatentDistribution:
    """Returns N(0, I)."""
    return mixture_of(PRIOR, "the prior N(0, I)", torch.zeros(1, latent_dim), scales=torch.ones(1, 1))


def prior_distribution(prior: Mixture | None, latent_dim: int) -> LatentDistribution:
    """Returns a model's own prior: N(0, I) for None."""
    if prior is None:
        return standard_normal(latent_dim)
    scales = torch.exp(0.5 * prior.log_variance_KD).detach()
    return mixture_of(PRIOR, f"the prior, a mixture of {len(prior.mean_KD):,}", prior.mean_KD.detach(), scales=scales)


def aggregate_gaussian(z_ND: Tensor, log_variance_ND: Tensor | None) -> LatentDistribution:
    """Returns the Gaussian with the mean and covariance of the aggregate posterior 1/N sum_n q(z | x_n).

    Args:
        z_ND: Posterior means.
        log_variance_ND: Posterior log variances, or None where the encoder has no variance.
    """
    own = z_ND.new_zeros(z_ND.shape[1]).double() if log_variance_ND is None else log_variance_ND.double().exp().mean(0)
    variance = own + _LEAST_VARIANCE
    covariance = z_ND.double().T.cov(correction=0) + torch.diag(variance)
    factor = torch.linalg.cholesky(covariance).float()
    return mixture_of(
        "gaussian", "a Gaussian of the aggregate posterior", z_ND.mean(0, keepdim=True), factors=factor[None]
    )


def aggregate_mixture(z_ND: Tensor, log_variance_ND: Tensor | None, *, components: int) -> LatentDistribution:
    """Returns a mixture of Gaussians fitted to draws of the aggregate posterior by scikit-learn.

    The components have whole covariances, and diagonal ones where a latent has more than 512 numbers.

    Source: Ghosh et al., From Variational to Deterministic Autoencoders, 2020, section 4 (ex-post density estimation).

    Raises:
        DataError: There are fewer latents than components.
    """
    require_components(components, len(z_ND))
    generator = torch.Generator().manual_seed(0)
    posterior = Posterior(z_ND, log_variance_ND)
    draws = [posterior.sample(generator) for _ in range(_DRAWS_OF_A_POSTERIOR)]
    is_whole = z_ND.shape[1] <= _MOST_CORRELATED
    mixture = GaussianMixture(
        components, covariance_type="full" if is_whole else "diag", reg_covar=_LEAST_VARIANCE, random_state=0
    )
    with threadpool_limits(1 if z_ND.shape[1] <= _FEW else None, "blas"):
        fitted = mixture.fit(torch.cat(draws).double().numpy())
    widths = (
        {"factors": np.linalg.cholesky(fitted.covariances_)} if is_whole else {"scales": np.sqrt(fitted.covariances_)}
    )
    return mixture_of(
        "mixture",
        f"a mixture of {components} Gaussians of the aggregate posterior{'' if is_whole else ', diagonal'}",
        torch.from_numpy(fitted.means_),
        torch.from_numpy(fitted.weights_),
        **{name: torch.from_numpy(width).float() for name, width in widths.items()},
    )


def latent_density(z_ND: Tensor, *, sigma: str, kernel: str = ISOTROPIC) -> LatentDistribution:
    """Returns the latent density itself (draft, section 3.2), normalised: a training latent and Gaussian noise.

    Its setting `sigma` is the bandwidth in latent units.

    Args:
        z_ND: Training latents.
        sigma: Bandwidth: a rule of `bandwidth`, or a number. Kernels of one bandwidth have noise of one mean size: the
            mean trace of the noise's covariance is D sigma^2.
        kernel: The shape of the noise, a name of KERNELS.

    Raises:
        ConfigError: There is no such rule or kernel.
        DataError: The latents are too few, or alike.
    """
    width = bandwidth(z_ND, sigma).sigma
    widths = load(look_up(KERNELS, kernel, "sampler_kernel").at)(z_ND, width)
    shape = "" if kernel == ISOTROPIC else f", kernel {kernel}"
    density = mixture_of("density", f"the latent density, sigma {width:.3g}{shape}", z_ND, **widths)
    return replace(density, settings={"sigma": width})


def density_of_rows(distribution: LatentDistribution, rows: Tensor) -> LatentDistribution:
    """Returns the latent density of some of the training latents, with the kernel that it has.

    The neighbours that shape a kernel are of those latents too; the multiple of their covariance stays.

    Args:
        distribution: The latent density.
        rows: Rows of the training latents, int64 [n], at least two.
    """
    z_nD, found = distribution.tensors["means"][rows], dict(distribution.tensors)
    if "neighbours" in found:
        found["neighbours"] = nearest_rows(z_nD, found["neighbours"].shape[1])
    weights = torch.full((len(rows),), 1 / len(rows))
    return replace(distribution, tensors={**found, "means": z_nD, "cumulative": running_sum(weights)})


def draw_mixture(distribution: LatentDistribution, generators: list[torch.Generator]) -> tuple[Tensor, Tensor]:
    """Draws a latent of a mixture by every generator.

    All mixtures use the same noise of a generator, except those whose noise is shaped by neighbours.

    Returns:
        The latents, float32 [S, D], and the mean of the mixture, float32 [D].
    """
    means, cumulative = distribution.tensors["means"], distribution.tensors["cumulative"]
    n = normals_of(distribution.tensors, means.shape[1])
    normal = torch.stack([torch.randn(n, generator=generator) for generator in generators])
    drawn = torch.stack([torch.rand((), generator=generator, dtype=torch.float64) for generator in generators])
    return at_noise(distribution, normal, drawn), mean_by(cumulative, means)


def at_noise(distribution: LatentDistribution, normal: Tensor, drawn_B: Tensor) -> Tensor:
    """Returns the latents of a mixture, float32 [B, D], that noise stands for.

    Args:
        distribution: The mixture.
        normal: Standard normal numbers for each, [B, `normals_of`].
        drawn_B: Numbers from 0 to below 1, float64, by which the components are drawn.
    """
    tensors = distribution.tensors
    component = picked(tensors["cumulative"], drawn_B)
    return tensors["means"][component] + shaped(tensors, tensors["means"], component, normal)
