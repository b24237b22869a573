"""Kernels of the latent density: the noise that is added to a training latent.

All have one scale: in the mean over the training latents, the trace of the noise's covariance is D sigma^2, as it is of
the isotropic kernel of that sigma, whatever the shape of the noise.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.latent import nearest_latents

__all__ = ["isotropic", "nearest_rows", "normals_of", "of_covariance", "of_neighbours", "shaped"]

_NEIGHBOURS = 20


def isotropic(_z_ND: Tensor, sigma: float) -> dict[str, Tensor]:
    """Returns `scales` [1, 1]: the noise is sigma times a standard normal vector (draft, section 3.2)."""
    return {"scales": torch.full((1, 1), sigma)}


def of_covariance(z_ND: Tensor, sigma: float) -> dict[str, Tensor]:
    """Returns `factors` [1, D, D]: the noise has the covariance of all training latents, times a constant.

    Args:
        z_ND: Training latents.
        sigma: Bandwidth, in latent units.

    Raises:
        DataError: The latents are all alike.
    """
    covariance = z_ND.double().cpu().T.cov(correction=0).reshape(z_ND.shape[1], z_ND.shape[1])
    scaled = covariance * _squared_scale(covariance.trace(), z_ND, sigma)
    # The symmetric root, unlike a Cholesky factor, exists where some dimensions are inactive, and has one form alone.
    values, vectors = torch.linalg.eigh(scaled)
    factor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return {"factors": factor[None].float()}


def of_neighbours(z_ND: Tensor, sigma: float) -> dict[str, Tensor]:
    """Returns `neighbours` int64 [N, k] and `multiple` [1]: the noise has the covariance of the k nearest latents.

    The noise about z_i is m sum_j eps_j (z_j - z_i) / sqrt(k) over the k = 20 nearest other latents z_j, with eps
    standard normal and m the multiple; so its covariance is m^2 / k sum_j (z_j - z_i)(z_j - z_i)^T.

    Source: Vincent and Bengio, Manifold Parzen Windows, NIPS 2002, without their isotropic part.

    Args:
        z_ND: Training latents.
        sigma: Bandwidth, in latent units; it gives the multiple.

    Raises:
        DataError: Each latent is equal to its nearest ones.
    """
    z_ND = z_ND.double().cpu()
    neighbours = nearest_rows(z_ND, _NEIGHBOURS)
    # One neighbour at a time: all differences at once are N k D numbers.
    squared = torch.stack([(z_ND[rows] - z_ND).square().sum(1).mean() for rows in neighbours.T])
    return {"neighbours": neighbours, "multiple": _squared_scale(squared.mean(), z_ND, sigma).sqrt().float()[None]}


def nearest_rows(z_ND: Tensor, most: int) -> Tensor:
    """Returns the rows of the nearest other latents of each, at most so many, int64 [N, k]."""
    return nearest_latents(z_ND, min(most, len(z_ND) - 1))


def _squared_scale(trace: Tensor, z_ND: Tensor, sigma: float) -> Tensor:
    if trace <= 0:
        raise DataError(
            "the training latents",
            found="latents that are all alike",
            expected="latents that differ, by whose covariance the noise is shaped",
            remedy="Train longer, or with a smaller kl_weight, or give sampler_kernel=isotropic.",
        )
    return z_ND.shape[1] * sigma**2 / trace


def normals_of(widths: Mapping[str, Tensor], latent_dim: int) -> int:
    """Returns how many standard normal numbers `shaped` takes for one latent."""
    return widths["neighbours"].shape[1] if "neighbours" in widths else latent_dim


def shaped(widths: Mapping[str, Tensor], means_KD: Tensor, component_S: Tensor, normal: Tensor) -> Tensor:
    """Returns the noise of some components of a mixture, float32 [S, D]; each is the same in any company.

    Args:
        widths: How wide the components are: the tensors of a mixture.
        means_KD: The means of all components.
        component_S: The component of each latent.
        normal: Standard normal numbers for each, [S, `normals_of`].
    """
    if "scales" in widths:
        return normal * widths["scales"].expand(len(means_KD), -1)[component_S]
    # Latent by latent: a product of matrices may round a row another way in another batch.
    each = zip(component_S.tolist(), normal, strict=True)
    if "factors" in widths:
        factors = widths["factors"].expand(len(means_KD), -1, -1)
        return torch.stack([factors[k] @ e for k, e in each])
    neighbours, multiple = widths["neighbours"], widths["multiple"] / normal.shape[1] ** 0.5
    return torch.stack([(multiple * e) @ (means_KD[neighbours[k]] - means_KD[k]) for k, e in each])
