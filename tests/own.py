"""A generator of somebody else's: small networks that any test can export in a fraction of a second."""

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.models.own.facts import Facts
from lds_mlflow.models.own.pair import pair_weights
from lds_mlflow.models.programs import program_of
from lds_mlflow.values import ModelWeights

__all__ = [
    "FACTS",
    "SHAPE",
    "DecoderNetwork",
    "EncoderNetwork",
    "changed_graph",
    "exported_pair",
    "maps_weights",
    "noisy_weights",
    "own_weights",
    "programs",
    "rewritten",
    "scripted",
    "write_folder",
]

SHAPE = (1, 8, 8)
FACTS = Facts(SHAPE, (-1.0, 1.0), (64,), name="somebody's", licence="MIT")


class EncoderNetwork(nn.Module):
    """Maps images to their pixels in another order, and to a variance that is the same for all."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = x.flatten(1).flip(1)
        return mean, torch.full_like(mean, -4.0)


class DecoderNetwork(nn.Module):
    """Undoes it, by a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.order = nn.Parameter(torch.eye(64).flip(0))

    def forward(self, z: Tensor) -> Tensor:
        return (z @ self.order).view(-1, 1, 8, 8)


class NoisyNetwork(nn.Module):
    """Decodes likewise, and adds noise that it is given beside the latents."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = DecoderNetwork()

    def forward(self, z: Tensor, noise: Tensor) -> Tensor:
        x: Tensor = self.decoder(z)
        return x + 0.1 * noise


@cache
def programs() -> tuple[bytes, bytes]:
    """Returns the contents of the encoder's and the decoder's .pt2 file."""
    return (
        program_of(EncoderNetwork(), torch.zeros(SHAPE), strict=False),
        program_of(DecoderNetwork(), torch.zeros(64), strict=False),
    )


def scripted(network: nn.Module) -> bytes:
    """Returns a network as the content of a file of TorchScript."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.jit.save(torch.jit.script(network), buffer)
    return buffer.getvalue()


def own_weights() -> ModelWeights:
    """Returns the generator as it is stored."""
    return pair_weights(FACTS, *programs())


def maps_weights() -> ModelWeights:
    """Returns a generator whose latents are the images themselves, as it is stored."""
    program = program_of(nn.Identity(), torch.zeros(SHAPE), strict=False)
    return pair_weights(Facts(SHAPE, (-1.0, 1.0), SHAPE), program, program)


def noisy_weights(noise_seed: int = 0) -> ModelWeights:
    """Returns a generator whose decoder takes noise, as it is stored."""
    decoder = program_of(NoisyNetwork(), torch.zeros(64), torch.zeros(SHAPE), strict=False)
    facts = replace(FACTS, noise_shape=SHAPE, noise_seed=noise_seed)
    return pair_weights(facts, programs()[0], decoder)


def exported_pair(folder: Path) -> Path:
    """Writes the generator to a folder, and returns the folder."""
    return write_folder(folder, dict(zip(("encoder.pt2", "decoder.pt2"), programs(), strict=True)))


def write_folder(folder: Path, files: dict[str, bytes], **changes: Any) -> Path:
    """Writes files and a generator.json that has their digests; changes are of its entries, None takes one away."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    digests = {name: digest_of_file(folder / name) for name in files}
    said = json.loads(FACTS.to_json()) | {"sha256": digests} | changes
    (folder / "generator.json").write_text(json.dumps({key: value for key, value in said.items() if value is not None}))
    return folder


def rewritten(content: bytes, changes: dict[str, Callable[[bytes], bytes]]) -> bytes:
    """Returns an archive in which the records whose names end in a key are changed, or made of nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        records = {name: old.read(name) for name in old.namelist()}
        top = next(iter(records)).partition("/")[0]
        for ending, change in changes.items():
            name = next((name for name in records if name.endswith(ending)), f"{top}/{ending}")
            records[name] = change(records.get(name, b""))
        for name, record in records.items():
            new.writestr(name, record)
    return buffer.getvalue()


def changed_graph(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Returns an exported program whose graph, as JSON, a function has changed."""

    def changed(record: bytes) -> bytes:
        graph = json.loads(record)
        change(graph)
        return json.dumps(graph).encode()

    return rewritten(content, {"models/model.json": changed})
