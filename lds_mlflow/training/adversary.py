"""The optional adversary of a fit: a discriminator that learns to tell reconstructions from images.

The logistic loss that doesn't saturate (Goodfellow et al., Generative Adversarial Nets, 2014, section 3), with R1, the
squared gradient at real images (Mescheder, Geiger and Nowozin, Which Training Methods for GANs do actually Converge?,
2018, equation 9), taken lazily, every 16 steps (Karras et al. 2020, section 3.1). On reconstructions, as Larsen et al.,
Autoencoding beyond Pixels using a Learned Similarity Metric, 2016, have it.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lds_mlflow.machine.ranks import Ranks
from lds_mlflow.models import Trainable
from lds_mlflow.models.precision import in_float32
from lds_mlflow.training.parameters import FlatParameters
from lds_mlflow.training.plan import FitPlan

__all__ = ["Adversary"]

_EVERY = 16
_SHARE = _EVERY / (_EVERY + 1)
_BETAS = (0.0, 0.99)


class Adversary:
    """A discriminator with its optimizer.

    Args:
        model: The network whose reconstructions it judges.
        plan: How to fit.
        ranks: The processes that each have a share of the batch.
    """

    def __init__(self, model: Trainable, plan: FitPlan, ranks: Ranks) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            self.discriminator = model.new_discriminator().to(model.device)
        self.plan, self.ranks = plan, ranks
        self.parameters = FlatParameters(self.discriminator)
        self.discriminator.requires_grad_(False)
        betas = (_BETAS[0] ** _SHARE, _BETAS[1] ** _SHARE)
        # What R1 does every 16 steps counts for one more (Karras et al. 2020, appendix B).
        rate = _SHARE * plan.learning_rate
        self.optimizer = self.parameters.adam(rate, betas)

    def term(self, y: Tensor) -> Tensor:
        """Returns the adversarial loss of reconstructions, [B, C, H, W] in -1..1, as a scalar."""
        return functional.softplus(-self.discriminator(y)).mean()

    def is_regularised(self, step: int) -> bool:
        """Returns whether R1 is part of the discriminator's loss in a step, counted from 0."""
        return step % _EVERY == 0

    def learn(self, x: Tensor, y: Tensor, *, is_regularised: bool) -> dict[str, Tensor]:
        """Computes the discriminator's gradient; the caller takes the step with `optimizer.step()`.

        Args:
            x: Images in -1..1.
            y: Reconstructions of them.
            is_regularised: Whether R1 is part of the loss.

        Returns:
            Its loss, and the norm of its gradient.
        """
        self.discriminator.requires_grad_(True)
        loss = self._judgement(x, y.detach())
        if is_regularised:
            loss = loss + self._penalty(x)
        gradients = self.parameters.gradients.zero_()
        loss.backward()
        self.ranks.average_(gradients)
        self.discriminator.requires_grad_(False)
        return {
            "discriminator_loss": loss.detach(),
            "discriminator_gradient_norm": self.parameters.gradient_norm(),
        }

    def _judgement(self, x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
            real, other = self.discriminator(torch.cat([x, y])).chunk(2)
        return functional.softplus(other).mean() + functional.softplus(-real).mean()

    def _penalty(self, x: Tensor) -> Tensor:
        with in_float32(x):
            x = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.discriminator(x).sum(), x, create_graph=True)
        return 0.5 * self.plan.r1_gamma * _EVERY * gradient.square().sum((1, 2, 3)).mean()

    def state(self) -> dict[str, Any]:
        """Returns the state, which `restore` takes."""
        return {"discriminator": self.discriminator.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Sets the state to one that `state` has returned."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
