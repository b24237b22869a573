r"""Priors of the latents, with the term that each adds to the evidence lower bound, log q(z | x) - log p(z).

- `gaussian`: N(0, I) (Kingma and Welling, Auto-Encoding Variational Bayes, 2014); the term in closed form.
- `exemplar`: the latent density itself, with a learned bandwidth s (Norouzi, Fleet and Norouzi, Exemplar VAE, 2020,
  equations 5 and 8), p(z) = 1/(N-1) sum_{n != own} N(z; mu(x_n), s^2 I). A training image is left out of its own
  prior, or the model would copy. Unlike there, the exemplars' means are those of the last time that an image was in a
  batch, and no gradient flows through them: so all N count in every step, at the cost of one matrix product.
- `vamp`: p(z) = 1/K sum_k q(z | u_k) with K learned pseudo-inputs u_k (Tomczak and Welling, VAE with a VampPrior, 2018,
  equation 9).
"""

from math import log, pi
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lds_mlflow.models.stylegan.layers import in_float32

__all__ = ["ExemplarPrior", "Mixture", "VampPrior", "log_posterior"]


class Mixture(NamedTuple):
    """Equal parts of K diagonal Gaussians: mean_KD, and log_variance_KD or one that broadcasts to it."""

    mean_KD: Tensor
    log_variance_KD: Tensor

    def log_density(self, z_BD: Tensor, left_out_B: Tensor | None = None) -> Tensor:
        """Returns log p(z), [B].

        Args:
            z_BD: Latents.
            left_out_B: A component that is left out of each one's density, int64; K or above leaves none out.
        """
        n = len(self.mean_KD)
        precision = torch.exp(-self.log_variance_KD)
        # |z - mu|^2 / s^2, expanded, so that B x K x D is never held.
        scaled = self.mean_KD * precision
        with in_float32(z_BD):
            square = z_BD.square() @ precision.expand_as(self.mean_KD).T - 2 * z_BD @ scaled.T
        square = square + (self.mean_KD * scaled).sum(1)
        log_norm = (self.log_variance_KD + log(2 * pi)).expand_as(self.mean_KD).sum(1)
        log_parts_BK = -0.5 * (square.clamp(min=0) + log_norm)
        count = torch.full((len(z_BD),), float(n), device=z_BD.device)
        if left_out_B is not None:
            own = torch.arange(n, device=z_BD.device) == left_out_B[:, None]
            log_parts_BK = log_parts_BK.masked_fill(own, -torch.inf)
            count = count - own.sum(1)
        return torch.logsumexp(log_parts_BK, 1) - count.log()


def log_posterior(z_BD: Tensor, mean_BD: Tensor, log_variance_BD: Tensor) -> Tensor:
    """Returns log N(z; mean, exp(log_variance)) of every latent with its own Gaussian, [B], in nats."""
    square = (z_BD - mean_BD).square() * torch.exp(-log_variance_BD)
    return -0.5 * (square + log_variance_BD + log(2 * pi)).sum(1)


class ExemplarPrior(nn.Module):
    """The latent density of N training images, with a learned bandwidth."""

    exemplars: Tensor

    def __init__(self, n: int, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("exemplars", torch.zeros(n, latent_dim))
        self.log_variance = nn.Parameter(torch.zeros(1))

    def mixture(self) -> Mixture:
        """Returns the prior as the mixture that it is."""
        return Mixture(self.exemplars, self.log_variance[None])

    def keep(self, rows_B: Tensor, mean_BD: Tensor) -> None:
        """Renews exemplars.

        Args:
            rows_B: Places among the exemplars, int64; one of N or above is passed over.
            mean_BD: The new means.
        """
        is_exemplar = rows_B < len(self.exemplars)
        self.exemplars[rows_B[is_exemplar]] = mean_BD[is_exemplar].to(self.exemplars)

    def divergence(self, z_BD: Tensor, mean_BD: Tensor, log_variance_BD: Tensor, rows_B: Tensor) -> Tensor:
        """Returns log q(z | x) - log p(z) without the image's own exemplar, [B], in nats.

        Args:
            z_BD: A draw of each posterior.
            mean_BD: Posterior means.
            log_variance_BD: Posterior log variances.
            rows_B: Each image's place among the exemplars, int64; N or above if it is none of them.
        """
        return log_posterior(z_BD, mean_BD, log_variance_BD) - self.mixture().log_density(z_BD, rows_B)


class VampPrior(nn.Module):
    """The posteriors of K learned pseudo-inputs."""

    def __init__(self, n: int, channels: int, resolution: int) -> None:
        super().__init__()
        self.pseudo_inputs = nn.Parameter(torch.zeros(n, channels, resolution, resolution))
