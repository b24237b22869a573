"""Configuration of `serve` and `deliver`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from lds_mlflow.config.base import Declared, Settings

__all__ = ["DeliverConfig", "ServeConfig"]


class ServeConfig(Settings):
    """Serve a registered model: images by seed over HTTP, and a page to look at them."""

    model: Declared[Annotated[str, Field(pattern=r"^(models|runs):/.+")]] = "models:/lds-vae@champion"
    """Address of the model: models:/NAME@ALIAS or models:/NAME/VERSION."""

    host: Declared[Annotated[str, Field(min_length=1)]] = "127.0.0.1"
    """Address to listen at; 0.0.0.0 is all there are."""

    port: Declared[Annotated[int, Field(ge=1, le=65535)]] = 5001
    """Port to listen at."""


class DeliverConfig(Settings):
    """Deliver what a tracking server that was away has not taken; every other command does so before it begins."""

    work_dir: Declared[Path] = Path(".lds")
    """The folder that the runs worked in."""
