"""The entry point `tune`: its configurations and parameters."""

from lds_mlflow.config import Options, PromoteConfig, Settings
from lds_mlflow.entry.graph import STEPS, fields_of
from tuning.config import TuneConfig

__all__ = ["CONFIGS", "PARAMETERS", "TUNE"]

TUNE = "tune"

_STEPS = ("data", "train", "encode", "augment", "finetune", "classifier", "evaluate", "register")
_SETTLED = {
    *(name for step in _STEPS for name in STEPS[step].references),
    *(
        "candidate",
        "rollback",
        "part",
        "samples",
        "train_seed",
        "augment_seed",
        "finetune_seed",
        "sample_seed",
        "served_sampler",
    ),
}
"""A search sets its own seeds, and judges by as many samples as there are held-out images."""

CONFIGS: tuple[type[Settings], ...] = (*(STEPS[name].config for name in _STEPS), PromoteConfig, TuneConfig, Options)
"""The configurations that the parameters fill."""

PARAMETERS = fields_of(CONFIGS, _SETTLED)
"""All parameters by name."""
