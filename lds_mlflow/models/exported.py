"""The decoder alone, as a program that torch.export writes: it runs in torch without this project."""

import torch
from torch import Tensor, nn

from lds_mlflow.models.autoencoder import Autoencoder
from lds_mlflow.models.codec import Codec
from lds_mlflow.models.kinds import open_model
from lds_mlflow.models.own.pair import ExportedPair
from lds_mlflow.models.programs import program_of
from lds_mlflow.values import ModelWeights

__all__ = ["exported_decoder"]


class _Decoder(nn.Module):
    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model, self.shape = model, model.latent_shape

    def forward(self, z_BD: Tensor) -> Tensor:
        return self.model.decode(z_BD.unflatten(1, self.shape))


def exported_decoder(weights: ModelWeights) -> bytes:
    """Returns a model's decoder as the content of a .pt2 file, for `torch.export.load(file).module()`.

    The program maps latents, float32 [B, D] for any B, to examples in the model's range, [B, ...], such as images of
    -1..1, on the CPU.

    Args:
        weights: The model.

    Raises:
        ArtifactError: The model can't be opened.
        RuntimeError: torch.export can't follow its decoder, or it is a program already.
    """
    model = open_model(weights)
    if isinstance(model, ExportedPair):
        raise RuntimeError("this model's decoder is a program already")
    return program_of(_Decoder(model), torch.zeros(Codec(model).latent_dim))
