"""An encoder and a decoder as programs: the kind of autoencoder that somebody else has trained."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import Any, Self

import torch
from torch import Tensor, nn

from lds_mlflow.errors import ArtifactError, first_line
from lds_mlflow.models.autoencoder import Posterior
from lds_mlflow.models.mixture import Mixture
from lds_mlflow.models.noise import NormalNoise
from lds_mlflow.models.own.facts import Facts
from lds_mlflow.models.own.rows import RowsProgram
from lds_mlflow.models.programs import open_program
from lds_mlflow.values import ModelWeights

__all__ = ["DECODER", "ENCODER", "ExportedPair", "pair_weights", "rows_program"]

ENCODER, DECODER = "encoder", "decoder"
_FACTS = "generator"
_KEPT = 4
"""Programs that stay open: torch takes seconds to open one, and each step of a command opens the same."""

_MEAN, _LOG_VARIANCE = "prior.mean_KD", "prior.log_variance_KD"

_opened = lru_cache(_KEPT)(open_program)


def pair_weights(facts: Facts, encoder: bytes, decoder: bytes, prior: Mixture | None = None) -> ModelWeights:
    """Returns an exported pair as weights: the contents of its two programs, uint8 [bytes], and its prior.

    Args:
        facts: What the generator is for.
        encoder: The content of the file of the encoder.
        decoder: The content of the file of the decoder.
        prior: The prior of flattened latents, or None for N(0, I).
    """
    state = {name: _tensor(content) for name, content in ((ENCODER, encoder), (DECODER, decoder))}
    if prior is not None:
        state |= {_MEAN: prior.mean_KD, _LOG_VARIANCE: prior.log_variance_KD}
    return ModelWeights({_FACTS: facts.to_json()}, state, ExportedPair.kind)


def rows_program(content: bytes, row: Tensor, what: str, noise: NormalNoise | None = None) -> RowsProgram:
    """Returns a program that is ready to be called with any number of rows.

    Args:
        content: The content of its file.
        row: An example of what it maps, [...], on the device where it is to compute.
        what: What it is, for errors.
        noise: What it is given beside rows, or None where it takes them alone.

    Raises:
        ArtifactError: It can't be opened, or fails for every number of rows that is tried.
    """
    try:
        program = _opened(content, row.device)
    except Exception as error:
        raise ArtifactError(
            what,
            found="no archive" if isinstance(error, zipfile.BadZipFile) else first_line(error),
            expected="a graph that torch.export.save has written, or TorchScript",
            remedy="Export the network again (docs/how-to/own-model.md): nothing but a graph is executed.",
        ) from error
    return RowsProgram(program, row, what, noise)


class ExportedPair(nn.Module):
    """An autoencoder made of two programs; see Autoencoder.

    The encoder maps examples in the generator's own range, float32 [B, ...], to latents, [B, *latent_shape], or to a
    pair of their means and log variances. The decoder maps latents to examples; where the facts say a shape of noise,
    it maps latents and noise, which the latents and the facts decide on.

    Args:
        weights: The pair, by `pair_weights`.
        device: Where to compute.

    Raises:
        ArtifactError: A program can't be opened.
    """

    kind = "exported"

    def __init__(self, weights: ModelWeights, device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.weights, self.facts = weights, Facts.from_json(str(weights.spec[_FACTS]), "the exported pair")
        self._open(torch.device(device))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """See Autoencoder."""
        return self.facts.latent_shape

    @property
    def decoded_at_once(self) -> int:
        """4, since its decoder may be a large one."""
        return 4

    @property
    def device(self) -> torch.device:
        """See Autoencoder."""
        return self._device

    @property
    def n_parameters(self) -> int:
        """Number of scalars among the tensors of both programs."""
        programs = nn.ModuleList([self.encoder.module, self.decoder.module])
        tensors = {tensor.data_ptr(): tensor for tensor in (*programs.parameters(), *programs.buffers())}
        return sum(tensor.numel() for tensor in tensors.values())

    def encode(self, x: Tensor) -> Posterior:
        """See Autoencoder.

        Raises:
            ArtifactError: The encoder fails, or its latents have another shape.
        """
        low, high = self.facts.value_range
        means = self.encoder(low + (x + 1) * ((high - low) / 2))
        for found in means:
            _require_shape(found, self.latent_shape, "the encoder")
        return Posterior(*means[:2])

    def decode(self, z: Tensor) -> Tensor:
        """See Autoencoder.

        Raises:
            ArtifactError: The decoder fails, or its examples have another shape.
        """
        low, high = self.facts.value_range
        x: Tensor = self.decoder(z)[0]
        _require_shape(x, self.facts.example_shape, "the decoder")
        return (x - low) * (2 / (high - low)) - 1

    def prior_mixture(self) -> Mixture | None:
        """See Autoencoder."""
        state = self.weights.state
        return Mixture(state[_MEAN], state[_LOG_VARIANCE]) if _MEAN in state else None

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> Self:
        """See Autoencoder."""
        return cls(weights)

    def to_weights(self) -> ModelWeights:
        """See Autoencoder."""
        return self.weights

    def content(self, name: str) -> bytes:
        """Returns the content of the file of ENCODER or DECODER."""
        return self.weights.state[name].numpy().tobytes()

    def with_facts(self, facts: Facts) -> Self:
        """Returns the same pair with other facts, such as another range of values."""
        return type(self)(replace(self.weights, spec={_FACTS: facts.to_json()}), self.device)

    def _open(self, device: torch.device) -> None:
        self._device = device
        facts = self.facts
        example, latent = (torch.zeros(shape, device=device) for shape in (facts.example_shape, facts.latent_shape))
        noise = None
        if facts.noise_shape:
            noise = NormalNoise(prod(facts.latent_shape), facts.noise_shape, facts.noise_seed).to(device)
        self.encoder = rows_program(self.content(ENCODER), example, f"the {ENCODER} of {facts.name}")
        self.decoder = rows_program(self.content(DECODER), latent, f"the {DECODER} of {facts.name}", noise)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        # A program may name its device, so it is opened again where it is to compute.
        device = fn(torch.zeros(0, device=self._device)).device
        if recurse and device != self._device:
            self._open(device)
        return self


def _tensor(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _require_shape(found: Tensor, expected: tuple[int, ...], what: str) -> None:
    if tuple(found.shape[1:]) != expected:
        raise ArtifactError(
            what,
            found=f"rows of the shape {list(found.shape[1:])}",
            expected=f"{list(expected)}, as generator.json says",
            remedy="Correct generator.json, or export the program that gives this shape.",
        )
