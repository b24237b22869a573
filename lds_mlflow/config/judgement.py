"""Configurations of the steps that draw or judge samples, and of the entry point `promote`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.choices import phrases
from lds_mlflow.choices.bandwidths import CALIBRATED
from lds_mlflow.choices.extractors import CLASSIFIER, EXTRACTORS
from lds_mlflow.choices.figures import FIGURES, PROMOTABLE
from lds_mlflow.choices.kernels import ISOTROPIC, KERNELS
from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.config.balance import AS_IN_DATA, Balance
from lds_mlflow.config.base import (
    AUTO,
    NO_RUN,
    Count,
    CountOrAll,
    Declared,
    FileOrEmpty,
    NotNegative,
    OptionalRunReference,
    Pixels,
    Replicates,
    RunReference,
    Seed,
    StepConfig,
    or_auto,
)
from lds_mlflow.config.choice import ChoiceOf
from lds_mlflow.config.kinds import Kind
from lds_mlflow.config.sigma import SamplerSigma

__all__ = [
    "CalibrateConfig",
    "EvaluateConfig",
    "FeatureSettings",
    "PromoteConfig",
    "RegisterConfig",
    "SampleConfig",
    "SamplerSettings",
]


RegisteredModel = Annotated[str, Field(pattern=r"^[^/:]+$")]


class KernelSettings(StepConfig):
    """The kernel of the sampler density."""

    topic: ClassVar[str] = "Evaluate"

    sampler_kernel: Annotated[str, ChoiceOf(phrases(KERNELS))] = ISOTROPIC
    """Kernel of the sampler density; whatever its shape, the noise of one sampler_sigma has one mean size."""


class SamplerSettings(KernelSettings):
    """Parameters of the samplers."""

    sampler_sigma: SamplerSigma = CALIBRATED
    """Bandwidth of the samplers density and interpolants: calibrated, a rule of the parameter sigma, or a number."""

    sampler_components: Count = 20
    """Number of Gaussians in the sampler mixture."""

    flow_steps: Annotated[int, Field(ge=1, le=1_000_000)] = 2000
    """Number of training steps of the network of the sampler flow."""

    polarity: Annotated[float, Field(ge=-10, le=10)] = -0.5
    """Power of the sampler polarity; below 0, typical samples are more frequent, above 0 rare ones."""


class SamplerConfig(SamplerSettings):
    """The sampler that draws the latents of samples."""

    sampler: Declared[Annotated[str, ChoiceOf(phrases(SAMPLERS))]] = "density"
    """What latents are drawn from."""

    balance: Balance = AS_IN_DATA
    """Class shares of samples, by the sampler density: data (as in training), equal, or NAME:0.3,OTHER:0.7."""

    @property
    def is_calibrated(self) -> bool:
        """Whether the bandwidth is the one that the step `calibrate` finds."""
        return self.sampler_sigma == CALIBRATED and SAMPLERS[self.sampler].can_be_calibrated


class FeatureSettings(StepConfig):
    """Parameters of the features by which samples are judged."""

    topic: ClassVar[str] = "Evaluate"

    classifier_run: OptionalRunReference = "auto"
    """Run of the step classifier; auto finds or makes one, none measures no class shares."""

    k_neighbours: Count = 5
    """Number of nearest neighbours for precision, recall, density and coverage."""

    features: Declared[Annotated[str, ChoiceOf(phrases(EXTRACTORS))]] = CLASSIFIER
    """Feature extractor: the classifier, a network that others have trained, or a program."""

    feature_weights: FileOrEmpty = ""
    """File of the extractor's weights or program (TorchScript, .pt2); empty lets Inception download its weights."""

    program_resolution: Pixels = 0
    """Side in pixels to which images are resized for the program; 0 keeps their size."""

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


class CalibrateConfig(FeatureSettings, KernelSettings):
    """Find the bandwidth of the sampler density whose samples of a model are near to the images but no copies."""

    model_run: RunReference = "auto"
    """Run whose model is used, of finetune, train or open; auto: finetune."""


