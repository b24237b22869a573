"""What the statistics ask of whatever sees the examples themselves: features, and classes."""

from typing import Protocol

from torch import Tensor

__all__ = ["Extractor", "Judge"]


class Extractor(Protocol):
    """Maps examples to features. Figures are comparable for one extractor only, so each has a name."""

    @property
    def name(self) -> str:
        """The kind of extractor and a digest of its weights."""
        ...

    @property
    def resize(self) -> str:
        """What is done to the size of the examples, in words; "none" where nothing is."""
        ...

    def features(self, examples_N: Tensor, /) -> Tensor:
        """Maps examples, [N, ...] as an ExampleSet has them, to features, float32 [N, F], on the CPU."""
        ...


class Judge(Protocol):
    """Tells the class of an example."""

    @property
    def name(self) -> str:
        """The kind of judge and a digest of its weights."""
        ...

    def classes(self, examples_N: Tensor, /) -> Tensor:
        """Returns the class of every example, int64 [N], of examples [N, ...]."""
        ...
