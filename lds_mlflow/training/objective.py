"""The loss of a training step as one module, which torch.compile can make one program of."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.models import PIXELS, Scale, Trainable, log_posterior
from lds_mlflow.models.stylegan import gaussian_nll
from lds_mlflow.training.plan import FitPlan

__all__ = ["DecodedPairs", "Objective"]


class DecodedPairs(NamedTuple):
    """Decoded examples with their latents, which the encoder is trained to find.

    Attributes:
        examples: The examples as they are stored, [B, ...].
        z: The latents that they were decoded from, [B, D].
    """

    examples: Tensor
    z: Tensor


class Objective(nn.Module):
    """The negative evidence lower bound, and what is added to it.

    Args:
        model: The network.
        plan: How to fit.
        ranks: The processes that each have a share of the batch.
        scale: How stored examples become what the model sees.
        perceptual: A distance of two batches in the model's range, which is part of the loss, or None.
        adversarial: Maps reconstructions to the adversarial term of the loss, or None.
    """

    def __init__(
        self,
        model: Trainable,
        plan: FitPlan,
        ranks: Ranks = ALONE,
        *,
        scale: Scale = PIXELS,
        perceptual: nn.Module | None = None,
        adversarial: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.adversarial = adversarial
        self.model, self.plan, self.ranks, self.perceptual, self.scale = model, plan, ranks, perceptual, scale

    def forward(
        self, examples: Tensor, noise: Tensor, rows: Tensor, kl_weight: Tensor, decoded: DecodedPairs | None
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Returns the loss in nats an example, figures by name, and reconstructions, of this share of the batch.

        Args:
            examples: Examples as they are stored, [B, ...].
            noise: Standard normal, [B, D].
            rows: The examples' rows among the training examples, int64 [B].
            kl_weight: Factor on the KL term.
            decoded: Examples whose latents the encoder is trained to find (the sleep phase of Hinton et al., The
                Wake-Sleep Algorithm, 1995), or None.
        """
        with torch.autocast(examples.device.type, torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
            loss, figures, y = self._evidence_bound(self.scale.to_model(examples), noise, rows, kl_weight)
            if decoded is None:
                return loss, {"loss": loss.detach(), **figures}, y.detach()
            found = self._found(decoded)
        share = len(decoded.z) / (len(decoded.z) + len(examples))
        loss = (1 - share) * loss + share * found
        return loss, {"loss": loss.detach(), **figures, "latent_nll": found.detach()}, y.detach()

    def _evidence_bound(
        self, x: Tensor, noise: Tensor, rows: Tensor, kl_weight: Tensor
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        y, z, posterior = self.model(x, noise)
        if self.training:
            self.model.remember(self.ranks.all_rows(rows), self.ranks.all_rows(posterior.mean.detach()))
        kl = self.model.divergence(z, posterior, rows).mean()
        least = self.plan.free_bits * z.shape[1]
        mse = (x - y.detach()).square().mean() / 4
        counted = torch.where(self.ranks.mean(kl.detach()) > least, kl, least) if least else kl
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

    def _found(self, decoded: DecodedPairs) -> Tensor:
        posterior = self.model.encode(self.scale.to_model(decoded.examples))
        return -log_posterior(decoded.z, *posterior.moments).mean()
