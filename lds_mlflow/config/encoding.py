"""Configuration of `encode`."""

from lds_mlflow.config.base import RunReference, StepConfig

__all__ = ["EncodeConfig"]


class EncodeConfig(StepConfig):
    """Encode the training part with a model."""

    train_run: RunReference = "auto"
    """Run of train or finetune whose model is used; auto takes that of train."""
