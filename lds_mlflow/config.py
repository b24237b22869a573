"""One frozen configuration a step: its parameters, their defaults, ranges and help texts.

The command-line flags and MLproject mirror these classes one to one. Values may come as text; all the wrong ones are
reported together. Parameters that end in `_run` name an upstream run: its id, a runs:/ or models:/ address, or "auto".
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from lds_mlflow.errors import ConfigError

__all__ = [
    "AUTO",
    "NO_MODEL",
    "NO_RUN",
    "AugmentConfig",
    "ClassifierConfig",
    "CompareConfig",
    "DataConfig",
    "EncodeConfig",
    "EvaluateConfig",
    "FinetuneConfig",
    "Options",
    "SampleConfig",
    "StepConfig",
    "TrainConfig",
    "named_runs",
    "parse",
    "parse_all",
]

AUTO = "auto"
"""The value of a parameter that names runs for: those that fit, found or made."""

NO_RUN = "none"
"""The value of a `_run` parameter for: without that input."""

NO_MODEL = "none"
"""The value of `registered_model` for: don't register."""

_BANDWIDTH_RULES = ("norm/5", "scott", "silverman", "median", "knn", "loo")

Fraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
CountOrAll = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Replicates = Annotated[int, Field(ge=100, le=1_000_000)]


def _names_a_run(value: str) -> str:
    if value == NO_RUN:
        raise ValueError("should name a run: this input can't be left out")
    return value


RunReference = Annotated[str, Field(min_length=1), AfterValidator(_names_a_run)]
OptionalRunReference = Annotated[str, Field(min_length=1)]


class Settings(BaseModel):
    """Parameters, frozen; an unknown one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)


class Options(Settings):
    """How to run, whatever the step; nothing here changes a result."""

    reuse: bool = True
    """Whether a finished run with the same fingerprint stands in for running a step again."""

    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """Where to compute: auto (a GPU where there is one), cpu, cuda or cuda:N."""

    work_dir: Path = Path(".lds")
    """Folder for checkpoints of unfinished runs; relative to the project."""

    checkpoint_every: Count = 500
    """Training steps between two checkpoints."""


class StepConfig(Settings):
    """What a step's result depends on, beside its inputs."""


class DataConfig(StepConfig):
    """Read images, check them, and divide them into train, select and test."""

    data: str = Field("digits", min_length=1)
    """The images: digits (embedded), a folder or zip of images, or torchvision:NAME:FOLDER."""

    resolution: int = 0
    """Side in pixels that every image is cropped and resized to, a power of two from 8 on; 0 leaves them."""

    channels: Literal[0, 1, 3] = 0
    """Colour channels to convert a folder's images to, 1 or 3; 0 leaves them."""

    label: str = ""
    """Column of a folder's labels.csv that holds the class; empty takes the first."""

    limit: CountOrAll = 0
    """Use at most this many images, beside a test part that the source declares; 0 uses all."""

    select_fraction: Fraction = 0.2
    """Share of the images for choosing between models."""

    test_fraction: Fraction = 0.2
    """Share of the images for the final judgement, where the source declares no test part."""

    split_seed: Seed = 0
    """Seed of the division."""

    @field_validator("resolution")
    @classmethod
    def _is_power_of_two(cls, value: int) -> int:
        if value and (value < 8 or value & (value - 1)):
            raise ValueError("should be 0, or a power of two from 8 on")
        return value

    @field_validator("test_fraction")
    @classmethod
    def _leaves_something_to_train_on(cls, value: float, info: ValidationInfo) -> float:
        if value + info.data.get("select_fraction", 0) >= 1:
            raise ValueError("should leave something to train on: select_fraction + test_fraction below 1")
        return value

    @field_validator("channels", mode="before")
    @classmethod
    def _number_of_channels(cls, value: Any) -> Any:
        return int(value) if str(value).isdigit() else value


class FitConfig(StepConfig):
    """What training and finetuning share, so that they differ in data and learning rate alone."""

    batch_size: Count = 32
    """Images in a training step."""

    kl_weight: Positive = 1.0
    """Factor on the KL term of the loss; 1 is the evidence lower bound."""

    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.995
    """Decay of the moving average of the weights, a step."""


class TrainConfig(FitConfig):
    """Train the baseline, a StyleGAN2-structured VAE, on the training part."""

    data_run: RunReference = "auto"
    """Run of the step data, or auto."""

    preset: Literal["auto", "digits", "grey32", "colour32", "faces64", "paper256"] = "auto"
    """Size of the network; auto takes the smallest that fits the images."""

    train_steps: Count = 2500
    """Training steps of the baseline."""

    learning_rate: Positive = 0.01
    """Adam's step size for the baseline; the weights have equalized learning rates."""

    train_seed: Seed = 0
    """Seed of the baseline's initial weights, batches and noise."""


class EncodeConfig(StepConfig):
    """Encode the training part with the baseline."""

    train_run: RunReference = "auto"
    """Run of the step train, or auto."""


