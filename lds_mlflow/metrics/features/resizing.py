"""One antialiased resize for all extractors: another one would give other features, and other figures.

Parmar et al., On Aliased Resizing and Surprising Subtleties in GAN Evaluation, 2022: most libraries' resizes alias,
each in its own way, and the Frechet distance follows them.
"""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["describe_resize", "resize_images"]


def resize_images(images_NCHW: Tensor, side: int) -> Tensor:
    """Resizes square images: bicubic, antialiased, computed in float32, then rounded and clamped to 8 bits.

    Args:
        images_NCHW: Images, uint8 [N, C, H, W] with H = W.
        side: Pixels of a side wanted; 0 for that of the images.

    Returns:
        uint8 [N, C, side, side]; the images themselves where they have that side.
    """
    if side in (0, images_NCHW.shape[-1]):
        return images_NCHW
    resized = functional.interpolate(images_NCHW.float(), size=(side, side), mode="bicubic", antialias=True)
    return resized.round_().clamp_(0, 255).to(torch.uint8)


def describe_resize(side: int) -> str:
    """Returns in words what `resize_images` does."""
    return f"bicubic, antialiased, to {side}x{side}, rounded to 8 bits" if side else "none"
