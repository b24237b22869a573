"""What every scorer asks of latents."""

import torch
from torch import Tensor

from lds_mlflow.choices.bandwidths import LARGEST_WIDTH, SMALLEST_WIDTH, WIDTHS
from lds_mlflow.errors import ConfigError, DataError

__all__ = ["require_finite", "require_neighbours", "require_width"]


def require_width(sigma: float) -> None:
    """Raises ConfigError unless a bandwidth is a number from 1e-15 to 1e15."""
    if not SMALLEST_WIDTH <= sigma <= LARGEST_WIDTH:
        raise ConfigError("sigma", found=str(sigma), expected=WIDTHS, remedy="bandwidth(...) gives one.")


def require_finite(z_ND: Tensor, what: str) -> None:
    """Checks that latents, float [N, D], are finite.

    Args:
        z_ND: The latents.
        what: What a row is called.

    Raises:
        DataError: One is not; the first such row is named.
    """
    # A sum is finite only if all of it is, and takes one pass.
    suspect = (~torch.isfinite(z_ND.sum(1))).nonzero().flatten()
    broken = suspect[~torch.isfinite(z_ND[suspect]).all(1)].tolist()
    if broken:
        raise DataError(
            f"{what} {broken[0]}",
            found=f"a value that is not finite ({len(broken)} such rows)",
            expected="finite numbers",
            remedy="Train the model again with a smaller learning rate.",
        )


def require_neighbours(neighbours: int, n: int) -> None:
    """Raises ConfigError where n latents don't have as many nearest others as parents are to be drawn from."""
    if not 0 <= neighbours < n:
        raise ConfigError(
            "the number of neighbours that parents are drawn from (parent_neighbours)",
            found=str(neighbours),
            expected=f"0 for all, or at most {n - 1}, the number of other latents",
            remedy="0 is the draft's.",
        )
