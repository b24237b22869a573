r"""Perceptual distances of images: they weigh details that people see and that a likelihood of single pixels blurs.

Each maps two batches, [B, C, H, W] in -1..1, to the mean distance of an image from its counterpart, a scalar.

- `laplacian`: sum_j mean |L_j x - L_j y| over the bands of a Laplacian pyramid (Ling & Okada, Diffusion Distance for
  Histogram Comparison, 2006; as a loss of generators: Bojanowski et al., Optimizing the Latent Space of Generative
  Networks, 2018, section 3.2, where the factor 2^{2j} undoes that a band has 4^j times fewer pixels). No weights.
- The others are of trained networks; see `perceptual_networks.py`.
"""

from pathlib import Path

from torch import Tensor, nn

from lds_mlflow.choices import call, look_up
from lds_mlflow.choices.distances import DISTANCES
from lds_mlflow.errors import ConfigError
from lds_mlflow.models.precision import in_float32
from lds_mlflow.models.stylegan.resampling import downsample, upsample

__all__ = ["Laplacian", "no_distance", "perceptual_distance"]

_COARSEST = 4


class Laplacian(nn.Module):
    """The distance of Laplacian pyramids; bands down to 4 pixels a side."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Maps two batches to a scalar."""
        # The pyramid is linear: that of the difference is the difference of the pyramids.
        rest, total = x - y, x.new_zeros(())
        with in_float32(x):
            while rest.shape[-1] > _COARSEST:
                smaller = downsample(rest)
                total = total + (rest - upsample(smaller)).abs().mean()
                rest = smaller
            return total + rest.abs().mean()


def no_distance() -> None:
    """Returns None: nothing is added to the loss."""


def perceptual_distance(kind: str, *, resolution: int, weights: Path | None = None) -> nn.Module | None:
    """Returns a distance; see the head of this module.

    Args:
        kind: A key of DISTANCES.
        resolution: Side of the images in pixels.
        weights: The file of weights, for the kinds that need one.

    Returns:
        The distance, or None for "none".

    Raises:
        ConfigError: The kind is unknown, or the images are too small for the network.
        ArtifactError: The weights can't be had.
    """
    choice = look_up(DISTANCES, kind, "perceptual")
    if resolution < choice.least_side:
        others = [name for name, other in DISTANCES.items() if resolution >= other.least_side]
        raise ConfigError(
            f"perceptual={kind}",
            found=f"images of {resolution}x{resolution}",
            expected=f"at least {choice.least_side} pixels a side, since the network halves the images several times",
            remedy=f"Give perceptual={' or '.join(others)}.",
        )
    distance: nn.Module | None = call(choice, {"weights": weights}.__getitem__)
    return distance
