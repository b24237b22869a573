"""Step `train`: fit the baseline VAE on the training part."""

from lds_mlflow.config import TrainConfig
from lds_mlflow.context import Context
from lds_mlflow.fitting import fit_and_track
from lds_mlflow.sampling import to_model_range
from lds_mlflow.training import FitPlan
from lds_mlflow.vae import VAE, spec_for
from lds_mlflow.values import ImageSet

__all__ = ["run"]


def run(config: TrainConfig, context: Context) -> str:
    """Stores the moving average of the model as `model`."""
    train = context.inputs["data"].load(ImageSet, "train")
    select = context.inputs["data"].load(ImageSet, "select")
    _, channels, resolution, _ = train.images_NCHW.shape
    spec = spec_for(config.preset, resolution=resolution, channels=channels)
    plan = FitPlan(
        steps=config.train_steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        kl_weight=config.kl_weight,
        ema_decay=config.ema_decay,
        seed=config.train_seed,
        checkpoint_every=context.checkpoint_every,
    )
    model = VAE.initialised(spec, config.train_seed)
    if config.prior != "gaussian":
        model = model.with_prior(config.prior, to_model_range(train.images_NCHW), pseudo_inputs=config.pseudo_inputs)
    fitted = fit_and_track(model, train.images_NCHW, plan, context, train=train, select=select, description="training")
    return fitted.sentence
