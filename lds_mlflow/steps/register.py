"""Step `register`: choose the sampler that suits a model by the select part, and register both."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import pandas as pd
from torch import Tensor

from lds_mlflow.choices.data_sources import name_of
from lds_mlflow.choices.figures import SUMMARY
from lds_mlflow.choices.samplers import COMPARED
from lds_mlflow.config import AUTO, NO_MODEL, RegisterConfig
from lds_mlflow.domains import domain_of
from lds_mlflow.metrics import is_too_near, preferred
from lds_mlflow.models import is_trainable
from lds_mlflow.models.exported import exported_decoder
from lds_mlflow.pictures.png import png_of
from lds_mlflow.recipes.division import Division
from lds_mlflow.recipes.models import codec_of
from lds_mlflow.recipes.samplers import calibration_in, generator_as_configured, require_latents
from lds_mlflow.reporting.card import model_card
from lds_mlflow.reporting.readme import DECODER, REAL, SAMPLES, ModelPage, readme
from lds_mlflow.samplers import aggregate_gaussian, draw_latents, prior_of
from lds_mlflow.samplers.classes import with_classes
from lds_mlflow.serving.sampler import with_densities
from lds_mlflow.tracking import FinishedRun, register_sampler
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import Evaluation, ExampleSet, LatentDistribution, ModelWeights

__all__ = ["check", "run"]

_SHOWN = 32
"""Examples of each picture of the README."""


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
    name = config.registered_model if config.registered_model != AUTO else _name_of(context.inputs["data"])
    kept = _kept(train, config.kept_examples)
    measured = evaluations.get(chosen)
    page = ModelPage(name, train.name, train.domain, codec.latent_dim, measured, card)
    if not is_trainable(weights):
        page = replace(page, tags=())
    version = register_sampler(
        context.run,
        weights,
        {
            "chosen": distribution,
            "prior": prior_of(codec),
            "aggregate": aggregate_gaussian(*posterior),
            "density": with_densities(drawn_by("density")),
        },
        name,
        description=card,
        examples=kept,
        sampler=chosen,
        facts={"data": f"{train.name}: {domain_of(train.domain).describe(train)}", "sampler": distribution.name},
        files=_files(page, weights, codec.decode(draw_latents(distribution, list(range(_SHOWN)))), kept),
    )
    return f"{sentence}; registered as {name} version {version}"


def _name_of(data: FinishedRun) -> str:
    """Returns the name of a model by that of its data, in which the registry allows neither / nor :."""
    return re.sub("[/:]", "-", name_of(data.params["data"]))


def _kept(train: ExampleSet, n: int) -> ExampleSet | None:
    """Returns at most `n` training examples without their names, which may be those of people; None where n is 0."""
    if not n:
        return None
    kept = train.spread(n)
    return replace(kept, ids_N=tuple(map(str, range(len(kept)))), declared_parts_N=())


def _files(page: ModelPage, weights: ModelWeights, samples_S: Tensor, kept: ExampleSet | None) -> dict[str, bytes]:
    """Returns what lies beside the registered model for people and other programs, by path."""
    domain = domain_of(weights.domain)
    files = {SAMPLES: png_of(domain.grid(samples_S))}
    if kept is not None:
        files[REAL] = png_of(domain.grid(kept.spread(_SHOWN).examples_N))
    # A network of someone else's may do what no program can say; it is registered all the same.
    with suppress(RuntimeError):
        files[DECODER] = exported_decoder(weights)
    return {"README.md": readme(page, files).encode(), **files}


def _table(evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    rows = [(sampler, *(evaluation.metrics[name] for name in SUMMARY)) for sampler, evaluation in evaluations.items()]
    return pd.DataFrame(rows, columns=["sampler", *SUMMARY])
