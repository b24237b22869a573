"""Images as a kind of examples: uint8 [N, C, H, W], shown as pictures, answered as PNG."""

import base64
import io
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lds_mlflow.data import (
    NearDuplicates,
    Reading,
    describe_source,
    load_images,
    near_duplicates,
)
from lds_mlflow.domains.domain import Gallery, Quality
from lds_mlflow.metrics import (
    ClassifierExtractor,
    FeatureClassifier,
    sharpness,
    train_classifier,
)
from lds_mlflow.models import PIXELS, Scale
from lds_mlflow.pictures import image_grid, paired_grid, score_bands
from lds_mlflow.values import IMAGES, ExampleSet, ModelWeights, Splits

__all__ = ["GALLERY_PAGE", "Images", "png_of"]

GALLERY_PAGE = Path(__file__).parent / "gallery.html"
"""The page of every kind of examples that is shown as pictures."""

_COMPRESSION = {"compress_level": 1, "compress_type": zlib.Z_RLE}
"""Only runs of equal bytes are searched for: small images take two thirds of the time, and the files are smaller."""


def png_of(image_CHW: Tensor) -> bytes:
    """Encodes one image, uint8 [C, H, W], as PNG."""
    array = image_CHW.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).save(buffer, format="PNG", **_COMPRESSION)
    return buffer.getvalue()


def _base64_of(image_CHW: Tensor) -> str:
    return base64.b64encode(png_of(image_CHW)).decode("ascii")


def _array_of(image_CHW: Tensor) -> list[list[list[int]]]:
    nested: list[list[list[int]]] = image_CHW.permute(1, 2, 0).tolist()
    return nested


class Images:
    """Images; see Domain."""

    name = IMAGES
    scale: Scale = PIXELS
    suffix = ".png"
    column = "image"
    packages: Mapping[str, str] = {}
    formats: Mapping[str, Callable[[Tensor], Any]] = {"png": _base64_of, "array": _array_of}
    gallery: Gallery | None = Gallery(GALLERY_PAGE, "image")
    qualities: Mapping[str, Quality] = {"sharpness": Quality("sharpness", sharpness)}

    def takes(self, source: str) -> bool:
        """Returns True for every source: whatever no other kind of examples takes is taken for images."""
        return bool(source)

    def describe_source(self, source: str) -> str:
        """See Domain."""
        return describe_source(source)

    def load(self, source: str, reading: Reading) -> ExampleSet:
        """See Domain; images are squares with a side that is a power of two, 8 or more."""
        return load_images(source, reading)

    def describe(self, examples: ExampleSet) -> str:
        """Returns for example "1,797 images of 8x8x1"."""
        _, channels, side, _ = examples.images_NCHW.shape
        return f"{len(examples):,} images of {side}x{side}x{channels}"

    def near_duplicates(self, splits: Splits) -> NearDuplicates:
        """See Domain; by the correlation of thumbnails."""
        return near_duplicates(splits)

    def grid(self, examples_N: Tensor) -> Image.Image:
        """See Domain."""
        return image_grid(examples_N)

    def pairs(self, above_N: Tensor, below_N: Tensor) -> Image.Image:
        """See Domain."""
        return paired_grid(above_N, below_N)

    def bands(self, examples_N: Tensor, log_lds_N: Tensor, *, bands: int, per_band: int) -> Figure:
        """See Domain."""
        return score_bands(examples_N, log_lds_N, bands=bands, per_band=per_band)

    def train_classifier(self, train: ExampleSet, *, steps: int, seed: int, device: str) -> ModelWeights:
        """See Domain; a small convolutional network."""
        return train_classifier(train, steps=steps, seed=seed, device=device).to_weights()

    def open_classifier(self, weights: ModelWeights, device: str) -> FeatureClassifier:
        """See Domain."""
        return ClassifierExtractor(weights, device)

    def file_content(self, example: Tensor) -> bytes:
        """Returns an image as PNG."""
        return png_of(example)

    def files(self, _examples_N: Tensor, /) -> Mapping[str, bytes]:
        """Returns nothing: their picture shows all that images are."""
        return {}
