"""Configuration of `tune`."""

from typing import Annotated

from pydantic import Field

from lds_mlflow.config.base import Count, CountOrAll, Declared, Replicates, Seed, StepConfig

__all__ = ["TuneConfig"]


class TuneConfig(StepConfig):
    """Search what augment, finetune and the samplers take; confirm what leads on fresh seeds, and register the best."""

    study: Declared[Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=100)]] = "lds"
    """Name of the study. The same name goes on with it, or adds a worker to it."""

    storage: Declared[str] = "sqlite:///tuning.db"
    """Where the study is kept, as an SQLAlchemy address; several machines need PostgreSQL (postgresql+psycopg://...)."""

    space: Declared[str] = "augmentation"
    """What is searched: augmentation, finetuning, sampling (files in tuning/spaces), or a YAML file like them."""

    ranges: Declared[str] = ""
    """What differs from the space: NAME=LOW:HIGH, NAME=VALUE|VALUE or NAME=VALUE, separated by commas."""

    objectives: Declared[Annotated[str, Field(pattern=r"^\w+(\s*,\s*\w+)*$")]] = "fid"
    """Figures of the part select, by commas: fid, kid, precision, recall, coverage, class_share_gap, ..."""

    trials: Declared[Count] = 50
    """Trials of the whole study, whoever runs them; a larger number goes on with a finished study."""

    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    """Paired seeds of a trial; with one objective it goes on to the next only while it may still win."""

    finalists: Count = 3
    """Leading trials that are run again on fresh seeds, beside the control, and judged once by the part test."""

    fresh_seeds: Annotated[int, Field(ge=2, le=100)] = 5
    """Seeds of that; no trial has seen them."""

    workers: Declared[CountOrAll] = 0
    """Processes that share the work; 0: one a processor core, or one where there is a GPU."""

    tune_seed: Seed = 0
    """Seed of what is suggested; with several workers the order of their results matters too."""

    bootstrap_replicates: Replicates = 10_000
    """Bootstrap replicates of the intervals."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """The figures that are searched by, the first of which leads."""
        return tuple(name.strip() for name in self.objectives.split(","))
