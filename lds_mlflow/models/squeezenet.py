"""SqueezeNet 1.0, with weights that others have trained.

The network is that of Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model
size, 2016, as torchvision's squeezenet1_0. What its weights expect of a pixel depends on who trained them.
"""

from pathlib import Path
from typing import Literal, NamedTuple

import torch
from safetensors import SafetensorError
from torch import Tensor
from torchvision.models import SqueezeNet, squeezenet1_0

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.pretrained import in_short, read_tensors, three_channels
from lds_mlflow.values import ModelWeights

__all__ = ["Convention", "as_trained_on", "load_squeezenet", "side_of"]

Convention = Literal["caffe", "torchvision"]
"""Who trained: "caffe" (BGR in 0..255 less (104, 117, 123), 227x227) or "torchvision" (RGB in 0..1, normalised,
224x224)."""


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


def side_of(convention: Convention) -> int:
    """Returns the pixels of a side of the images that the weights were trained on."""
    return _CONVENTIONS[convention].side


def as_trained_on(images: Tensor, convention: Convention) -> Tensor:
    """Maps images, float [B, 1 or 3, H, W] in 0..255 (RGB), to what the weights were trained on, [B, 3, H, W]."""
    _, colours, mean, scale = _CONVENTIONS[convention]
    x = three_channels(images)[:, list(colours)]
    return (x - x.new_tensor(mean)[:, None, None]) / x.new_tensor(scale)[:, None, None]


def load_squeezenet(weights: Path, remedy: str) -> tuple[SqueezeNet, str]:
    """Returns SqueezeNet 1.0 in evaluation mode, and the digest of its weights.

    Args:
        weights: A file of weights under torchvision's names (.pth or .safetensors), of any floating type.
        remedy: What the error tells the user to do.

    Raises:
        ArtifactError: The file is missing, or doesn't fit.
    """
    try:
        state = {name: tensor.float() for name, tensor in read_tensors(weights).items()}
        # On no device, the weights that are replaced anyway cost no random numbers.
        with torch.device("meta"):
            model = squeezenet1_0()
        model.load_state_dict(state, assign=True)
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        raise ArtifactError(
            "SqueezeNet weights",
            found=f"{weights}: {in_short(error)}",
            expected="a file of the weights of torchvision's squeezenet1_0",
            remedy=remedy,
        ) from error
    return model.eval(), ModelWeights({}, state).digest
