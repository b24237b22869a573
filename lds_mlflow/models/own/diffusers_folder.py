"""Reads a folder that diffusers has written: config.json and weights as safetensors."""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lds_mlflow.errors import ArtifactError, first_line
from lds_mlflow.machine.packages import require_packages
from lds_mlflow.models.own.facts import Facts
from lds_mlflow.models.own.json_objects import json_object
from lds_mlflow.models.own.pair import pair_weights
from lds_mlflow.models.programs import program_of
from lds_mlflow.values import ModelWeights

__all__ = ["CLASSES", "CONFIG", "read_diffusers"]

CONFIG = "config.json"
"""The file in which diffusers writes the class of a model and its arguments."""

CLASSES = ("AutoencoderKL", "VQModel", "AutoencoderTiny")
"""The classes of diffusers that encode images into latents and decode them."""

_CLASS = "_class_name"
_REMEDY = "Save the model by save_pretrained(folder, safe_serialization=True); pickled weights are not read."


class _Encoder(nn.Module):
    """Maps images in -1..1 to latents as diffusion models see them, scaled to a variance of about one."""

    def __init__(self, network: Any, shift: float, scale: float) -> None:
        super().__init__()
        self.network, self.shift, self.scale = network, shift, scale

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        found = self.network.encode(x)
        if not hasattr(found, "latent_dist"):
            return ((found.latents - self.shift) * self.scale,)
        posterior = found.latent_dist
        log_scale = torch.log(torch.tensor(self.scale))
        return (posterior.mean - self.shift) * self.scale, posterior.logvar + 2 * log_scale


class _Decoder(nn.Module):
    def __init__(self, network: Any, shift: float, scale: float) -> None:
        super().__init__()
        self.network, self.shift, self.scale = network, shift, scale

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.network.decode(z / self.scale + self.shift).sample
        return x


def read_diffusers(folder: Path, example_shape: tuple[int, ...]) -> ModelWeights:
    """Returns an autoencoder of diffusers as an exported pair, so that it is used without diffusers from then on.

    Args:
        folder: config.json and diffusion_pytorch_model.safetensors.
        example_shape: The shape of the examples that it is used with: channels, height and width.

    Raises:
        ConfigError: diffusers is not installed.
        ArtifactError: config.json is damaged, the class is another, there are no safetensors, they don't fit, or the
            model takes no such examples.
    """
    config = json_object((folder / CONFIG).read_bytes(), str(folder / CONFIG), _REMEDY)
    network, shift, scale = _network(folder, str(config.get(_CLASS)))
    encoder, decoder = _Encoder(network, shift, scale), _Decoder(network, shift, scale)
    example = torch.zeros(example_shape)
    try:
        with torch.no_grad():
            latent: Tensor = encoder(example[None])[0][0]
        programs = program_of(encoder, example, strict=False), program_of(decoder, latent, strict=False)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"the model in {folder}",
            found=f"for examples {list(example_shape)} the error: {first_line(error)}",
            expected=f"a model that encodes such examples, with {network.config.get('in_channels')} channels",
            remedy="Give images with that many channels, and a resolution that the model takes.",
        ) from error
    facts = Facts(example_shape, (-1.0, 1.0), tuple(latent.shape), name=folder.name)
    return pair_weights(facts, *programs)


def _network(folder: Path, name: str) -> tuple[Any, float, float]:
    """Returns the network, and what is taken from its latents and what they are multiplied by then."""
    if name not in CLASSES:
        raise ArtifactError(
            str(folder / CONFIG),
            found=f"a model of the class {name}",
            expected=f"one of {', '.join(CLASSES)}",
            remedy="Give the folder of the autoencoder alone, such as vae of a pipeline.",
        )
    require_packages(f"model={folder}", {"diffusers": "diffusers"})
    kind: Any = getattr(import_module("diffusers"), name)
    try:
        network = kind.from_pretrained(folder, use_safetensors=True, local_files_only=True, low_cpu_mem_usage=False)
        shift, scale = network.config.get("shift_factor") or 0, network.config.get("scaling_factor") or 1
        return network.eval(), float(shift), float(scale)
    except Exception as error:
        raise ArtifactError.because(
            error,
            f"the weights in {folder}",
            expected="diffusion_pytorch_model.safetensors that fit config.json",
            remedy=_REMEDY,
        ) from error
