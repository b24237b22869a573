r"""Candidates by interpolation (draft, section 3.1): z = (1 - alpha) z_i + alpha z_j, alpha in {0.1, ..., 0.9}.

In many dimensions two latents are nearly at right angles, and their linear interpolant is shorter than either. Two
other kinds, about the centre c, are not:

    slerp                 along the great circle, with the norms interpolated (Shoemake 1985; White 2016)
    variance-preserving   c + ((1 - alpha)(z_i - c) + alpha (z_j - c)) / sqrt((1 - alpha)^2 + alpha^2)
"""

import torch
from torch import Tensor

from lds_mlflow.choices import load, look_up
from lds_mlflow.choices.interpolations import INTERPOLATIONS, LINEAR
from lds_mlflow.errors import DataError
from lds_mlflow.latent.checks import require_finite, require_neighbours
from lds_mlflow.latent.geometry import TENTHS
from lds_mlflow.latent.neighbours import nearest_latents
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.values import Candidates

__all__ = [
    "draw_candidates",
    "interpolate",
    "on_a_circle",
    "on_a_line",
    "with_variance",
]

_PARALLEL = 1e-4


@taking_arrays
def draw_candidates(
    z_ND: Tensor,
    n: int,
    *,
    generator: torch.Generator,
    interpolation: str = LINEAR,
    neighbours: int = 0,
    every_alpha: bool = False,
) -> Candidates:
    """Draws candidates: two different training latents at random, and a random tenth between them.

    Args:
        z_ND: Training latents, float [N, D].
        n: M, how many to draw.
        generator: The randomness, on the CPU.
        interpolation: A name of INTERPOLATIONS.
        neighbours: Draw the second latent among this many nearest to the first; 0 draws it among all.
        every_alpha: Whether a pair has all nine tenths, in consecutive rows, and not a random one. They are cheaper to
            score, and more alike.

    Raises:
        ConfigError: The interpolation or the number of neighbours is out of range.
        DataError: There are fewer than two latents, or one is not finite.
    """
    _check(z_ND, interpolation, neighbours)
    per_pair = TENTHS - 1 if every_alpha else 1
    n_pairs = -(-n // per_pair)
    n_latents = len(z_ND)
    first = torch.randint(n_latents, (n_pairs,), generator=generator)
    if neighbours:
        rank = torch.randint(neighbours, (n_pairs,), generator=generator)
        second = nearest_latents(z_ND - z_ND.mean(0), neighbours)[first, rank]
    else:
        # A step of 1..N-1 around the ring reaches every other latent alike, and never the first itself.
        second = (first + torch.randint(1, n_latents, (n_pairs,), generator=generator)) % n_latents
    if every_alpha:
        tenths = torch.arange(1, TENTHS).repeat(n_pairs)
    else:
        tenths = torch.randint(1, TENTHS, (n_pairs,), generator=generator)
    alpha = tenths[:n].double() / TENTHS
    first, second = (parents.repeat_interleave(per_pair)[:n] for parents in (first, second))
    z_MD = interpolate(z_ND[first], z_ND[second], alpha, interpolation, centre_D=z_ND.mean(0))
    return Candidates(z_MD, torch.stack([first, second], dim=1), alpha.float(), interpolation)


@taking_arrays
def interpolate(z_i_MD: Tensor, z_j_MD: Tensor, alpha_M: Tensor, kind: str, *, centre_D: Tensor) -> Tensor:
    """Returns interpolants, float [M, D].

    Args:
        z_i_MD: First parents, float [M, D].
        z_j_MD: Second parents, float [M, D].
        alpha_M: Weights of the second, float [M].
        kind: A name of INTERPOLATIONS.
        centre_D: What slerp turns about, and variance is preserved about, float [D].

    Raises:
        ConfigError: There is no such kind.
    """
    kernel = load(look_up(INTERPOLATIONS, kind, "interpolation").at)
    interpolants: Tensor = kernel(z_i_MD, z_j_MD, alpha_M.to(z_i_MD)[:, None], centre_D)
    return interpolants


def on_a_line(z_i_MD: Tensor, z_j_MD: Tensor, alpha_M1: Tensor, _centre_D: Tensor) -> Tensor:
    """Returns interpolants on the straight line between their parents. See `interpolate`."""
    return torch.lerp(z_i_MD, z_j_MD, alpha_M1)


def on_a_circle(z_i_MD: Tensor, z_j_MD: Tensor, alpha_M1: Tensor, centre_D: Tensor) -> Tensor:
    """Returns interpolants along the great circle about the centre, their norms interpolated. See `interpolate`."""
    return centre_D + _slerp(z_i_MD - centre_D, z_j_MD - centre_D, alpha_M1)


def with_variance(z_i_MD: Tensor, z_j_MD: Tensor, alpha_M1: Tensor, centre_D: Tensor) -> Tensor:
    """Returns interpolants on the line, scaled about the centre to their parents' variance. See `interpolate`."""
    u, v = z_i_MD - centre_D, z_j_MD - centre_D
    return centre_D + torch.lerp(u, v, alpha_M1) / torch.hypot(1 - alpha_M1, alpha_M1)


def _slerp(u: Tensor, v: Tensor, alpha: Tensor) -> Tensor:
    norm_u, norm_v = u.norm(dim=1, keepdim=True), v.norm(dim=1, keepdim=True)
    straight = torch.lerp(u, v, alpha)
    cosine = ((u * v).sum(1, keepdim=True) / (norm_u * norm_v)).clamp(-1, 1)
    angle = cosine.arccos()
    sine = angle.sin()
    direction = ((1 - alpha) * angle).sin() / sine * (u / norm_u) + (alpha * angle).sin() / sine * (v / norm_v)
    # Parallel and opposite latents span no great circle, and a latent at the centre has no direction.
    return torch.where(sine > _PARALLEL, torch.lerp(norm_u, norm_v, alpha) * direction, straight)


def _check(z_ND: Tensor, interpolation: str, neighbours: int) -> None:
    if len(z_ND) < 2:
        raise DataError(
            "the training latents",
            found=f"{len(z_ND)}",
            expected="at least 2, to interpolate between",
            remedy="Bring more training examples.",
        )
    require_finite(z_ND, "training latent")
    look_up(INTERPOLATIONS, interpolation, "interpolation")
    require_neighbours(neighbours, len(z_ND))
