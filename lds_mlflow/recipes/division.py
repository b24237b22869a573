"""What the division of the data into parts says of what can be asked for, before anything is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

__all__ = ["Division"]


@dataclass(frozen=True, slots=True)
class Division:
    """How many examples there are of each part.

    Attributes:
        train: Examples to train on.
        select: Held-out examples to choose by.
        test: Held-out examples to judge by.
        reserve: Real examples that are kept aside.
        has_classes: Whether the examples have classes.
        domain: The kind of examples, a key of DOMAINS.
        class_sizes: Reads how many examples to train on each class has, by its name.
    """

    train: int
    select: int
    test: int
    reserve: int
    has_classes: bool
    domain: str
    class_sizes: Callable[[], Mapping[str, int]] = dict

    @classmethod
    def of(cls, metrics: Mapping[str, float], domain: str, class_sizes: Callable[[], Mapping[str, int]] = dict) -> Self:
        """Returns the division that a run of `data` has logged, of examples of a kind."""
        train, select, test, reserve = (
            int(metrics.get(f"{part}_examples", 0)) for part in ("train", "select", "test", "reserve")
        )
        return cls(train, select, test, reserve, metrics["classes"] > 0, domain, class_sizes)

    def held_out(self, part: Literal["select", "test"]) -> int:
        """Returns how many examples a held-out part has."""
        return self.test if part == "test" else self.select
