"""The loss of a training step as one module, which torch.compile can make one program of."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lds_mlflow.choices.adversaries import BALANCED
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.models import PIXELS, Posterior, Scale, Trainable, log_posterior
from lds_mlflow.training.adversary import Judged, balanced
from lds_mlflow.training.plan import FitPlan

__all__ = ["DecodedPairs", "Objective", "StepDraws"]

_LEAST_VARIANCE = 1e-6
_WIDEST_KERNEL = 1 / 5
"""In mean norms of the latents: the bandwidth of the latent density at its widest, the draft's."""


class DecodedPairs(NamedTuple):
    """Decoded examples with their latents, which the encoder is trained to find.

    Attributes:
        examples: The examples as they are stored, [B, ...].
        z: The latents that they were decoded from, [B, D].
    """

    examples: Tensor
    z: Tensor


class StepDraws(NamedTuple):
    """The random numbers of a step; see `Batch`.

    Attributes:
        noise: Standard normal, [B, D].
        kernel: Normal numbers of several standard deviations from 0 to 1, [B, D]; None where there is no adversary.
        chances: Uniform numbers by which images are changed, [B, N_CHANCES], likewise.
        real: Examples as they are stored, [B, ...], that an adversary takes for real; None where it takes those of the
            batch.
    """

    noise: Tensor
    kernel: Tensor | None = None
    chances: Tensor | None = None
    real: Tensor | None = None


class Objective(nn.Module):
    """The negative evidence lower bound, and what is added to it.

    Args:
        model: The network.
        plan: How to fit.
        ranks: The processes that each have a share of the batch.
        scale: How stored examples become what the model sees.
        perceptual: A distance of two batches in the model's range, which is part of the loss, or None.
        adversarial: Maps what an adversary judges, and reconstructions, to its terms of the loss by name; or None.
    """

    def __init__(
        self,
        model: Trainable,
        plan: FitPlan,
        ranks: Ranks = ALONE,
        *,
        scale: Scale = PIXELS,
        perceptual: nn.Module | None = None,
        adversarial: Callable[[Judged, Tensor], dict[str, Tensor]] | None = None,
    ) -> None:
        super().__init__()
        self.adversarial = adversarial
        self.model, self.plan, self.ranks, self.perceptual, self.scale = model, plan, ranks, perceptual, scale

    def forward(
        self, examples: Tensor, draws: StepDraws, rows: Tensor, kl_weight: Tensor, decoded: DecodedPairs | None
    ) -> tuple[Tensor, dict[str, Tensor], Judged | None]:
        """Returns the loss in nats an example, figures by name, and what an adversary learns from, of this share.

        Args:
            examples: Examples as they are stored, [B, ...].
            draws: The random numbers of the step.
            rows: The examples' rows among the training examples, int64 [B].
            kl_weight: Factor on the KL term.
            decoded: Examples whose latents the encoder is trained to find (the sleep phase of Hinton et al., The
                Wake-Sleep Algorithm, 1995), or None.
        """
        with torch.autocast(examples.device.type, torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
            loss, figures, judged = self._evidence_bound(self.scale.to_model(examples), draws, rows, kl_weight)
            if decoded is None:
                return loss, {"loss": loss.detach(), **figures}, judged
            found = self._found(decoded)
        share = len(decoded.z) / (len(decoded.z) + len(examples))
        loss = (1 - share) * loss + share * found
        return loss, {"loss": loss.detach(), **figures, "latent_nll": found.detach()}, judged

    def _evidence_bound(
        self, x: Tensor, draws: StepDraws, rows: Tensor, kl_weight: Tensor
    ) -> tuple[Tensor, dict[str, Tensor], Judged | None]:
        y, z, posterior, judged = self._reconstructed(x, draws)
        if self.training:
            self.model.remember(self.ranks.all_rows(rows), self.ranks.all_rows(posterior.mean.detach()))
        kl = self.model.divergence(z, posterior, rows).mean()
        reconstruction = self.model.reconstruction(x, y, self.ranks.mean)
        loss = reconstruction.nll + kl_weight * self.plan.counted(kl, z.shape[1], self.ranks.mean)
        figures = {**reconstruction.figures, "kl": kl.detach()}
        added: dict[str, tuple[float | Tensor, Tensor]] = {}
        if self.perceptual is not None:
            added["perceptual_distance"] = self.plan.perceptual_weight, self.perceptual(x, y)
        if judged is not None and self.adversarial is not None:
            terms = self.adversarial(judged, y)
            if self.plan.adversary == BALANCED:
                # It counts by its gradient alone, whose norm is that of the rest of the loss.
                told = terms.pop("adversarial")
                loss, figures = loss + (told - told.detach()), figures | {"adversarial": told.detach()}
            # As the likelihood's gradient does, they grow as the error falls: in a young model they would outweigh it.
            variance = self.ranks.mean((x - y.detach()).square().mean()).clamp_min(_LEAST_VARIANCE)
            weights = {"adversarial": self.plan.adversarial_weight, "feature_distance": self.plan.feature_weight}
            added |= {name: (weights[name] / variance, term) for name, term in terms.items()}
            judged = judged._replace(made=judged.made.detach())
        for name, (weight, term) in added.items():
            loss = loss + weight * x[0].numel() * term
            figures |= {name: term.detach()}
        return loss, figures, judged

    def _reconstructed(self, x: Tensor, draws: StepDraws) -> tuple[Tensor, Tensor, Posterior, Judged | None]:
        """Returns reconstructions, their latents, the posterior, and what an adversary judges, if there is one."""
        if self.adversarial is None or draws.kernel is None or draws.chances is None:
            return *self.model(x, draws.noise), None
        posterior = self.model.encode(x)
        z = posterior.at(draws.noise)
        y, made = self._made(z, posterior.mean.detach(), draws.kernel)
        real = x if draws.real is None else self.scale.to_model(draws.real)
        return y, z, posterior, Judged(x, made, draws.chances, real)

    def _made(self, z: Tensor, mean: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
        """Returns reconstructions as the rest of the loss is to see them, and what a discriminator judges beside them.

        Samples are of the latent density of the batch, and of all widths that its calibration may choose. With the
        adversary "balanced" all that is judged are samples; with "joint" the larger half are reconstructions.
        """
        width = _WIDEST_KERNEL * self.ranks.mean(torch.linalg.vector_norm(mean, dim=1).mean())
        is_balanced = self.plan.adversary == BALANCED
        n = 0 if is_balanced else len(z) - len(z) // 2
        samples = mean[n:] + width * kernel[n:]
        # In one pass, which takes half as many operations as two.
        y, made = self.model.decode(torch.cat([z, samples])).split([len(z), len(samples)])
        return balanced(y, made, self.plan.adversarial_weight) if is_balanced else (y, torch.cat([y[:n], made]))

    def _found(self, decoded: DecodedPairs) -> Tensor:
        posterior = self.model.encode(self.scale.to_model(decoded.examples))
        return -log_posterior(decoded.z, *posterior.moments).mean()
