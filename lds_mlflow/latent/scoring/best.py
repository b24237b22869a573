"""The densest candidates of a stream, by a threshold that rises."""

from math import inf

import torch
from torch import Tensor

__all__ = ["BestCodes"]


class BestCodes:
    """Keeps the best of a stream of scored codes; ties go to the lower code.

    Args:
        keep: How many to keep at most.
        threshold: A score that the last kept one is known to reach.
        device: Where they are kept; nothing here waits for what a GPU computes.

    Attributes:
        threshold: What scores less can't be among the best any more, float64 [].
    """

    def __init__(self, keep: int, threshold: float = -inf, device: torch.device | str = "cpu") -> None:
        self.threshold = torch.tensor(threshold, dtype=torch.float64, device=device)
        self._keep = keep
        self._scores = torch.empty(0, dtype=torch.float64, device=device)
        self._codes = torch.empty(0, dtype=torch.int64, device=device)

    def add(self, scores_n: Tensor, codes_n: Tensor) -> None:
        """Adds scores, float [n], with codes, int64 [n], that are all different."""
        self._scores = torch.cat([self._scores, scores_n.to(self._scores)])
        self._codes = torch.cat([self._codes, codes_n.to(self._codes)])
        if len(self._codes) >= 2 * self._keep:
            self._prune()

    def ranked(self) -> tuple[Tensor, Tensor]:
        """Returns the scores and codes of the best, the best first."""
        self._prune()
        return self._scores, self._codes

    def _prune(self) -> None:
        by_code = self._codes.argsort()
        order = by_code[self._scores[by_code].argsort(descending=True, stable=True)][: self._keep]
        self._scores, self._codes = self._scores[order], self._codes[order]
        if len(order) == self._keep:
            self.threshold = torch.maximum(self.threshold, self._scores[-1])
