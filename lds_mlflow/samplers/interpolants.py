"""Dense interpolants of neighbours: between the training latents and about as dense as they are.

Their distribution has the tensors `latents` [N, D] and `neighbours` [N, k], the rows of the k nearest of each, and the
settings `sigma` and `log_threshold`, the log LDS that a draw has to reach.
"""

import torch
from torch import Tensor

from lds_mlflow.latent import bandwidth, leave_one_out_log_density, score_directly
from lds_mlflow.samplers.kernels import nearest_rows
from lds_mlflow.samplers.tries import draw_until
from lds_mlflow.values import Candidates, LatentDistribution

__all__ = ["dense_interpolants", "draw_interpolants", "interpolants_of_rows"]

_NEIGHBOURS = 5
_MASS = 0.9


def dense_interpolants(z_ND: Tensor, *, sigma: str) -> LatentDistribution:
    """Returns the distribution of interpolants of a latent and one of its 5 nearest, as dense as 90 % of the latents.

    Density is log LDS. A latent is left out of its own density, and the two parents out of an interpolant's.

    Args:
        z_ND: Training latents.
        sigma: Bandwidth: a rule of `bandwidth`, or a number.
    """
    width = bandwidth(z_ND, sigma).sigma
    neighbours = nearest_rows(z_ND, _NEIGHBOURS)
    threshold = leave_one_out_log_density(z_ND, sigma=width).quantile(1 - _MASS).item()
    return LatentDistribution(
        sampler="interpolants",
        name=f"dense interpolants of neighbours, sigma {width:.3g}",
        tensors={"latents": z_ND.float().cpu(), "neighbours": neighbours},
        settings={"sigma": width, "log_threshold": threshold},
    )


def interpolants_of_rows(distribution: LatentDistribution, rows: Tensor) -> LatentDistribution:
    """Returns the interpolants of some of the training latents, with the bandwidth that they have.

    Neighbours, densities and the threshold are of those latents alone.

    Args:
        distribution: The distribution of interpolants.
        rows: Rows of the training latents, int64 [n], at least two.
    """
    return dense_interpolants(distribution.tensors["latents"][rows], sigma=str(distribution.settings["sigma"]))


def draw_interpolants(distribution: LatentDistribution, generators: list[torch.Generator]) -> tuple[Tensor, Tensor]:
    """Draws an interpolant by every generator, and draws again until it is dense enough.

    Returns:
        The latents, float32 [S, D], and the mean of the training latents, float32 [D].
    """
    z_ND, neighbours = distribution.tensors["latents"], distribution.tensors["neighbours"]
    sigma = distribution.settings["sigma"]

    def propose(some: list[torch.Generator]) -> tuple[Tensor, Tensor]:
        proposed = _propose(z_ND, neighbours, some)
        return proposed.z_MD, score_directly(proposed, z_ND, sigma=sigma, leave_endpoints_out=True).log_lds_M

    z_SD, _ = draw_until(propose, generators, least=distribution.settings["log_threshold"])
    return z_SD, z_ND.mean(0)


def _propose(z_ND: Tensor, neighbours_Nk: Tensor, generators: list[torch.Generator]) -> Candidates:
    first, second, alpha = [], [], []
    for generator in generators:
        i = int(torch.randint(len(z_ND), (), generator=generator))
        first.append(i)
        second.append(int(neighbours_Nk[i, torch.randint(neighbours_Nk.shape[1], (), generator=generator)]))
        alpha.append(torch.rand((), generator=generator))
    parents, alpha_M = torch.tensor([first, second]).T, torch.stack(alpha)
    z_MD = torch.lerp(z_ND[parents[:, 0]], z_ND[parents[:, 1]], alpha_M[:, None])
    return Candidates(z_MD, parents, alpha_M)
