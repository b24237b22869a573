r"""The sharpness score SS (draft, section 4.2): the variance of the Laplacian of the image (Pech-Pacheco et al. 2000).

SS(x) = Var[ x(r-1,c) + x(r+1,c) + x(r,c-1) + x(r,c+1) - 4 x(r,c) ]   over the inner pixels, x in 0..255
"""

import torch
from torch import Tensor

from lds_mlflow.errors import DataError

__all__ = ["sharpness"]

_BATCH = 256
_LUMA = (0.299, 0.587, 0.114)


def sharpness(images_NCHW: Tensor) -> Tensor:
    """Returns the sharpness score of images, uint8 [N, C, H, W] -> float64 [N], in squared grey levels.

    Colour is weighted to grey as in ITU-R BT.601.

    Raises:
        DataError: The images have no inner pixels.
    """
    if min(images_NCHW.shape[2:]) < 3:
        raise DataError(
            "the images",
            found=f"{images_NCHW.shape[3]}x{images_NCHW.shape[2]} pixels",
            expected="at least 3x3, to have inner pixels",
            remedy="Bring larger images.",
        )
    if not len(images_NCHW):
        return torch.empty(0, dtype=torch.float64)
    return torch.cat([_variance_of_laplacian(batch) for batch in images_NCHW.split(_BATCH)])


def _variance_of_laplacian(images_NCHW: Tensor) -> Tensor:
    x = images_NCHW.double()
    grey = x[:, 0] if x.shape[1] == 1 else torch.einsum("nchw,c->nhw", x, torch.tensor(_LUMA, dtype=x.dtype))
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return (around - 4 * grey[:, 1:-1, 1:-1]).var((1, 2), correction=0)
