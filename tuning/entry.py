"""The entry point `tune`: what it takes."""

from lds_mlflow.config import Options, PromoteConfig
from lds_mlflow.entry.examples import EXAMPLES
from lds_mlflow.entry.graph import REFERENCES, REGISTER, steps_behind
from lds_mlflow.entry.points import EntryPoint, configs_of
from tuning.config import TuneConfig

__all__ = ["TUNE"]

_SEEDS = {"train_seed", "augment_seed", "finetune_seed", "sample_seed"}
_SETTLED = REFERENCES | _SEEDS | {"candidate", "rollback", "part", "balance", "samples", "served_sampler", "model"}
"""A search gives its own seeds, judges by as many samples as there are held-out examples, and trains its models."""

TUNE = EntryPoint(
    "tune",
    str(TuneConfig.__doc__),
    (Options, *configs_of(steps_behind(REGISTER)), PromoteConfig, TuneConfig),
    own=TuneConfig,
    settles=_SETTLED,
    examples=EXAMPLES["tune"],
)
"""The entry point that searches."""
