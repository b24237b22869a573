"""Writes an exported pair: of a model of the project, or again of a pair that was opened."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.models.autoencoder import Autoencoder
from lds_mlflow.models.own.facts import GENERATOR, Facts
from lds_mlflow.models.own.folder import DIGESTS, PRIOR
from lds_mlflow.models.own.pair import DECODER, ENCODER, ExportedPair
from lds_mlflow.models.programs import program_of

__all__ = ["FOLDER", "write_pair"]

FOLDER = "generator"
"""What the folder of an exported pair is called where a run stores it."""


class _Encoder(nn.Module):
    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(part for part in self.model.encode(x) if part is not None)


class _Decoder(nn.Module):
    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor) -> Tensor:
        return self.model.decode(z)


def write_pair(model: Autoencoder, facts: Facts, folder: Path) -> None:
    """Writes generator.json, encoder.pt2 and decoder.pt2, and the prior where it is a mixture of Gaussians.

    Args:
        model: The model, on the CPU, whose range of values is that of the facts.
        facts: What it is for.
        folder: Where to; it exists.

    Raises:
        RuntimeError: torch.export can't follow the model.
    """
    for name, content in _programs(model, facts).items():
        (folder / f"{name}.pt2").write_bytes(content)
    prior = model.prior_mixture()
    if prior is not None:
        log_variance_KD = prior.log_variance_KD.expand_as(prior.mean_KD).contiguous()
        save_file({"mean_KD": prior.mean_KD.detach(), "log_variance_KD": log_variance_KD.detach()}, folder / PRIOR)
    digests = {path.name: digest_of_file(path) for path in sorted(folder.iterdir())}
    (folder / GENERATOR).write_text(json.dumps(json.loads(facts.to_json()) | {DIGESTS: digests}, indent=2) + "\n")


def _programs(model: Autoencoder, facts: Facts) -> dict[str, bytes]:
    if isinstance(model, ExportedPair):
        return {name: model.content(name) for name in (ENCODER, DECODER)}
    return {
        ENCODER: program_of(_Encoder(model), torch.zeros(facts.example_shape)),
        DECODER: program_of(_Decoder(model), torch.zeros(facts.latent_shape)),
    }
