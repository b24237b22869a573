"""Step `evaluate`: a model's samples against held-out images."""

from functools import partial

from torch import Tensor

from lds_mlflow.choices import load
from lds_mlflow.choices.domain_figures import DOMAIN_FIGURES
from lds_mlflow.choices.extractors import EXTRACTORS
from lds_mlflow.choices.figures import FIGURES, HEADLINES, LISTED, LISTED_WHERE_THEY_ARE
from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.config import AUTO, EvaluateConfig
from lds_mlflow.domains import Domain, DrawClass, Instruments, domain_of
from lds_mlflow.errors import ConfigError
from lds_mlflow.metrics import EvaluationSettings, FeatureClassifier, RealExamples, evaluate_samples
from lds_mlflow.metrics.further import FurtherMeasure
from lds_mlflow.pictures import REAL_EXAMPLES
from lds_mlflow.recipes.classes import of_classes_as_configured, require_classes_as_configured
from lds_mlflow.recipes.convergence import converged, has_converged
from lds_mlflow.recipes.division import Division
from lds_mlflow.recipes.extractors import (
    extractor_as_configured,
    judge_of,
    outside_of,
    require_classes_for_a_classifier,
    require_weights,
)
from lds_mlflow.recipes.models import open_codec
from lds_mlflow.recipes.samplers import calibration_in, generator_as_configured, require_latents
from lds_mlflow.reporting.evaluation import deciles_of_samples, report_of
from lds_mlflow.samplers import Generator
from lds_mlflow.samplers.classes import of_class, with_classes
from lds_mlflow.tracking import FinishedRun, tags
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import Evaluation, ExampleSet, LatentDistribution, ModelWeights

__all__ = ["check", "outside", "run"]


def outside(config: EvaluateConfig) -> str:
    """Returns the digest of the weights or the program that the step reads, or ""."""
    return outside_of(config)


def check(config: EvaluateConfig, division: Division, device: str) -> None:
    """Raises LdsError where the division of the data or the weights show that nothing can be measured."""
    if EXTRACTORS[config.features].needs_judge and config.classifier_run == AUTO:
        require_classes_for_a_classifier(division)
    n = _samples_wanted(config, division.held_out(config.part))
    if config.k_neighbours >= n:
        raise ConfigError(
            f"k_neighbours={config.k_neighbours}",
            found=f"{n:,} images of the part {config.part} to measure {n:,} samples against",
            expected="more images than neighbours",
            remedy="Give a lower k_neighbours, or more images to that part (select_fraction, test_fraction).",
        )
    require_latents(config, config.sampler, division.train)
    require_classes_as_configured(config, division)
    require_weights(config, division.domain, device)


