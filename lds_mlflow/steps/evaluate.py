"""Step `evaluate`: a model's samples against the test part."""

from pathlib import Path

from lds_mlflow.config import EvaluateConfig
from lds_mlflow.context import Context
from lds_mlflow.files import digest_of_file
from lds_mlflow.metrics import (
    ClassifierExtractor,
    Extractor,
    InceptionExtractor,
    evaluate_samples,
    wilson_interval,
)
from lds_mlflow.pictures import class_share_chart, image_grid
from lds_mlflow.sampling import decode_latents, latents_of_seeds
from lds_mlflow.tracking import FinishedRun
from lds_mlflow.vae import VAE
from lds_mlflow.values import Evaluation, ImageSet, ModelWeights

__all__ = ["outside", "run"]

_SHOWN = 64


def outside(config: EvaluateConfig) -> str:
    """Returns the digest of the Inception weights that the step reads, or ""."""
    return digest_of_file(Path(config.inception_weights)) if config.inception_weights else ""


def run(config: EvaluateConfig, context: Context) -> str:
    """Stores the figures as `evaluation`."""
    train = context.inputs["data"].load(ImageSet, "train")
    test = context.inputs["data"].load(ImageSet, "test")
    judge = _judge(context)
    extractor = _extractor(config, judge, context.device)
    model = VAE.from_weights(context.inputs["model"].load(ModelWeights, "model")).to(context.device)
    n = min(config.samples or len(test), len(test), len(train))
    seeds = list(range(config.sample_seed, config.sample_seed + n))
    samples = decode_latents(model, latents_of_seeds(seeds, model.spec.latent_dim))
    evaluation = evaluate_samples(samples, test, train, extractor=extractor, judge=judge, k=config.k_neighbours)
    context.run.log_value(evaluation, "evaluation")
    context.run.log_metrics(evaluation.named("eval"))
    context.run.log_picture(image_grid(samples[:_SHOWN]), "pictures/samples.png")
    context.run.log_picture(image_grid(test.spread(_SHOWN).images_NCHW), "pictures/real_test.png")
    _draw_shares(evaluation, train, context)
    return _sentence(evaluation, context.inputs["model"])


def _judge(context: Context) -> ClassifierExtractor | None:
    source = context.inputs.get("classifier")
    if source is None:
        return None
    return ClassifierExtractor(source.load(ModelWeights, "classifier"), context.device)


def _extractor(config: EvaluateConfig, judge: ClassifierExtractor | None, device: str) -> Extractor:
    if config.features == "inception" or judge is None:
        weights = Path(config.inception_weights) if config.inception_weights else None
        return InceptionExtractor(weights, device)
    return judge


def _draw_shares(evaluation: Evaluation, train: ImageSet, context: Context) -> None:
    if "class_share_gap" not in evaluation.metrics:
        return
    found = {name: evaluation.metrics[f"class_share/{name}"] for name in train.class_names_K}
    intervals = {name: (share, *wilson_interval(share, evaluation.n_samples)) for name, share in found.items()}
    training = {name: evaluation.metrics[f"train_class_share/{name}"] for name in train.class_names_K}
    context.run.log_picture(class_share_chart(intervals, training), "pictures/class_shares.png")


def _sentence(evaluation: Evaluation, model: FinishedRun) -> str:
    figures = evaluation.metrics
    return (
        f"{evaluation.n_samples:,} samples of {model.step} {model.id[:8]} by {evaluation.extractor}: "
        f"FID {figures['fid']:.2f} (real images {figures['floor_fid']:.2f}), "
        f"density {figures['density']:.2f} ({figures['floor_density']:.2f}), "
        f"coverage {figures['coverage']:.2f} ({figures['floor_coverage']:.2f})"
    )
