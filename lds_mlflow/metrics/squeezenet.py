"""SqueezeNet as an extractor: ImageNet features from a file of a few MiB, without a download.

Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size, 2016. The network is
torchvision's squeezenet1_0. What its weights expect of a pixel depends on who trained them.
"""

from pathlib import Path
from typing import Literal, NamedTuple

import torch
from safetensors import SafetensorError
from torch import Tensor
from torchvision.models import SqueezeNet, squeezenet1_0

from lds_mlflow.errors import ArtifactError
from lds_mlflow.files import digest_of_bytes
from lds_mlflow.metrics.features import in_batches, in_short, read_tensors, three_channels
from lds_mlflow.metrics.resizing import describe_resize, resize_images
from lds_mlflow.values import ModelWeights

__all__ = ["Convention", "SqueezeNetExtractor"]

Convention = Literal["caffe", "torchvision"]

_BATCH = 32


class _Pixels(NamedTuple):
    """What a network expects: the order of the colours, and mean and scale of each in that order, in 0..255."""

    side: int
    colours: tuple[int, int, int]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


_CONVENTIONS: dict[Convention, _Pixels] = {
    "caffe": _Pixels(227, (2, 1, 0), (104, 117, 123), (1, 1, 1)),
    "torchvision": _Pixels(
        224, (0, 1, 2), (255 * 0.485, 255 * 0.456, 255 * 0.406), (255 * 0.229, 255 * 0.224, 255 * 0.225)
    ),
}


class SqueezeNetExtractor:
    """SqueezeNet 1.0: the means over space of its last 512 maps before the classes.

    Args:
        weights: A file of weights under torchvision's names (.pth or .safetensors), of any floating type.
        device: Where to compute.
        convention: What the weights were trained on: "caffe" (BGR in 0..255 less (104, 117, 123), 227x227) or
            "torchvision" (RGB in 0..1, normalised, 224x224).

    Raises:
        ArtifactError: The file is missing, or doesn't fit.
    """

    def __init__(self, weights: Path, device: str = "cpu", convention: Convention = "caffe") -> None:
        self.device, self._pixels = device, _CONVENTIONS[convention]
        try:
            model, digest = _squeezenet(weights)
        except (OSError, RuntimeError, SafetensorError, ValueError) as error:
            raise ArtifactError(
                "SqueezeNet weights",
                found=f"{weights}: {in_short(error)}",
                expected="a file of the weights of torchvision's squeezenet1_0",
                remedy="Give feature_weights=PATH of such a file, or features=classifier, which needs none.",
            ) from error
        self.model = model.to(device)
        self.name = f"squeezenet-{digest_of_bytes(digest.encode(), convention.encode())[:8]}"
        self.resize = describe_resize(self._pixels.side)

    @torch.inference_mode()
    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor. Grey images are repeated to three channels."""
        return in_batches(self._features, images_NCHW, _BATCH, "SqueezeNet")

    def _features(self, images_NCHW: Tensor) -> Tensor:
        side, colours, mean, scale = self._pixels
        x = three_channels(resize_images(images_NCHW, side)).to(self.device).float()[:, list(colours)]
        x = (x - x.new_tensor(mean)[:, None, None]) / x.new_tensor(scale)[:, None, None]
        maps: Tensor = self.model.features(x)
        return maps.mean((2, 3))


def _squeezenet(weights: Path) -> tuple[SqueezeNet, str]:
    state = {name: tensor.float() for name, tensor in read_tensors(weights).items()}
    # On no device, the weights that are replaced anyway cost no random numbers.
    with torch.device("meta"):
        model = squeezenet1_0()
    model.load_state_dict(state, assign=True)
    return model.eval(), ModelWeights({}, state).digest
