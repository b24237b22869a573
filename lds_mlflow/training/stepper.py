"""What every process does of a step: its share of the gradient, and all of the update."""

from typing import Any

import torch
from torch import Tensor, nn

from lds_mlflow.machine.ranks import Ranks
from lds_mlflow.models.coding import to_model_range
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training.adversary import Adversary
from lds_mlflow.training.objective import Decoded, Objective
from lds_mlflow.training.plan import FitPlan, draw_batch

__all__ = ["Stepper"]

_BETAS = (0.9, 0.99)
_GRADIENT_NORM = 1e4
_DECISIVE = ("loss", "gradient_norm", "discriminator_loss", "discriminator_gradient_norm")
"""Figures of a step that changes nothing where one is not finite."""


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
        self.adversary = Adversary(model.spec, plan, ranks, model.device) if plan.adversarial_weight else None
        self._objective = Objective(
            model.train(),
            plan,
            ranks,
            perceptual=perceptual and perceptual.to(model.device),
            adversarial=None if self.adversary is None else self.adversary.term,
        )
        self._wrapped: nn.Module | None = None

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
        loss, figures, y = self._forward(pixels, own.noise.to(device), own.rows.to(device), kl_weight, decoded)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        figures |= {"gradient_norm": nn.utils.clip_grad_norm_(self.model.parameters(), _GRADIENT_NORM)}
        if self.adversary is not None:
            figures |= self.adversary.learn(step, to_model_range(pixels), y)
        means = dict(zip(figures, self.ranks.mean(torch.stack(list(figures.values()))), strict=True))
        taken = all(torch.isfinite(means[name]) for name in _DECISIVE if name in means)
        if taken:
            self.optimizer.step()
            if self.adversary is not None:
                self.adversary.optimizer.step()
        return means, taken

    def state(self) -> dict[str, Any]:
        """Returns the state of the optimizer and of the adversary, which `restore` takes."""
        return {"optimizer": self.optimizer.state_dict(), "adversary": self.adversary and self.adversary.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes a state."""
        self.optimizer.load_state_dict(state["optimizer"])
        if self.adversary is not None:
            self.adversary.restore(state["adversary"])

    def _forward(self, *arguments: object) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        if self._wrapped is None:
            if self.plan.compiled:
                self._objective.compile()
            self._wrapped = self.ranks.averaging(self._objective)
            if self.ranks.size > 1:
                # Without it the first step after a resumption would be rounded another way than the same step before.
                self._wrapped(*arguments)[0].backward()
        found: tuple[Tensor, dict[str, Tensor], Tensor] = self._wrapped(*arguments)
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