def run(config: EvaluateConfig, context: Context) -> str:
    """Stores the figures as `evaluation_PART`."""
    data, device = context.inputs["data"], context.device
    train, held_out = data.load(ExampleSet, "train"), data.load(ExampleSet, config.part)
    judge = _judge(context)
    extractor = extractor_as_configured(
        config, judge, train, device=device, cache=context.cache_path, ranks=context.ranks
    )
    domain = domain_of(train.domain)
    codec = open_codec(context.inputs["model"], train, device)
    n = _samples_wanted(config, len(held_out))
    posterior = codec.encode(train.examples_N, ranks=context.ranks)
    calibration = calibration_in(context)
    generator = generator_as_configured(config, config.sampler, codec, posterior, calibration)
    generator = Generator(codec, of_classes_as_configured(config, generator.distribution, train))
    z_SD = generator.latents(range(config.sample_seed, config.sample_seed + n))
    samples = codec.decode(z_SD, ranks=context.ranks)
    unseen = codec.encode(held_out.spread(n).examples_N, ranks=context.ranks)
    instruments = Instruments(judge, _draw_class(config, generator, train), device, context.cache_path)
    measured = evaluate_samples(
        samples,
        RealExamples(train, held_out, data.load(ExampleSet, "select") if config.part == "test" else None),
        extractor=extractor,
        judge=judge,
        qualities={name: quality.measure for name, quality in domain.qualities.items()},
        of_features={name: load(at) for name, at in EXTRACTORS[config.features].figures.items()},
        further=_further(domain, instruments),
        reconstructions_N=codec.decode(unseen.mean, ranks=context.ranks),
        settings=EvaluationSettings(
            part=config.part,
            first_seed=config.sample_seed,
            k=config.k_neighbours,
            replicates=config.bootstrap_replicates,
        ),
    )
    evaluation = measured.evaluation
    context.run.log_value(evaluation, f"evaluation_{config.part}")
    deciles = deciles_of_samples(z_SD, posterior.mean, measured)
    correlations = {f"{name}_by_lds": found.rank_correlation for name, found in deciles.items()}
    convergence = converged(has_converged(context.inputs["model"]))
    context.run.log_params({"extractor": evaluation.extractor})
    context.run.log_tags({tags.PART: evaluation.part})
    listed = (*LISTED, *LISTED_WHERE_THEY_ARE, *convergence)
    context.run.log_figures(evaluation.named() | correlations | convergence, listed=listed)
    sentence = _sentence(evaluation, context.inputs["model"], generator.distribution)
    title = f"Evaluation of {context.inputs['model'].step} {context.inputs['model'].id[:8]}"
    context.run.log_report(
        report_of(
            measured,
            samples,
            train,
            deciles,
            title=title,
            sentence=sentence,
        )
    )
    return sentence


def _further(domain: Domain, by: Instruments) -> FurtherMeasure | None:
    """Returns what measures the figures that only this kind of examples has, or None where it has none."""
    entry = DOMAIN_FIGURES.get(domain.name)
    return None if entry is None else partial(load(entry.at), by=by)


def _draw_class(config: EvaluateConfig, generator: Generator, train: ExampleSet) -> DrawClass | None:
    """Returns what draws samples of a class as the others are drawn, or None where they know no classes."""
    if train.labels_N is None or not SAMPLERS[config.sampler].of_rows:
        return None
    classed = with_classes(generator.distribution, train.labels_N, train.class_names_K)

    def draw(name: str, n: int) -> Tensor:
        of_one = Generator(generator.codec, of_class(classed, name, "figures of single classes"))
        return of_one.samples(range(config.sample_seed, config.sample_seed + n))

    return draw


def _samples_wanted(config: EvaluateConfig, n_held_out: int) -> int:
    if config.samples > n_held_out:
        raise ConfigError(
            "samples",
            found=f"{config.samples:,} samples, but {n_held_out:,} images in the part {config.part}",
            expected=f"at most {n_held_out:,}, since samples are compared with the same number of held-out images",
            remedy="Give fewer samples, or 0, or more images.",
        )
    return config.samples or n_held_out


def _judge(context: Context) -> FeatureClassifier | None:
    source = context.inputs.get("classifier")
    if source is None:
        return None
    return judge_of(source.load(ModelWeights, "classifier"), context.device)


def _sentence(evaluation: Evaluation, model: FinishedRun, distribution: LatentDistribution) -> str:
    figures = ", ".join(_in_short(evaluation, name) for name in HEADLINES)
    samples = f"{evaluation.n_samples:,} samples of {model.step} {model.id[:8]}, drawn from {distribution.name},"
    # A console shows the beginning of it.
    return f"{figures}; {samples} against {evaluation.part} by {evaluation.extractor}"


def _in_short(evaluation: Evaluation, name: str) -> str:
    value, (low, high) = evaluation.metrics[name], evaluation.intervals[name]
    floor = evaluation.metrics[f"floor_{name}"]
    return f"{FIGURES[name].title} {value:.3g} ({low:.3g} to {high:.3g}; {REAL_EXAMPLES} {floor:.3g})"
