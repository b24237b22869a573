"""The decoder alone, as a program that torch.export writes: it runs in torch without this project."""

import io

import torch
from torch import Tensor, nn

from lds_mlflow.models.autoencoder import Autoencoder
from lds_mlflow.models.codec import Codec
from lds_mlflow.models.kinds import open_model
from lds_mlflow.values import ModelWeights

__all__ = ["exported_decoder"]

_ROWS = 2
"""Rows of the batch that is traced: a batch of one would be taken for a number that never changes."""


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
        RuntimeError: torch.export can't follow its decoder.
    """
    model = open_model(weights)
    # torch.export warns of weights in another format, which its files have no word for.
    decoder = _Decoder(model).to(memory_format=torch.contiguous_format)
    z_BD = torch.zeros(_ROWS, Codec(model).latent_dim)
    # Strict, or torch takes the length of a batch for a constant.
    with torch.no_grad():
        program = torch.export.export(decoder, (z_BD,), dynamic_shapes=({0: torch.export.Dim("B")},), strict=True)
    signature = program.graph_signature
    used = {*signature.inputs_to_parameters.values(), *signature.inputs_to_buffers.values()}
    for name in program.state_dict.keys() - used:
        del program.state_dict[name]
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()
