"""What every process does of a step: its share of the gradient, and all of the update."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lds_mlflow.ranks import Ranks
from lds_mlflow.training.objective import Decoded, Objective
from lds_mlflow.training.plan import FitPlan, draw_batch
from lds_mlflow.vae import VAE

__all__ = ["Stepper"]

_BETAS = (0.9, 0.99)
_GRADIENT_NORM = 1e4


class Stepper:
    """Takes steps; each process that shares them has one.

    Args:
        model: The network; it is changed.
        plan: How to fit.
        ranks: The processes.
        n: Images.
        n_decoded: Latents that the encoder is to find.
        perceptual: A distance of images that is part of the loss, or None.
    """

    def __init__(
        self, model: VAE, plan: FitPlan, ranks: Ranks, *, n: int, n_decoded: int, perceptual: nn.Module | None
    ) -> None:
        self.model, self.plan, self.ranks, self.n, self.n_decoded = model, plan, ranks, n, n_decoded
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(trained, lr=plan.learning_rate, betas=_BETAS, fused=True)
        self._objective = Objective(model.train(), plan, ranks, perceptual and perceptual.to(model.device))
        self._wrapped: Callable[..., Any] | None = None

    def advance(
        self, step: int, images: Tensor | None = None, z_AD: Tensor | None = None
    ) -> tuple[dict[str, Tensor], bool]:
        """Takes a step.

        Args:
            step: Steps done before.
            images: The images, uint8 [N, C, H, W]; None of a follower, which gets its share from the leader.
            z_AD: The latents that the encoder is to find, likewise.

        Returns:
            Figures by name, and whether the weights changed: not where loss or gradient are not finite.
        """
        device, size = self.model.device, self.ranks.size
        latent_dim = self.model.spec.latent_dim
        batch = draw_batch(self.plan, step, n=self.n, n_decoded=self.n_decoded, latent_dim=latent_dim, size=size)
        own = batch.share(self.ranks.rank, size)
        pixels = self._pixels(images, batch.rows)
        decoded = self._decoded(images, z_AD, batch.decoded) if len(batch.decoded) else None
        kl_weight = torch.tensor(self.plan.kl_weight_at(step), device=device)
        loss, figures = self._forward(pixels, own.noise.to(device), own.rows.to(device), kl_weight, decoded)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        figures |= {"gradient_norm": nn.utils.clip_grad_norm_(self.model.parameters(), _GRADIENT_NORM)}
        means = dict(zip(figures, self.ranks.mean(torch.stack(list(figures.values()))), strict=True))
        taken = bool(torch.isfinite(means["loss"]) and torch.isfinite(means["gradient_norm"]))
        if taken:
            self.optimizer.step()
        return means, taken

    def _forward(self, *arguments: object) -> tuple[Tensor, dict[str, Tensor]]:
        if self._wrapped is None:
            self._wrapped = _wrapped(self._objective, self.ranks)
            if self.ranks.size > 1:
                # The places of gradients in its buckets are settled by a first pass, and by them how sums are rounded:
                # without this one, the first step after a resumption would differ from the same step before.
                self._wrapped(*arguments)[0].backward()
        found: tuple[Tensor, dict[str, Tensor]] = self._wrapped(*arguments)
        return found

    def _decoded(self, images: Tensor | None, z_AD: Tensor | None, index: Tensor) -> Decoded:
        pixels = self._pixels(images, self.n - self.n_decoded + index)
        like = torch.empty(len(index) // self.ranks.size, self.model.spec.latent_dim, device=self.model.device)
        return Decoded(pixels, self.ranks.share(_rows(z_AD, index, like.device), like))

    def _pixels(self, images: Tensor | None, index: Tensor) -> Tensor:
        spec, device = self.model.spec, self.model.device
        shape = (len(index) // self.ranks.size, spec.channels, spec.resolution, spec.resolution)
        like = torch.empty(shape, dtype=torch.uint8, device=device)
        return self.ranks.share(_rows(images, index, device), like)


def _rows(source: Tensor | None, index: Tensor, device: torch.device) -> Tensor | None:
    return None if source is None else source[index.to(source.device)].to(device)


def _wrapped(objective: Objective, ranks: Ranks) -> Callable[..., Any]:
    if objective.plan.compiled:
        objective.compile()
    if ranks.size == 1:
        return objective
    device = objective.model.device
    return DistributedDataParallel(objective, device_ids=[device] if device.type == "cuda" else None)
