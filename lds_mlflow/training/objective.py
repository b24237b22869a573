"""What a step minimises, as one module: torch.compile and DistributedDataParallel take it whole."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.models.coding import to_model_range
from lds_mlflow.models.stylegan import VAE, ExemplarPrior, Posterior, gaussian_nll, log_posterior
from lds_mlflow.training.plan import FitPlan

__all__ = ["Decoded", "Objective"]


class Decoded(NamedTuple):
    """Images of known latents, which the encoder is to find.

    Attributes:
        pixels: The images, uint8 [B, C, H, W].
        z: The latents that they were decoded from, [B, D].
    """

    pixels: Tensor
    z: Tensor


class Objective(nn.Module):
    """The negative evidence lower bound, and what is added to it.

    Args:
        model: The network.
        plan: How to fit.
        ranks: The processes that each have a share of the batch.
        perceptual: A distance of two batches of images in -1..1, which is part of the loss, or None.
        adversarial: What reconstructions in -1..1 cost that an adversary tells from images, or None.
    """

    def __init__(
        self,
        model: VAE,
        plan: FitPlan,
        ranks: Ranks = ALONE,
        *,
        perceptual: nn.Module | None = None,
        adversarial: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.adversarial = adversarial
        self.model, self.plan, self.ranks, self.perceptual = model, plan, ranks, perceptual

    def forward(
        self, pixels: Tensor, noise: Tensor, rows: Tensor, kl_weight: Tensor, decoded: Decoded | None
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Returns the loss in nats an image, figures by name, and reconstructions, of this share of the batch.

        Args:
            pixels: Images, uint8 [B, C, H, W].
            noise: Standard normal, [B, D].
            rows: The images' places among the training images, int64 [B].
            kl_weight: Factor on the KL term.
            decoded: Images whose latents the encoder is to find (the sleep phase of Hinton et al., The Wake-Sleep
                Algorithm, 1995), or None.
        """
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
            loss, figures, y = self._evidence_bound(to_model_range(pixels), noise, rows, kl_weight)
            if decoded is None:
                return loss, {"loss": loss.detach(), **figures}, y.detach()
            found = self._found(decoded)
        share = len(decoded.z) / (len(decoded.z) + len(pixels))
        loss = (1 - share) * loss + share * found
        return loss, {"loss": loss.detach(), **figures, "latent_nll": found.detach()}, y.detach()

    def _evidence_bound(
        self, x: Tensor, noise: Tensor, rows: Tensor, kl_weight: Tensor
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        y, z, posterior = self.model(x, noise)
        self._keep_exemplars(rows, posterior)
        kl = self.model.divergence(z, posterior, rows).mean()
        least = self.plan.free_bits * z.shape[1]
        mse = (x - y.detach()).square().mean() / 4
        counted = torch.where(self.ranks.mean(kl.detach()) > least, kl, kl.new_tensor(least)) if least else kl
        loss = gaussian_nll(x, y, self.ranks.mean) + kl_weight * counted
        figures = {"reconstruction_mse": mse, "kl": kl.detach()}
        added: dict[str, tuple[float, Tensor]] = {}
        if self.perceptual is not None:
            added["perceptual_distance"] = self.plan.perceptual_weight, self.perceptual(x, y)
        if self.adversarial is not None:
            added["adversarial"] = self.plan.adversarial_weight, self.adversarial(y)
        for name, (weight, term) in added.items():
            loss = loss + weight * x[0].numel() * term
            figures |= {name: term.detach()}
        return loss, figures, y

    def _keep_exemplars(self, rows: Tensor, posterior: Posterior) -> None:
        prior = self.model.prior
        if isinstance(prior, ExemplarPrior) and self.training:
            prior.keep(self.ranks.all_rows(rows), self.ranks.all_rows(posterior.mean.detach()))

    def _found(self, decoded: Decoded) -> Tensor:
        posterior = self.model.encode(to_model_range(decoded.pixels))
        return -log_posterior(decoded.z, *posterior).mean()
