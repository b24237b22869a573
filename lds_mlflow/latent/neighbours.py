"""The nearest other latents of each latent, in bounded memory."""

import torch
from torch import Tensor

from lds_mlflow.latent.checks import require_neighbours
from lds_mlflow.latent.geometry import blocks
from lds_mlflow.machine.arrays import taking_arrays

__all__ = ["nearest_latents"]

_ROWS, _TILE_ENTRIES = 4096, 2**24


@taking_arrays
def nearest_latents(z_ND: Tensor, neighbours: int) -> Tensor:
    """Returns the rows of the nearest other latents of each, the nearest first, int64 [N, neighbours], on the CPU.

    Distances are taken by matrix products, which lose digits far from the origin.

    Args:
        z_ND: Latents, float [N, D].
        neighbours: How many, at most N - 1.

    Raises:
        ConfigError: There are more of them than other latents.
    """
    require_neighbours(neighbours, len(z_ND))
    found = []
    for rows in blocks(len(z_ND), max(1, min(_ROWS, _TILE_ENTRIES // len(z_ND)))):
        distances = torch.cdist(z_ND[rows], z_ND)
        distances[torch.arange(len(distances)), torch.arange(rows.start, rows.stop)] = torch.inf
        found.append(distances.topk(neighbours, largest=False).indices.cpu())
    return torch.cat(found)