class AugmentConfig(StepConfig):
    """Interpolate latents into candidates, score them by latent density, select, and decode the augmentation set A."""

    encode_run: RunReference = "auto"
    """Run of the step encode, or auto."""

    augmentation_ratio: Annotated[float, Field(gt=0, le=10)] = 0.5
    """Size of A at most, as a share of the training part; the draft's is 10,000 / 20,000."""

    candidates: Literal["sampled", "exhaustive"] = "sampled"
    """sampled: interpolants drawn at random. exhaustive: the densest of all linear interpolants there are."""

    interpolation: Literal["linear", "slerp", "variance-preserving"] = "linear"
    """How a candidate lies between its parents; the draft's is linear, which shrinks norms."""

    parent_neighbours: CountOrAll = 0
    """Draw the second parent among this many nearest to the first; 0 draws it among all, as the draft does."""

    every_alpha: bool = False
    """Whether a pair gives all nine alphas, which is cheaper to score, or a random one."""

    scorer: Literal["exact", "neighbours", "subsample"] = "exact"
    """exact, or an approximation with a certificate: the 256 nearest latents (needs faiss), or a tenth of them."""

    latent_space: Literal["raw", "centred", "whitened"] = "raw"
    """Space in which density is measured; the draft's is raw."""

    drop_inactive: bool = False
    """Whether dimensions with less than 0.01 of the largest variance are left out of distances."""

    sigma: str = "norm/5"
    """Bandwidth: norm/5 (the draft's: a fifth of the mean norm), scott, silverman, median, knn, loo, or a number."""

    sigma_multiplier: Positive = 1.0
    """What the bandwidth is multiplied by."""

    leave_endpoints_out: bool = False
    """Whether a candidate's own two parents are left out of its score."""

    selection: Literal[
        "top", "paper", "threshold", "random", "power", "conformal", "highest-density", "typical", "otsu", "knee"
    ] = "top"
    """top: the densest fraction; paper: that and tau; random: a control; docs/method.md has all the rules."""

    top_fraction: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of the candidates that top, paper, random and power keep; as many candidates are drawn as that needs."""

    tau: Positive = 0.28
    """Threshold on LDS for paper and threshold; the draft's is 0.28, which few latents can reach."""

    combine: Literal["both", "of-passing", "either", "fallback"] = "both"
    """How paper combines them: both hold, the top of-passing tau, either holds, or the top as fallback."""

    gamma: Annotated[float, Field(ge=-1, le=1)] = 1.0
    """Exponent for power; negative favours sparse regions, 0 is random."""

    mass: Fraction = 0.9
    """Share of real latents that conformal, highest-density and typical let pass."""

    sharpest_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the selected that a second filter keeps, the sharpest (the draft's LDS + SS); 1 is without it."""

    stratify: Literal["none", "class", "cluster"] = "none"
    """Keep the training shares of classes, or of clusters of the latents (k-means)."""

    clusters: Annotated[int, Field(ge=2)] = 10
    """Clusters for stratify=cluster."""

    max_per_parent: CountOrAll = 0
    """How often a training image may be a parent in A; 0 is any number."""

    augment_seed: Seed = 0
    """Seed of the candidates, and of selections that draw."""

    @field_validator("interpolation")
    @classmethod
    def _is_linear_if_exhaustive(cls, value: str, info: ValidationInfo) -> str:
        if value != "linear" and info.data.get("candidates") == "exhaustive":
            raise ValueError("should be linear where candidates is exhaustive")
        return value

    @field_validator("sigma")
    @classmethod
    def _is_rule_or_number(cls, value: str) -> str:
        if value not in _BANDWIDTH_RULES:
            try:
                number = float(value)
            except ValueError:
                number = 0.0
            if not 0 < number < float("inf"):
                raise ValueError(f"should be {', '.join(_BANDWIDTH_RULES)}, or a finite number above 0")
        return value


class FinetuneConfig(FitConfig):
    """Finetune the baseline on train + A, and register the model."""

    augment_run: OptionalRunReference = "auto"
    """Run of the step augment, auto, or none: finetuning on the training part alone, the control."""

    train_run: RunReference = "auto"
    """Run of the step train, or auto."""

    finetune_steps: Count = 500
    """Training steps of finetuning."""

    finetune_learning_rate: Positive = 0.002
    """Adam's step size for finetuning."""

    finetune_seed: Seed = 0
    """Seed of finetuning's batches and noise."""

    registered_model: str = Field("lds-vae", pattern=r"^[^/:]+$")
    """Name in the model registry, or none."""


class ClassifierConfig(StepConfig):
    """Train a small classifier on the training labels: the offline feature extractor."""

    data_run: RunReference = "auto"
    """Run of the step data, or auto."""

    classifier_steps: Count = 300
    """Training steps of the classifier, of 64 images each."""

    classifier_seed: Seed = 0
    """Seed of the classifier's weights and batches."""


class EvaluateConfig(StepConfig):
    """Measure a model's samples against held-out images: distances, neighbours, memorization and class balance."""

    classifier_run: OptionalRunReference = "auto"
    """Run of the step classifier, auto, or none: no class shares."""

    model_run: RunReference = "auto"
    """Run of finetune or train whose model is used, or auto: finetune's."""

    part: Literal["test", "select"] = "test"
    """Held-out images: test, for judging, or select, for choosing. Nothing that chooses may read a figure of test."""

    samples: CountOrAll = 0
    """How many samples to draw; 0 draws as many as there are held-out images."""

    k_neighbours: Count = 5
    """Neighbours of precision, recall, density and coverage."""

    features: Literal["classifier", "inception", "squeezenet", "squeezenet-caffe", "program"] = "classifier"
    """Feature extractor: the classifier, Inception v3, SqueezeNet by torchvision's or Caffe's weights, or a program."""

    feature_weights: str = ""
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
        if value == "classifier" and info.data.get("classifier_run") == NO_RUN:
            raise ValueError("should be another extractor where classifier_run is none")
        return value

    @field_validator("feature_weights")
    @classmethod
    def _is_there(cls, value: str, info: ValidationInfo) -> str:
        features = info.data.get("features")
        if value and not Path(value).is_file():
            raise ValueError(f"should be a file, or empty: there is none at {value}")
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
    """Say which of two or more models is better, by how much, and how sure that is."""

    runs: str = "auto"
    """RUN,RUN or NAME=RUN,NAME=RUN: of evaluate, finetune or train. auto: the baseline, the control, the finetuned."""

    margin: Fraction = 0.1
    """The smallest difference that matters, as a share of the figure."""

    bootstrap_replicates: Replicates = 10_000
    """Bootstrap replicates of the intervals."""

    @field_validator("runs")
    @classmethod
    def _names_several(cls, value: str) -> str:
        if value != AUTO:
            named_runs(value)
        return value


class SampleConfig(StepConfig):
    """Draw images from a model."""

    model_run: RunReference = "auto"
    """Run of finetune or train whose model is used, or auto: finetune's."""

    count: Annotated[int, Field(ge=1, le=100_000)] = 64
    """How many images to draw."""

    truncation: Annotated[float, Field(gt=0, le=2)] = 1.0
    """Scale of the latents; below 1 gives more typical images."""

    sample_seed: Seed = 0
    """Seed of the first sample; the others follow."""


C = TypeVar("C", bound=Settings)


def named_runs(text: str) -> list[tuple[str, str]]:
    """Returns names and runs of a list RUN,RUN or NAME=RUN,NAME=RUN; a run without a name has an empty one.

    Raises:
        ValueError: There are fewer than two, one has no run, or a name can't be used or comes twice.
    """
    found: list[tuple[str, str]] = []
    for item in text.split(","):
        name, named, run = (part.strip() for part in item.rpartition("="))
        if not run:
            raise ValueError("should be RUN,RUN or NAME=RUN,NAME=RUN, with nothing left out")
        if named and (not re.fullmatch(r"\w[\w .-]*", name) or name in dict(found)):
            raise ValueError(
                f"should name every run by letters, digits, dots and dashes, each its own way: not {name!r}"
            )
        found.append((name, run))
    if len(found) < 2:
        raise ValueError("should name two runs or more, or be auto")
    return found


def parse(kind: type[C], values: Mapping[str, Any]) -> C:
    """Checks values, which may be text, against a configuration.

    Raises:
        ConfigError: Some are wrong; the message names all of them.
    """
    parsed = parse_all((kind,), values)[kind]
    assert isinstance(parsed, kind)
    return parsed


def parse_all(kinds: Iterable[type[Settings]], values: Mapping[str, Any]) -> dict[type[Settings], Settings]:
    """Checks values, which may be text, against several configurations that share parameters.

    Returns:
        Each kind with its configuration; what no value is given for has its default.

    Raises:
        ConfigError: Some are wrong or belong to none; the message names all of them.
    """
    parsed: dict[type[Settings], Settings] = {}
    unknown = dict(values)
    problems: dict[str, None] = {}
    for kind in kinds:
        own = {name: value for name, value in values.items() if name in kind.model_fields}
        unknown = {name: value for name, value in unknown.items() if name not in own}
        try:
            parsed[kind] = kind(**own)
        except ValidationError as error:
            problems |= dict.fromkeys(_describe(problem) for problem in error.errors())
    problems |= dict.fromkeys(f"{name}: there is no such parameter" for name in unknown)
    if problems:
        raise ConfigError(
            f"{len(problems)} wrong parameter{'s' if len(problems) > 1 else ''}",
            found="".join(f"\n  - {problem}" for problem in problems) + "\n",
            expected="values in range",
            remedy="Nothing was computed. --help lists every parameter with its default.",
        )
    return parsed


def _describe(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    rule = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{where}={problem['input']}: {rule}"
