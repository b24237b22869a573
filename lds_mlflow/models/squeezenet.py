"""SqueezeNet 1.0, with weights that others have trained.

The network is that of Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model
size, 2016, as torchvision's squeezenet1_0.
"""

from pathlib import Path

import torch
from torchvision.models import SqueezeNet, squeezenet1_0

from lds_mlflow.models.pretrained import read_tensors, reading_weights
from lds_mlflow.values import ModelWeights

__all__ = ["load_squeezenet"]


def load_squeezenet(weights: Path, remedy: str) -> tuple[SqueezeNet, str]:
    """Returns SqueezeNet 1.0 in evaluation mode, and the digest of its weights.

    Args:
        weights: A file of weights under torchvision's names (.pth or .safetensors), of any floating type.
        remedy: What the error tells the user to do.

    Raises:
        ArtifactError: The file is missing, or doesn't fit.
    """
    with reading_weights("SqueezeNet weights", weights, "a file of the weights of torchvision's squeezenet1_0", remedy):
        state = {name: tensor.float() for name, tensor in read_tensors(weights).items()}
        # On no device, the weights that are replaced anyway cost no random numbers.
        with torch.device("meta"):
            model = squeezenet1_0()
        model.load_state_dict(state, assign=True)
    return model.eval(), ModelWeights({}, state).digest
