"""Configurations of the entry points `serve`, `image`, `deliver` and `doctor`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.config.base import AUTO, Declared, FromFile, WorkFolder

__all__ = ["DeliverConfig", "DoctorConfig", "ImageConfig", "ServeConfig"]


class ServeConfig(FromFile):
    """Serve a registered model over HTTP: images by seed, and a gallery page to look at them."""

    model: Declared[Annotated[str, Field(pattern=r"^(auto$|(models|runs):/.+)")]] = AUTO
    """Address: models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN_ID/PATH; auto: the only model's champion."""

    host: Declared[Annotated[str, Field(min_length=1)]] = "127.0.0.1"
    """Address to listen on; 0.0.0.0 listens on all addresses of the machine."""

    port: Declared[Annotated[int, Field(ge=1, le=65535)]] = 5001
    """Port to listen on."""

    accept: Literal["json", "any"] = "json"
    """Bodies of requests: json, or any (CSV and Parquet too, of which a small one may unpack to gigabytes)."""

    follow_alias: bool = False
    """Whether to go on to another version when it is given the alias of model; false keeps the first."""

    allowed_hosts: str = ""
    """Names, with commas, by which it may be reached beside localhost, numeric addresses and this machine's name."""

    api_docs: bool = False
    """Whether to serve the pages /docs and /openapi.json, which describe the requests."""

    @field_validator("follow_alias")
    @classmethod
    def _has_an_alias(cls, value: bool, info: ValidationInfo) -> bool:
        model = info.data.get("model", AUTO)
        if value and model != AUTO and "@" not in model:
            raise ValueError("should be false where model is neither auto nor models:/NAME@ALIAS")
        return value


class ImageConfig(FromFile):
    """Build a container image that serves a registered version, start it once, and check one of its samples."""

    model: Declared[Annotated[str, Field(pattern=r"^(auto$|models:/.+)")]] = AUTO
    """Address of the version: models:/NAME@ALIAS or models:/NAME/VERSION; auto: the only model's champion."""

    image: Declared[Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9._/-]*:[\w.-]+)?$")]] = ""
    """Name of the image, as NAME:TAG; empty takes those of the model and its version."""

    base_image: Annotated[str, Field(min_length=1)] = "python:3.11-slim-bookworm"
    """Image that it is built on, which has Python."""

    extra_index: str = ""
    """Address of a further package index, such as one with CPU builds of torch, which make the image smaller."""

    network: Literal["bridge", "host"] = "bridge"
    """Network of the container that is checked; host where the engine can't publish ports."""

    start_minutes: Annotated[float, Field(gt=0, le=60)] = 5
    """How long the container may take to load the model."""


class DoctorConfig(FromFile):
    """Say what is installed on this machine, what is missing, and what each missing piece would give."""

    work_dir: Declared[WorkFolder] = Path(".lds")
    """Folder that commands use as their work_dir, on whose disk there should be room."""


class DeliverConfig(FromFile):
    """Deliver what an unreachable tracking server hasn't received; every other command also does so when it begins."""

    work_dir: Declared[WorkFolder] = Path(".lds")
    """Folder that the runs used as their work_dir."""
