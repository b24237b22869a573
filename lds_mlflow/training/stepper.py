"""The work of one process in a training step: its share of the gradient, and the whole update.

A step never waits for the device: what decides about an update is decided there, and read when somebody asks.
"""

from functools import partial
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lds_mlflow.machine.ranks import Ranks
from lds_mlflow.machine.transfers import to_device
from lds_mlflow.models import Scale, Trainable
from lds_mlflow.training.adversary import Adversary, Judged
from lds_mlflow.training.compilation import Compiled
from lds_mlflow.training.launch import Launcher
from lds_mlflow.training.objective import DecodedPairs, Objective, StepDraws
from lds_mlflow.training.parameters import FlatParameters, MovingAverage
from lds_mlflow.training.plan import ExampleForm, FitPlan, draw_batch

__all__ = ["Stepper"]

_BETAS = (0.9, 0.99)
_GRADIENT_NORM = 1e4
_DECISIVE = ("loss", "gradient_norm", "discriminator_loss", "discriminator_gradient_norm")
"""Figures of a step that changes nothing where one is not finite."""


class _Kind(NamedTuple):
    """What a step consists of: whether a discriminator takes part, and whether it is regularised."""

    is_judged: bool
    is_regularised: bool


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
        self.parameters = FlatParameters(model)
        self.optimizer = self.parameters.adam(plan.learning_rate, _BETAS)
        self.average = MovingAverage(self.parameters)
        self.adversary = Adversary(model, plan, ranks) if plan.has_adversary else None
        objective = Objective(
            model.train(),
            plan,
            ranks,
            scale=scale,
            perceptual=perceptual and perceptual.to(model.device),
            adversarial=None if self.adversary is None else self.adversary.terms,
        )
        self._objective = Compiled(objective, plan.compiled, model.device)
        self._launchers: dict[_Kind, Launcher] = {}
        self._names: tuple[str, ...] = ()
        self._figures = torch.zeros(0)
        self._skipped = torch.zeros((), device=model.device)

    def advance(
        self, step: int, examples_N: Tensor | None = None, z_AD: Tensor | None = None, *, rate: float = 1.0
    ) -> None:
        """Takes a step, which changes no weights where the loss or the gradient is not finite.

        Args:
            step: Steps done before.
            examples_N: The examples as they are stored, [N, ...]; None in a follower, which gets its share from the
                leader.
            z_AD: The latents that the encoder is to find, likewise.
            rate: Factor on the learning rate.
        """
        device, size = self.model.device, self.ranks.size
        batch = draw_batch(self.plan, step, self.form, latent_dim=self.latent_dim, size=size)
        own = batch.share(self.ranks.rank, size)
        inputs = [
            self._share_of(examples_N, batch.rows),
            to_device(own.noise, device),
            to_device(own.rows, device),
            to_device(torch.tensor([self.plan.kl_weight_at(step), rate, self.plan.ema_weight_at(step)]), device),
        ]
        is_judged = self.plan.has_adversary_at(step, rate)
        if is_judged:
            inputs += [to_device(own.kernel, device), to_device(own.chances, device)]
            if self.form.is_mixed:
                inputs.append(self._share_of(examples_N, batch.real))
        if len(batch.decoded):
            inputs += self._decoded(examples_N, z_AD, batch.decoded)
        self._figures = self._launcher(step, is_judged)(*inputs)

    @property
    def skipped(self) -> int:
        """Steps so far that changed nothing, since they were not finite; waits for the device."""
        return int(self._skipped.item())

    def figures(self) -> dict[str, float]:
        """Returns the figures of the last step by name; waits for the device."""
        return dict(zip(self._names, self._figures.tolist(), strict=True))

    def begin_discriminator_at(self, state: dict[str, Tensor]) -> None:
        """Gives the discriminator, if there is one, the state that another one ended with.

        Raises:
            ArtifactError: It doesn't fit.
        """
        if self.adversary is not None:
            self.adversary.begin_at(state)

    def discriminator(self) -> dict[str, Tensor] | None:
        """Returns a copy of the discriminator's state on the CPU, or None where there is none."""
        if self.adversary is None:
            return None
        return {name: tensor.cpu().clone() for name, tensor in self.adversary.discriminator.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """Returns the state of the optimizer, the average and the adversary, which `restore` takes."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.values,
            "skipped": self.skipped,
            "adversary": self.adversary and self.adversary.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Sets the state to one that `state` has returned."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.values.copy_(state["average"])
        self._skipped.fill_(state["skipped"])
        if self.adversary is not None:
            self.adversary.restore(state["adversary"])

    def _launcher(self, step: int, is_judged: bool) -> Launcher:
        kind = _Kind(is_judged, is_judged and Adversary.is_regularised(step))
        if kind not in self._launchers:
            # Processes that compute together wait for each other in the middle of a step.
            alone = self.ranks.size == 1
            self._launchers[kind] = Launcher(partial(self._update, kind), self.model.device, captures=alone)
        return self._launchers[kind]

    def _update(
        self,
        kind: _Kind,
        some: Tensor,
        noise: Tensor,
        rows: Tensor,
        schedule: Tensor,
        *others: Tensor,
    ) -> Tensor:
        """Returns the figures of a step, a vector, and changes the weights."""
        kl_weight, rate, average_weight = schedule
        n_judged = (3 if self.form.is_mixed else 2) if kind.is_judged else 0
        draws, decoded = StepDraws(noise, *others[:n_judged]), others[n_judged:]
        pairs = DecodedPairs(*decoded) if decoded else None
        found: tuple[Tensor, dict[str, Tensor], Judged | None]
        found = self._objective(some, draws, rows, kl_weight, pairs)
        loss, figures, judged = found
        gradients = self.parameters.gradients.zero_()
        loss.backward()
        self.ranks.average_(gradients)
        figures = figures | {"gradient_norm": self.parameters.gradient_norm()}
        if self.adversary is not None and judged is not None:
            figures |= self.adversary.learn(judged, is_regularised=kind.is_regularised)
        self._names = tuple(figures)
        means = self.ranks.mean(torch.stack(list(figures.values())))
        decisive = torch.stack([means[place] for place, name in enumerate(figures) if name in _DECISIVE])
        not_finite = decisive.isfinite().all().logical_not().float()
        self.optimizer.found_inf = not_finite
        self.optimizer.grad_scale = (figures["gradient_norm"] / _GRADIENT_NORM).clamp_min(1)
        self.optimizer.fall_to(rate)
        self.optimizer.step()
        if self.adversary is not None and judged is not None:
            self.adversary.optimizer.fall_to(rate)
            self.adversary.take_step(not_finite, means[self._names.index("discriminator_sign")])
        self.average.update((1 - not_finite) * average_weight)
        self._skipped += not_finite
        return means

    def _decoded(self, examples_N: Tensor | None, z_AD: Tensor | None, index: Tensor) -> DecodedPairs:
        examples = self._share_of(examples_N, self.form.n - self.form.n_decoded + index)
        like = torch.empty(len(index) // self.ranks.size, self.latent_dim, device=self.model.device)
        return DecodedPairs(examples, self.ranks.share(_rows(z_AD, index, like.device), like))

    def _share_of(self, examples_N: Tensor | None, index: Tensor) -> Tensor:
        shape, device = (len(index) // self.ranks.size, *self.form.shape), self.model.device
        like = torch.empty(shape, dtype=self.form.dtype, device=device)
        return self.ranks.share(_rows(examples_N, index, device), like)


def _rows(source: Tensor | None, index: Tensor, device: torch.device) -> Tensor | None:
    return None if source is None else to_device(source[to_device(index, source.device)], device)
