"""How stored examples become what a model sees, and back."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["PIXELS", "PixelScale", "Scale"]


class Scale(Protocol):
    """The two directions between examples as they are stored and the range that a model computes in."""

    @property
    def span(self) -> float:
        """The width of the range of stored values, which errors are given in units of."""
        ...

    def to_model(self, examples: Tensor, /) -> Tensor:
        """Maps stored examples, [B, ...], to float32 in the model's range, on the same device."""
        ...

    def from_model(self, x: Tensor, /) -> Tensor:
        """Maps what a model decodes, [B, ...], to examples as they are stored."""
        ...


@dataclass(frozen=True, slots=True)
class PixelScale:
    """Pixels: uint8 in 0..255 where they are stored, float32 in -1..1 where a model sees them."""

    @property
    def span(self) -> float:
        """255."""
        return 255.0

    def to_model(self, examples: Tensor) -> Tensor:
        """Maps uint8 0..255 to float32 -1..1."""
        return examples.float() / 127.5 - 1

    def from_model(self, x: Tensor) -> Tensor:
        """Maps -1..1 to uint8 0..255; what lies outside is clipped."""
        return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


PIXELS = PixelScale()
"""The scale of images."""
