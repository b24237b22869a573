"""The space in which density is measured: the latents as they are, centred, or whitened."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.latent.checks import require_finite

__all__ = ["SPACES", "LatentSpace", "latent_space"]

SPACES = ("raw", "centred", "whitened")
"""raw: the draft's. centred: the mean of the training latents is the origin, which matters to the bandwidth norm/5
alone. whitened: variance is one along each principal axis, which makes distances those of Mahalanobis."""

_INACTIVE = 0.01


@dataclass(frozen=True, slots=True)
class LatentSpace:
    """An affine map, with which linear interpolation commutes.

    Attributes:
        kind: One of SPACES.
        origin_D: What becomes the origin, [D].
        axes_DE: The axes of the space, [D, E].
    """

    kind: str
    origin_D: Tensor
    axes_DE: Tensor

    @property
    def n_dimensions(self) -> int:
        """E, how many dimensions are left."""
        return self.axes_DE.shape[1]

    def map(self, z_MD: Tensor) -> Tensor:
        """Returns latents, float [M, D], in this space, [M, E]."""
        if self.kind == "raw" and self.n_dimensions == z_MD.shape[1]:
            return z_MD
        return (z_MD - self.origin_D.to(z_MD)) @ self.axes_DE.to(z_MD)


def latent_space(z_ND: Tensor, kind: str, *, drop_inactive: bool = False) -> LatentSpace:
    """Returns the space that training latents span.

    A dimension is inactive where its variance is below 0.01 of the largest: the statistic of Burda, Grosse &
    Salakhutdinov (Importance Weighted Autoencoders, 2016), who take 0.01 itself, under a prior of unit variance.

    Args:
        z_ND: Training latents, float [N, D].
        kind: One of SPACES.
        drop_inactive: Whether inactive dimensions are dropped; whitening, which would blow them up, always does.

    Raises:
        ConfigError: There is no such space.
        DataError: A latent is not finite, or all are alike.
    """
    if kind not in SPACES:
        raise ConfigError(
            "space", found=repr(kind), expected=f"one of {', '.join(SPACES)}", remedy="raw is the draft's."
        )
    require_finite(z_ND, "training latent")
    z = z_ND.double()
    mean = z.mean(0)
    if kind == "whitened":
        return LatentSpace(kind, mean, _whitening_axes(z - mean))
    axes = torch.eye(z.shape[1], dtype=torch.float64, device=z.device)
    if drop_inactive:
        axes = axes[:, _active(z.var(0, correction=0))]
    return LatentSpace(kind, mean if kind == "centred" else torch.zeros_like(mean), axes)


def _whitening_axes(centred_ND: Tensor) -> Tensor:
    variances, axes = torch.linalg.eigh(centred_ND.T @ centred_ND / len(centred_ND))
    active = _active(variances)
    whitening: Tensor = axes[:, active] / variances[active].sqrt()
    return whitening


def _active(variances: Tensor) -> Tensor:
    if not variances.max() > 0:
        raise DataError(
            "the training latents",
            found="latents that are all alike",
            expected="a dimension in which they differ",
            remedy="Train longer, or with a smaller kl_weight.",
        )
    active: Tensor = variances >= _INACTIVE * variances.max()
    return active
