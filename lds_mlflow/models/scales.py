"""How stored examples become what a model sees, and back."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["PIXELS", "PixelScale", "Scale"]

_AT_ONCE = 256


class Scale(Protocol):
    """The two directions between examples as they are stored and the range that a model computes in."""

    def to_model(self, examples: Tensor, /) -> Tensor:
        """Maps stored examples, [B, ...], to float32 in the model's range, on the same device."""
        ...

    def from_model(self, x: Tensor, /) -> Tensor:
        """Maps what a model decodes, [B, ...], to examples as they are stored."""
        ...

    def compare(self, examples_N: Tensor, decoded_N: Tensor, /) -> dict[str, float]:
        """Returns figures, by name, of how near decoded examples are to others, both as they are stored, [N, ...]."""
        ...


@dataclass(frozen=True, slots=True)
class PixelScale:
    """Pixels: uint8 in 0..255 where they are stored, float32 in -1..1 where a model sees them."""

    def to_model(self, examples: Tensor) -> Tensor:
        """Maps uint8 0..255 to float32 -1..1."""
        return examples.float() / 127.5 - 1

    def from_model(self, x: Tensor) -> Tensor:
        """Maps -1..1 to uint8 0..255; what lies outside is clipped."""
        return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)

    def compare(self, examples_N: Tensor, decoded_N: Tensor) -> dict[str, float]:
        """Returns the mean squared error in units of the range, `reconstruction_mse`."""
        pairs = zip(examples_N.split(_AT_ONCE), decoded_N.split(_AT_ONCE), strict=True)
        errors = [(decoded.float() - some.float()).square().double().sum().item() for some, decoded in pairs]
        return {"reconstruction_mse": sum(errors) / examples_N.numel() / 255.0**2}


PIXELS = PixelScale()
"""The scale of images."""
