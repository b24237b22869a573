"""The inputs of a fit: the model, the examples, the plan, and callbacks."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from lds_mlflow.models import PIXELS, Scale, Trainable
from lds_mlflow.training.plan import ExampleForm, FitPlan

__all__ = ["FitHooks", "FitTask"]


@dataclass(frozen=True, slots=True)
class FitTask:
    """What to fit, on what, and how.

    Attributes:
        model: The network to begin with; it is changed.
        examples_N: Training examples, then A, as they are stored, [N, ...].
        plan: How to fit.
        scale: How stored examples become what the model sees.
        z_AD: Latents that the last A of the examples were decoded from, or None. If given, these examples train only
            the encoder, to find the latents: -log q(z | x), the sleep phase of Hinton et al., The Wake-Sleep
            Algorithm, 1995.
        perceptual: A distance of two batches in the model's range, which is added to the loss, or None.
        discriminator: The state of a discriminator to begin with, or None for a new one.
        n_made: Number of examples, the last ones, that a model has made. A discriminator never takes them for real,
            since it would teach the model to leave out what a decoder has left out of them.
        held_out_N: Examples that the model is not fitted on, as they are stored, to measure it on during the fit.
    """

    model: Trainable
    examples_N: Tensor
    plan: FitPlan
    scale: Scale = PIXELS
    z_AD: Tensor | None = None
    perceptual: nn.Module | None = None
    discriminator: dict[str, Tensor] | None = None
    n_made: int = 0
    held_out_N: Tensor | None = None

    @property
    def form(self) -> ExampleForm:
        """What every process knows of the examples."""
        n_decoded = 0 if self.z_AD is None else len(self.z_AD)
        shape, dtype = tuple(self.examples_N.shape[1:]), self.examples_N.dtype
        return ExampleForm(len(self.examples_N), n_decoded, shape, dtype, self.n_made)


@dataclass(frozen=True, slots=True)
class FitHooks:
    """What watches a fit.

    Attributes:
        on_metrics: Called with a step and its figures, also for those that a resumed fit already has: `loss` and `kl`
            in nats an example, `reconstruction_mse` in 0..1 units, and `gradient_norm`; where they are part of the
            loss, `latent_nll`, `perceptual_distance`, `adversarial`, `feature_distance`, `discriminator_loss`,
            `discriminator_gradient_norm`, `discriminator_sign` and `augmentation_probability`. After a
            measurement on held-out examples it is called with the figures of `Watch`.
        on_checkpoint: Called after each periodic checkpoint with the step and the moving average of the model.
        stop: Asked after every step; when it returns True, the state is saved and the fit ends early.
        description: The label of the progress bar.
    """

    on_metrics: Callable[[int, dict[str, float]], None] = lambda step, figures: None
    on_checkpoint: Callable[[int, Trainable], None] = lambda step, model: None
    stop: Callable[[], bool] = lambda: False
    description: str = "training"
