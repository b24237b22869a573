"""Mixtures of Gaussians: the prior, and distributions that are fitted to the posteriors of the training examples.

A mixture has the tensors `means` [K, D], `cumulative` [K] (running sum of the weights), and how wide the components
are: `scales`, which broadcasts to [K, D]; or `factors`, which broadcasts to [K, D, D], roots of their covariances; or
`neighbours` [K, k] and `multiple` [1] (`lds_mlflow.samplers.kernels.of_neighbours`).
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from lds_mlflow.choices import load, look_up
from lds_mlflow.choices.kernels import ISOTROPIC, KERNELS
from lds_mlflow.choices.samplers import PRIOR
from lds_mlflow.errors import DataError
from lds_mlflow.latent import bandwidth
from lds_mlflow.models import Mixture, Posterior
from lds_mlflow.samplers.kernels import nearest_rows, normals_of, shaped
from lds_mlflow.samplers.weights import mean_by, picked_by, running_sum
from lds_mlflow.values import LatentDistribution

__all__ = [
    "aggregate_gaussian",
    "aggregate_mixture",
    "density_of_rows",
    "draw_mixture",
    "latent_density",
    "prior_distribution",
    "require_components",
    "standard_normal",
]

_DRAWS_OF_A_POSTERIOR = 4
_LEAST_VARIANCE = 1e-4


def _mixture(
    sampler: str, name: str, means_KD: Tensor, weights_K: Tensor | None = None, **widths: Tensor
) -> LatentDistribution:
    weights = torch.full((len(means_KD),), 1 / len(means_KD)) if weights_K is None else weights_K
    tensors = {"means": means_KD.float(), "cumulative": running_sum(weights), **widths}
    return LatentDistribution(sampler, name, {key: tensor.cpu() for key, tensor in tensors.items()}, {})


def standard_normal(latent_dim: int) -> LatentDistribution:
    """Returns N(0, I)."""
    return _mixture(PRIOR, "the prior N(0, I)", torch.zeros(1, latent_dim), scales=torch.ones(1, 1))


def prior_distribution(prior: Mixture | None, latent_dim: int) -> LatentDistribution:
    """Returns a model's own prior: N(0, I) for None."""
    if prior is None:
        return standard_normal(latent_dim)
    scales = torch.exp(0.5 * prior.log_variance_KD).detach()
    return _mixture(PRIOR, f"the prior, a mixture of {len(prior.mean_KD):,}", prior.mean_KD.detach(), scales=scales)


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
    return _mixture(
        "gaussian", "a Gaussian of the aggregate posterior", z_ND.mean(0, keepdim=True), factors=factor[None]
    )


def aggregate_mixture(z_ND: Tensor, log_variance_ND: Tensor | None, *, components: int) -> LatentDistribution:
    """Returns a mixture of Gaussians fitted to draws of the aggregate posterior by scikit-learn.

    Source: Ghosh et al., From Variational to Deterministic Autoencoders, 2020, section 4 (ex-post density estimation).

    Raises:
        DataError: There are fewer latents than components.
    """
    require_components(components, len(z_ND))
    generator = torch.Generator().manual_seed(0)
    posterior = Posterior(z_ND, log_variance_ND)
    draws = [posterior.sample(generator) for _ in range(_DRAWS_OF_A_POSTERIOR)]
    fitted = GaussianMixture(components, reg_covar=_LEAST_VARIANCE, random_state=0).fit(
        torch.cat(draws).double().numpy()
    )
    return _mixture(
        "mixture",
        f"a mixture of {components} Gaussians of the aggregate posterior",
        torch.from_numpy(fitted.means_),
        torch.from_numpy(fitted.weights_),
        factors=torch.from_numpy(np.linalg.cholesky(fitted.covariances_)).float(),
    )


def require_components(components: int, n: int) -> None:
    """Raises DataError where there are more Gaussians of a mixture than training latents."""
    if n < components:
        raise DataError(
            "the training latents",
            found=f"{n}",
            expected=f"at least as many as sampler_components={components}",
            remedy="Ask for fewer components.",
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
    density = _mixture("density", f"the latent density, sigma {width:.3g}{shape}", z_ND, **widths)
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
    tensors = distribution.tensors
    means, cumulative = tensors["means"], tensors["cumulative"]
    n = normals_of(tensors, means.shape[1])
    normal = torch.stack([torch.randn(n, generator=generator) for generator in generators])
    component = picked_by(cumulative, generators)
    return means[component] + shaped(tensors, means, component, normal), mean_by(cumulative, means)
