"""The space in which density is measured: the latents as they are, centred, whitened, or their principal axes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lds_mlflow.choices import call, look_up
from lds_mlflow.choices.spaces import SPACES
from lds_mlflow.errors import DataError
from lds_mlflow.latent.checks import require_finite
from lds_mlflow.machine.arrays import taking_arrays

__all__ = ["LatentSpace", "centred", "latent_space", "principal", "raw", "whitened"]

_INACTIVE = 0.01
_EXPLAINED = 0.9
_NOTHING = 1e-12
"""Of the largest variance, what rounding makes of none."""


@dataclass(frozen=True, slots=True)
class LatentSpace:
    """An affine map, with which linear interpolation commutes.

    Attributes:
        origin_D: What becomes the origin, [D].
        axes_DE: The axes of the space, [D, E].
        is_identity: Whether the map leaves latents as they are.
        note: What a person should know of it, in a sentence, or "".
    """

    origin_D: Tensor
    axes_DE: Tensor
    is_identity: bool = False
    note: str = ""

    @property
    def n_dimensions(self) -> int:
        """E, how many dimensions are left."""
        return self.axes_DE.shape[1]

    @taking_arrays
    def map(self, z_MD: Tensor) -> Tensor:
        """Returns latents, float [M, D], in this space, [M, E]."""
        if self.is_identity:
            return z_MD
        return (z_MD - self.origin_D.to(z_MD)) @ self.axes_DE.to(z_MD)


@taking_arrays
def latent_space(z_ND: Tensor, kind: str, *, drop_inactive: bool = False, explained: float = _EXPLAINED) -> LatentSpace:
    """Returns the space that training latents span.

    A dimension is inactive where its variance is below 0.01 of the largest: the statistic of Burda, Grosse &
    Salakhutdinov (Importance Weighted Autoencoders, 2016), who take 0.01 itself, under a prior of unit variance.

    Args:
        z_ND: Training latents, float [N, D].
        kind: A name of SPACES.
        drop_inactive: Whether inactive dimensions are dropped; whitening, which would blow them up, always does.
        explained: The share of the variance that the principal axes of the space `pca` have together.

    Raises:
        ConfigError: There is no such space.
        DataError: A latent is not finite, or all are alike.
    """
    choice = look_up(SPACES, kind, "space")
    require_finite(z_ND, "training latent")
    known = {"z_ND": z_ND.double(), "drop_inactive": drop_inactive, "explained": explained}
    space: LatentSpace = call(choice, known.__getitem__)
    return space


def raw(z_ND: Tensor, drop_inactive: bool) -> LatentSpace:
    """Returns the space of the latents as they are. See `latent_space`."""
    axes = _axes(z_ND, drop_inactive)
    return LatentSpace(z_ND.new_zeros(z_ND.shape[1]), axes, is_identity=axes.shape[0] == axes.shape[1])


def centred(z_ND: Tensor, drop_inactive: bool) -> LatentSpace:
    """Returns the space whose origin is the mean of the latents. See `latent_space`."""
    return LatentSpace(z_ND.mean(0), _axes(z_ND, drop_inactive))


def whitened(z_ND: Tensor) -> LatentSpace:
    """Returns the space in which latents have variance one along every principal axis. See `latent_space`."""
    mean = z_ND.mean(0)
    return LatentSpace(mean, _whitening_axes(z_ND - mean))


def principal(z_ND: Tensor, explained: float) -> LatentSpace:
    """Returns the space of the first principal axes, as long as they are, that have a share of the variance.

    Distances in it are those of latents whose remaining numbers are left out. See `latent_space`.
    """
    n, n_dimensions = z_ND.shape
    mean = z_ND.mean(0)
    # Rows and columns of a matrix have the same variances, so the smaller product will do.
    apart_ND = z_ND - mean
    product = apart_ND @ apart_ND.T if n < n_dimensions else apart_ND.T @ apart_ND
    rising, vectors = torch.linalg.eigh(product / n)
    variances, vectors = rising.flip(0).clamp(min=0), vectors.flip(1)
    _active(variances)
    shares = variances.cumsum(0) / variances.sum()
    kept = min(int((shares < explained).sum()) + 1, int((variances > _NOTHING * variances[0]).sum()))
    axes_DE = vectors[:, :kept]
    if n < n_dimensions:
        axes_DE = apart_ND.T @ (axes_DE / (n * variances[:kept]).sqrt())
    note = (
        f"density is measured along {kept:,} of {n_dimensions:,} axes, which have {shares[kept - 1].item():.0%} of the "
        "variance of the training latents; what lies along the others, such as fine detail, does not count. Candidates "
        "and samples are decoded from whole latents."
    )
    return LatentSpace(mean, axes_DE, note=note)


def _axes(z_ND: Tensor, drop_inactive: bool) -> Tensor:
    axes = torch.eye(z_ND.shape[1], dtype=torch.float64, device=z_ND.device)
    return axes[:, _active(z_ND.var(0, correction=0))] if drop_inactive else axes


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
