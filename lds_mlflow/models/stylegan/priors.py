r"""Priors of the latents, with the term that each adds to the evidence lower bound, log q(z | x) - log p(z).

- `gaussian`: N(0, I) (Kingma and Welling, Auto-Encoding Variational Bayes, 2014); the term in closed form.
- `exemplar`: the latent density itself, with a learned bandwidth s (Norouzi, Fleet and Norouzi, Exemplar VAE, 2020,
  equations 5 and 8), p(z) = 1/(N-1) sum_{n != own} N(z; mu(x_n), s^2 I). A training image is left out of its own
  prior, or the model would copy. Unlike there, the exemplars' means are those of the last time that an image was in a
  batch, and no gradient flows through them: so all N count in every step, at the cost of one matrix product.
- `vamp`: p(z) = 1/K sum_k q(z | u_k) with K learned pseudo-inputs u_k (Tomczak and Welling, VAE with a VampPrior, 2018,
  equation 9).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lds_mlflow.models.autoencoder import Posterior
from lds_mlflow.models.mixture import Mixture, log_posterior
from lds_mlflow.models.stylegan.losses import kl_divergence

__all__ = ["Encode", "ExemplarPrior", "GaussianPrior", "Prior", "VampPrior"]

Encode = Callable[[Tensor], Posterior]
"""Maps images, [B, C, H, W] in -1..1, to their posterior."""


class Prior(nn.Module, ABC):
    """A prior of latents, [B, D]."""

    @abstractmethod
    def mixture(self, encode: Encode) -> Mixture | None:
        """Returns the prior as a mixture of Gaussians, or None for N(0, I)."""

    @abstractmethod
    def divergence(self, z_BD: Tensor, posterior: Posterior, rows_B: Tensor, encode: Encode) -> Tensor:
        """Returns log q(z | x) - log p(z), [B], in nats.

        Args:
            z_BD: A draw of each posterior.
            posterior: The posteriors.
            rows_B: Each image's row among the training images, int64.
            encode: The model's encoder.
        """

    def begin_at(self, pseudo_inputs: Tensor) -> None:
        """Begins with pseudo-inputs, [K, C, H, W] in -1..1, where the prior has any."""

    def keep(self, rows_B: Tensor, mean_BD: Tensor) -> None:
        """Takes posterior means of training images by their rows, where the prior is made of them."""

    def renew(self, first_means: Callable[[int], Tensor]) -> None:
        """Takes the posterior means of the first training images, where the prior is made of them."""


class GaussianPrior(Prior):
    """The standard normal distribution."""

    def __init__(self) -> None:
        super().__init__()

    def mixture(self, _encode: Encode) -> None:
        """See Prior."""

    def divergence(self, _z_BD: Tensor, posterior: Posterior, _rows_B: Tensor, _encode: Encode) -> Tensor:
        """See Prior."""
        return kl_divergence(*posterior.moments)


class ExemplarPrior(Prior):
    """The latent density of N training images, with a learned bandwidth."""

    exemplars: Tensor

    def __init__(self, n: int, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("exemplars", torch.zeros(n, latent_dim))
        self.log_variance = nn.Parameter(torch.zeros(1))

    def mixture(self, _encode: Encode) -> Mixture:
        """See Prior."""
        return Mixture(self.exemplars, self.log_variance[None])

    def divergence(self, z_BD: Tensor, posterior: Posterior, rows_B: Tensor, encode: Encode) -> Tensor:
        """See Prior; each image's own exemplar is left out. A row of N or above is none of the exemplars."""
        return log_posterior(z_BD, *posterior.moments) - self.mixture(encode).log_density(z_BD, rows_B)

    def keep(self, rows_B: Tensor, mean_BD: Tensor) -> None:
        """See Prior; a row of N or above is passed over, and so is a mean that is not finite."""
        # A mask of rows would make the CPU wait for a GPU; other rows go to a place that is dropped.
        n = len(self.exemplars)
        with_spare = torch.cat([self.exemplars, self.exemplars[:1]])
        places_B, mean_BD = rows_B.clamp(max=n), mean_BD.to(with_spare)
        with_spare[places_B] = torch.where(mean_BD.isfinite(), mean_BD, with_spare[places_B])
        self.exemplars.copy_(with_spare[:n])

    def renew(self, first_means: Callable[[int], Tensor]) -> None:
        """See Prior."""
        self.exemplars.copy_(first_means(len(self.exemplars)))


class VampPrior(Prior):
    """The posteriors of K learned pseudo-inputs."""

    def __init__(self, n: int, channels: int, resolution: int) -> None:
        super().__init__()
        self.pseudo_inputs = nn.Parameter(torch.zeros(n, channels, resolution, resolution))

    def mixture(self, encode: Encode) -> Mixture:
        """See Prior."""
        return Mixture(*encode(self.pseudo_inputs.clamp(-1, 1)).moments)

    def divergence(self, z_BD: Tensor, posterior: Posterior, _rows_B: Tensor, encode: Encode) -> Tensor:
        """See Prior."""
        mixture = self.mixture(encode)
        return log_posterior(z_BD, *posterior.moments) - mixture.log_density(z_BD)

    def begin_at(self, pseudo_inputs: Tensor) -> None:
        """See Prior."""
        self.pseudo_inputs.data.copy_(pseudo_inputs)
