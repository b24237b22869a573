"""Features at a scale that is fixed by a set of images, since distances depend on it.

The Frechet distance goes with the square of the scale. The kernel distance, whose kernel is (x.y / F + 1)^3, changes
its kind with it: of small features it compares little but means, of large ones little but third moments.
"""

from math import isfinite
from typing import Self

from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.metrics.features.protocols import Extractor

__all__ = ["ScaledExtractor"]


class ScaledExtractor:
    """An extractor whose features are divided by a constant, which its name follows.

    Args:
        inner: The extractor.
        scale: What to divide by, above 0.

    Raises:
        DataError: The scale is 0, or not finite.
    """

    def __init__(self, inner: Extractor, scale: float) -> None:
        if not (isfinite(scale) and scale > 0):
            raise DataError(
                f"scale of the features of {inner.name}",
                found=str(scale),
                expected="a finite root mean square above 0",
                remedy="Choose other features or weights: these give zeros alone, or numbers that are not finite.",
            )
        self.inner, self.scale = inner, scale
        digest = digest_of_bytes(inner.name.encode(), inner.resize.encode(), scale.hex().encode())
        self.name, self.resize = f"{inner.name.rsplit('-', 1)[0]}-{digest[:8]}", inner.resize

    @classmethod
    def fitted(cls, inner: Extractor, images_NCHW: Tensor) -> Self:
        """Returns the extractor for which mean |x|^2 / F = 1 over images, uint8 [N, C, H, W].

        Raises:
            DataError: The features of the images are all 0, or not finite.
        """
        scale = inner.features(images_NCHW).double().square().mean().sqrt().item()
        # Rounding differs between devices, and with all digits the name would.
        return cls(inner, float(f"{scale:.5g}"))

    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor."""
        return self.inner.features(images_NCHW) / self.scale