class EvaluateConfig(FeatureSettings, SamplerConfig):
    """Measure a model's samples against held-out images: distances, neighbours, memorization and class balance."""

    model_run: RunReference = "auto"
    """Run whose model is used, of finetune, train or open; auto: finetune."""

    part: Declared[Literal["test", "select"]] = "test"
    """Held-out part: select for choosing between models, test for judging them, by which nothing may be chosen."""

    samples: CountOrAll = 0
    """Number of samples to draw; 0 draws as many as there are held-out images."""

    sample_seed: Seed = 0
    """Seed of the first sample; every further sample has the next seed."""

    bootstrap_replicates: Replicates = 10_000
    """Number of bootstrap replicates for confidence intervals."""


class RegisterConfig(SamplerSettings):
    """Choose the sampler that suits a model best by the part select, and register the model with it."""

    topic: ClassVar[str] = "Register"

    model_run: RunReference = "auto"
    """Run whose model is used, of finetune, train or open; auto: finetune."""

    served_sampler: Annotated[str, ChoiceOf({AUTO: "the one that the select part prefers"} | phrases(SAMPLERS))] = AUTO
    """What the registered model draws from."""

    registered_model: Declared[RegisteredModel] = AUTO
    """Name in the model registry; auto: that of the data, or the only one to promote; none: nothing is registered."""

    kept_examples: Annotated[int, Field(ge=0, le=1000)] = 64
    """How many training examples the registered model keeps, for people to look at beside its samples."""


class PromoteConfig(StepConfig):
    """Make a registered version the champion if it is better by the part select and keeps within the limits."""

    topic: ClassVar[str] = "Register"

    registered_model: Declared[RegisteredModel] = AUTO
    """Name in the model registry; auto: that of the data, or the only one to promote; none: nothing is registered."""

    candidate: Declared[Annotated[str, Field(min_length=1)]] = "challenger"
    """Version to promote, by its alias or its number."""

    promote_by: Annotated[str, ChoiceOf({name: FIGURES[name].title for name in PROMOTABLE})] = "fid"
    """Figure in which it has to be better than the champion, with the interval of the difference clear of zero."""

    coverage_loss: Annotated[float, Field(ge=0, le=1)] = 0.02
    """How much lower than the champion's the candidate's Coverage may be."""

    share_gap_gain: Annotated[float, Field(ge=0, le=1)] = 0.02
    """How much larger than the champion's the candidate's corrected class share gap may be."""

    least_nearest_ratio: Annotated[float | Literal["auto"], or_auto(NotNegative), Kind("auto|NUMBER")] = "auto"
    """Smallest nearest-neighbour ratio allowed; auto: 1, or less if reconstructions of unseen images have less."""

    most_tail_share: Annotated[
        float | Literal["auto"], or_auto(Annotated[float, Field(ge=0, le=1)]), Kind("auto|NUMBER")
    ] = "auto"
    """Largest tail share (near-copies) allowed; auto: 0.02, or more if reconstructions of unseen images have more."""

    accept_alarms: bool = False
    """Whether a version may become the champion though its data, classifier or training has raised an alarm."""

    rollback: Declared[bool] = False
    """Whether to restore the previous champion instead of promoting a candidate."""

    bootstrap_replicates: Replicates = 10_000
    """Number of bootstrap replicates for confidence intervals."""


class SampleConfig(SamplerConfig):
    """Draw images from a model."""

    model_run: RunReference = "auto"
    """Run whose model is used, of finetune, train or open; auto: finetune."""

    count: Declared[Annotated[int, Field(ge=1, le=100_000)]] = 64
    """Number of images to draw."""

    truncation: Declared[Annotated[float, Field(gt=0, le=2)]] = 1.0
    """Factor on the distance of each latent from the mean of its distribution; below 1 gives more typical images."""

    sample_seed: Seed = 0
    """Seed of the first sample; every further sample has the next seed."""

    sample_label: Declared[str] = ""
    """Class that images are drawn of, as the data calls it, by the sampler density or interpolants; empty: all."""

    @field_validator("sample_label")
    @classmethod
    def _is_for_all_shares(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("balance", AS_IN_DATA) != AS_IN_DATA:
            raise ValueError(
                f"should be empty where balance is not {AS_IN_DATA}, since one class has all of the shares"
            )
        return value
