"""VGG16 and CLIP as extractors, with weights in a file: each network as torch-fidelity has it."""

from pathlib import Path

import torch
from torch import Tensor
from torch_fidelity.feature_extractor_clip import CLIPVisual, build_model
from torchvision.models import VGG, vgg16

from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics.features.network import AsTrained, NetworkExtractor
from lds_mlflow.models.pretrained import read_tensors, reading_weights, side_of
from lds_mlflow.models.programs import open_program

__all__ = ["ClipExtractor", "Vgg16Extractor"]

_REMEDY = "Give feature_weights=PATH of such a file, or features=classifier, which needs none."
_TO_THE_FEATURES = 5


class Vgg16Extractor(NetworkExtractor):
    """VGG16: its 4,096 features before the classes, behind their activation.

    Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015.

    Args:
        weights: A file of torchvision's weights of vgg16 (.pth or .safetensors).
        device: Where to compute.
        ranks: The processes that share the images.

    Raises:
        ArtifactError: The file is missing, or doesn't fit.
    """

    title = "VGG16"

    def __init__(self, weights: Path, device: str = "cpu", *, ranks: Ranks = ALONE) -> None:
        with reading_weights("VGG16 weights", weights, "a file of the weights of torchvision's vgg16", _REMEDY):
            network = _vgg16(read_tensors(weights))
        super().__init__(AsTrained(network, "torchvision"), side_of("torchvision"), device, ranks)


class ClipExtractor(NetworkExtractor):
    """CLIP: its embeddings of images, as long as they are.

    Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021.

    Args:
        weights: A file of OpenAI's (.pt, TorchScript), such as ViT-L-14-336px.pt, or of tensors with OpenAI's names
            (.pth or .safetensors). Of these names it is read how large the network is, and which images it takes.
        device: Where to compute.
        ranks: The processes that share the images.

    Raises:
        ArtifactError: The file is missing, or doesn't fit.
    """

    title = "CLIP"

    def __init__(self, weights: Path, device: str = "cpu", *, ranks: Ranks = ALONE) -> None:
        with reading_weights("CLIP weights", weights, "a file of CLIP's weights, with OpenAI's names", _REMEDY):
            network: CLIPVisual = build_model(_clip_tensors(weights), torch.float32)
        side: int = network.visual.input_resolution
        super().__init__(AsTrained(network.visual, "clip"), side, device, ranks)


def _vgg16(tensors: dict[str, Tensor]) -> VGG:
    # On no device, the weights that are replaced anyway cost no random numbers.
    with torch.device("meta"):
        network = vgg16()
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    network.classifier = network.classifier[:_TO_THE_FEATURES]
    return network.eval()


def _clip_tensors(weights: Path) -> dict[str, Tensor]:
    if weights.suffix != ".pt":
        return read_tensors(weights)
    # torch-fidelity would let torch open whatever it is given.
    return dict(open_program(weights.read_bytes()).module.state_dict())
