"""What the steps `train` and `finetune` share: a fit whose curves, pictures and figures are tracked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lds_mlflow.domains import Domain, domain_of
from lds_mlflow.models import Codec, Scale, Trainable
from lds_mlflow.pictures import curves_chart
from lds_mlflow.recipes.convergence import converged, has_converged
from lds_mlflow.recipes.fit_requests import FitRequest
from lds_mlflow.recipes.showing import log_shown
from lds_mlflow.samplers import Generator, prior_of
from lds_mlflow.tracking import FinishedRun, Run, tags
from lds_mlflow.tracking.context import Context
from lds_mlflow.training import CheckpointFile, Ending, FitHooks, FitResult, diagnose, fit
from lds_mlflow.values import ExampleSet, ModelWeights, evenly_spread

__all__ = ["DISCRIMINATOR", "FitLog", "FittedModel", "alarms_of", "discriminator_in", "fit_and_track"]

DISCRIMINATOR = "discriminator"
"""The artifact that a fit with an adversary stores beside its model, for a later fit to begin with."""

_SHOWN = 64
_FEWEST_ACTIVE = 2
_MEASURED = 2000
_LISTED_CURVES = frozenset(
    {
        *("loss", "reconstruction_mse", "token_accuracy", "kl", "latent_nll", "perceptual_distance"),
        *("adversarial", "held_out_loss", "held_out_distance"),
    }
)
"""The curves that the UI shows; all of them are in `curves.csv`."""

_FIDELITY = {
    "reconstruction_mse": "reconstruction MSE {:.4f}",
    "token_accuracy": "token accuracy {:.1%}",
    "exact": "{:.1%} reconstructed exactly",
}
"""Figures of reconstructions, in words; a kind of examples has some of them."""

_LISTED = (*(f"select_{name}" for name in _FIDELITY), "active_units", "converged")
_CURVES = {
    "loss": "loss (nats / image)",
    "reconstruction_mse": "reconstruction MSE",
    "token_accuracy": "token accuracy",
    "kl": "KL (nats / image)",
    "latent_nll": "-log q(z | decoded image) (nats)",
    "perceptual_distance": "perceptual distance",
    "adversarial": "cost of being told from images",
    "feature_distance": "distance by the discriminator's features",
    "discriminator_loss": "loss of the discriminator",
    "held_out_loss": "held-out loss (nats / image)",
    "held_out_distance": "distance of samples to held-out",
    "discriminator_sign": "sign of the discriminator at images",
    "augmentation_probability": "probability of augmentation",
}


class FitLog:
    """Logs to a run what a fit reports: points of its curves, and samples of the model at each checkpoint.

    Args:
        run: Where to log.
        domain: The kind of the examples.
    """

    def __init__(self, run: Run, domain: Domain) -> None:
        self.run, self.domain = run, domain
        self.history: list[tuple[int, Mapping[str, float]]] = []

    def on_metrics(self, step: int, figures: Mapping[str, float]) -> None:
        """Takes figures of a step, and logs those that the UI lists."""
        self.history.append((step, figures))
        self.run.curve(step, {name: value for name, value in figures.items() if name in _LISTED_CURVES})

    def on_checkpoint(self, step: int, average: Trainable) -> None:
        """Logs samples of the moving average of the model."""
        self.run.log_progress_picture(self.domain.grid(self.samples(average)), "samples", step)

    def samples(self, model: Trainable) -> Tensor:
        """Returns samples of a model's prior, as examples are stored, [S, ...]."""
        codec = Codec(model, self.domain.scale)
        return Generator(codec, prior_of(codec)).samples(range(_SHOWN))

    def table(self) -> pd.DataFrame:
        """Returns all curves: a row for each step with figures, and a column for each figure."""
        return pd.DataFrame([{"step": step, **figures} for step, figures in self.history])

    def chart(self, title: str) -> Figure:
        """Draws the usual curves, as far as the fit has reported their figures."""
        reported = {name for _, figures in self.history for name in figures}
        return curves_chart(self.history, {name: _CURVES[name] for name in _CURVES if name in reported}, title)


@dataclass(frozen=True, slots=True)
class FittedModel:
    """The weights of a fitted model, and a sentence about it."""

    weights: ModelWeights
    sentence: str


def discriminator_in(run: FinishedRun) -> ModelWeights | None:
    """Returns the discriminator that the model of a run was trained with, or None where there was none."""
    return run.load(ModelWeights, DISCRIMINATOR) if run.has(DISCRIMINATOR) else None


