"""The optional adversary of a fit: a discriminator that learns to tell images from reconstructions and from samples.

The logistic loss that doesn't saturate (Goodfellow et al., Generative Adversarial Nets, 2014, section 3), with R1, the
squared gradient at real images (Mescheder, Geiger and Nowozin, Which Training Methods for GANs do actually Converge?,
2018, equation 9), taken lazily, every 16 steps (Karras et al. 2020, section 3.1). Reconstructions may be compared by
the discriminator's own features, as Larsen et al., Autoencoding beyond Pixels using a Learned Similarity Metric, 2016,
have it.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from lds_mlflow.choices import load, look_up
from lds_mlflow.choices.discriminator_augmentations import DISCRIMINATOR_AUGMENTATIONS
from lds_mlflow.errors import ArtifactError
from lds_mlflow.machine.ranks import Ranks
from lds_mlflow.models import Trainable
from lds_mlflow.models.precision import in_float32
from lds_mlflow.training.discriminator_augmentation import Unchanged
from lds_mlflow.training.parameters import FlatParameters
from lds_mlflow.training.plan import FitPlan

__all__ = ["Adversary", "Judged", "balanced"]

_SHOWN_OF_AN_ERROR = 300
_EVERY = 16
_SHARE = _EVERY / (_EVERY + 1)
_BETAS = (0.0, 0.99)


class Judged(NamedTuple):
    """The images of a step that a discriminator judges.

    Attributes:
        x: Training images, [B, C, H, W] in -1..1.
        made: As many images of the decoder, likewise: samples, with or without reconstructions before them.
        chances: Uniform on 0..1, [B, N_CHANCES], by which an image and what is made beside it are changed alike.
        real: As many images that no model has made, from which those of the decoder are told: often `x` itself.
    """

    x: Tensor
    made: Tensor
    chances: Tensor
    real: Tensor


def balanced(reconstructed: Tensor, made: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """Returns both as they are; the gradient of `made` will have `weight` times the norm of that of `reconstructed`.

    So an adversary can't outweigh the rest of the loss, whatever the images are and however well it tells them apart:
    the adaptive weight of Esser, Rombach and Ommer, Taming Transformers for High-Resolution Image Synthesis, 2021,
    equation 7, taken at the images and not at the weights of the last layer.

    Args:
        reconstructed: Reconstructions, [B, C, H, W], from which the rest of the loss is computed.
        made: What an adversary judges, [B, C, H, W].
        weight: The ratio of the norms over what this process computes of the batch.
    """
    pair: tuple[Tensor, Tensor] = _Balanced.apply(reconstructed, made, weight)
    return pair


class _Balanced(Function):
    @staticmethod
    def forward(ctx: Any, reconstructed: Tensor, made: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        ctx.weight = weight
        return reconstructed.view_as(reconstructed), made.view_as(made)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        of_reconstructed, of_made = gradients
        wanted, found = (torch.linalg.vector_norm(gradient) for gradient in gradients)
        factor = torch.where(found > 0, ctx.weight * wanted / found, torch.zeros_like(found))
        return of_reconstructed, of_made * factor, None


class Adversary:
    """A discriminator with its optimizer.

    Args:
        model: The network whose images it judges.
        plan: How to fit.
        ranks: The processes that each have a share of the batch.
    """

    def __init__(self, model: Trainable, plan: FitPlan, ranks: Ranks) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            self.discriminator = model.new_discriminator().to(model.device)
        self.plan, self.ranks = plan, ranks
        choice = look_up(DISCRIMINATOR_AUGMENTATIONS, plan.discriminator_augmentation, "discriminator_augmentation")
        self.augmentation: Unchanged = load(choice.at)().to(model.device)
        self.parameters = FlatParameters(self.discriminator)
        self.discriminator.requires_grad_(False)
        betas = (_BETAS[0] ** _SHARE, _BETAS[1] ** _SHARE)
        # What R1 does every 16 steps counts for one more (Karras et al. 2020, appendix B).
        rate = _SHARE * plan.learning_rate
        self.optimizer = self.parameters.adam(rate, betas)

    def begin_at(self, state: dict[str, Tensor]) -> None:
        """Gives the discriminator the state that another one ended with.

        Raises:
            ArtifactError: It is of another network.
        """
        try:
            self.discriminator.load_state_dict(state)
        except RuntimeError as error:
            raise ArtifactError(
                "the discriminator to begin with",
                found=" ".join(str(error).split())[:_SHOWN_OF_AN_ERROR],
                expected="the tensors of a discriminator of this model's images",
                remedy="Train the model again, or restore the artifact.",
            ) from error

    def terms(self, judged: Judged, reconstructed: Tensor) -> dict[str, Tensor]:
        """Returns the terms that it adds to the loss of an autoencoder, scalars by name.

        `adversarial` is what it costs that what was made is told from images; `feature_distance`, where it is weighed,
        the mean squared distance of an image and its reconstruction by features, those of the discriminator's middle
        layer.

        Args:
            judged: The images.
            reconstructed: A reconstruction of each training image, [B, C, H, W].
        """
        told = self.discriminator(self.augmentation(judged.made, judged.chances))
        found = {"adversarial": functional.softplus(-told).mean()}
        if self.plan.feature_weight:
            _, features = self.discriminator.judge(self.augmentation(reconstructed, judged.chances))
            with torch.no_grad():
                _, wanted = self.discriminator.judge(self.augmentation(judged.x, judged.chances))
            found["feature_distance"] = (features.float() - wanted.float()).square().mean()
        return found

    @staticmethod
    def is_regularised(step: int) -> bool:
        """Returns whether R1 is part of the discriminator's loss in a step, counted from 0."""
        return step % _EVERY == 0

    def learn(self, judged: Judged, *, is_regularised: bool) -> dict[str, Tensor]:
        """Computes the discriminator's gradient; the caller decides by `take_step` whether the step is taken.

        Args:
            judged: The images, without a gradient.
            is_regularised: Whether R1 is part of the loss.

        Returns:
            Its loss, the norm of its gradient, the mean sign of its logits of training images, and the figures of the
            augmentation.
        """
        self.discriminator.requires_grad_(True)
        # In one pass, which takes half as many operations as two.
        images = self.augmentation(torch.cat([judged.real, judged.made]), judged.chances.repeat(2, 1))
        loss, sign = self._judgement(images)
        if is_regularised:
            loss = loss + self._penalty(images[: len(judged.real)])
        gradients = self.parameters.gradients.zero_()
        loss.backward()
        self.ranks.average_(gradients)
        self.discriminator.requires_grad_(False)
        return {
            "discriminator_loss": loss.detach(),
            "discriminator_gradient_norm": self.parameters.gradient_norm(),
            "discriminator_sign": sign,
            **self.augmentation.figures(),
        }

    def _judgement(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the loss, and the mean sign of the logits of the first half of images, which is real."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
            real, told = self.discriminator(images, sets=2).chunk(2)
        loss = functional.softplus(told).mean() + functional.softplus(-real).mean()
        return loss, real.detach().sign().mean()

    def _penalty(self, x: Tensor) -> Tensor:
        """Returns R1 at the images as the discriminator sees them."""
        with in_float32(x):
            x = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.discriminator(x).sum(), x, create_graph=True)
        return 0.5 * self.plan.r1_gamma * _EVERY * gradient.square().sum((1, 2, 3)).mean()

    def take_step(self, not_finite: Tensor, sign: Tensor) -> None:
        """Takes the step whose gradient `learn` has computed.

        Args:
            not_finite: 1 on the device where nothing is to change, otherwise 0.
            sign: The mean sign of its logits of the training images of all processes.
        """
        self.optimizer.found_inf = not_finite
        self.optimizer.step()
        self.augmentation.adapt(sign, self.plan.batch_size, not_finite < 1)

    def state(self) -> dict[str, Any]:
        """Returns the state, which `restore` takes."""
        return {
            "discriminator": self.discriminator.state_dict(),
            "augmentation": self.augmentation.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Sets the state to one that `state` has returned."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.augmentation.load_state_dict(state["augmentation"])
        self.optimizer.load_state_dict(state["optimizer"])
