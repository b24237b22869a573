"""What the configuration of `finetune` asks of the training room: the network, the images, and the plan."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lds_mlflow.config import FinetuneConfig
from lds_mlflow.errors import ConfigError
from lds_mlflow.sampling import to_model_range
from lds_mlflow.training import FitPlan
from lds_mlflow.vae import VAE
from lds_mlflow.values import AugmentationSet, ImageSet, ModelWeights

__all__ = ["Finetuning", "finetuning_as_configured"]


@dataclass(frozen=True, slots=True)
class Finetuning:
    """What to fit, on what, and how.

    Attributes:
        model: The network to begin with.
        images_NCHW: Train, then A, uint8.
        z_AD: Latents that A was decoded from, for the encoder to find; else None.
        plan: How to fit.
        words: What of it is finetuned, and on what.
    """

    model: VAE
    images_NCHW: Tensor
    z_AD: Tensor | None
    plan: FitPlan
    words: str


def finetuning_as_configured(
    config: FinetuneConfig,
    weights: ModelWeights,
    train: ImageSet,
    augmentation: AugmentationSet | None,
    *,
    checkpoint_every: int,
) -> Finetuning:
    """Returns what finetuning takes.

    Args:
        config: The configuration.
        weights: Those to begin with.
        train: The training images.
        augmentation: A; None is without.
        checkpoint_every: Steps between two checkpoints.

    Raises:
        ConfigError: The variant takes an A of decoded latents, and this is none.
    """
    images, on = train.images_NCHW, f"train ({len(train):,})"
    if augmentation is not None:
        images = torch.cat([images, augmentation.images_ACHW])
        on = f"{on} + A ({len(augmentation.images_ACHW):,})"
    z_AD = None
    if config.finetune_variant == "consistency":
        z_AD = _latents_of(augmentation)
    plan = FitPlan(
        steps=config.finetune_steps,
        batch_size=config.batch_size,
        learning_rate=config.finetune_learning_rate,
        kl_weight=config.kl_weight,
        ema_decay=config.ema_decay,
        seed=config.finetune_seed,
        checkpoint_every=checkpoint_every,
    )
    words = f"{_NAMES[config.finetune_variant]} on {on}"
    return Finetuning(_model(config, weights, train), images, z_AD, plan, words)


_NAMES = {"whole": "all of it", "decoder": "the decoder", "consistency": "all of it, latents of A found by the encoder"}


def _model(config: FinetuneConfig, weights: ModelWeights, train: ImageSet) -> VAE:
    model = VAE.from_weights(weights)
    if config.finetune_prior not in ("keep", model.spec.prior):
        images = to_model_range(train.images_NCHW)
        model = model.with_prior(config.finetune_prior, images, pseudo_inputs=config.pseudo_inputs)
    if config.finetune_variant == "decoder":
        model.encoder.requires_grad_(False)
    return model


def _latents_of(augmentation: AugmentationSet | None) -> Tensor:
    if augmentation is not None and augmentation.z_AD is not None:
        return augmentation.z_AD
    raise ConfigError(
        "finetune_variant=consistency",
        found="no A (augment_run=none)" if augmentation is None else "an A that was not decoded from latents",
        expected="an A of decoded latents, which the encoder shall find",
        remedy="Give another finetune_variant, or another source of A.",
    )
