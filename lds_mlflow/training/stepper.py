"""The work of one process in a training step: its share of the gradient, and the whole update."""

from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from lds_mlflow.machine.ranks import Ranks
from lds_mlflow.models import Scale, Trainable
from lds_mlflow.training.adversary import Adversary
from lds_mlflow.training.objective import DecodedPairs, Objective
from lds_mlflow.training.plan import ExampleForm, FitPlan, draw_batch

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
        form: What the examples look like.
        ranks: The processes.
        scale: How stored examples become what the model sees.
        perceptual: A distance of two batches in the model's range that is part of the loss, or None.
    """

    def __init__(
        self,
        model: Trainable,
        plan: FitPlan,
        form: ExampleForm,
        *,
        ranks: Ranks,
        scale: Scale,
        perceptual: nn.Module | None,
    ) -> None:
        self.model, self.plan, self.form, self.ranks, self.scale = model, plan, form, ranks, scale
        self.latent_dim = prod(model.latent_shape)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(trained, lr=plan.learning_rate, betas=_BETAS, fused=True)
        self.adversary = Adversary(model, plan, ranks) if plan.adversarial_weight else None
        self._objective = Objective(
            model.train(),
            plan,
            ranks,
            scale=scale,
            perceptual=perceptual and perceptual.to(model.device),
            adversarial=None if self.adversary is None else self.adversary.term,
        )
        self._wrapped: nn.Module | None = None

    def advance(
        self, step: int, examples_N: Tensor | None = None, z_AD: Tensor | None = None
    ) -> tuple[dict[str, Tensor], bool]:
        """Takes a step.

        Args:
            step: Steps done before.
            examples_N: The examples as they are stored, [N, ...]; None in a follower, which gets its share from the
                leader.
            z_AD: The latents that the encoder is to find, likewise.

        Returns:
            Figures by name, and whether the weights changed: they don't if the loss or the gradient isn't finite.
        """
        device, size = self.model.device, self.ranks.size
        batch = draw_batch(self.plan, step, self.form, latent_dim=self.latent_dim, size=size)
        own = batch.share(self.ranks.rank, size)
        some = self._share_of(examples_N, batch.rows)
        decoded = self._decoded(examples_N, z_AD, batch.decoded) if len(batch.decoded) else None
        kl_weight = torch.tensor(self.plan.kl_weight_at(step), device=device)
        loss, figures, y = self._forward(some, own.noise.to(device), own.rows.to(device), kl_weight, decoded)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        figures |= {"gradient_norm": nn.utils.clip_grad_norm_(self.model.parameters(), _GRADIENT_NORM)}
        if self.adversary is not None:
            figures |= self.adversary.learn(step, self.scale.to_model(some), y)
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
        """Sets the state to one that `state` has returned."""
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

    def _decoded(self, examples_N: Tensor | None, z_AD: Tensor | None, index: Tensor) -> DecodedPairs:
        examples = self._share_of(examples_N, self.form.n - self.form.n_decoded + index)
        like = torch.empty(len(index) // self.ranks.size, self.latent_dim, device=self.model.device)
        return DecodedPairs(examples, self.ranks.share(_rows(z_AD, index, like.device), like))

    def _share_of(self, examples_N: Tensor | None, index: Tensor) -> Tensor:
        shape, device = (len(index) // self.ranks.size, *self.form.shape), self.model.device
        like = torch.empty(shape, dtype=self.form.dtype, device=device)
        return self.ranks.share(_rows(examples_N, index, device), like)


def _rows(source: Tensor | None, index: Tensor, device: torch.device) -> Tensor | None:
    return None if source is None else source[index.to(source.device)].to(device)
