"""DINOv2 with random weights, against its blocks written out."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from lds_mlflow.errors import ArtifactError
from lds_mlflow.metrics.features.dinov2 import DinoV2Extractor
from lds_mlflow.models.pretrained import as_trained_on

WIDTH, DEPTH, PATCH, SIDE = 128, 2, 14, 37


def _state() -> dict[str, Tensor]:
    """Weights of a tiny DINOv2, under the names of its files."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) / math.sqrt(shape[-1])

    state = {
        "cls_token": drawn(1, 1, WIDTH),
        "pos_embed": drawn(1, 1 + SIDE**2, WIDTH),
        "mask_token": drawn(1, WIDTH),
        "patch_embed.proj.weight": drawn(WIDTH, 3, PATCH, PATCH),
    }
    layers = {"patch_embed.proj": (), "norm": (WIDTH,)}
    for n in range(DEPTH):
        layers |= {
            f"blocks.{n}.norm1": (WIDTH,),
            f"blocks.{n}.norm2": (WIDTH,),
            f"blocks.{n}.attn.qkv": (3 * WIDTH, WIDTH),
            f"blocks.{n}.attn.proj": (WIDTH, WIDTH),
            f"blocks.{n}.mlp.fc1": (4 * WIDTH, WIDTH),
            f"blocks.{n}.mlp.fc2": (WIDTH, 4 * WIDTH),
        }
        state |= {f"blocks.{n}.ls{k}.gamma": 3 * drawn(WIDTH) for k in (1, 2)}
    for name, shape in layers.items():
        state |= {f"{name}.bias": drawn(shape[0] if shape else WIDTH)}
        state |= {f"{name}.weight": drawn(*shape)} if shape else {}
    return state


@torch.inference_mode()
def _written_out(state: dict[str, Tensor], images: Tensor) -> Tensor:
    """DINOv2's forward_features, x_norm_clstoken, as its code has it."""

    def linear(x: Tensor, name: str) -> Tensor:
        return functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (WIDTH,), state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)

    x = as_trained_on(images.float(), "torchvision")
    x = functional.conv2d(x, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=PATCH)
    x = torch.cat([state["cls_token"].expand(len(x), -1, -1), x.flatten(2).mT], 1)
    side = math.isqrt(state["pos_embed"].shape[1] - 1)
    square = state["pos_embed"][:, 1:].reshape(1, side, side, WIDTH).permute(0, 3, 1, 2)
    if side != 16:
        square = functional.interpolate(square, scale_factor=(16.1 / side, 16.1 / side), mode="bicubic")
    x = x + torch.cat([state["pos_embed"][:, :1], square.permute(0, 2, 3, 1).reshape(1, -1, WIDTH)], 1)
    for n in range(DEPTH):
        b = f"blocks.{n}"
        qkv = linear(norm(x, f"{b}.norm1"), f"{b}.attn.qkv")
        q, k, v = qkv.unflatten(2, (3, WIDTH // 64, 64)).permute(2, 0, 3, 1, 4)
        attended = (q @ k.mT / math.sqrt(64)).softmax(-1) @ v
        x = x + state[f"{b}.ls1.gamma"] * linear(attended.transpose(1, 2).flatten(2), f"{b}.attn.proj")
        hidden = functional.gelu(linear(norm(x, f"{b}.norm2"), f"{b}.mlp.fc1"))
        x = x + state[f"{b}.ls2.gamma"] * linear(hidden, f"{b}.mlp.fc2")
    return norm(x, "norm")[:, 0]


def _images(n: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, channels, 224, 224), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("positions", [SIDE, 16])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_its_features_are_those_of_its_blocks_written_out(tmp_path: Path, positions: int, suffix: str) -> None:
    state = _state()
    state["pos_embed"] = state["pos_embed"][:, : 1 + positions**2].contiguous()
    path = tmp_path / f"dinov2{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    extractor = DinoV2Extractor(path)
    found = extractor.features(_images(3))
    assert (found.shape, found.dtype) == ((3, WIDTH), torch.float32)
    torch.testing.assert_close(found, _written_out(state, _images(3)), rtol=1e-4, atol=1e-4)
    assert extractor.resize == "bicubic, antialiased, to 224x224, rounded to 8 bits"
    assert extractor.name.startswith("dinov2-")


def _with_registers(state: dict[str, Tensor]) -> None:
    state["register_tokens"] = torch.zeros(1, 4, WIDTH)


def _gated(state: dict[str, Tensor]) -> None:
    for name in [name for name in state if ".mlp." in name]:
        state[name.replace("fc1", "w12").replace("fc2", "w3")] = state.pop(name)


def _of_no_width(state: dict[str, Tensor]) -> None:
    del state["cls_token"]


@pytest.mark.parametrize("change", [_with_registers, _gated, _of_no_width])
def test_another_network_is_refused(tmp_path: Path, change: object) -> None:
    state = _state()
    assert callable(change)
    change(state)
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(ArtifactError, match=r"DINOv2 weights: .*without registers"):
        DinoV2Extractor(tmp_path / "other.safetensors")
