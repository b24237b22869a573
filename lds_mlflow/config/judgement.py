"""Configurations of what draws samples and judges them: `evaluate`, `register`, `sample`."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.choices import phrases
from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.choices.extractors import CLASSIFIER, EXTRACTORS
from lds_mlflow.choices.figures import FIGURES, LEAST_NEAREST_RATIO, PROMOTABLE
from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.config.base import (
    AUTO,
    NO_RUN,
    Count,
    CountOrAll,
    Declared,
    FileOrEmpty,
    OptionalRunReference,
    Replicates,
    RunReference,
    Seed,
    StepConfig,
)
from lds_mlflow.config.choice import OneOf
from lds_mlflow.config.sigma import Sigma

__all__ = [
    "EvaluateConfig",
    "PromoteConfig",
    "RegisterConfig",
    "SampleConfig",
    "SamplerSettings",
]


RegisteredModel = Annotated[str, Field(pattern=r"^[^/:]+$")]


class SamplerSettings(StepConfig):
    """What the samplers depend on."""

    sampler_sigma: Sigma = DRAFTS_BANDWIDTH
    """Bandwidth of the samplers density and interpolants: a rule as for sigma, or a number."""

    sampler_components: Count = 20
    """Gaussians of the sampler mixture."""


class SamplerConfig(SamplerSettings):
    """How latents are drawn for samples."""

    sampler: Declared[Annotated[str, OneOf(phrases(SAMPLERS))]] = "density"
    """What latents are drawn from."""


class EvaluateConfig(SamplerConfig):
    """Measure a model's samples against held-out images: distances, neighbours, memorization and class balance."""

    classifier_run: OptionalRunReference = "auto"
    """Run of the step classifier, auto, or none: no class shares."""

    model_run: RunReference = "auto"
    """Run of finetune or train whose model is used, or auto: finetune's."""

    part: Declared[Literal["test", "select"]] = "test"
    """Held-out images: test, for judging, or select, for choosing. Nothing that chooses may read a figure of test."""

    samples: CountOrAll = 0
    """How many samples to draw; 0 draws as many as there are held-out images."""

    k_neighbours: Count = 5
    """Neighbours of precision, recall, density and coverage."""

    features: Declared[Annotated[str, OneOf(phrases(EXTRACTORS))]] = CLASSIFIER
    """Feature extractor: the classifier, Inception v3, SqueezeNet by torchvision's or Caffe's weights, or a program."""

    feature_weights: FileOrEmpty = ""
    """File of the extractor's weights, or the program (TorchScript, .pt2); empty lets Inception download its own."""

    program_resolution: CountOrAll = 0
    """Side in pixels at which the program takes images; 0 leaves them."""

    sample_seed: Seed = 0
    """Seed of the first sample; the others follow."""

    bootstrap_replicates: Replicates = 10_000
    """Bootstrap replicates of the intervals."""

    @field_validator("features")
    @classmethod
    def _is_at_hand(cls, value: str, info: ValidationInfo) -> str:
        if EXTRACTORS[value].needs_judge and info.data.get("classifier_run") == NO_RUN:
            raise ValueError("should be another extractor where classifier_run is none")
        return value

    @field_validator("feature_weights")
    @classmethod
    def _goes_with_the_features(cls, value: str, info: ValidationInfo) -> str:
        features = info.data.get("features", "")
        file = EXTRACTORS[features].file if features in EXTRACTORS else "optional"
        if not value and file == "required":
            raise ValueError(f"should be a file where features is {features}")
        if value and file == "none":
            raise ValueError(f"should be empty where features is {features}, which the project trains")
        return value

    @field_validator("program_resolution")
    @classmethod
    def _is_for_a_program(cls, value: int, info: ValidationInfo) -> int:
        takers = [name for name, choice in EXTRACTORS.items() if choice.takes_resolution]
        if value and info.data.get("features") not in takers:
            raise ValueError(f"should be 0 where features is not {' or '.join(takers)}")
        return value


class RegisterConfig(SamplerSettings):
    """Choose the sampler that suits a model best by the select part, and register both."""

    model_run: RunReference = "auto"
    """Run of finetune or train whose model is used, or auto: finetune's."""

    served_sampler: Annotated[str, OneOf({AUTO: "the one that the select part prefers"} | phrases(SAMPLERS))] = AUTO
    """What the registered model draws from."""

    registered_model: Declared[RegisteredModel] = "lds-vae"
    """Name in the model registry, or none."""


class PromoteConfig(StepConfig):
    """Make a registered version the champion, if it is better by the select part and loses nothing else."""

    registered_model: Declared[RegisteredModel] = "lds-vae"
    """Name in the model registry, or none."""

    candidate: Declared[Annotated[str, Field(min_length=1)]] = "challenger"
    """The version to promote, by its alias or number."""

    promote_by: Annotated[str, OneOf({name: FIGURES[name].title for name in PROMOTABLE})] = "fid"
    """Figure in which it has to be better than the champion, with the interval of the difference clear of zero."""

    coverage_loss: Annotated[float, Field(ge=0, le=1)] = 0.02
    """How much lower than the champion's its Coverage may be."""

    share_gap_gain: Annotated[float, Field(ge=0, le=1)] = 0.02
    """How much larger than the champion's its corrected class share gap may be."""

    least_nearest_ratio: Annotated[float, Field(ge=0)] = LEAST_NEAREST_RATIO
    """The least nearest-neighbour ratio; below 1 samples are nearer to the training images than real images are."""

    rollback: Declared[bool] = False
    """Whether to restore the champion before this one instead."""

    bootstrap_replicates: Replicates = 10_000
    """Bootstrap replicates of the intervals."""


class SampleConfig(SamplerConfig):
    """Draw images from a model."""

    model_run: RunReference = "auto"
    """Run of finetune or train whose model is used, or auto: finetune's."""

    count: Declared[Annotated[int, Field(ge=1, le=100_000)]] = 64
    """How many images to draw."""

    truncation: Declared[Annotated[float, Field(gt=0, le=2)]] = 1.0
    """Scale of the latents; below 1 gives more typical images."""

    sample_seed: Seed = 0
    """Seed of the first sample; the others follow."""
