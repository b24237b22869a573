"""The configuration of each step: a frozen class with the parameters, their defaults, ranges and help texts.

The command-line flags and MLproject mirror these classes one to one. Values may be given as text, and all wrong values
are reported together. A parameter that ends in `_run` names an upstream run by its id, by a runs:/ or models:/ address,
or by "auto".
"""

from lds_mlflow.config.ablation import AblateConfig
from lds_mlflow.config.augmentation import AugmentConfig
from lds_mlflow.config.base import AUTO, NO_MODEL, NO_RUN, Options, Settings, StepConfig, is_declared
from lds_mlflow.config.choice import choices_of, help_of
from lds_mlflow.config.comparison import CompareConfig, named_runs
from lds_mlflow.config.data import DataConfig
from lds_mlflow.config.encoding import EncodeConfig, ExportConfig, ExportFolder
from lds_mlflow.config.judgement import (
    CalibrateConfig,
    EvaluateConfig,
    FeatureSettings,
    PromoteConfig,
    RegisterConfig,
    SampleConfig,
    SamplerSettings,
)
from lds_mlflow.config.kinds import kind_of, range_of
from lds_mlflow.config.parsing import Configs, parse, parse_all
from lds_mlflow.config.recipe import has_default
from lds_mlflow.config.server import DeliverConfig, DoctorConfig, ImageConfig, ServeConfig
from lds_mlflow.config.training import (
    ClassifierConfig,
    DryRunConfig,
    FinetuneConfig,
    FitConfig,
    OpenConfig,
    TrainConfig,
)

__all__ = [
    "AUTO",
    "NO_MODEL",
    "NO_RUN",
    "AblateConfig",
    "AugmentConfig",
    "CalibrateConfig",
    "ClassifierConfig",
    "CompareConfig",
    "Configs",
    "DataConfig",
    "DeliverConfig",
    "DoctorConfig",
    "DryRunConfig",
    "EncodeConfig",
    "EvaluateConfig",
    "ExportConfig",
    "ExportFolder",
    "FeatureSettings",
    "FinetuneConfig",
    "FitConfig",
    "ImageConfig",
    "OpenConfig",
    "Options",
    "PromoteConfig",
    "RegisterConfig",
    "SampleConfig",
    "SamplerSettings",
    "ServeConfig",
    "Settings",
    "StepConfig",
    "TrainConfig",
    "choices_of",
    "has_default",
    "help_of",
    "is_declared",
    "kind_of",
    "named_runs",
    "parse",
    "parse_all",
    "range_of",
]
