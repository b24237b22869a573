"""Step `finetune`: go on from the baseline on train + A, and register the model."""

import torch

from lds_mlflow.config import NO_MODEL, NO_RUN, FinetuneConfig
from lds_mlflow.context import Context
from lds_mlflow.fitting import fit_and_track
from lds_mlflow.tracking import register_sampler
from lds_mlflow.training import FitPlan
from lds_mlflow.vae import VAE
from lds_mlflow.values import AugmentationSet, ImageSet, ModelWeights

__all__ = ["run"]


def run(config: FinetuneConfig, context: Context) -> str:
    """Stores the moving average of the model as `model`, and registers a model that samples from it."""
    train = context.inputs["data"].load(ImageSet, "train")
    select = context.inputs["data"].load(ImageSet, "select")
    model = VAE.from_weights(context.inputs["train"].load(ModelWeights, "model"))
    images, on = train.images_NCHW, f"train ({len(train):,})"
    if config.augment_run != NO_RUN:
        augmentation = context.inputs["augment"].load(AugmentationSet, "augmentation").images_ACHW
        images, on = torch.cat([images, augmentation]), f"{on} + A ({len(augmentation):,})"
    plan = FitPlan(
        steps=config.finetune_steps,
        batch_size=config.batch_size,
        learning_rate=config.finetune_learning_rate,
        kl_weight=config.kl_weight,
        ema_decay=config.ema_decay,
        seed=config.finetune_seed,
        checkpoint_every=context.checkpoint_every,
    )
    fitted = fit_and_track(model, images, plan, context, train=train, select=select, description="finetuning")
    sentence = f"on {on}: {fitted.sentence}"
    if config.registered_model == NO_MODEL:
        return sentence
    version = register_sampler(
        context.run,
        fitted.weights,
        config.registered_model,
        description=f"Finetuned {sentence}.\n\n{context.lineage}",
    )
    return f"{sentence}; registered as {config.registered_model} version {version}"
