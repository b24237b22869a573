r"""Perceptual distances of images: they weigh details that people see and that a likelihood of single pixels blurs.

Each maps two batches, [B, C, H, W] in -1..1, to the mean distance of an image from its counterpart, a scalar.

- `laplacian`: sum_j mean |L_j x - L_j y| over the bands of a Laplacian pyramid (Ling & Okada, Diffusion Distance for
  Histogram Comparison, 2006; as a loss of generators: Bojanowski et al., Optimizing the Latent Space of Generative
  Networks, 2018, section 3.2, where the factor 2^{2j} undoes that a band has 4^j times fewer pixels). No weights.
- `squeezenet`: mean over layers of |f_l(x) - f_l(y)|^2 with the channels of every place at unit length, the
  perceptual distance of Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, 2018,
  equation 1 with equal weights, on SqueezeNet.
- `lpips`: the same equation with VGG16 and weights that were fitted to people's judgements, by torch-fidelity.
"""

from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torch_fidelity.sample_similarity_lpips import SampleSimilarityLPIPS

from lds_mlflow.choices import call, look_up
from lds_mlflow.choices.distances import DISTANCES
from lds_mlflow.errors import ArtifactError, ConfigError
from lds_mlflow.models.precision import in_float32
from lds_mlflow.models.pretrained import Convention, as_trained_on, in_short, load_squeezenet, three_channels
from lds_mlflow.models.stylegan.resampling import downsample, upsample

__all__ = [
    "Laplacian",
    "Lpips",
    "caffe_squeezenet",
    "no_distance",
    "perceptual_distance",
    "torchvision_squeezenet",
]

_COARSEST = 4
_TAPS = (1, 5, 10, 12)
"""SqueezeNet's layers before each of its poolings, and the last."""
_TINY = 1e-10


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


class _SqueezeNet(nn.Module):
    def __init__(self, weights: Path, convention: Convention) -> None:
        super().__init__()
        remedy = "Give the path of such a file as perceptual_weights, or perceptual=laplacian, which needs no file."
        self.layers = load_squeezenet(weights, remedy)[0].features.requires_grad_(False)
        self.convention = convention

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        pairs = zip(self._units(x), self._units(y), strict=True)
        return torch.stack([(one - other).square().sum(1).mean() for one, other in pairs]).mean()

    def _units(self, x: Tensor) -> list[Tensor]:
        maps, found = as_trained_on((x + 1) * 127.5, self.convention), []
        for place, layer in enumerate(self.layers[: _TAPS[-1] + 1]):
            maps = layer(maps)
            if place in _TAPS:
                found.append(_unit(maps))
        return found


class Lpips(nn.Module):
    """The distance of VGG16 with the weights that people's judgements gave it; x and y have 32 pixels a side or more.

    Raises:
        ArtifactError: The weights can't be downloaded.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            self.network = SampleSimilarityLPIPS("lpips-vgg16")
        except (OSError, RuntimeError, URLError) as error:
            raise ArtifactError(
                "LPIPS weights",
                found=in_short(error),
                expected="weights that torch-fidelity and torchvision can download, or copies in torch's cache",
                remedy="Run once with access to the network, or give perceptual=squeezenet with a file, or laplacian.",
            ) from error

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Maps two batches to a scalar."""
        layers = zip(self._units(x), self._units(y), self.network.lins, strict=True)
        return torch.stack([lin.model((one - other).square()).mean() for one, other, lin in layers]).sum()

    def _units(self, x: Tensor) -> list[Tensor]:
        # torch-fidelity's own way to unit length has no gradient where all channels of a place are 0.
        return [_unit(maps) for maps in self.network.net(self.network.normalize(three_channels((x + 1) * 127.5)))]


def _unit(maps: Tensor) -> Tensor:
    maps = maps.float()
    return maps * torch.rsqrt(maps.square().sum(1, keepdim=True) + _TINY)


def torchvision_squeezenet(weights: Path) -> nn.Module:
    """Returns the distance of SqueezeNet with a file of weights that torchvision trained.

    Raises:
        ArtifactError: The file is missing, or doesn't fit.
    """
    return _SqueezeNet(weights, "torchvision")


def caffe_squeezenet(weights: Path) -> nn.Module:
    """Returns the distance of SqueezeNet with a file of weights that were trained with Caffe.

    Raises:
        ArtifactError: The file is missing, or doesn't fit.
    """
    return _SqueezeNet(weights, "caffe")


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
