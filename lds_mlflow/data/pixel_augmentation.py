"""Augmentation in pixel space, by torchvision's transforms: the usual way, and a control for the latent one."""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2

__all__ = ["PIXEL_AUGMENTATIONS", "augment_pixels"]

_AFFINE = v2.RandomAffine(
    degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR
)
_NO_LABELS = torch.zeros(2, dtype=torch.int64)


def _affine(pair_2CHW: Tensor) -> Tensor:
    changed: Tensor = _AFFINE(pair_2CHW[0])
    return changed


def _mixed(mixing: v2.MixUp | v2.CutMix) -> Callable[[Tensor], Tensor]:
    def mix(pair_2CHW: Tensor) -> Tensor:
        # Both are made for batches with labels, of which there are none here.
        images, _ = mixing(pair_2CHW.float(), _NO_LABELS)
        first: Tensor = images[0].round().to(torch.uint8)
        return first

    return mix


PIXEL_AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "transforms": _affine,
    "mixup": _mixed(v2.MixUp(alpha=1.0, num_classes=2)),
    "cutmix": _mixed(v2.CutMix(alpha=1.0, num_classes=2)),
}
"""transforms: random rotations by up to 10 degrees, shifts and scales by up to a tenth. mixup: Zhang et al., mixup,
2018. cutmix: Yun et al., CutMix, 2019. Each makes one image of two, uint8 [2, C, H, W]."""


def augment_pixels(images_NCHW: Tensor, kind: str, n: int, *, seed: int) -> Tensor:
    """Returns n changed images, uint8 [n, C, H, W], of random ones, uint8 [N, C, H, W].

    Args:
        images_NCHW: The images.
        kind: A key of PIXEL_AUGMENTATIONS.
        n: How many.
        seed: Of the choice and the change; the global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pairs = torch.randint(len(images_NCHW), (n, 2))
        return torch.stack([PIXEL_AUGMENTATIONS[kind](images_NCHW[pair]) for pair in pairs])
