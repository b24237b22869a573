"""Step `register`: choose the sampler that suits a model by the select part, and register both."""

from collections.abc import Mapping

import pandas as pd

from lds_mlflow.choices.figures import SUMMARY
from lds_mlflow.choices.samplers import COMPARED
from lds_mlflow.config import AUTO, NO_MODEL, RegisterConfig
from lds_mlflow.metrics import is_too_near, preferred
from lds_mlflow.recipes.division import Division
from lds_mlflow.recipes.models import codec_of
from lds_mlflow.recipes.samplers import calibration_in, generator_as_configured, require_latents
from lds_mlflow.reporting.card import model_card
from lds_mlflow.samplers import aggregate_gaussian, prior_of
from lds_mlflow.samplers.classes import with_classes
from lds_mlflow.serving.sampler import with_densities
from lds_mlflow.tracking import register_sampler
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import Evaluation, ExampleSet, LatentDistribution, ModelWeights

__all__ = ["check", "run"]


def check(config: RegisterConfig, division: Division, _device: str) -> None:
    """Raises DataError where there are fewer training examples than the sampler needs that is asked for."""
    if config.served_sampler != AUTO and config.registered_model != NO_MODEL:
        require_latents(config, config.served_sampler, division.train)


def run(config: RegisterConfig, context: Context) -> str:
    """Stores the chosen `distribution`, and registers a model that draws from it, unless its name is to be none."""
    found = {name: context.inputs[name] for name in COMPARED if name in context.inputs}
    evaluations = {name: evaluated.load(Evaluation, "evaluation_select") for name, evaluated in found.items()}
    if config.served_sampler != AUTO:
        chosen, why = str(config.served_sampler), "given as served_sampler"
    elif evaluations:
        chosen = preferred(evaluations)
        if is_too_near(evaluations[chosen]):
            context.alarms.append(
                f"The samples of every sampler are nearer to the training images than other real images are, those of "
                f"{chosen} too: they are copies. Train on more images, or widen the kernel by sampler_sigma."
            )
        why = "lowest FID by the part select among samplers whose samples are not too near to the training images"
        context.run.log_table(_table(evaluations), "samplers.csv")
    else:
        chosen, why = "density", "the default: without classes, features=classifier can't compare the samplers"
    train = context.inputs["data"].load(ExampleSet, "train")
    weights = context.inputs["model"].load(ModelWeights, "model")
    codec = codec_of(weights, train, context.device)
    posterior = codec.encode(train.examples_N)
    calibration = calibration_in(context)

    def drawn_by(sampler: str) -> LatentDistribution:
        drawn = generator_as_configured(config, sampler, codec, posterior, calibration).distribution
        return with_classes(drawn, train.labels_N, train.class_names_K)

    distribution = drawn_by(chosen)
    context.run.log_value(distribution, "distribution")
    source = context.inputs["model"]
    sentence = f"{source.step} {source.id[:8]}, with samples drawn from {distribution.name} ({why})"
    card = model_card(context.inputs, distribution.name, evaluations.get(chosen), context.lineage, sentence=sentence)
    context.run.log_text(card, "model_card.md")
    if config.registered_model == NO_MODEL:
        return f"{sentence}; not registered, since registered_model is {NO_MODEL}"
    version = register_sampler(
        context.run,
        weights,
        {
            "chosen": distribution,
            "prior": prior_of(codec),
            "aggregate": aggregate_gaussian(*posterior),
            "density": with_densities(drawn_by("density")),
        },
        config.registered_model,
        description=card,
    )
    return f"{sentence}; registered as {config.registered_model} version {version}"


def _table(evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    rows = [(sampler, *(evaluation.metrics[name] for name in SUMMARY)) for sampler, evaluation in evaluations.items()]
    return pd.DataFrame(rows, columns=["sampler", *SUMMARY])
