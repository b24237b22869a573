"""Step `evaluate`: a model's samples against held-out images."""

from pathlib import Path

from lds_mlflow.config import EvaluateConfig
from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.metrics import FIGURES, ClassifierExtractor, evaluate_samples
from lds_mlflow.models.coding import decode_latents, encode_examples
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes.extractors import extractor_as_configured
from lds_mlflow.recipes.samplers import distribution_as_configured
from lds_mlflow.reporting.evaluation import deciles_of_samples, report_of
from lds_mlflow.samplers import draw_latents
from lds_mlflow.tracking import FinishedRun
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import Evaluation, ExampleSet, LatentDistribution, ModelWeights

__all__ = ["outside", "run"]


def outside(config: EvaluateConfig) -> str:
    """Returns the digest of the weights or the program that the step reads, or ""."""
    return digest_of_file(Path(config.feature_weights)) if config.feature_weights else ""


def run(config: EvaluateConfig, context: Context) -> str:
    """Stores the figures as `evaluation_PART`."""
    data, device = context.inputs["data"], context.device
    train, held_out = data.load(ExampleSet, "train"), data.load(ExampleSet, config.part)
    judge = _judge(context)
    extractor = extractor_as_configured(
        config, judge, train, device=device, cache=context.cache_path, ranks=context.ranks
    )
    model = VAE.from_weights(context.inputs["model"].load(ModelWeights, "model")).to(device)
    n = _samples_wanted(config, len(held_out))
    z_ND, log_variance_ND = encode_examples(model, train.examples_N, ranks=context.ranks)
    distribution = distribution_as_configured(config, config.sampler, model, z_ND, log_variance_ND)
    z_SD = draw_latents(distribution, list(range(config.sample_seed, config.sample_seed + n)))
    samples = decode_latents(model, z_SD, ranks=context.ranks)
    measured = evaluate_samples(
        samples,
        held_out,
        train,
        extractor=extractor,
        judge=judge,
        known=data.load(ExampleSet, "select") if config.part == "test" else None,
        part=config.part,
        first_seed=config.sample_seed,
        k=config.k_neighbours,
        replicates=config.bootstrap_replicates,
    )
    evaluation = measured.evaluation
    context.run.log_value(evaluation, f"evaluation_{config.part}")
    deciles = deciles_of_samples(z_SD, z_ND, measured)
    correlations = {f"{name}_by_lds": found.rank_correlation for name, found in deciles.items()}
    context.run.log_metrics(evaluation.named() | evaluation.placed(correlations))
    sentence = _sentence(evaluation, context.inputs["model"], distribution)
    title = f"Evaluation of {context.inputs['model'].step} {context.inputs['model'].id[:8]}"
    context.run.log_report(report_of(measured, samples, train, deciles, title=title, sentence=sentence))
    return sentence


def _samples_wanted(config: EvaluateConfig, n_held_out: int) -> int:
    if config.samples > n_held_out:
        raise ConfigError(
            "samples",
            found=f"{config.samples:,} samples, but {n_held_out:,} images in the part {config.part}",
            expected=f"at most {n_held_out:,}, since samples are compared with the same number of held-out images",
            remedy="Give fewer samples, or 0, or more images.",
        )
    return config.samples or n_held_out


def _judge(context: Context) -> ClassifierExtractor | None:
    source = context.inputs.get("classifier")
    if source is None:
        return None
    return ClassifierExtractor(source.load(ModelWeights, "classifier"), context.device)


def _sentence(evaluation: Evaluation, model: FinishedRun, distribution: LatentDistribution) -> str:
    figures = ", ".join(_in_short(evaluation, name) for name in ("fid", "density", "coverage"))
    samples = f"{evaluation.n_samples:,} samples of {model.step} {model.id[:8]}, drawn from {distribution.name},"
    return f"{samples} against {evaluation.part} by {evaluation.extractor}: {figures}"


def _in_short(evaluation: Evaluation, name: str) -> str:
    value, (low, high) = evaluation.metrics[name], evaluation.intervals[name]
    floor = evaluation.metrics[f"floor_{name}"]
    return f"{FIGURES[name].title} {value:.3g} ({low:.3g} to {high:.3g}; real images {floor:.3g})"
