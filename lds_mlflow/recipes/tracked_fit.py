"""What the steps `train` and `finetune` share: a fit whose curves, pictures and figures are tracked."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lds_mlflow.models.coding import decode_latents, encode_examples
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.pictures import curves_chart, image_grid, paired_grid
from lds_mlflow.recipes.fit_requests import Asked
from lds_mlflow.recipes.samplers import prior_of
from lds_mlflow.samplers import draw_latents
from lds_mlflow.tracking import Run, tags
from lds_mlflow.tracking.context import Context
from lds_mlflow.training import CheckpointFile, FitResult, diagnose, fit
from lds_mlflow.values import ExampleSet, ModelWeights, evenly_spread

__all__ = ["FitLog", "Fitted", "fit_and_track"]

_SHOWN = 64
_MEASURED = 2000
_CURVES = {
    "loss": "loss (nats / image)",
    "reconstruction_mse": "reconstruction MSE",
    "kl": "KL (nats / image)",
    "latent_nll": "-log q(z | decoded image) (nats)",
    "perceptual_distance": "perceptual distance",
    "adversarial": "cost of being told from images",
    "discriminator_loss": "loss of the discriminator",
}


class FitLog:
    """Takes what a fit reports to a run: points of its curves, and samples now and then.

    Args:
        run: Where to log.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.history: list[tuple[int, Mapping[str, float]]] = []

    def on_metrics(self, step: int, figures: Mapping[str, float]) -> None:
        """Logs figures of a step."""
        self.history.append((step, figures))
        self.run.curve(step, {f"train/{name}": value for name, value in figures.items()})

    def on_checkpoint(self, step: int, average: VAE) -> None:
        """Logs samples of the model as it is."""
        self.run.log_progress_picture(image_grid(_prior_samples(average)), "samples", step)

    def chart(self, title: str) -> Figure:
        """Draws those of the usual curves that the fit has reported."""
        reported = {name for _, figures in self.history for name in figures}
        return curves_chart(self.history, {name: _CURVES[name] for name in _CURVES if name in reported}, title)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model at rest, and a sentence about it."""

    weights: ModelWeights
    sentence: str


def fit_and_track(asked: Asked, context: Context, *, train: ExampleSet, select: ExampleSet, description: str) -> Fitted:
    """Fits a model, tracks the fit, and stores the moving average of the model as `model`.

    Args:
        asked: What to fit, on what, and how.
        context: The surroundings of the step.
        train: Real training images, to measure the result on.
        select: Real images that it is not fitted on, likewise.
        description: The label of the progress bar.
    """
    run, log, plan = context.run, FitLog(context.run), asked.plan
    checkpoints = CheckpointFile(context.checkpoint_path, context.fingerprint, run.id)
    with context.interruption.deferred() as stop:
        result = fit(
            asked.model.to(context.device),
            asked.examples_N,
            plan,
            ranks=context.ranks,
            z_AD=asked.z_AD,
            perceptual=asked.perceptual,
            checkpoints=checkpoints,
            on_metrics=log.on_metrics,
            on_checkpoint=log.on_checkpoint,
            stop=stop,
            description=description,
        )
    if result.resumed_from not in ("", run.id):
        run.log_tags({tags.RESUMED: result.resumed_from})
    run.log_picture(log.chart(f"{description}: {plan.steps:,} steps"), "pictures/curves.png")
    figures = _measure(result, train, select)
    run.log_metrics(figures)
    run.log_picture(image_grid(_prior_samples(result.model)), "pictures/samples.png")
    shown = select.spread(_SHOWN).examples_N
    reconstructed = decode_latents(result.model, encode_examples(result.model, shown)[0])
    run.log_picture(paired_grid(shown, reconstructed), "pictures/real_above_reconstructed.png")
    weights = result.model.to_weights()
    run.log_value(weights, "model")
    sentence = (
        f"{weights.n_parameters / 1e6:.2f} M parameters, {result.step:,} steps; on the select part reconstruction MSE "
        f"{figures['select/reconstruction_mse']:.4f}, KL {figures['select/kl']:.1f} nats, "
        f"{figures['select/active_units']:.0f} of {result.model.spec.latent_dim} latent units active"
    )
    return Fitted(weights, sentence)


def _measure(result: FitResult, train: ExampleSet, select: ExampleSet) -> dict[str, float]:
    figures = {
        "train/skipped_steps": float(result.skipped),
        "train/images_per_second": result.images_per_second,
    }
    for name, part in (("train_part", train), ("select", select)):
        rows = evenly_spread(len(part), _MEASURED)
        places = rows if part is train else torch.full_like(rows, len(train))
        diagnosis = diagnose(result.model, part.examples_N[rows], places)
        figures |= {f"{name}/{figure}": value for figure, value in diagnosis.items()}
    return figures


def _prior_samples(model: VAE) -> Tensor:
    return decode_latents(model, draw_latents(prior_of(model), list(range(_SHOWN))))
