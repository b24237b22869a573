"""Perceptual distances by trained networks.

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

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.pretrained import Convention, as_trained_on, in_short, three_channels
from lds_mlflow.models.squeezenet import load_squeezenet

__all__ = ["Lpips", "caffe_squeezenet", "torchvision_squeezenet"]

_TAPS = (1, 5, 10, 12)
"""SqueezeNet's layers before each of its poolings, and the last."""
_TINY = 1e-10


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
