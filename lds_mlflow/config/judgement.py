"""Configurations of the steps that draw or judge samples, and of the entry point `promote`."""

import re
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.config.base import (
    AUTO,
    NO_RUN,
    Bandwidth,
    Count,
    CountOrAll,
    FileOrEmpty,
    Fraction,
    OptionalRunReference,
    Replicates,
    RunReference,
    Seed,
    StepConfig,
)

__all__ = [
    "CompareConfig",
    "EvaluateConfig",
    "PromoteConfig",
    "RegisterConfig",
    "SampleConfig",
    "SamplerSettings",
    "named_runs",
]


RegisteredModel = Annotated[str, Field(pattern=r"^[^/:]+$")]


class SamplerSettings(StepConfig):
    """Parameters of the samplers."""

    sampler_sigma: Bandwidth = "norm/5"
    """Bandwidth of the samplers density and interpolants: a rule of the parameter sigma, or a number."""

    sampler_components: Count = 20
    """Number of Gaussians in the sampler mixture."""


class SamplerConfig(SamplerSettings):
    """The sampler that draws the latents of samples."""

    sampler: Literal["prior", "gaussian", "mixture", "density", "interpolants"] = "density"
    """Distribution that latents are drawn from: the prior, or one that is fitted to the training latents."""


class EvaluateConfig(SamplerConfig):
    """Measure a model's samples against held-out images: distances, neighbours, memorization and class balance."""

    classifier_run: OptionalRunReference = "auto"
    """Run of the step classifier; auto finds or makes one, none measures no class shares."""

    model_run: RunReference = "auto"
    """Run of finetune or train whose model is used; auto takes that of finetune."""

    part: Literal["test", "select"] = "test"
    """Held-out part: select for choosing between models, test for judging them, by which nothing may be chosen."""

    samples: CountOrAll = 0
    """Number of samples to draw; 0 draws as many as there are held-out images."""

    k_neighbours: Count = 5
    """Number of nearest neighbours for precision, recall, density and coverage."""

    features: Literal["classifier", "inception", "squeezenet", "squeezenet-caffe", "program"] = "classifier"
    """Feature extractor: the classifier, Inception v3, SqueezeNet by torchvision's or Caffe's weights, or a program."""

    feature_weights: FileOrEmpty = ""
    """File of the extractor's weights or program (TorchScript, .pt2); empty lets Inception download its weights."""

    program_resolution: CountOrAll = 0
    """Side in pixels to which images are resized for the program; 0 keeps their size."""

    sample_seed: Seed = 0
    """Seed of the first sample; every further sample has the next seed."""

    bootstrap_replicates: Replicates = 10_000
    """Number of bootstrap replicates for confidence intervals."""

    @field_validator("features")
    @classmethod
    def _is_at_hand(cls, value: str, info: ValidationInfo) -> str:
        if value == "classifier" and info.data.get("classifier_run") == NO_RUN:
            raise ValueError("should be another extractor than the classifier, since classifier_run is none")
        return value

    @field_validator("feature_weights")
    @classmethod
    def _goes_with_the_features(cls, value: str, info: ValidationInfo) -> str:
        features = info.data.get("features")
        if not value and features in {"squeezenet", "squeezenet-caffe", "program"}:
            raise ValueError(f"should be a file where features is {features}")
        if value and features == "classifier":
            raise ValueError("should be empty where features is classifier, which the project trains")
        return value

    @field_validator("program_resolution")
    @classmethod
    def _is_for_a_program(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("features") != "program":
            raise ValueError("should be 0 where features isn't program")
        return value


class CompareConfig(StepConfig):
    """Say which of two or more models is better, by how much, and how certain that is."""

    runs: str = "auto"
    """RUN,RUN or NAME=RUN,NAME=RUN, of evaluate, finetune or train; auto: the baseline, the control, the finetuned."""

    margin: Fraction = 0.1
    """Smallest difference that matters, as a share of the figure's value."""

    bootstrap_replicates: Replicates = 10_000
    """Number of bootstrap replicates for confidence intervals."""

    @field_validator("runs")
    @classmethod
    def _names_several(cls, value: str) -> str:
        if value != AUTO:
            named_runs(value)
        return value


class RegisterConfig(SamplerSettings):
    """Choose the sampler that suits a model best by the part select, and register the model with it."""

    model_run: RunReference = "auto"
    """Run of finetune or train whose model is used; auto takes that of finetune."""

    served_sampler: Literal["auto", "prior", "gaussian", "mixture", "density", "interpolants"] = "auto"
    """Sampler of the registered model; auto chooses one by the part select (docs/method.md)."""

    registered_model: RegisteredModel = "lds-vae"
    """Name of the model in the model registry; none neither registers nor promotes one."""


class PromoteConfig(StepConfig):
    """Make a registered version the champion if it is better by the part select and keeps within the limits."""

    registered_model: RegisteredModel = "lds-vae"
    """Name of the model in the model registry; none neither registers nor promotes one."""

    candidate: Annotated[str, Field(min_length=1)] = "challenger"
    """Version to promote, by its alias or its number."""

    promote_by: Literal["fid", "kid", "precision", "recall", "coverage"] = "fid"
    """Figure in which the candidate must be better, with an interval of the difference that excludes zero."""

    coverage_loss: Annotated[float, Field(ge=0, le=1)] = 0.02
    """How much lower than the champion's the candidate's Coverage may be."""

    share_gap_gain: Annotated[float, Field(ge=0, le=1)] = 0.02
    """How much larger than the champion's the candidate's corrected class share gap may be."""

    least_nearest_ratio: Annotated[float, Field(ge=0)] = 1.0
    """Smallest nearest-neighbour ratio allowed; below 1, samples are nearer to training images than real ones are."""

    rollback: bool = False
    """Whether to restore the previous champion instead of promoting a candidate."""

    bootstrap_replicates: Replicates = 10_000
    """Number of bootstrap replicates for confidence intervals."""


class SampleConfig(SamplerConfig):
    """Draw images from a model."""

    model_run: RunReference = "auto"
    """Run of finetune or train whose model is used; auto takes that of finetune."""

    count: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Number of images to draw."""

    truncation: Annotated[float, Field(gt=0, le=2)] = 1.0
    """Factor on the distance of each latent from the mean of its distribution; below 1 gives more typical images."""

    sample_seed: Seed = 0
    """Seed of the first sample; every further sample has the next seed."""


def named_runs(text: str) -> list[tuple[str, str]]:
    """Returns the names and runs of a list RUN,RUN or NAME=RUN,NAME=RUN; the name is empty where none is given.

    Raises:
        ValueError: There are fewer than two runs, a run is missing, or a name is not allowed or is used twice.
    """
    found: list[tuple[str, str]] = []
    for item in text.split(","):
        name, named, run = (part.strip() for part in item.rpartition("="))
        if not run:
            raise ValueError("should be RUN,RUN or NAME=RUN,NAME=RUN, without empty places")
        if named and (not re.fullmatch(r"\w[\w .-]*", name) or name in dict(found)):
            raise ValueError(
                f"should give every run a different name of letters, digits, dots and dashes: not {name!r}"
            )
        found.append((name, run))
    if len(found) < 2:
        raise ValueError("should name two runs or more, or be auto")
    return found
