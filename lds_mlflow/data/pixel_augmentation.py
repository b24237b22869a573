"""Augmentation in pixel space, by torchvision's transforms: the usual way, and a control for the latent one."""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2

__all__ = ["augment_pixels", "change_affinely", "cut_and_mix", "mix_up"]

_AFFINE = v2.RandomAffine(
    degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR
)
_NO_LABELS = torch.zeros(2, dtype=torch.int64)


_MIX_UP, _CUT_MIX = v2.MixUp(alpha=1.0, num_classes=2), v2.CutMix(alpha=1.0, num_classes=2)


def change_affinely(pair_2CHW: Tensor) -> Tensor:
    """Returns the first of two images, uint8 [2, C, H, W], rotated, shifted and scaled a little at random."""
    changed: Tensor = _AFFINE(pair_2CHW[0])
    return changed


def mix_up(pair_2CHW: Tensor) -> Tensor:
    """Returns a weighted mean of two images, uint8 [2, C, H, W] (Zhang et al., mixup, 2018)."""
    return _mixed(_MIX_UP, pair_2CHW)


def cut_and_mix(pair_2CHW: Tensor) -> Tensor:
    """Returns one of two images, uint8 [2, C, H, W], with a rectangle of the other (Yun et al., CutMix, 2019)."""
    return _mixed(_CUT_MIX, pair_2CHW)


def augment_pixels(images_NCHW: Tensor, change: Callable[[Tensor], Tensor], n: int, *, seed: int) -> Tensor:
    """Returns n changed images, uint8 [n, C, H, W], of random ones, uint8 [N, C, H, W].

    Args:
        images_NCHW: The images.
        change: Makes one image of two, uint8 [2, C, H, W], by the global random state.
        n: How many.
        seed: Seed of the choice and of the change; the global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pairs = torch.randint(len(images_NCHW), (n, 2))
        return torch.stack([change(images_NCHW[pair]) for pair in pairs])


def _mixed(mixing: v2.MixUp | v2.CutMix, pair_2CHW: Tensor) -> Tensor:
    # Both are made for batches with labels, of which there are none here.
    images, _ = mixing(pair_2CHW.float(), _NO_LABELS)
    first: Tensor = images[0].round().to(torch.uint8)
    return first
