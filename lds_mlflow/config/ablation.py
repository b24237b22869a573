"""Configuration of the step `ablate`."""

from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from lds_mlflow.choices.figures import MARGIN
from lds_mlflow.config.arms import ARMS, BASELINE, CONTROL
from lds_mlflow.config.base import Declared, Fraction, Replicates, RunReference, StepConfig

__all__ = ["AblateConfig"]

_ALL = "all"


class AblateConfig(StepConfig):
    """Run every arm of the comparison over paired seeds, and write the tables, the figures and the ledger of claims."""

    topic: ClassVar[str] = "Compare"

    train_run: RunReference = "auto"
    """Run of train or finetune whose model is used; auto takes that of train."""

    arms: Declared[str] = "all"
    """Names of arms, separated by commas, or all; baseline and control always run, oracle needs reserve_fraction."""

    seeds: Declared[Annotated[int, Field(ge=2, le=1000)]] = 5
    """Number of paired seeds; without train_run, each trains a baseline of its own, with which its arms begin."""

    generations: Declared[Annotated[int, Field(ge=0, le=1000)]] = 0
    """Number of times to finetune a model on the A that it has made itself, as a stress test; 0 skips the test."""

    workers: Declared[Annotated[int, Field(ge=0, le=1024)]] = 0
    """Number of worker processes; 0 takes one per core, at most four, or one on a GPU."""

    margin: Fraction = MARGIN
    """Smallest difference that matters, as a share of the figure's value."""

    bootstrap_replicates: Replicates = 10_000
    """Number of bootstrap replicates for confidence intervals."""

    @field_validator("arms")
    @classmethod
    def _are_known(cls, value: str) -> str:
        unknown = [name for name in _names(value) if name not in ARMS]
        if unknown:
            raise ValueError(f"should be all, or names of {', '.join(ARMS)}: not {', '.join(map(repr, unknown))}")
        return value

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names of the arms to run, in the order of the tables."""
        names = {BASELINE, CONTROL, *_names(self.arms)}
        return tuple(name for name in ARMS if name in names)


def _names(arms: str) -> list[str]:
    return list(ARMS) if arms == _ALL else [name.strip() for name in arms.split(",")]
