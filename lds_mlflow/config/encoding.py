"""Configurations of the steps `encode` and `export`."""

from typing import Annotated, ClassVar

from pydantic import Field

from lds_mlflow.config.base import Declared, RunReference, Settings, StepConfig

__all__ = ["EncodeConfig", "ExportConfig", "ExportFolder"]


class EncodeConfig(StepConfig):
    """Encode the training part with a model."""

    topic: ClassVar[str] = "Augment"

    train_run: RunReference = "auto"
    """Run of train or finetune whose model is used; auto takes that of train."""


class ExportConfig(StepConfig):
    """Write a model's encoder and decoder as programs, which torch runs without this project and model= takes."""

    topic: ClassVar[str] = "Register"

    model_run: RunReference = "auto"
    """Run whose model is used, of finetune, train or open; auto: finetune."""


class ExportFolder(Settings):
    """Where the command `export` writes to."""

    topic: ClassVar[str] = "Register"

    folder: Declared[Annotated[str, Field(min_length=1)]] = "generator"
    """Folder to write to: generator.json, encoder.pt2 and decoder.pt2; it is made, and may not have other files."""
