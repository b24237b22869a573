r"""A figure with what each example does to it, from which intervals and comparisons are made.

Let theta be a figure of N real examples x_i and S samples y_j, and phi the influence of an example on it, which is the
derivative of the figure by the example's weight (Hampel, The Influence Curve and Its Role in Robust Estimation, 1974).
If the examples are drawn again with weights w_i and v_j,

    theta* = theta + 1/N sum_i w_i phi(x_i) + 1/S sum_j v_j phi(y_j)     to first order

so a bootstrap (Efron 1979) of many figures and models at once is two matrix products, and drawing the same w and v for
all of them makes it a paired one. The plain bootstrap, which computes the figures again, is not only slow:
examples that are drawn twice bias the Frechet distance upward, and coverage downward, since fewer are distinct.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lds_mlflow.machine.arrays import taking_arrays

__all__ = ["Estimate", "bootstrap_deviations", "mean_estimate", "share_by_membership"]

_DRAWN_AT_ONCE = 2**22


class Estimate(NamedTuple):
    """A figure with its influences.

    Attributes:
        value: The figure.
        by_real_N: Influence of every real example, mean 0, float64 [N].
        by_sample_S: Influence of every sample, mean 0, float64 [S].
    """

    value: float
    by_real_N: Tensor
    by_sample_S: Tensor

    @property
    def standard_error(self) -> float:
        """Standard deviation of the figure over draws of examples, to first order."""
        parts = [
            rows.square().sum() / max(1, len(rows) * (len(rows) - 1)) for rows in (self.by_real_N, self.by_sample_S)
        ]
        return sum(parts, torch.zeros((), dtype=torch.float64)).sqrt().item()


def mean_estimate(value_S: Tensor, n_real: int) -> Estimate:
    """Returns the mean of a value of every sample, [S], on which the N real examples have no influence."""
    mean = value_S.double().mean()
    return Estimate(mean.item(), torch.zeros(n_real, dtype=torch.float64), value_S.double() - mean)


def share_by_membership(value_N: Tensor, hanging_M: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """Returns the influences on a mean over rows N that depends on columns M by sparse membership.

    The mean over N of f(members of n among M) changes by `hanging_M` / N where one of M is left out, a sum over the
    rows whose value hangs on it. A row hangs on few of M, so this sum is itself noise of the draw of N, for the most
    part. That noise is in `value_N` already, and counted twice it would make intervals up to twice too long (as does
    any bootstrap of both sides of a sparse table: Owen, The Pigeonhole Bootstrap, 2007). The influences of M are
    therefore shrunk to the variance that is left without it.

    Args:
        value_N: Each row's value, [N].
        hanging_M: Sum over the rows of what they lose without a column, [M].
        weight: What one row loses.

    Returns:
        Influences of the rows, float64 [N], and of the columns, float64 [M].
    """
    rows = value_N.double() - value_N.double().mean()
    columns = hanging_M.double() * len(hanging_M) / len(value_N)
    noise = weight * len(hanging_M) / len(value_N) * columns.mean()
    variance = columns.var() if len(columns) > 1 else columns.new_zeros(())
    left = (1 - noise / variance).clamp(min=0).sqrt() if variance > 0 else 0.0
    return rows, left * (columns - columns.mean())


@taking_arrays
def bootstrap_deviations(influence_NV: Tensor, *, replicates: int, generator: torch.Generator) -> Tensor:
    """Returns by how much figures change when the examples are drawn again with replacement, float64 [R, V].

    Args:
        influence_NV: Influences of N examples on V figures, float64.
        replicates: R.
        generator: Draws the examples: with the same state, the same draws.
    """
    n = len(influence_NV)
    some = max(1, _DRAWN_AT_ONCE // n)
    deviations = []
    for first in range(0, replicates, some):
        rows = min(some, replicates - first)
        drawn = torch.randint(n, (rows, n), generator=generator)
        drawn += n * torch.arange(rows)[:, None]
        weights = torch.bincount(drawn.flatten(), minlength=rows * n).reshape(rows, n)
        deviations.append(weights.double() @ influence_NV / n)
    return torch.cat(deviations)
