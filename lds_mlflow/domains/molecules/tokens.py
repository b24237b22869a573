"""Molecules as they are stored: int64 [N, L], one number for each token of SELFIES, and 0 after the end.

SELFIES are texts of tokens, and each such text stands for a molecule (Krenn et al., Self-Referencing Embedded Strings,
2020). A token such as [=Branch1] is stored as its name itself: the up to eight bytes of ASCII between its brackets,
the first in the lowest byte. So stored molecules need no vocabulary beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["LONGEST_NAME", "TOKENS", "TokenScale", "selfies_of", "stored"]

LONGEST_NAME = 8
"""Characters of a token's name, without its brackets, that a number holds."""

_BYTES = "S8"


@dataclass(frozen=True, slots=True)
class TokenScale:
    """Tokens: a model sees them as they are stored."""

    def to_model(self, examples: Tensor) -> Tensor:
        """Returns the tokens."""
        return examples

    def from_model(self, x: Tensor) -> Tensor:
        """Returns the tokens."""
        return x

    def compare(self, examples_N: Tensor, decoded_N: Tensor) -> dict[str, float]:
        """Returns the share of the sequences that are decoded exactly, `exact`."""
        length = max(examples_N.shape[1], decoded_N.shape[1])
        one, other = (pad(tokens, (0, length - tokens.shape[1])) for tokens in (examples_N, decoded_N))
        return {"exact": (one == other).all(1).double().mean().item()}


TOKENS = TokenScale()
"""The scale of molecules."""


def stored(names_N: Sequence[Sequence[str]]) -> Tensor:
    """Returns molecules as they are stored, int64 [N, L]; L is the length of the longest.

    Args:
        names_N: The names of the tokens of each molecule, without brackets, of at most eight characters of ASCII.
    """
    length = max(map(len, names_N), default=0)
    table: Any = np.zeros((len(names_N), length), _BYTES)
    for row, names in zip(table, names_N, strict=True):
        row[: len(names)] = names
    return torch.from_numpy(table.view("<i8"))


def selfies_of(examples_N: Tensor) -> list[str]:
    """Returns the SELFIES of stored molecules, [N, L]: a text of each."""
    table = np.ascontiguousarray(examples_N.numpy()).view(_BYTES)
    return ["".join(f"[{name.decode('ascii')}]" for name in row[: _length(row)]) for row in table]


def _length(row: Any) -> int:
    ends = np.flatnonzero(row == b"")
    return int(ends[0]) if len(ends) else len(row)
