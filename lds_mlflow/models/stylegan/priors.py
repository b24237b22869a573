r"""Priors of the latents, with the term that each adds to the evidence lower bound, log q(z | x) - log p(z).

- `gaussian`: N(0, I) (Kingma and Welling, Auto-Encoding Variational Bayes, 2014); the term in closed form.
- `exemplar`: the latent density itself, with a learned bandwidth s (Norouzi, Fleet and Norouzi, Exemplar VAE, 2020,
  equations 5 and 8), p(z) = 1/(N-1) sum_{n != own} N(z; mu(x_n), s^2 I). A training image is left out of its own
  prior, or the model would copy. Unlike there, the exemplars' means are those of the last time that an image was in a
  batch, and no gradient flows through them: so all N count in every step, at the cost of one matrix product.
- `vamp`: p(z) = 1/K sum_k q(z | u_k) with K learned pseudo-inputs u_k (Tomczak and Welling, VAE with a VampPrior, 2018,
  equation 9).
"""

import torch
from torch import Tensor, nn

from lds_mlflow.models.mixture import Mixture, log_posterior

__all__ = ["ExemplarPrior", "VampPrior"]


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
