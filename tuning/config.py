"""Configuration of the entry point `tune`."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from lds_mlflow.config.base import Count, CountOrAll, Declared, Replicates, Seed, StepConfig
from lds_mlflow.config.place import kept

__all__ = ["TuneConfig"]

_FILE = "sqlite:///"


def _kept(address: str) -> str:
    file = address.removeprefix(_FILE)
    return f"{_FILE}{kept(Path(file))}" if file not in (address, ":memory:") else address


class TuneConfig(StepConfig):
    """Search settings of augment, finetune and the samplers, confirm the leading ones, and register the best."""

    topic: ClassVar[str] = "Search"

    study: Declared[Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=100)]] = "lds"
    """Name of the study; the same name continues a study, or adds a worker to it."""

    storage: Declared[Annotated[str, AfterValidator(_kept)]] = "sqlite:///tuning.db"
    """Database of the study, as an SQLAlchemy address; several machines need PostgreSQL (postgresql+psycopg://...)."""

    space: Declared[str] = "augmentation"
    """Search space: augmentation, finetuning, sampling, or a YAML file."""

    ranges: Declared[str] = ""
    """Changes to the space, such as top_fraction=0.1:0.5, selection=top|power."""

    objectives: Declared[Annotated[str, Field(pattern=r"^\w+(\s*,\s*\w+)*$")]] = "fid"
    """Figures of the part select to optimise, with commas between: fid, coverage, ...."""

    trials: Declared[Count] = 50
    """Number of trials of the study over all workers; a larger number continues a finished study."""

    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    """Number of paired seeds per trial; with one objective, a trial stops once it can no longer win."""

    finalists: Count = 3
    """Number of leading trials that run again on fresh seeds, beside the control, and are judged once by test."""

    fresh_seeds: Annotated[int, Field(ge=2, le=100)] = 5
    """Number of fresh seeds for the finalists, which no trial has used."""

    workers: Declared[CountOrAll] = 0
    """Number of worker processes; 0 takes one per core, at most four, or one on a GPU."""

    tune_seed: Seed = 0
    """Seed of the suggestions; with several workers, the order of their results matters too."""

    bootstrap_replicates: Replicates = 10_000
    """Number of bootstrap replicates for confidence intervals."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """The figures to optimise; the first one decides between trials."""
        return tuple(name.strip() for name in self.objectives.split(","))