def fit_and_track(
    request: FitRequest,
    context: Context,
    *,
    train: ExampleSet,
    select: ExampleSet,
    description: str,
    begun_with: FinishedRun | None = None,
) -> FittedModel:
    """Fits a model, tracks the fit, and stores the moving average of the model as `model`.

    Args:
        request: What to fit, on what, and how.
        context: The surroundings of the step.
        train: Real training examples, to measure the result on.
        select: Real examples that the model is not fitted on, to measure the result on as well.
        description: The label of the progress bar.
        begun_with: The run whose model is fitted further, or None.
    """
    domain = domain_of(request.domain)
    run, log, task = context.run, FitLog(context.run, domain), request.task
    checkpoints = CheckpointFile(context.checkpoint_path, context.fingerprint, run.id)
    with context.interruption.deferred() as stop:
        result = fit(
            replace(task, model=task.model.to(context.device), held_out_N=select.examples_N),
            ranks=context.ranks,
            checkpoints=checkpoints,
            hooks=FitHooks(log.on_metrics, log.on_checkpoint, stop, description),
        )
    if result.resumed_from not in ("", run.id):
        run.log_tags({tags.RESUMED: result.resumed_from})
    run.log_picture(log.chart(f"{description}: {result.step:,} steps"), "pictures/curves.png")
    run.log_table(log.table(), "curves.csv")
    figures = _measure(result, domain.scale, train, select)
    run.log_figures(figures | converged(_converged(result, begun_with)), listed=_LISTED)
    samples = log.samples(result.model)
    log_shown(run, domain, "pictures/samples.png", domain.grid(samples), {"": samples})
    codec, shown = Codec(result.model, domain.scale), select.spread(_SHOWN).examples_N
    reconstructed = codec.decode(codec.encode(shown).mean)
    pairs = {"real": shown, "reconstructed": reconstructed}
    log_shown(run, domain, "pictures/real_above_reconstructed.png", domain.pairs(shown, reconstructed), pairs)
    weights = replace(result.model.to_weights(), domain=request.domain)
    run.log_value(weights, "model")
    if result.discriminator is not None:
        run.log_value(ModelWeights({}, result.discriminator, DISCRIMINATOR, request.domain), DISCRIMINATOR)
    context.alarms.extend(alarms_of(result.ending.converged, figures["active_units"]))
    sentence = (
        f"{weights.n_parameters / 1e6:.2f} M parameters, {result.step:,} steps{_in_words(result.ending)}; on the "
        f"select part {_fidelity(figures)}, KL {figures['select_kl']:.1f} "
        f"nats, {figures['active_units']:.0f} of {codec.latent_dim} latent units active"
    )
    return FittedModel(weights, sentence)


def _fidelity(figures: Mapping[str, float]) -> str:
    """Returns how well the part select is reconstructed, in words."""
    said = {name: words for name, words in _FIDELITY.items() if f"select_{name}" in figures}
    return ", ".join(words.format(figures[f"select_{name}"]) for name, words in said.items())


def _in_words(ending: Ending) -> str:
    """Returns what ended a training, where that is known."""
    if ending.converged is None:
        return ""
    return " (converged)" if ending.converged else " (not converged: it was not seen that more steps gain nothing)"


def alarms_of(converged: bool | None, active_units: float) -> list[str]:
    """Returns what makes a fitted model worth little, in sentences.

    Args:
        converged: Whether its training went on until more steps gained nothing, or None where that is not known.
        active_units: The latent dimensions whose posterior mean varies with the image.
    """
    found = []
    if converged is False:
        found.append(
            "The training ended before it was seen that more steps gain nothing, so a difference between models may be "
            "one of steps. Give more of them by most_train_steps or train_steps."
        )
    if active_units < _FEWEST_ACTIVE:
        found.append(
            "The latents have collapsed: at most one latent dimension varies with the image, so neither densities nor "
            "interpolants mean anything. Lower kl_weight, or train for longer."
        )
    return found


def _converged(result: FitResult, begun_with: FinishedRun | None) -> bool | None:
    # Finetuning takes as many steps as it is told to: whether a model has converged is decided by its training.
    return result.ending.converged if begun_with is None else has_converged(begun_with)


def _measure(result: FitResult, scale: Scale, train: ExampleSet, select: ExampleSet) -> dict[str, float]:
    figures = {
        "skipped_steps": float(result.skipped),
        "examples_per_second": result.examples_per_second,
    }
    for name, part in (("train", train), ("select", select)):
        rows = evenly_spread(len(part), _MEASURED)
        places = rows if part is train else torch.full_like(rows, len(train))
        diagnosis = diagnose(result.model, scale, part.examples_N[rows], places)
        figures |= {f"{name}_{figure}": value for figure, value in diagnosis.items()}
    figures["active_units"] = figures.pop("select_active_units")
    return figures
