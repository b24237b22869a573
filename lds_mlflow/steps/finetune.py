"""Step `finetune`: go on from a model on train + A."""

import torch
from torch import Tensor

from lds_mlflow.config import NO_RUN, FinetuneConfig
from lds_mlflow.context import Context
from lds_mlflow.errors import ConfigError
from lds_mlflow.fitting import fit_and_track
from lds_mlflow.sampling import to_model_range
from lds_mlflow.training import FitPlan
from lds_mlflow.vae import VAE
from lds_mlflow.values import AugmentationSet, ImageSet, ModelWeights

__all__ = ["run"]


def run(config: FinetuneConfig, context: Context) -> str:
    """Stores the moving average of the model as `model`."""
    train = context.inputs["data"].load(ImageSet, "train")
    select = context.inputs["data"].load(ImageSet, "select")
    images, z_AD, on = _training_set(config, context, train)
    plan = FitPlan(
        steps=config.finetune_steps,
        batch_size=config.batch_size,
        learning_rate=config.finetune_learning_rate,
        kl_weight=config.kl_weight,
        ema_decay=config.ema_decay,
        seed=config.finetune_seed,
        checkpoint_every=context.checkpoint_every,
    )
    fitted = fit_and_track(
        _model(config, context, train),
        images,
        plan,
        context,
        z_AD=z_AD,
        train=train,
        select=select,
        description="finetuning",
    )
    return f"{_NAMES[config.finetune_variant]} on {on}: {fitted.sentence}"


_NAMES = {"whole": "all of it", "decoder": "the decoder", "consistency": "all of it, latents of A found by the encoder"}


def _model(config: FinetuneConfig, context: Context, train: ImageSet) -> VAE:
    model = VAE.from_weights(context.inputs["train"].load(ModelWeights, "model"))
    if config.finetune_prior not in ("keep", model.spec.prior):
        images = to_model_range(train.images_NCHW)
        model = model.with_prior(config.finetune_prior, images, pseudo_inputs=config.pseudo_inputs)
    if config.finetune_variant == "decoder":
        model.encoder.requires_grad_(False)
    return model


def _training_set(config: FinetuneConfig, context: Context, train: ImageSet) -> tuple[Tensor, Tensor | None, str]:
    on = f"train ({len(train):,})"
    if config.augment_run == NO_RUN:
        if config.finetune_variant == "consistency":
            raise _no_latents("no A (augment_run=none)")
        return train.images_NCHW, None, on
    augmentation = context.inputs["augment"].load(AugmentationSet, "augmentation")
    images = torch.cat([train.images_NCHW, augmentation.images_ACHW])
    on = f"{on} + A ({len(augmentation.images_ACHW):,})"
    if config.finetune_variant != "consistency":
        return images, None, on
    if augmentation.z_AD is None:
        raise _no_latents("an A that was not decoded from latents")
    return images, augmentation.z_AD, on


def _no_latents(found: str) -> ConfigError:
    return ConfigError(
        "finetune_variant=consistency",
        found=found,
        expected="an A of decoded latents, which the encoder shall find",
        remedy="Give another finetune_variant, or another source of A.",
    )
