r"""Candidates by interpolation (draft, section 3.1): z_new = (1 - alpha) z_i + alpha z_j, alpha in {0.1, ..., 0.9}."""

import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.values import Candidates

__all__ = ["draw_candidates"]

_TENTHS = 10


def draw_candidates(z_ND: Tensor, n: int, *, generator: torch.Generator) -> Candidates:
    """Draws candidates: two different training latents at random, and a random tenth between them.

    Args:
        z_ND: Training latents, float [N, D].
        n: M, how many to draw.
        generator: The randomness, on the CPU.

    Raises:
        DataError: There are fewer than two latents.
    """
    n_latents = len(z_ND)
    if n_latents < 2:
        raise DataError(
            "the training latents",
            found=f"{n_latents}",
            expected="at least 2, to interpolate between",
            remedy="Bring more training images.",
        )
    first = torch.randint(n_latents, (n,), generator=generator)
    # A step of 1..N-1 around the ring reaches every other latent alike, and never the first itself.
    second = (first + torch.randint(1, n_latents, (n,), generator=generator)) % n_latents
    alpha = torch.randint(1, _TENTHS, (n,), generator=generator) / _TENTHS
    z_new = torch.lerp(z_ND[first], z_ND[second], alpha.to(z_ND)[:, None])
    return Candidates(z_MD=z_new, parents_M2=torch.stack([first, second], dim=1), alpha_M=alpha)
