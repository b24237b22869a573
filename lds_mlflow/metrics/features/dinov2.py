"""DINOv2 as an extractor, with weights in a file: FD-DINOv2 is the Frechet distance by its features.

Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, 2024. Stein et al., Exposing Flaws of
Generative Model Evaluation Metrics and Their Unfair Treatment of Diffusion Models, 2023, compare models by ViT-L/14.
torch-fidelity has the network from GitHub alone, as code that is executed. Here it is torchvision's vision transformer,
which it is equal to once the factors of its layers (LayerScale) are multiplied into their weights.
"""

import re
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import VisionTransformer

from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics.features.network import AsTrained, NetworkExtractor
from lds_mlflow.models.pretrained import read_tensors, reading_weights

__all__ = ["DinoV2Extractor"]

_PATCHES = 16
_WIDTH_OF_A_HEAD = 64
_UNUSED = "mask_token"
_SCALED = (("ls1", "attn.proj"), ("ls2", "mlp.fc2"))
"""The factors of a block, and the layer whose results they multiply."""

_NAMES = (
    (r"^cls_token$", "class_token"),
    (r"^pos_embed$", "encoder.pos_embedding"),
    (r"^patch_embed\.proj\.", "conv_proj."),
    (r"^norm\.", "encoder.ln."),
    (r"^blocks\.(\d+)\.", r"encoder.layers.encoder_layer_\1."),
    (r"\.norm(\d)\.", r".ln_\1."),
    (r"\.attn\.qkv\.", ".self_attention.in_proj_"),
    (r"\.attn\.proj\.", ".self_attention.out_proj."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
)
"""Parts of names, and what torchvision calls them."""


class DinoV2Extractor(NetworkExtractor):
    """DINOv2, a vision transformer: the features of its class token.

    Args:
        weights: A file of the weights of DINOv2's backbone ViT-S/14, B/14 or L/14 without registers (.pth or
            .safetensors), such as dinov2_vitl14_pretrain.pth.
        device: Where to compute.
        ranks: The processes that share the images.

    Raises:
        ArtifactError: The file is missing, or doesn't fit.
    """

    title = "DINOv2"

    def __init__(self, weights: Path, device: str = "cpu", *, ranks: Ranks = ALONE) -> None:
        expected = "a file of the weights of DINOv2's ViT-S/14, B/14 or L/14, without registers"
        remedy = "Give feature_weights=PATH of such a file, or features=classifier, which needs none."
        with reading_weights("DINOv2 weights", weights, expected, remedy):
            network = _transformer({name: tensor.float() for name, tensor in read_tensors(weights).items()})
        super().__init__(AsTrained(network, "torchvision"), network.image_size, device, ranks)


def _transformer(tensors: dict[str, Tensor]) -> VisionTransformer:
    width, patch = tensors["cls_token"].shape[-1], tensors["patch_embed.proj.weight"].shape[-1]
    depth = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
    # On no device, the weights that are replaced anyway cost no random numbers.
    with torch.device("meta"):
        network = VisionTransformer(_PATCHES * patch, patch, depth, width // _WIDTH_OF_A_HEAD, width, 4 * width)
    network.heads = nn.Sequential()
    network.load_state_dict(_as_torchvision_has_them(tensors, depth), assign=True)
    return network.eval()


def _as_torchvision_has_them(tensors: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
    found = {name: tensor for name, tensor in tensors.items() if name != _UNUSED}
    for block in range(depth):
        for factors, layer in _SCALED:
            factor = found.pop(f"blocks.{block}.{factors}.gamma")
            weight, bias = f"blocks.{block}.{layer}.weight", f"blocks.{block}.{layer}.bias"
            found |= {weight: factor[:, None] * found[weight], bias: factor * found[bias]}
    found["pos_embed"] = _resampled(found["pos_embed"])
    return {_renamed(name): tensor for name, tensor in found.items()}


def _renamed(name: str) -> str:
    for old, new in _NAMES:
        name = re.sub(old, new, name)
    return name


def _resampled(positions: Tensor) -> Tensor:
    """Returns embeddings of positions, [1, 1 + M^2, D], for 16 x 16 patches, as DINOv2 resamples them."""
    side = isqrt(positions.shape[1] - 1)
    if side == _PATCHES:
        return positions
    square = positions[:, 1:].unflatten(1, (side, side)).movedim(-1, 1)
    # DINOv2 adds the tenth of a patch so that the size is not rounded down, and its features depend on it.
    scale = (_PATCHES + 0.1) / side
    resampled = functional.interpolate(square, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([positions[:, :1], resampled.movedim(1, -1).flatten(1, 2)], 1)
