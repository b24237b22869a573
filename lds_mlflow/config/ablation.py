"""Configuration of `ablate`."""

from typing import Annotated

from pydantic import Field, field_validator

from lds_mlflow.choices.figures import MARGIN
from lds_mlflow.config.arms import ARMS, BASELINE, CONTROL
from lds_mlflow.config.base import CountOrAll, Declared, Fraction, Replicates, StepConfig

__all__ = ["AblateConfig"]

_ALL = "all"


class AblateConfig(StepConfig):
    """Run every arm of the comparison over paired seeds, and write the tables, figures and claims ledger."""

    arms: Declared[str] = "all"
    """Arms by name, separated by commas, or all; the arm oracle needs reserve_fraction."""

    seeds: Declared[Annotated[int, Field(ge=2, le=1000)]] = 5
    """Paired seeds: each has its own baseline, which all arms of it begin with."""

    generations: Declared[CountOrAll] = 0
    """How often to finetune on the samples of the model before, as a stress test; 0 leaves it out."""

    workers: Declared[CountOrAll] = 0
    """Processes that share the work; 0: one a processor core, or one where there is a GPU."""

    margin: Fraction = MARGIN
    """The smallest difference that matters, as a share of the figure."""

    bootstrap_replicates: Replicates = 10_000
    """Bootstrap replicates of the intervals."""

    @field_validator("arms")
    @classmethod
    def _are_known(cls, value: str) -> str:
        unknown = [name for name in _names(value) if name not in ARMS]
        if unknown:
            raise ValueError(f"should be all, or names of {', '.join(ARMS)}: not {', '.join(map(repr, unknown))}")
        return value

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names of the arms, in the order of the tables."""
        names = {BASELINE, CONTROL, *_names(self.arms)}
        return tuple(name for name in ARMS if name in names)


def _names(arms: str) -> list[str]:
    return list(ARMS) if arms == _ALL else [name.strip() for name in arms.split(",")]
