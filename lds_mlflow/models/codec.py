"""Examples -> latents and latents -> examples, as the rooms that know latents as rows of a matrix need them.

What is decoded from a latent doesn't depend on what is decoded with it.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from lds_mlflow.machine.batches import in_batches, rows_at_once
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.models.autoencoder import Autoencoder, Posterior
from lds_mlflow.models.scales import PIXELS, Scale

__all__ = ["Codec"]

_BATCH = 256


class _Decoding(nn.Module):
    """Decodes batches of one size, of which the last is filled up: in another one, last bits may round differently."""

    def __init__(self, model: Autoencoder, scale: Scale) -> None:
        super().__init__()
        self.model, self.scale = model, scale

    def forward(self, z_BD: Tensor) -> Tensor:
        at_once = rows_at_once(self.model.device, self.model.decoded_at_once)
        n_filling = -len(z_BD) % at_once
        filled = torch.cat([z_BD, z_BD.new_zeros(n_filling, z_BD.shape[1])])
        return torch.cat([self._decode(z) for z in filled.split(at_once)])[: len(z_BD)]

    def _decode(self, z_BD: Tensor) -> Tensor:
        z = z_BD.unflatten(1, self.model.latent_shape).to(self.model.device)
        return self.scale.from_model(self.model.decode(z))


class _Encoding(nn.Module):
    def __init__(self, model: Autoencoder, scale: Scale) -> None:
        super().__init__()
        self.model, self.scale = model, scale

    def forward(self, examples: Tensor) -> Tensor:
        posterior = self.model.encode(self.scale.to_model(examples.to(self.model.device)))
        return torch.cat([part.flatten(1) for part in posterior if part is not None], 1)


@dataclass(frozen=True, slots=True)
class Codec:
    """An autoencoder that takes examples as they are stored, and whose latents are flat.

    Attributes:
        model: The autoencoder.
        scale: How stored examples become what the model sees, and back.
    """

    model: Autoencoder
    scale: Scale = PIXELS

    @property
    def latent_dim(self) -> int:
        """D, the number of scalars in a latent."""
        return prod(self.model.latent_shape)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.device

    def encode(self, examples_N: Tensor, *, ranks: Ranks = ALONE) -> Posterior:
        """Encodes examples: [N, ...] -> posterior mean and log variance, float32 [N, D], on the CPU.

        Args:
            examples_N: The examples as they are stored; they may lie in a file that is mapped into memory.
            ranks: The processes that share them.
        """
        encoding = _Encoding(self.model, self.scale)
        found = in_batches(encoding, examples_N, _BATCH, "encoding", device=self.device, ranks=ranks)
        if found.shape[1] == self.latent_dim:
            return Posterior(found)
        mean, log_variance = found.chunk(2, 1)
        return Posterior(mean.contiguous(), log_variance.contiguous())

    def decode(self, z_SD: Tensor, *, ranks: Ranks = ALONE) -> Tensor:
        """Decodes latents: float [S, D] -> examples as they are stored, [S, ...], on the CPU.

        Args:
            z_SD: The latents.
            ranks: The processes that share them.
        """
        decoding = _Decoding(self.model, self.scale)
        return in_batches(decoding, z_SD, _BATCH, "decoding", device=self.device, ranks=ranks)
