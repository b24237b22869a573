"""Configuration of `encode`."""

from typing import ClassVar

from lds_mlflow.config.base import RunReference, StepConfig

__all__ = ["EncodeConfig"]


class EncodeConfig(StepConfig):
    """Encode the training part with a model."""

    topic: ClassVar[str] = "Augment"

    train_run: RunReference = "auto"
    """Run of train or finetune whose model is used; auto takes that of train."""
