"""What the configurations of `train` and `finetune` ask of the training room: the network, the images, the plan."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lds_mlflow.config import FinetuneConfig, FitConfig, TrainConfig
from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.models.coding import to_model_range
from lds_mlflow.models.stylegan import VAE, spec_for
from lds_mlflow.training import FitPlan
from lds_mlflow.training.perceptual import perceptual_distance
from lds_mlflow.values import AugmentationSet, ExampleSet, ModelWeights

__all__ = ["Asked", "finetuning_as_configured", "outside_of", "training_as_configured"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What to fit, on what, and how.

    Attributes:
        model: The network to begin with.
        examples_N: Training examples, then A, in the form that the domain stores them in.
        z_AD: Latents that A was decoded from, for the encoder to find; else None.
        plan: How to fit.
        perceptual: A distance of images that is part of the loss, or None.
        words: What of it is fitted, and on what.
    """

    model: VAE
    examples_N: Tensor
    z_AD: Tensor | None
    plan: FitPlan
    perceptual: nn.Module | None
    words: str


def training_as_configured(config: TrainConfig, train: ExampleSet, *, checkpoint_every: int) -> Asked:
    """Returns what training takes.

    Args:
        config: The configuration.
        train: The training images.
        checkpoint_every: Steps between two checkpoints.

    Raises:
        ConfigError: The preset is for other images, or the perceptual distance is.
        ArtifactError: Its weights can't be had.
    """
    _, channels, resolution, _ = train.examples_N.shape
    model = VAE.initialised(spec_for(config.preset, resolution=resolution, channels=channels), config.train_seed)
    if config.prior != "gaussian":
        model = _with_prior(model, config.prior, train, config.pseudo_inputs)
    plan = _plan(
        config,
        steps=config.train_steps,
        learning_rate=config.learning_rate,
        seed=config.train_seed,
        kl_warmup=config.kl_warmup,
        checkpoint_every=checkpoint_every,
    )
    return Asked(
        model, train.examples_N, None, plan, _perceptual(config, resolution), f"all of it on train ({len(train):,})"
    )


def finetuning_as_configured(
    config: FinetuneConfig,
    weights: ModelWeights,
    train: ExampleSet,
    augmentation: AugmentationSet | None,
    *,
    checkpoint_every: int,
) -> Asked:
    """Returns what finetuning takes.

    Args:
        config: The configuration.
        weights: Those to begin with.
        train: The training images.
        augmentation: A; None is without.
        checkpoint_every: Steps between two checkpoints.

    Raises:
        ConfigError: The variant takes an A of decoded latents, and this is none; or the perceptual distance is for
            other images.
        ArtifactError: Its weights can't be had.
    """
    images, on = train.examples_N, f"train ({len(train):,})"
    if augmentation is not None:
        images = torch.cat([images, augmentation.examples_A])
        on = f"{on} + A ({len(augmentation.examples_A):,})"
    z_AD = None
    if config.finetune_variant == "consistency":
        z_AD = _latents_of(augmentation)
    plan = _plan(
        config,
        steps=config.finetune_steps,
        learning_rate=config.finetune_learning_rate,
        seed=config.finetune_seed,
        kl_warmup=0,
        checkpoint_every=checkpoint_every,
    )
    words = f"{_NAMES[config.finetune_variant]} on {on}"
    perceptual = _perceptual(config, train.examples_N.shape[-1])
    return Asked(_model(config, weights, train), images, z_AD, plan, perceptual, words)


def outside_of(config: FitConfig) -> str:
    """Returns the digest of the weights that the loss reads from a file, or ""."""
    return digest_of_file(Path(config.perceptual_weights)) if config.perceptual_weights else ""


_NAMES = {"whole": "all of it", "decoder": "the decoder", "consistency": "all of it, latents of A found by the encoder"}


def _plan(
    config: FitConfig, *, steps: int, learning_rate: float, seed: int, kl_warmup: int, checkpoint_every: int
) -> FitPlan:
    return FitPlan(
        steps=steps,
        batch_size=config.batch_size,
        learning_rate=learning_rate,
        kl_weight=config.kl_weight,
        ema_decay=config.ema_decay,
        seed=seed,
        kl_warmup=kl_warmup,
        free_bits=config.free_bits,
        perceptual_weight=config.perceptual_weight,
        adversarial_weight=config.adversarial_weight,
        r1_gamma=config.r1_gamma,
        precision=config.precision,
        compiled=config.compiled,
        checkpoint_every=checkpoint_every,
    )


def _perceptual(config: FitConfig, resolution: int) -> nn.Module | None:
    weights = Path(config.perceptual_weights) if config.perceptual_weights else None
    return perceptual_distance(config.perceptual, resolution=resolution, weights=weights)


def _model(config: FinetuneConfig, weights: ModelWeights, train: ExampleSet) -> VAE:
    model = VAE.from_weights(weights)
    if config.finetune_prior not in ("keep", model.spec.prior):
        model = _with_prior(model, config.finetune_prior, train, config.pseudo_inputs)
    if config.finetune_variant == "decoder":
        model.encoder.requires_grad_(False)
    return model


def _with_prior(model: VAE, kind: str, train: ExampleSet, pseudo_inputs: int) -> VAE:
    begin = to_model_range(train.spread(pseudo_inputs).examples_N)
    return model.with_prior(kind, exemplars=len(train), pseudo_inputs=begin)


def _latents_of(augmentation: AugmentationSet | None) -> Tensor:
    if augmentation is not None and augmentation.z_AD is not None:
        return augmentation.z_AD
    raise ConfigError(
        "finetune_variant=consistency",
        found="no A (augment_run=none)" if augmentation is None else "an A that was not decoded from latents",
        expected="an A of decoded latents, which the encoder shall find",
        remedy="Give another finetune_variant, or another source of A.",
    )
