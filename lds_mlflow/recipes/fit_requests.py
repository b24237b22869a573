"""From the configurations of `train` and `finetune` to a fit: the network, the images, the plan."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from lds_mlflow.choices import load
from lds_mlflow.choices.adversaries import ADVERSARIES, THAT_SUITS, adversary_for
from lds_mlflow.choices.distances import NO_DISTANCE
from lds_mlflow.choices.presets import SMALLEST_THAT_FITS, Preset, SequencePreset, named_preset, usual_preset
from lds_mlflow.choices.priors import KEEP
from lds_mlflow.choices.variants import VARIANTS, WHOLE
from lds_mlflow.config import AUTO, FinetuneConfig, FitConfig, TrainConfig
from lds_mlflow.domains import domain_of
from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.models import Trainable, new_model, open_model, trainable
from lds_mlflow.training import FitPlan, FitTask
from lds_mlflow.training.perceptual import perceptual_distance
from lds_mlflow.values import AugmentationSet, ExampleSet, ModelWeights

__all__ = [
    "FitRequest",
    "batch_size_of",
    "finetuning_as_configured",
    "outside_of",
    "steps_at_most",
    "training_as_configured",
]

_CHECKS, _LEAST_BETWEEN_CHECKS = 24, 50
_AXES_OF_IMAGES = 4


@dataclass(frozen=True, slots=True)
class FitRequest:
    """A fit as `train` or `finetune` configures it.

    Attributes:
        task: What to fit, on what, and how.
        domain: The kind of the examples, a key of DOMAINS.
        words: Which part of the model is fitted, and on what, in words.
    """

    task: FitTask
    domain: str
    words: str


def training_as_configured(config: TrainConfig, train: ExampleSet, *, checkpoint_every: int) -> FitRequest:
    """Returns the fit that `train` configures.

    Args:
        config: The configuration.
        train: The training examples.
        checkpoint_every: Steps between two checkpoints.

    Raises:
        ConfigError: The preset or the perceptual distance is for other examples.
        ArtifactError: The weights of the perceptual distance can't be had.
    """
    model = new_model(
        config.preset,
        train.examples_N,
        config.train_seed,
        latent_dim=config.latent_dim,
        noise_inputs=config.noise_inputs,
        domain=train.domain,
    )
    if config.prior != model.prior_kind:
        model = _with_prior(model, config.prior, train, config.pseudo_inputs)
    most = steps_at_most(config, train)
    plan = replace(
        _plan(config, train, steps=most, learning_rate=config.learning_rate, seed=config.train_seed),
        until_done=config.train_steps == AUTO,
        check_every=max(most // _CHECKS, _LEAST_BETWEEN_CHECKS),
        kl_warmup=config.kl_warmup,
        adversary_after=_steps_before_adversary(config, train),
        checkpoint_every=checkpoint_every,
    )
    task = FitTask(
        model, train.examples_N, plan, scale=domain_of(train.domain).scale, perceptual=_perceptual(config, train)
    )
    return FitRequest(task, train.domain, f"{VARIANTS[WHOLE].words} on train ({len(train):,})")


def finetuning_as_configured(
    config: FinetuneConfig,
    weights: ModelWeights,
    train: ExampleSet,
    augmentation: AugmentationSet | None,
    *,
    checkpoint_every: int,
    discriminator: ModelWeights | None = None,
) -> FitRequest:
    """Returns the fit that `finetune` configures.

    Args:
        config: The configuration.
        weights: The weights to begin with.
        train: The training examples.
        augmentation: A, or None to finetune without it.
        checkpoint_every: Steps between two checkpoints.
        discriminator: The discriminator that these weights were trained with, or None where there was none.

    Raises:
        ConfigError: The variant takes an A of decoded latents, and this is none; or the perceptual distance is for
            other examples.
        ArtifactError: The model can't be trained, or the weights of the perceptual distance can't be had.
    """
    model = trainable(open_model(weights))
    if config.finetune_prior not in (KEEP, model.prior_kind):
        model = _with_prior(model, config.finetune_prior, train, config.pseudo_inputs)
    variant = VARIANTS[config.finetune_variant]
    z_AD: Tensor | None = load(variant.at)(model, augmentation)
    examples, on = train.examples_N, f"train ({len(train):,})"
    if augmentation is not None:
        examples = torch.cat([examples, augmentation.examples_A])
        on = f"{on} + A ({len(augmentation.examples_A):,})"
    plan = replace(
        _plan(
            config,
            train,
            steps=config.finetune_steps,
            learning_rate=config.finetune_learning_rate,
            seed=config.finetune_seed,
        ),
        checkpoint_every=checkpoint_every,
    )
    task = FitTask(
        model,
        examples,
        plan,
        scale=domain_of(train.domain).scale,
        z_AD=z_AD,
        n_made=0 if augmentation is None or augmentation.z_AD is None else len(augmentation.examples_A),
        discriminator=None if discriminator is None else discriminator.state,
        perceptual=_perceptual(config, train),
    )
    return FitRequest(task, train.domain, f"{variant.words} on {on}")


def outside_of(config: FitConfig) -> str:
    """Returns the digest of the weights that the loss reads from a file, or ""."""
    return digest_of_file(Path(config.perceptual_weights)) if config.perceptual_weights else ""


def steps_at_most(config: TrainConfig, train: ExampleSet) -> int:
    """Returns the number of steps of a training, or the most where it ends by itself."""
    if config.train_steps != AUTO:
        return int(config.train_steps)
    if config.most_train_steps != AUTO:
        return int(config.most_train_steps)
    preset = _usual(train) if config.preset == SMALLEST_THAT_FITS else named_preset(config.preset)
    return preset.most_steps


def batch_size_of(config: FitConfig, train: ExampleSet) -> int:
    """Returns the number of images in a batch: what is configured, or what suits the images."""
    return _usual(train).batch_size if config.batch_size == AUTO else int(config.batch_size)


def _usual(train: ExampleSet) -> Preset | SequencePreset:
    return usual_preset(train.examples_N.shape[1:], train.domain)


def _plan(config: FitConfig, train: ExampleSet, *, steps: int, learning_rate: float, seed: int) -> FitPlan:
    return FitPlan(
        steps=steps,
        batch_size=batch_size_of(config, train),
        learning_rate=learning_rate,
        kl_weight=config.kl_weight,
        ema_images=config.ema_images,
        seed=seed,
        rate_fall=config.rate_fall,
        free_bits=config.free_bits,
        perceptual_weight=config.perceptual_weight,
        adversary=_adversary(config, train),
        adversarial_weight=config.adversarial_weight * ADVERSARIES[_adversary(config, train)].weight,
        feature_weight=config.feature_weight,
        discriminator_augmentation=config.discriminator_augmentation,
        r1_gamma=config.r1_gamma,
        precision=config.precision,
        compiled=config.compiled,
        deterministic=config.deterministic,
    )


def _adversary(config: FitConfig, train: ExampleSet) -> str:
    return adversary_for(train.examples_N.shape[1]) if config.adversary == THAT_SUITS else config.adversary


def _steps_before_adversary(config: TrainConfig, train: ExampleSet) -> int | None:
    images = ADVERSARIES[_adversary(config, train)].after_images
    return None if images is None else images // batch_size_of(config, train)


def _perceptual(config: FitConfig, train: ExampleSet) -> nn.Module | None:
    if config.perceptual != NO_DISTANCE and train.examples_N.dim() != _AXES_OF_IMAGES:
        raise ConfigError(
            "perceptual",
            found=f"{config.perceptual}, for examples that are {train.domain}",
            expected=f"images, or {NO_DISTANCE}",
            remedy=f"Give perceptual={NO_DISTANCE}, or another recipe.",
        )
    weights = Path(config.perceptual_weights) if config.perceptual_weights else None
    return perceptual_distance(config.perceptual, resolution=train.examples_N.shape[-1], weights=weights)


def _with_prior(model: Trainable, kind: str, train: ExampleSet, pseudo_inputs: int) -> Trainable:
    begin = domain_of(train.domain).scale.to_model(train.spread(pseudo_inputs).examples_N)
    return model.with_prior(kind, exemplars=len(train), pseudo_inputs=begin)
